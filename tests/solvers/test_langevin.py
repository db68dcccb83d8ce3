"""Langevin dynamics against the Ornstein–Uhlenbeck process and the interacting linear one."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy.special import roots_hermitenorm

import meanfield as mf
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.losses import huber
from meanfield.noise import add_noise
from meanfield.schedules import Exponential, PiecewiseLinear
from meanfield.solver import solver_from_dict, state_from_arrays, state_to_arrays
from meanfield.solvers import SGD, Langevin, ParticleFlow
from meanfield.volumes import RadialVolume

METHODS = ["leimkuhler-matthews", "heun", "euler-maruyama"]
RIDGE, TEMPERATURE = 1.0, 0.5


def confined(temperature=TEMPERATURE):
    """Neurons that see no data: each is an Ornstein–Uhlenbeck process."""
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    data = mf.Dataset([[0.0]], [0.0])
    return mf.Problem(neuron, data, ridge=RIDGE, temperature=temperature)


def final(problem, method, step, t_end, particles, seed=0, start=None):
    start = start or mf.ParticleMeasure(np.zeros((particles, problem.neuron.dim)))
    run = mf.simulate(
        problem, start, Langevin(step, method), t_end=t_end, save_at=[t_end], seed=seed
    )
    return run.measures[-1].positions


@pytest.mark.parametrize(
    ("method", "variance"),
    [
        # Of θ' = (1 − λs) θ + noise: τ/λ for averaged noise, τ/λ/(1 − λs/2) for Euler's,
        # and for Heun's factor 1 − λs + λ²s²/2 with noise factor 1 − λs/2.
        ("leimkuhler-matthews", TEMPERATURE / RIDGE),
        ("euler-maruyama", TEMPERATURE / RIDGE / (1 - 0.4 / 2)),
        ("heun", 2 * TEMPERATURE * 0.4 * (1 - 0.2) ** 2 / (1 - (1 - 0.4 + 0.08) ** 2)),
    ],
)
def test_stationary_variance_of_the_ornstein_uhlenbeck_process(method, variance):
    count = 200_000
    positions = final(confined(), method, step=0.4, t_end=20.0, particles=count)
    # The variance of N normal numbers has the relative error √(2/N).
    assert np.var(positions) == pytest.approx(variance, rel=4 * np.sqrt(2 / count))
    assert abs(positions.mean()) < 4 * np.sqrt(variance / count)


@pytest.mark.parametrize("method", METHODS)
def test_mean_and_variance_relax_at_the_exact_rates(method):
    count, step, t_end = 100_000, 0.01, 0.5
    start = mf.ParticleMeasure(np.full((count, 1), 2.0))
    positions = final(confined(), method, step, t_end, count, start=start)
    variance = TEMPERATURE / RIDGE * (1 - np.exp(-2 * RIDGE * t_end))
    # Sampling error, and a discretisation error of order one at most: step * t_end.
    assert positions.mean() == pytest.approx(
        2 * np.exp(-RIDGE * t_end), abs=4 * np.sqrt(variance / count) + step
    )
    assert np.var(positions) == pytest.approx(variance, rel=4 * np.sqrt(2 / count) + 2 * step)


@pytest.mark.parametrize("method", METHODS)
def test_without_noise_the_flow_remains(method, rng):
    data = mf.Dataset(rng.standard_normal((20, 2)), rng.standard_normal(20))
    problem = mf.Problem(mf.Neuron(2), data)
    start = mf.ParticleMeasure.gaussian(50, 4, seed=1)
    cold = final(problem, method, 0.05, 1.0, 50, start=start)
    scheme = "heun" if method == "heun" else "euler"
    flow = mf.simulate(problem, start, ParticleFlow(scheme, step=0.05), t_end=1.0, save_at=[1.0])
    np.testing.assert_allclose(cold, flow.measures[-1].positions, rtol=1e-12, atol=1e-12)


def test_noise_of_a_mean_field_only_spreads_the_particles(rng):
    """For linear neurons the mean obeys the noiseless flow, up to the averaged noise."""
    data = mf.Dataset(rng.standard_normal((30, 2)), rng.standard_normal(30))
    neuron = mf.Neuron(2, activation="linear", outer="fixed", bias=False)
    count = 40_000
    start = mf.ParticleMeasure(np.ones((count, 2)))
    noisy = final(mf.Problem(neuron, data, temperature=0.1), "heun", 0.05, 1.0, count, start=start)
    cold = final(mf.Problem(neuron, data), "heun", 0.05, 1.0, count, start=start)
    # Each of 20 increments of the mean has variance 2τs/N, and the flow contracts.
    assert np.abs(noisy.mean(axis=0) - cold[0]).max() < 5 * np.sqrt(2 * 0.1 * 1.0 / count)
    assert np.var(noisy) > 0.01


def test_dividing_a_run_changes_nothing(tmp_path):
    problem, solver = confined(), Langevin(0.1)
    start = mf.ParticleMeasure.gaussian(500, 1, seed=2)
    few = mf.simulate(problem, start, solver, t_end=2.0, save_at=[2.0], seed=4)
    many = mf.simulate(problem, start, solver, t_end=2.0, seed=4, store=tmp_path / "run.h5")
    np.testing.assert_array_equal(few.measures[-1].positions, many.measures[-1].positions)
    assert np.isnan(many.energy).all()
    assert mf.open(tmp_path / "run.h5").solver == solver


def test_seeds_differ_and_repeat():
    first, again, other = (
        final(confined(), "heun", 0.1, 1.0, 100, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 0.0


# -- weak orders: each step is affine in θ and the noise, so that moments obey recursions ------


def coefficients(problem, solver, number=0):
    """A, B, C of a step θ ← A θ + B ξ_k + C ξ_{k+1}, read off single steps of the solver."""
    count = 64
    noises = np.zeros((2, count, 1))
    for k in (0, 1):
        add_noise(noises[k], 1.0, 0, number + k)

    def step(start):
        state = solver.start(problem, mf.ParticleMeasure(start), 0)
        arrays = {**state_to_arrays(state), "steps": number}
        state = state_from_arrays(solver.state_type, arrays)
        return solver.advance(problem, state, (number + 1) * solver.step)[1].positions

    noisy = step(np.zeros((count, 1)))
    slope = step(np.ones((count, 1))) - noisy
    factors, residual = np.linalg.lstsq(noises[:, :, 0].T, noisy[:, 0], rcond=None)[:2]
    assert np.ptp(slope) < 1e-13 and residual[0] < 1e-24
    return float(slope.mean()), *factors


def moments(problem, solver, t_end, mean=2.0, is_steady=True):
    """Mean and variance at t_end of particles that start at one point."""
    variance, correlation = 0.0, 0.0
    step = coefficients(problem, solver)
    for number in range(round(t_end / solver.step)):
        a, b, c = step if is_steady else coefficients(problem, solver, number)
        # ξ_k is in the position already, by its part `correlation` of the step before.
        variance = a**2 * variance + 2 * a * b * correlation + b**2 + c**2
        mean, correlation = a * mean, c
    return mean, variance


def exact_moments(t, mean=2.0):
    return mean * np.exp(-RIDGE * t), TEMPERATURE / RIDGE * (1 - np.exp(-2 * RIDGE * t))


def slope(steps, errors):
    return np.polyfit(np.log(steps), np.log(np.abs(errors)), 1)[0]


@pytest.mark.parametrize(("method", "order"), [("euler-maruyama", 1), ("heun", 2)])
def test_weak_orders_at_a_finite_time(method, order):
    steps = np.array([1 / 4, 1 / 8, 1 / 16, 1 / 32])
    got = np.array([moments(confined(), Langevin(h, method), 1.0) for h in steps])
    errors = got - exact_moments(1.0)
    # No sampling: what remains are the terms of the next order, h of the error.
    assert slope(steps, errors[:, 0]) == pytest.approx(order, abs=0.2)
    assert slope(steps, errors[:, 1]) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize(
    ("method", "order"), [("euler-maruyama", 1), ("heun", 2), ("leimkuhler-matthews", None)]
)
def test_weak_orders_of_the_stationary_variance(method, order):
    steps = np.array([1 / 2, 1 / 4, 1 / 8])
    got = np.array([moments(confined(), Langevin(h, method), 20.0)[1] for h in steps])
    errors = got - TEMPERATURE / RIDGE
    if order is None:  # exact, up to the e^{−40} of the start that is left, and rounding
        assert np.abs(errors).max() < 1e-12
    else:
        assert slope(steps, errors) == pytest.approx(order, abs=0.25)


# -- weak orders of a nonlinear force: the transition of a step, without sampling -------------


def in_a_rugged_potential():
    """U = θ²/2 − ¾ sin 2θ: far from its target the Huber loss pulls with a constant force."""
    neuron = mf.Neuron(1, activation="sin", outer="fixed", bias=False)
    data = mf.Dataset([[2.0]], [1e3])
    return mf.Problem(neuron, data, huber(0.75), ridge=1.0, temperature=0.3)


def moments_in(density_at):
    """Means of θ² and sin 2θ under a law that is given by its means of functions."""
    return np.array([density_at(np.square), density_at(lambda theta: np.sin(2.0 * theta))])


def gibbs_means():
    theta = np.linspace(-8.0, 8.0, 4001)
    masses = np.exp(-(0.5 * theta**2 - 0.75 * np.sin(2.0 * theta)) / 0.3)
    return moments_in(lambda function: masses @ function(theta) / masses.sum())


def stationary_means(method, step, monkeypatch, count=100, reach=6.0):
    """Means under the stationary law of a step of the solver, which starts at a grid.

    The chain is that of θ − ½√(2τs) ξ_k for averaged noise, of which ξ_k is a part of θ, and
    of θ itself otherwise. Functions are interpolated at Chebyshev points, and expectations
    over ξ taken by Gauss's rule.
    """
    points = reach * chebyshev.chebpts1(count)
    noise, shares = roots_hermitenorm(20)
    shares = shares / shares.sum()
    has_part = method == "leimkuhler-matthews"
    starts = points[:, None] + (0.5 * np.sqrt(0.6 * step) if has_part else 0.0) * noise
    noises = [np.tile(noise, count)[:, None], np.zeros((starts.size, 1))]

    def add_given(positions, scale, seed, number):
        positions += scale * noises[number]

    monkeypatch.setattr("meanfield.solvers.langevin.add_noise", add_given)
    problem, solver = in_a_rugged_potential(), Langevin(step, method)
    state = solver.start(problem, mf.ParticleMeasure(starts.reshape(-1, 1)), 0)
    ends = solver.advance(problem, state, step)[1].positions[:, 0]
    values = chebyshev.chebvander(np.clip(ends / reach, -1.0, 1.0), count - 1)
    values = values @ np.linalg.inv(chebyshev.chebvander(points / reach, count - 1))
    transition = np.einsum("q,iqj->ij", shares, values.reshape(count, 20, count))
    system = np.vstack([transition.T - np.eye(count), np.ones(count)])
    law = np.linalg.lstsq(system, np.append(np.zeros(count), 1.0), rcond=None)[0]
    return moments_in(lambda function: law @ (function(starts) @ shares))


@pytest.mark.parametrize(
    ("method", "order"), [("euler-maruyama", 1), ("heun", 2), ("leimkuhler-matthews", 2)]
)
def test_weak_orders_of_the_stationary_law_in_a_nonlinear_force(method, order, monkeypatch):
    steps = np.array([1 / 8, 1 / 16, 1 / 32])
    errors = [stationary_means(method, h, monkeypatch) - gibbs_means() for h in steps]
    # No sampling; more nodes change the means by 1e-8. The next terms bend the lines by h.
    for component in np.transpose(errors):
        assert slope(steps, component) == pytest.approx(order, abs=0.15)
    if method == "leimkuhler-matthews":
        assert np.abs(errors[0]).max() < 3e-4


# -- annealing -----------------------------------------------------------------------------------


ANNEALING = Exponential(initial=2.0, rate=1.5)


def annealed_variance(t):
    """v' = −2λ v + 2 τ(t), v(0) = 0, with τ(t) = τ + (τ_0 − τ) e^{−rt}."""
    excess, rate = ANNEALING.initial - TEMPERATURE, ANNEALING.rate
    steady = TEMPERATURE / RIDGE * (1 - np.exp(-2 * RIDGE * t))
    return steady + 2 * excess * (np.exp(-rate * t) - np.exp(-2 * RIDGE * t)) / (2 * RIDGE - rate)


@pytest.mark.parametrize(("method", "order"), [("euler-maruyama", 1), ("heun", 2)])
def test_weak_orders_are_kept_by_a_schedule(method, order):
    steps = np.array([1 / 4, 1 / 8, 1 / 16])
    got = [
        moments(confined(), Langevin(h, method, schedule=ANNEALING), 1.0, is_steady=False)[1]
        for h in steps
    ]
    errors = np.array(got) - annealed_variance(1.0)
    assert slope(steps, errors) == pytest.approx(order, abs=0.25)


def test_averaged_noise_takes_each_number_at_its_own_temperature():
    solver = Langevin(0.25, schedule=ANNEALING)
    _, first, second = coefficients(confined(), solver, number=3)
    scales = [np.sqrt(0.5 * ANNEALING.temperature((k + 0.5) * 0.25, TEMPERATURE)) for k in (3, 4)]
    np.testing.assert_allclose([first, second], 0.5 * np.array(scales), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_schedule_changes_nothing(method):
    steady = PiecewiseLinear([0.0], [TEMPERATURE])
    start = mf.ParticleMeasure.gaussian(50, 1, seed=1)
    runs = [
        mf.simulate(confined(), start, Langevin(0.1, method, schedule=schedule), t_end=1.0, seed=3)
        for schedule in (None, steady)
    ]
    assert runs[0].measures[-1] == runs[1].measures[-1]


def test_annealing_to_zero_records_the_energy():
    solver = Langevin(0.05, schedule=ANNEALING)
    start = mf.ParticleMeasure(np.zeros((100, 1)))
    run = mf.simulate(confined(0.0), start, solver, t_end=20.0, save_at=[1.0, 20.0])
    # e^{−1.5·20}: the noise has gone, and so has the energy λ/2 ∫ θ² dμ, at the rate 1.5.
    assert run.energy[0] > 0.1 and run.energy[1] < 1e-8


def test_a_geometric_potential_follows_the_schedule():
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    data, volume = mf.Dataset([[0.0]], [0.0]), RadialVolume(0, 2.0)
    hot = mf.Problem(neuron, data, ridge=1.0, temperature=0.8, volume=volume)
    cold = mf.Problem(neuron, data, ridge=1.0, temperature=0.2, volume=volume)
    start = mf.ParticleMeasure([[1.0], [2.0]])
    rising = Langevin(0.1, schedule=PiecewiseLinear([0.0, 1.0, 1.1], [0.8, 0.8, 0.2]))
    ends = [
        mf.simulate(problem, start, solver, t_end=0.5, save_at=[0.5]).measures[-1].positions
        for problem, solver in ((hot, Langevin(0.1)), (cold, rising))
    ]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


# -- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_without_noise_batches_give_stochastic_gradient_descent(ridge, rng):
    data = mf.Dataset(
        rng.standard_normal((30, 2)), rng.standard_normal(30), rng.dirichlet([2.0] * 30)
    )
    problem = mf.Problem(mf.Neuron(2), data, ridge=ridge)
    start = mf.ParticleMeasure.gaussian(20, 4, seed=1)
    ends = [
        mf.simulate(problem, start, solver, t_end=2.0, save_at=[2.0], seed=7).measures[-1].positions
        for solver in (SGD(0.05, batch_size=5), Langevin(0.05, "euler-maruyama", batch_size=5))
    ]
    # Sums in another order, over 40 steps of a flow with a Lipschitz constant of order 1.
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_noisy_batches_resume_to_the_same_bits(method, rng):
    data = mf.Dataset(rng.standard_normal((30, 2)), rng.standard_normal(30))
    problem = mf.Problem(mf.Neuron(2), data, temperature=0.1)
    start = mf.ParticleMeasure.gaussian(20, 4, seed=1)
    solver = Langevin(0.05, method, batch_size=5, schedule={"name": "exponential",
                      "initial": 1.0, "rate": 2.0})  # fmt: skip
    rebuilt = solver_from_dict(solver.to_dict())
    assert rebuilt == solver
    whole = solver.advance(problem, solver.start(problem, start, 3), 2.0)[1]
    state = solver.advance(problem, solver.start(problem, start, 3), 0.7)[0]
    copy = state_from_arrays(solver.state_type, state_to_arrays(state))
    assert rebuilt.advance(problem, copy, 2.0)[1] == whole


def test_a_step_that_is_too_long_is_reported():
    with pytest.raises(DivergenceError, match="try a smaller step"):
        final(confined(), "euler-maruyama", 1e4, 1e6, 10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Langevin(0.0), "step must be"),
        (lambda: Langevin(0.1, "euler"), r"unknown method 'euler'; did you mean 'euler-maruyama'"),
        (lambda: Langevin(0.1, batch_size=0), "batch_size must be an integer >= 1"),
        (lambda: Langevin(0.1, schedule=1.0), "schedule must be a dictionary with a name"),
        (lambda: Langevin(0.1, schedule={"name": "linear"}), "unknown schedule 'linear'"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_a_schedule_that_ends_elsewhere_is_refused():
    solver = Langevin(0.1, schedule=PiecewiseLinear([0.0, 1.0], [1.0, 0.1]))
    start = mf.ParticleMeasure([[0.0]])
    with pytest.raises(InvalidInputError, match=r"of the schedule is 0\.1, but .* has 0\.5"):
        mf.simulate(confined(), start, solver, t_end=1.0)


def test_populations_have_no_batches():
    neuron = mf.Neuron(2, activation="relu", bias=False)
    problem = mf.PopulationProblem(neuron, mf.ParticleMeasure([[1.0, 1.0, 0.0]]))
    with pytest.raises(InvalidInputError, match="batches are taken from data"):
        Langevin(0.1, batch_size=2).start(problem, mf.ParticleMeasure([[0.0, 1.0, 0.0]]), 0)
