"""The population problem against samples, exact solutions, gradient descent, and itself."""

import pickle

import h5py
import numpy as np
import pytest

import meanfield as mf
from meanfield.datasets import Dataset
from meanfield.distributions import Teacher
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.problems import problem_from_dict
from meanfield.regularizers import Ridge
from meanfield.simulate import resume, simulate
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD, OnlineSGD

CASES = [("erf", 1), ("erf", 3), ("relu", 2), ("relu", 5)]


def population(activation="relu", inputs=3, outer="trained", width=4, **settings):
    law = Teacher(Neuron(inputs, activation=activation, outer=outer, bias=False), width, seed=1)
    return law, PopulationProblem(law.neuron, law.measure, **settings)


def start_for(problem, particles=40, seed=3, dtype="float64"):
    rng = np.random.default_rng(seed)
    weights = rng.random(particles) + 0.2
    positions = rng.standard_normal((particles, problem.neuron.dim)).astype(dtype)
    return ParticleMeasure(positions, weights / weights.sum())


def split(measure):
    """The same measure with every particle cut into two at the same place."""
    weights = np.concatenate([0.25 * measure.weights, 0.75 * measure.weights])
    return ParticleMeasure(np.concatenate([measure.positions] * 2), weights)


@pytest.mark.parametrize("outer", ["trained", "fixed"])
@pytest.mark.parametrize(("activation", "inputs"), CASES)
def test_risk_and_velocity_are_the_limits_of_those_on_samples(activation, inputs, outer):
    # Both are averages over independent inputs: they differ by standard errors.
    law, problem = population(activation, inputs, outer, ridge=0.1)
    measure = start_for(problem, particles=6)
    batches = [Problem(law.neuron, law.dataset(4000, seed), ridge=0.1) for seed in range(30)]
    for name in ("risk", "velocity"):
        samples = np.array([getattr(batch, name)(measure) for batch in batches])
        error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        exact = getattr(problem, name)(measure)
        assert (np.abs(samples.mean(axis=0) - exact) < 4.5 * error + 1e-12).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("activation", "inputs"), CASES)
def test_the_teacher_is_at_rest_and_has_no_risk(activation, inputs, dtype):
    law, problem = population(activation, inputs)
    rounding = np.finfo(dtype).eps
    teacher = split(law.measure)
    teacher = ParticleMeasure(teacher.positions.astype(dtype), teacher.weights)
    assert np.abs(problem.velocity(teacher)).max() < 20 * rounding
    assert 0.0 <= problem.risk(teacher) < 20 * rounding
    np.testing.assert_allclose(
        problem.potential(teacher, start_for(problem, dtype=dtype).positions), 0, atol=50 * rounding
    )


@pytest.mark.parametrize(("activation", "inputs"), CASES)
def test_velocity_is_minus_the_gradient_of_the_potential(activation, inputs, rng):
    _, problem = population(activation, inputs, ridge=Ridge(0.2, 0.1))
    measure = start_for(problem)
    # Central differences with step h err by h² times third derivatives, and by eps / h.
    h, direction = 1e-5, rng.standard_normal(measure.positions.shape)
    ahead, behind = (
        problem.potential(measure, measure.positions + s * h * direction) for s in (1.0, -1.0)
    )
    slope = -(problem.velocity(measure) * direction).sum(axis=1)
    np.testing.assert_allclose((ahead - behind) / (2.0 * h), slope, atol=1e-7)


@pytest.mark.parametrize(("activation", "inputs"), CASES)
def test_potential_is_the_first_variation_of_the_energy(activation, inputs):
    # F is quadratic in μ, so a central difference along a change of masses is exact.
    _, problem = population(activation, inputs, ridge=0.3)
    measure = start_for(problem)
    change = 1e-2 * measure.weights * np.where(np.arange(40) % 2, 1.0, -1.0)
    change -= change.sum() * measure.weights
    more, less = (ParticleMeasure(measure.positions, measure.weights + s * change) for s in (1, -1))
    difference = 0.5 * (problem.energy(more) - problem.energy(less))
    potential = problem.potential(measure, measure.positions)
    np.testing.assert_allclose(difference, change @ potential, atol=1e-14)


def test_relu_neurons_on_the_line_approach_the_teacher_exponentially():
    # f = s relu(x) for positive w, with s the mean of w: ds/dt = −½ (s − s*), equal for all.
    neuron = Neuron(1, activation="relu", outer="fixed", bias=False)
    problem = PopulationProblem(neuron, ParticleMeasure([[3.0]]))
    start = ParticleMeasure([[0.5], [1.0], [2.4]])
    run = simulate(problem, start, ParticleFlow(rtol=1e-10, atol=1e-12), t_end=4.0)
    mean = 3.0 + (1.3 - 3.0) * np.exp(-0.5 * run.times)
    expected = start.positions[:, 0] + (mean[:, None] - 1.3)
    found = np.stack([measure.positions[:, 0] for measure in run.measures])
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(run.risk, 0.25 * (mean - 3.0) ** 2, atol=1e-9)


@pytest.mark.parametrize(("activation", "inputs"), CASES)
def test_energy_falls_by_the_squared_speed(activation, inputs):
    # dF/dt = −∫ |∇Ψ|² dμ; Simpson's rule on 201 times errs by less than 1e-7 here.
    _, problem = population(activation, inputs, ridge=0.01)
    start = start_for(problem, particles=20)
    run = simulate(
        problem, start, ParticleFlow(rtol=1e-9, atol=1e-11), t_end=2.0,
        save_at=np.linspace(0.0, 2.0, 201),
    )  # fmt: skip
    assert (np.diff(run.energy) < 0.0).all()
    speed = [m.weights @ (problem.velocity(m) ** 2).sum(axis=1) for m in run.measures]
    simpson = np.r_[1.0, np.tile([4.0, 2.0], 100)[:-1], 1.0] * 0.01 / 3.0
    np.testing.assert_allclose(run.energy[0] - run.energy[-1], simpson @ speed, rtol=1e-6)


def test_relu_neurons_keep_their_balance():
    # a² − |w|² is conserved for a positively homogeneous activation without ridge.
    _, problem = population("relu", 3)
    start = start_for(problem)
    run = simulate(problem, start, ParticleFlow(rtol=1e-8, atol=1e-10), t_end=3.0)

    def balance(measure):
        return measure.positions[:, 0] ** 2 - (measure.positions[:, 1:] ** 2).sum(axis=1)

    np.testing.assert_allclose(balance(run.measures[-1]), balance(start), atol=1e-6)


def test_online_descent_follows_the_flow_of_the_population():
    # Runs differ from descent on the population with the same step by their noise only.
    law, problem = population("erf", 3, width=2)
    start = ParticleMeasure(start_for(problem).positions)
    options = {"t_end": 2.0, "save_at": [0.0, 1.0, 2.0]}
    exact = simulate(problem, start, ParticleFlow(method="euler", step=0.02), **options)
    online = OnlineSGD(0.02, law, batch_size=64)
    risks = np.array([simulate(problem, start, online, seed=s, **options).risk for s in range(12)])
    error = risks.std(axis=0, ddof=1) / np.sqrt(12)
    assert exact.risk[-1] < 0.7 * exact.risk[0]
    assert (np.abs(risks.mean(axis=0) - exact.risk) < 4.0 * error + 1e-12).all()
    assert (error < 0.01 * exact.risk + 1e-12).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_number_types_agree_and_are_kept(dtype):
    _, problem = population("erf", 4)
    measure = start_for(problem, dtype=dtype)
    exact = start_for(problem)
    velocity = problem.velocity(measure)
    assert velocity.dtype == dtype
    rounding = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(velocity, problem.velocity(exact), atol=rounding)
    np.testing.assert_allclose(problem.risk(measure), problem.risk(exact), rtol=rounding)


def test_the_sample_shows_the_teacher_and_bears_the_outputs():
    law, problem = population()
    assert problem.data.inputs.shape == (256, 3)
    np.testing.assert_array_equal(
        problem.data.targets, problem.predict(law.measure, problem.data.inputs)
    )
    measure = start_for(problem)
    _, outputs = problem.velocity_at(measure.positions, measure.weights)
    np.testing.assert_array_equal(outputs, problem.outputs(measure))
    np.testing.assert_array_equal(outputs, problem.predict(measure, problem.data.inputs))


@pytest.mark.parametrize("solver", [ParticleFlow(), ParticleFlow(method="rk4", step=0.05)], ids=str)
def test_a_stored_run_opens_and_resumes_to_the_same_bits(tmp_path, solver):
    _, problem = population("relu", 2, ridge=Ridge(0.1, 0.0))
    start, path = start_for(problem), tmp_path / "run.h5"
    options = {"t_end": 1.0, "save_at": np.linspace(0.0, 1.0, 6)}
    whole = simulate(problem, start, solver, **options)

    def stop(frame):
        if frame.index == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(problem, start, solver, store=path, observers=[stop], **options)
    assert mf.open(path).problem == problem
    run = resume(path)
    assert list(run.measures) == list(whole.measures)
    assert run.risk.tolist() == whole.risk.tolist()
    assert run.engine == whole.engine == "circle"
    assert ("problem", "population risk of a teacher of 4 neurons, ridge 0.1 (outer) and 0 "
            "(inner), temperature 0, scale 1") in mf.open(path).describe()  # fmt: skip


def test_every_array_of_the_teacher_has_named_dimensions(tmp_path):
    _, problem = population("relu", 2)
    simulate(problem, start_for(problem), ParticleFlow(), t_end=0.1, store=tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as file:
        assert "data" not in file
        names = [dimension[0].name for dimension in file["teacher/positions"].dims]
    assert names == ["/teacher/neuron", "/teacher/parameter"]


def test_dictionaries_rebuild_problems_of_either_kind():
    law, problem = population(ridge=0.5, temperature=0.1)
    assert problem_from_dict(problem.to_dict()) == problem
    on_data = Problem(law.neuron, Dataset(np.eye(3), np.ones(3)))
    assert problem_from_dict(on_data.to_dict()) == on_data  # without a kind, as in older files
    with pytest.raises(InvalidInputError, match="unknown kind of problem 'poplation'"):
        problem_from_dict({"kind": "poplation"})
    with pytest.raises(InvalidInputError, match="unknown setting of a population problem 'rigde'"):
        problem_from_dict({"kind": "population", "rigde": 1.0})


def test_pickles_carry_the_fields_alone():
    _, problem = population()
    problem.risk(problem.teacher)
    copy = pickle.loads(pickle.dumps(problem))
    assert copy == problem and set(vars(copy)) == {"neuron", "teacher", "ridge", "temperature"}


def test_pictures_and_distances_take_a_population(tmp_path):
    law, problem = population("relu", 2)
    run = simulate(problem, start_for(problem), ParticleFlow(), t_end=0.2)
    mf.plot.overview(run, tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert mf.distances.function(problem, law.measure, split(law.measure)) < 1e-15


def test_sgd_points_to_online_sgd():
    _, problem = population()
    with pytest.raises(InvalidInputError, match=r"use OnlineSGD with .*Teacher"):
        simulate(problem, start_for(problem), SGD(step=0.1), t_end=1.0)


NEURON = Neuron(2, activation="relu", bias=False)
STUDENT = ParticleMeasure([[1.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PopulationProblem("relu", STUDENT), "neuron must be a Neuron, got str"),
        (lambda: PopulationProblem(Neuron(2), STUDENT), "closed form for the activations erf"),
        (lambda: PopulationProblem(NEURON, [[1.0]]), "teacher must be a ParticleMeasure, got list"),
        (lambda: PopulationProblem(NEURON, ParticleMeasure([[1.0]])), "1 parameters, but the neur"),
        (lambda: PopulationProblem(NEURON, STUDENT, -1.0), "ridge must be a nonnegative"),
        (lambda: PopulationProblem(NEURON, STUDENT, temperature=-1.0), "temperature must be"),
        (lambda: PopulationProblem(NEURON, STUDENT).risk([[1.0]]), "measure must be a ParticleM"),
        (lambda: PopulationProblem(NEURON, STUDENT).velocity(ParticleMeasure([[1.0]])),
         "the measure has 1 parameters"),
        (lambda: PopulationProblem(NEURON, STUDENT).potential(STUDENT, [[np.nan, 0.0, 1.0]]),
         "positions must be finite, but row 0 holds"),
        (lambda: PopulationProblem(NEURON, STUDENT, temperature=1.0).energy(STUDENT),
         "not defined at a positive temperature"),
        (lambda: PopulationProblem(NEURON, STUDENT).accuracy(STUDENT, Dataset([[1, 1]], [1.0])),
         "the squared loss has no labels"),
    ],
)  # fmt: skip
def test_mistakes_get_one_sentence(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_compare_refuses_a_population():
    _, problem = population()
    experiment = mf.Experiment(
        "population", problem, mf.Gaussian(problem.neuron.dim), particles=8,
        save_at=[0.0, 0.1], solvers={"particle-flow": ParticleFlow()},
    )  # fmt: skip
    with pytest.raises(InvalidInputError, match="compare measures outputs on the data"):
        mf.compare(experiment, particles=(2, 4), seeds=2)
