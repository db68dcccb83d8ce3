"""Langevin dynamics against the Ornstein–Uhlenbeck process and the interacting linear one."""

import numpy as np
import pytest

import meanfield as mf
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.solvers import Langevin, ParticleFlow

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


def test_a_step_that_is_too_long_is_reported():
    with pytest.raises(DivergenceError, match="try a smaller step"):
        final(confined(), "euler-maruyama", 1e4, 1e6, 10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Langevin(0.0), "step must be"),
        (lambda: Langevin(0.1, "euler"), r"unknown method 'euler'; did you mean 'euler-maruyama'"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
