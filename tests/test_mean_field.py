"""The mean field of a run: exact paths, orders, and neurons that move independently."""

from __future__ import annotations

import numpy as np
import pytest

import meanfield as mf
from meanfield import stages
from meanfield.engines import direct, threads
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.solvers import SGD, GridFlow, Langevin, ParticleFlow, QuadratureFlow
from oracles import (
    LinearNeuron,
    NoisyQuadraticNeuron,
    ProductNeuron,
    QuadraticNeuron,
    line_data,
    quadratic_data,
)

TIGHT = ParticleFlow(rtol=1e-11, atol=1e-12)


def weighted_start(dim, particles=20, seed=1):
    rng = np.random.default_rng(seed)
    weights = rng.random(particles)
    return mf.ParticleMeasure(rng.standard_normal((particles, dim)), weights / weights.sum())


def tanh_problem(**options):
    x = np.linspace(-1.0, 1.0, 12)
    data = mf.Dataset(np.stack([x, x**2], axis=1), np.sin(3.0 * x))
    return mf.Problem(mf.Neuron(2, activation="tanh"), data, **{"ridge": 0.01, **options})


def recorded(problem, start, frames=41, t_end=2.0, solver=TIGHT):
    return mf.simulate(problem, start, solver, t_end=t_end, save_at=np.linspace(0, t_end, frames))


@pytest.fixture(scope="module")
def run():
    return recorded(tanh_problem(), weighted_start(4))


@pytest.fixture(scope="module")
def field(run):
    return mf.MeanField(run)


ORACLES = {
    "linear": (LinearNeuron(line_data()), 1),
    "quadratic": (QuadraticNeuron(quadratic_data()), 1),
    "product": (ProductNeuron(line_data()), 2),
}


@pytest.mark.parametrize("name", list(ORACLES))
def test_every_neuron_follows_its_exact_path(name):
    """In the exact solutions neurons without mass are carried along."""
    oracle, dim = ORACLES[name]
    start, others = weighted_start(dim), weighted_start(dim, 7, seed=2).positions
    field = mf.MeanField(recorded(oracle.problem, start, frames=101))
    times = [0.0, 0.33, 1.0, 2.0]
    found = field.transport(others, times, rtol=1e-10, atol=1e-11)
    together = np.concatenate([others, start.positions])
    masses = np.concatenate([np.zeros(len(others)), start.weights])
    for t, positions in zip(times, found, strict=True):
        exact = oracle.positions(together, masses, t)[: len(others)]
        # The error of the outputs acts for the time 2, on gradients of size up to 10.
        allowed = 20.0 * field.interpolation_error + 1e-9
        np.testing.assert_allclose(positions, exact, atol=allowed, rtol=0)
    assert field.interpolation_error < 1e-5


def test_neurons_of_the_run_come_back_to_its_frames(run, field):
    path = field.transport(run.measures[0].positions, rtol=1e-9)
    for positions, measure in zip(path, run.measures, strict=True):
        np.testing.assert_allclose(positions, measure.positions, atol=1e-6)


def test_outputs_are_of_order_four_in_the_distance_of_frames():
    problem, start = tanh_problem(), weighted_start(4)
    fine = recorded(problem, start, 257)
    outputs = [problem.outputs(measure) for measure in fine.measures]
    intervals, errors = np.array([8, 16, 32, 64]), []
    for count in intervals:
        field = mf.MeanField(recorded(problem, start, count + 1))
        errors.append(
            max(
                np.abs(field.outputs(t) - f).max() for t, f in zip(fine.times, outputs, strict=True)
            )
        )
        # The estimate assumes that the fourth derivative is even over two intervals.
        assert 0.5 < field.interpolation_error / errors[-1] < 2.0
    assert abs(np.polyfit(np.log(intervals), np.log(errors), 1)[0] + 4.0) < 0.3


def test_adaptive_steps_meet_their_tolerance(run, field):
    start = weighted_start(4, 200, seed=5).positions
    exact = field.transport(start, [2.0], rtol=1e-11, atol=1e-12)
    for rtol in (1e-3, 1e-5, 1e-7):
        found = field.transport(start, [2.0], rtol=rtol, atol=rtol)
        assert np.abs(found - exact).max() < 30 * rtol


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-5)])
def test_a_neuron_has_the_same_path_in_any_company(dtype, rtol, rng):
    """Steep and flat neurons need steps of different lengths; some fail where others do not."""
    field = mf.MeanField(recorded(tanh_problem(), weighted_start(4), frames=7))
    positions = (rng.exponential(3.0, (300, 1)) * rng.standard_normal((300, 4))).astype(dtype)
    times = [0.4, 0.41, 2.0]
    path = field.transport(positions, times, rtol=rtol)
    assert path.dtype == dtype
    chosen = rng.choice(300, 37, replace=False)
    few = field.transport(positions[chosen], times, rtol=rtol)
    np.testing.assert_array_equal(path[:, chosen], few)
    for one in np.argsort(-np.abs(positions).max(axis=1))[:20]:
        alone = field.transport(positions[[one]], times[:2], rtol=rtol)
        np.testing.assert_array_equal(path[:2, [one]], alone)


def test_any_number_of_threads_gives_the_same_paths(field, monkeypatch):
    positions, paths = weighted_start(4, 600, seed=3).positions, []
    monkeypatch.setattr(direct, "_PAIRS", 1)
    monkeypatch.setattr(stages, "_LEAST", 64)
    for count in (1, 2, 4):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        threads._pool.cache_clear()
        paths.append(field.transport(positions, [1.0]))
    threads._pool.cache_clear()
    np.testing.assert_array_equal(paths[0], paths[1])
    np.testing.assert_array_equal(paths[0], paths[2])


def test_asking_more_often_changes_nothing(field):
    positions = weighted_start(4, 11, seed=3).positions
    times = np.linspace(0.0, 2.0, 401)
    few = field.transport(positions, times[[11, 387]])
    np.testing.assert_array_equal(few, field.transport(positions, times)[[11, 387]])


def test_times_between_frames_are_interpolated(field):
    positions = weighted_start(4, 50, seed=3).positions
    middle = field.transport(positions, [0.52, 1.47])
    finer = mf.MeanField(recorded(tanh_problem(), weighted_start(4), frames=201))
    np.testing.assert_allclose(middle, finer.transport(positions, [0.52, 1.47]), atol=1e-6)


@pytest.mark.parametrize(
    ("neuron", "targets", "options"),
    [
        (mf.Neuron(2, outputs=2), [[1.0, 0.0], [0.5, -1.0], [0.2, 0.3]], {"scale": 3.0}),
        (mf.Neuron(2), [1.0, -1.0, 1.0], {"loss": "logistic", "ridge": 0.1}),
    ],
)
def test_at_frames_the_field_is_that_of_the_measure(neuron, targets, options):
    data = mf.Dataset([[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]], targets, [0.2, 0.3, 0.5])
    problem = mf.Problem(neuron, data, **options)
    run = recorded(problem, weighted_start(neuron.dim), frames=11, t_end=0.5)
    field = mf.MeanField(run)
    measure, t = run.measures[7], float(run.times[7])
    where = weighted_start(neuron.dim, 9, seed=4)
    probes = mf.ParticleMeasure(
        np.concatenate([where.positions, measure.positions]),
        np.concatenate([np.zeros(9), measure.weights]),
    )
    np.testing.assert_allclose(field.outputs(t), problem.outputs(measure), atol=1e-13)
    np.testing.assert_allclose(
        field.velocity(t, where.positions), problem.velocity(probes)[:9], atol=1e-13
    )
    np.testing.assert_allclose(
        field.potential(t, where.positions),
        problem.potential(measure, where.positions),
        atol=1e-13,
    )
    np.testing.assert_allclose(
        field.covector(t), problem.covector(problem.outputs(measure)), atol=1e-14
    )


def test_a_stored_run_gives_the_same_field(tmp_path):
    problem, start = tanh_problem(), weighted_start(4)
    path = tmp_path / "run.h5"
    kept = mf.simulate(problem, start, TIGHT, t_end=1.0, save_at=np.linspace(0, 1, 9), store=path)
    stored, memory = mf.MeanField(mf.open(path)), mf.MeanField(kept)
    where = weighted_start(4, 5, seed=6).positions
    np.testing.assert_array_equal(stored.transport(where), memory.transport(where))
    assert stored.interpolation_error == memory.interpolation_error


def test_frames_of_a_grid_are_a_field_too():
    """Gaussian laws stay Gaussian, with moments by ordinary differential equations."""
    data = mf.Dataset(np.linspace(0.2, 1.4, 5), 0.5 * np.ones(5))
    oracle = NoisyQuadraticNeuron(data, ridge=0.3, temperature=0.2)
    grid = GridMeasure.from_density(mf.Gaussian(1, 0.3, 0.7).density, -5.0, 5.0, 200)
    run = mf.simulate(
        oracle.problem, grid, GridFlow(tolerance=1e-6), t_end=1.0, save_at=np.linspace(0, 1, 41)
    )
    field = mf.MeanField(run)
    for t in (0.0, 0.2875, 1.0):
        mean, variance = oracle.moments(np.array([0.3]), np.array([[0.49]]), t)
        exact = data.inputs**2 * (mean[0] ** 2 + variance[0, 0])
        # Of second order in the cells: h² = 2.5e-3 times derivatives below 1/2.
        np.testing.assert_allclose(field.outputs(t), exact, atol=1e-3)


def test_frames_of_nodes_have_exact_derivatives():
    problem = mf.Problem(mf.Neuron(1, outer="fixed", bias=False), line_data())
    nodes = mf.quadrature(mf.Gaussian(1), "trapezoid", 40)
    field = mf.MeanField(recorded(problem, nodes, 11, 1.0, QuadratureFlow("trapezoid")))
    fine = mf.MeanField(recorded(problem, nodes, 81, 1.0, QuadratureFlow("trapezoid")))
    errors = [np.abs(field.outputs(t) - fine.outputs(t)).max() for t in fine.times]
    assert max(errors) < 2.0 * field.interpolation_error < 1e-4


def test_neurons_with_kinks_take_bounded_steps():
    """First order along paths: a step of 1/8 of an interval, 6e-3, times jumps below 1/2."""
    x = np.linspace(-1.0, 1.0, 10)
    problem = mf.Problem(mf.Neuron(1, activation="relu"), mf.Dataset(x, np.abs(x)))
    start = mf.ParticleMeasure.gaussian(100, 3, seed=0)
    heun = ParticleFlow("heun", step=1e-3)
    run = recorded(problem, start, 21, 1.0, heun)
    path = mf.MeanField(run).transport(start.positions)
    errors = np.abs(path[-1] - run.measures[-1].positions)
    assert errors.max() < 3e-3
    assert np.sqrt(np.mean(errors**2)) < 3e-4


def test_a_run_that_failed_counts_as_far_as_it_came(tmp_path):
    """Gradient descent with a step beyond its stability, w ← (1 − s A) w, blows up in the end."""
    problem, path = LinearNeuron(line_data()).problem, tmp_path / "run.h5"
    solver = SGD(10.0, batch_size=9, replacement=False)
    start = weighted_start(1)
    with pytest.raises(DivergenceError, match="try a smaller step"):
        mf.simulate(problem, start, solver, t_end=1e5, save_at=range(0, 100_000, 10), store=path)
    run = mf.open(path)
    field = mf.MeanField(run)
    assert run.status == "failed" and field.times[-1] == run.times[-1] < 1e5
    np.testing.assert_array_equal(field.outputs(20.0), problem.outputs(run.measures[2]))


def test_frames_too_far_apart_are_reported():
    run = recorded(tanh_problem(), weighted_start(4), frames=3, t_end=20.0)
    with pytest.warns(UserWarning, match=r"the 3 frames .* save (\d+) frames or more"):
        field = mf.MeanField(run)
    assert field.interpolation_error > 1e-3
    assert "3 frames, t = 0 to 20" in repr(field)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_with_kinks_ten_times_the_error_is_taken_without_a_word(activation, recwarn):
    neuron = mf.Neuron(2, activation=activation)
    start = mf.ParticleMeasure.gaussian(50, 4, seed=0)
    run = recorded(
        mf.Problem(neuron, tanh_problem().data), start, 5, 0.5, ParticleFlow("heun", step=0.01)
    )
    field = mf.MeanField(run)
    recwarn.clear()
    scale = 1.0 + np.sqrt(max(np.square(field.outputs(t)).mean() for t in run.times))
    field.interpolation_error = 5e-4 * scale
    field._warn_of_distance()
    assert len(recwarn) == (1 if activation == "tanh" else 0)


def test_fluctuations_of_stochastic_methods_show_in_the_error():
    problem = tanh_problem()
    start = mf.ParticleMeasure.gaussian(400, 4, seed=0)
    calm, rough = (
        mf.MeanField(recorded(problem, start, 41, 2.0, SGD(step))).interpolation_error
        for step in (1e-3, 5e-2)
    )
    assert calm < 0.5 * rough


def test_mistakes_are_answered_in_one_sentence(run, field):
    few = recorded(tanh_problem(), weighted_start(4), frames=2)
    with pytest.raises(InvalidInputError, match="at least 3 frames, the run has 2; save more"):
        mf.MeanField(few)
    neuron = mf.Neuron(1, activation="erf", outer="fixed", bias=False)
    population = mf.PopulationProblem(neuron, mf.ParticleMeasure([[1.0]]))
    pairs = recorded(population, mf.ParticleMeasure([[0.5]]), 5)
    with pytest.raises(InvalidInputError, match="population problem has none"):
        mf.MeanField(pairs)
    for t in (-0.1, 2.1, np.inf):
        with pytest.raises(InvalidInputError, match="recorded from t = 0 to 2|t must be a finite"):
            field.outputs(t)
    with pytest.raises(InvalidInputError, match="times must not decrease"):
        field.transport(np.zeros((1, 4)), [1.0, 0.5])
    with pytest.raises(InvalidInputError, match="3 parameters, but the neuron has 4"):
        field.transport(np.zeros((1, 3)))
    with pytest.raises(InvalidInputError, match="positions must be finite"):
        field.velocity(0.0, [[0.0, 0.0, np.nan, 0.0]])
    with pytest.raises(InvalidInputError, match="rtol must be a positive"):
        field.transport(np.zeros((1, 4)), rtol=0.0)
    noisy = tanh_problem(temperature=0.1)
    random = recorded(noisy, weighted_start(4), 5, 1.0, Langevin(0.1))
    with pytest.raises(InvalidInputError, match="has no noise, but the temperature is 0.1"):
        mf.MeanField(random).transport(np.zeros((1, 4)))


def test_a_neuron_that_would_blow_up_is_named_by_its_time():
    """In the field of a repelling datum, w' = 2 u w grows by e^{2ut} and overflows."""
    data = mf.Dataset([[1.0]], [1e6])
    problem = QuadraticNeuron(data).problem
    run = recorded(problem, mf.ParticleMeasure([[0.0]]), 3, 1.0)
    with pytest.raises(DivergenceError, match="a neuron moves too fast"):
        mf.MeanField(run).transport([[1.0]], [1.0])
