"""The particle flow against exact solutions, gradient descent in PyTorch, and itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from meanfield.datasets import Dataset
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.solver import solver_from_dict
from meanfield.solvers.particle_flow import ParticleFlow, _check_step
from oracles import LinearNeuron, ProductNeuron, QuadraticNeuron, line_data, quadratic_data


def final(problem, measure, solver, t, **options):
    return simulate(problem, measure, solver, t_end=t, save_at=[0.0, t], **options).measures[-1]


def smooth_problem(points=12, ridge=0.01):
    x = np.linspace(-1.0, 1.0, points)
    data = Dataset(np.stack([x, x**2], axis=1), np.sin(3.0 * x))
    return Problem(Neuron(2, activation="tanh"), data, ridge=ridge)


def weighted_start(dim, particles=20, seed=1):
    rng = np.random.default_rng(seed)
    weights = rng.random(particles)
    return ParticleMeasure(rng.standard_normal((particles, dim)), weights / weights.sum())


ORACLES = {
    "linear": (LinearNeuron(line_data()), weighted_start(1), 1e-10),
    "quadratic": (QuadraticNeuron(quadratic_data()), weighted_start(1), 1e-9),
    "product": (ProductNeuron(line_data()), weighted_start(2), 1e-9),
}


@pytest.mark.parametrize("name", list(ORACLES))
@pytest.mark.parametrize(
    "solver", [ParticleFlow(method="rk4", step=1 / 256), ParticleFlow(rtol=1e-11, atol=1e-12)]
)
def test_exact_flows_are_followed(name, solver):
    # Tolerances are those of the table of oracles: RK4 has (1/256)^4 = 2e-10 times a
    # constant that is below 1 here; the adaptive method is run at 1e-11 a step.
    oracle, start, tolerance = ORACLES[name]
    exact = oracle.positions(start.positions, start.weights, 2.0)
    got = final(oracle.problem, start, solver, 2.0).positions
    np.testing.assert_allclose(got, exact, atol=tolerance, rtol=0)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_observed_orders(method, order):
    problem, start = smooth_problem(), weighted_start(4)
    reference = final(problem, start, ParticleFlow(rtol=1e-12, atol=1e-13), 1.0).positions
    steps = np.array([1 / 8, 1 / 16, 1 / 32, 1 / 64])
    errors = [
        np.sqrt(
            np.mean(
                (
                    final(problem, start, ParticleFlow(method=method, step=h), 1.0).positions
                    - reference
                )
                ** 2
            )
        )
        for h in steps
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.2


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_adaptive_method_meets_its_tolerance(rtol):
    problem, start = smooth_problem(), weighted_start(4)
    reference = final(problem, start, ParticleFlow(rtol=1e-12, atol=1e-13), 3.0)
    got = final(problem, start, ParticleFlow(rtol=rtol, atol=rtol), 3.0)
    # the tolerance holds for one step; the flow contracts, so a few steps' worth remains
    assert np.abs(got.positions - reference.positions).max() < 30 * rtol
    difference = problem.outputs(got) - problem.outputs(reference)
    assert np.abs(difference).max() < 10 * rtol


@pytest.mark.parametrize("order", [3, 4])
def test_dense_output_is_as_accurate_as_promised(order):
    solver = {3: ParticleFlow(method="rk4", step=0.25), 4: ParticleFlow(rtol=1e-6, atol=1e-6)}
    problem, start = smooth_problem(), weighted_start(4)
    times = np.linspace(0.0, 2.0, 41)
    fine = simulate(problem, start, ParticleFlow(rtol=1e-12, atol=1e-13), t_end=2, save_at=times)
    run = simulate(problem, start, solver[order], t_end=2.0, save_at=times)
    error = max(
        np.abs(a.positions - b.positions).max()
        for a, b in zip(run.measures, fine.measures, strict=True)
    )
    # a cubic with h = 1/4: h^4 / 384 times a fourth derivative of order 1 to 10
    assert error < {3: 2e-4, 4: 1e-4}[order]


@pytest.mark.parametrize(
    "solver",
    [ParticleFlow(), ParticleFlow(method="heun", step=0.03), ParticleFlow(method="rk4", step=0.1)],
)
def test_number_of_saves_does_not_change_the_trajectory(solver):
    problem, start = smooth_problem(), weighted_start(4)
    runs = [
        simulate(problem, start, solver, t_end=1.0, save_at=np.linspace(0, 1, count))
        for count in (2, 3, 300)
    ]
    ends = [run.measures[-1].positions for run in runs]
    assert np.array_equal(ends[0], ends[1])
    assert np.array_equal(ends[0], ends[2])


@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_euler_is_full_batch_gradient_descent_of_the_network(ridge):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 3)), rng.standard_normal((16, 2))
    particles, step = 32, 0.05
    problem = Problem(Neuron(3, outputs=2, activation="tanh"), Dataset(x, y), ridge=ridge)
    start = ParticleMeasure.gaussian(particles, problem.neuron.dim, seed=4)
    outer = torch.tensor(start.positions[:, :2].copy(), requires_grad=True)
    inner = torch.tensor(start.positions[:, 2:5].copy(), requires_grad=True)
    bias = torch.tensor(start.positions[:, 5].copy(), requires_grad=True)
    descent = torch.optim.SGD([outer, inner, bias], lr=particles * step)
    inputs, targets = torch.tensor(x), torch.tensor(y)
    for _ in range(100):
        descent.zero_grad()
        outputs = torch.tanh(inputs @ inner.T + bias) @ outer / particles
        penalty = sum((part**2).sum() for part in (outer, inner, bias)) / particles
        loss = 0.5 * ((outputs - targets) ** 2).sum(1).mean() + 0.5 * ridge * penalty
        loss.backward()
        descent.step()
    got = final(problem, start, ParticleFlow(method="euler", step=step), 100 * step).positions
    expected = np.hstack(
        [outer.detach().numpy(), inner.detach().numpy(), bias.detach().numpy()[:, None]]
    )
    np.testing.assert_allclose(got, expected, atol=1e-10, rtol=0)


def test_energy_drops_by_the_dissipation():
    # O5: E_0 − E_T = ∫∫ |∇Ψ|² dμ dt; the time integral by Simpson on 400 intervals of a
    # smooth function: error (1/400)^4 ~ 4e-11
    problem, start = smooth_problem(), weighted_start(4)
    times = np.linspace(0.0, 1.0, 401)
    run = simulate(problem, start, ParticleFlow(rtol=1e-11, atol=1e-12), t_end=1.0, save_at=times)
    rates = [m.weights @ (problem.velocity(m).astype(float) ** 2).sum(axis=1) for m in run.measures]
    simpson = np.ones(401)
    simpson[1:-1:2], simpson[2:-1:2] = 4.0, 2.0
    dissipated = float(simpson @ np.array(rates)) / 1200.0
    np.testing.assert_allclose(run.energy[0] - run.energy[-1], dissipated, atol=1e-8, rtol=0)


def test_homogeneous_neurons_keep_their_balance():
    # O6: a² − |w|² − b² is conserved by the flow of a 1-homogeneous neuron. Velocities jump
    # at kinks, so the error of the particles is of first order in the step, and 5e-4 (root
    # mean square over neurons) at step 0.1; single neurons that cross many kinks do worse.
    rng = np.random.default_rng(2)
    data = Dataset(rng.standard_normal((30, 2)), rng.standard_normal(30))
    problem = Problem(Neuron(2, activation="relu"), data)
    start = ParticleMeasure.gaussian(200, 4, seed=1)

    def drift(step):
        end = final(problem, start, ParticleFlow(method="rk4", step=step), 5.0)
        first, last = (
            m.positions[:, 0] ** 2 - (m.positions[:, 1:] ** 2).sum(axis=1) for m in (start, end)
        )
        return float(np.sqrt(np.mean((last - first) ** 2)))

    coarse, fine = drift(0.1), drift(0.0125)
    assert coarse < 5e-4
    assert fine < coarse / 3  # first order would be 8, up to which kinks are met when


@given(seed=st.integers(0, 2**20), activation=st.sampled_from(["tanh", "relu", "silu", "sin"]))
def test_energy_never_increases(seed, activation):
    rng = np.random.default_rng(seed)
    data = Dataset(rng.standard_normal((8, 2)), rng.standard_normal(8))
    problem = Problem(Neuron(2, activation=activation), data, ridge=0.1)
    start = ParticleMeasure(rng.standard_normal((6, 4)))
    flow = ParticleFlow()
    run = simulate(problem, start, flow, t_end=1.0, save_at=np.linspace(0.0, 1.0, 21))
    # interpolation between steps is good to the tolerance
    allowed = max(1e-4, flow.tolerances(problem)[0])
    assert (np.diff(run.energy) <= allowed * (1.0 + run.energy[0])).all()


@given(seed=st.integers(0, 2**20))
def test_halves_of_a_particle_move_like_the_whole(seed):
    rng = np.random.default_rng(seed)
    problem, start = smooth_problem(), ParticleMeasure(rng.standard_normal((5, 4)))
    halves = ParticleMeasure(np.repeat(start.positions, 2, axis=0))
    flow = ParticleFlow(method="heun", step=0.1)
    whole = final(problem, start, flow, 1.0).positions
    split = final(problem, halves, flow, 1.0).positions
    # only the order of summation differs; the flow is Lipschitz with a constant of order 1
    np.testing.assert_allclose(split[::2], whole, atol=1e-12)
    np.testing.assert_allclose(split[1::2], whole, atol=1e-12)


def test_single_precision_is_kept_and_follows_double():
    problem = smooth_problem()
    start = weighted_start(4)
    single = ParticleMeasure(start.positions.astype(np.float32), start.weights)
    flow = ParticleFlow(method="rk4", step=0.05)
    got = final(problem, single, flow, 1.0).positions
    assert got.dtype == np.float32
    # 20 steps of rounding at 6e-8 relative to entries of size 3
    np.testing.assert_allclose(got, final(problem, start, flow, 1.0).positions, atol=2e-5)


def test_diverging_run_says_when_and_what_to_try():
    problem = QuadraticNeuron(quadratic_data()).problem
    start = ParticleMeasure(np.full((4, 1), 30.0))
    with pytest.raises(DivergenceError, match=r"left the finite numbers at t = .* smaller step"):
        final(problem, start, ParticleFlow(method="euler", step=1.0), 50.0)


def test_measure_whose_risk_overflows_is_refused():
    problem = QuadraticNeuron(quadratic_data()).problem
    with pytest.raises(DivergenceError, match="the risk is inf at t = 0"):
        final(problem, ParticleMeasure([[1e160]]), ParticleFlow(), 1.0)


def test_vanishing_step_stops_the_adaptive_method():
    with pytest.raises(DivergenceError, match="step size fell to 1.0e-20 at t = 2: .* heun"):
        _check_step(1e-20, 2.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "rk45"}, "unknown method 'rk45'; did you mean 'rk4'"),
        ({"method": "euler"}, "euler needs a step"),
        ({"method": "euler", "step": -0.1}, "step must be a positive finite number, got -0.1"),
        ({"method": "heun", "step": float("nan")}, "step must be a positive finite number"),
        ({"step": 0.1}, "dopri5 chooses its own steps"),
        ({"rtol": 0.0}, "rtol must be a positive finite number"),
    ],
)
def test_bad_settings_are_explained(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        ParticleFlow(**settings)


def test_noise_is_refused():
    problem = Problem(Neuron(1), Dataset([[0.0]], [1.0]), temperature=0.1)
    with pytest.raises(InvalidInputError, match="particle-flow has no noise"):
        final(problem, ParticleMeasure([[0.0, 0.0, 0.0]]), ParticleFlow(), 1.0)


def kinked_problem(points=20):
    x = np.random.default_rng(points).uniform(-1.0, 1.0, points)
    return Problem(Neuron(1, activation="relu"), Dataset(x, np.sin(5.0 * x)))


def test_default_serves_kinked_activations():
    # Velocities jump where neurons cross data, 1 part in 20 each. Measured to t = 10 against
    # Heun with step 0.001: 1e-4 in the outputs with 1,000 evaluations, where a tolerance of
    # 1e-6 takes more than 100,000.
    problem, start = kinked_problem(), ParticleMeasure.gaussian(100, 3, seed=1)
    fine = final(problem, start, ParticleFlow("heun", step=0.005), 10.0)
    state, got = ParticleFlow().advance(problem, ParticleFlow().start(problem, start, 0), 10.0)
    difference = problem.outputs(got) - problem.outputs(fine)
    assert float(np.sqrt(np.mean(difference**2))) < 1e-3
    assert state.evaluations < 5000


def test_tolerances_follow_from_the_problem_and_files_say_them(tmp_path):
    smooth, kinked = smooth_problem(), kinked_problem()
    teacher = ParticleMeasure([[1.0, 0.0, 1.0]])
    population = PopulationProblem(Neuron(2, activation="relu", bias=False), teacher)
    assert ParticleFlow().tolerances(smooth) == (1e-6, 1e-8)
    assert ParticleFlow().tolerances(kinked) == (1e-3, 1e-5)
    assert ParticleFlow().tolerances(population) == (1e-6, 1e-8)  # averages have no jumps
    assert ParticleFlow(rtol=1e-7).tolerances(kinked) == (1e-7, 1e-9)
    assert ParticleFlow(atol=1e-4).tolerances(kinked) == (1e-3, 1e-4)
    start = ParticleMeasure.gaussian(5, 3, seed=0)
    path = tmp_path / "run.h5"
    run = simulate(kinked, start, ParticleFlow(), t_end=0.1, save_at=[0.1], store=path)
    assert run.solver == ParticleFlow(rtol=1e-3, atol=1e-5)
    assert ParticleFlow().could_be(run.solver)
    assert not ParticleFlow(rtol=1e-4).could_be(run.solver)
    assert not ParticleFlow("heun", step=0.1).could_be(run.solver)


def test_default_is_that_of_1e_6_where_velocities_are_continuous():
    problem, start = smooth_problem(), weighted_start(4)
    ends = [
        final(problem, start, flow, 1.0).positions
        for flow in (ParticleFlow(), ParticleFlow(rtol=1e-6, atol=1e-8))
    ]
    assert np.array_equal(*ends)


def test_settings_that_are_left_open_are_not_printed():
    assert repr(ParticleFlow()) == "ParticleFlow(method='dopri5')"
    assert repr(ParticleFlow(rtol=1e-3)) == "ParticleFlow(method='dopri5', rtol=0.001)"


def test_files_with_tolerances_of_a_method_that_needs_none_are_read():
    stored = {"name": "particle-flow", "method": "rk4", "rtol": 1e-6, "atol": 1e-8, "step": 0.1}
    assert ParticleFlow("rk4", step=0.1).could_be(solver_from_dict(stored))
