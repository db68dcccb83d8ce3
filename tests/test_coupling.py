"""Networks coupled to their limit: exact distances, the same noise, and the rates in N and s."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import meanfield as mf
from meanfield.coupling import coupling_distance, limit_path
from meanfield.distances import coupling
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.schedules import Exponential
from meanfield.solvers import (
    SGD,
    GridFlow,
    Langevin,
    OnlineSGD,
    ParticleFlow,
    QuadratureFlow,
)
from oracles import LinearNeuron, NoisyQuadraticNeuron, line_data

METHODS = ["leimkuhler-matthews", "heun", "euler-maruyama"]
FLOW = ParticleFlow(rtol=1e-9, atol=1e-11)


def recorded(problem, start, frames=21, t_end=1.0, solver=FLOW, seed=0):
    times = np.linspace(0.0, t_end, frames)
    return mf.simulate(problem, start, solver, t_end=t_end, save_at=times, seed=seed)


def tanh_problem(**options):
    x = np.linspace(-1.0, 1.0, 8)
    return mf.Problem(mf.Neuron(1, activation="tanh"), mf.Dataset(x, x**2), **options)


@pytest.fixture(scope="module")
def limit():
    start = mf.ParticleMeasure.gaussian(2048, 3, seed=0, sampling="sobol")
    return mf.MeanField(recorded(tanh_problem(), start))


@pytest.mark.parametrize("solver", [ParticleFlow(), ParticleFlow("rk4", step=0.05)])
def test_linear_neurons_are_apart_by_the_difference_of_their_means(solver):
    """X − X̄ = (m_N − m)(1 − e^{−At})."""
    oracle = LinearNeuron(line_data())
    field = mf.MeanField(recorded(oracle.problem, mf.ParticleMeasure([[-0.4], [1.0]]), 41))
    start = mf.ParticleMeasure.gaussian(50, 1, seed=3)
    found = coupling_distance(field, recorded(oracle.problem, start, 5, solver=solver))
    decay = np.exp(-oracle.curvature * np.linspace(0.0, 1.0, 5))
    exact = abs(float(start.positions.mean()) - 0.3) * (1.0 - decay)
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_distances_of_tanh_networks_fall_like_one_over_the_root_of_n(limit):
    widths, seeds = (16, 64, 256), 20
    squares = np.empty((len(widths), seeds))
    for row, width in enumerate(widths):
        starts = [mf.ParticleMeasure.gaussian(width, 3, seed=100 + s) for s in range(seeds)]
        # All are carried at once: no neuron knows of the others.
        together = np.concatenate([start.positions for start in starts])
        paths = limit.transport(together, [1.0])[0].reshape(seeds, width, 3)
        for s, start in enumerate(starts):
            run = recorded(limit.problem, start, 2, solver=ParticleFlow())
            squares[row, s] = np.square(run.measures[-1].positions - paths[s]).sum(axis=1).mean()
    # D² scatters by its own size: the exponent, by 1/√(4 · 20) / (√2 log 4) = 0.06.
    slope = np.polyfit(np.log(widths), np.log(np.sqrt(squares.mean(axis=1))), 1)[0]
    assert abs(slope + 0.5) < 0.07


def test_distances_of_stochastic_descent_fall_like_the_root_of_the_step():
    """The field is that of the flow of the same neurons: the width plays no part."""
    problem, start = tanh_problem(), mf.ParticleMeasure.gaussian(64, 3, seed=0)
    field = mf.MeanField(recorded(problem, start))
    steps, seeds, squares = np.array([0.08, 0.04, 0.02, 0.01]), 60, []
    for step in steps:
        (end,) = limit_path(field, SGD(step), start, 0, [0.96])
        runs = (
            mf.simulate(problem, start, SGD(step), t_end=1.0, save_at=[0.96], seed=seed)
            for seed in range(seeds)
        )
        squares.append(np.mean([coupling(run.measures[0], end) ** 2 for run in runs]))
    # D² scatters by its own size: the exponent, by 1/√(4 · 60) / (√5 log 2) = 0.04.
    assert abs(np.polyfit(np.log(steps), 0.5 * np.log(squares), 1)[0] - 0.5) < 0.07


@pytest.mark.parametrize(
    "solver",
    [SGD(0.3), OnlineSGD(0.3, mf.distributions.IsotropicGaussians(dim=1, delta=0.5))],
)
def test_descent_is_compared_at_the_end_of_its_last_step(limit, solver):
    start = mf.ParticleMeasure.gaussian(5, 3, seed=1)
    path = limit_path(limit, solver, start, 0, [0.0, 0.29, 0.5, 0.95])
    exact = limit.transport(start.positions, np.array([0, 0, 1, 3]) * 0.3)
    for measure, positions in zip(path, exact, strict=True):
        np.testing.assert_array_equal(measure.positions, positions)


# -- with noise ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_without_noise_steps_in_the_field_converge_to_transport(limit, method):
    start = mf.ParticleMeasure.gaussian(20, 3, seed=1)
    exact = limit.transport(start.positions, [1.0], rtol=1e-10, atol=1e-11)[0]
    steps = np.array([0.1, 0.05, 0.025])
    errors = [
        coupling(
            limit_path(limit, Langevin(step, method), start, 0, [1.0])[0],
            mf.ParticleMeasure(exact),
        )
        for step in steps
    ]
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - (2.0 if method == "heun" else 1.0)) < 0.15


@pytest.mark.parametrize("method", METHODS)
def test_linear_neurons_with_noise_are_all_apart_by_the_same(method):
    """X_i − X̄_i is free of noise and the same for all i: the noise of both is the same."""
    data = line_data()
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    problem = mf.Problem(neuron, data, ridge=0.5, temperature=0.2)
    field = mf.MeanField(recorded(problem, mf.ParticleMeasure([[1.0]]), solver=Langevin(0.05)))
    start, solver = mf.ParticleMeasure.gaussian(40, 1, seed=2), Langevin(0.05, method)
    run = recorded(problem, start, 3, solver=solver, seed=7)
    path = limit_path(field, solver, start, 7, run.times)
    apart = [
        measure.positions - beside.positions
        for measure, beside in zip(run.measures, path, strict=True)
    ]
    assert np.ptp(apart[0]) == 0.0 < abs(apart[-1][0, 0])
    assert np.ptp(apart[-1]) < 1e-12
    assert np.ptp(run.measures[-1].positions - start.positions) > 0.5


def test_mean_square_distance_of_noisy_linear_neurons():
    """δ' = −(A + λ) δ − A η, η' = −λ η + √(2τ/N) W': η is the mean of X̄ less that of the law."""
    data, ridge, temperature, count = line_data(), 0.5, 0.2, 25
    curvature = LinearNeuron(data).curvature
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    problem = mf.Problem(neuron, data, ridge=ridge, temperature=temperature)
    grid = GridMeasure.from_density(mf.Gaussian(1).density, -6.0, 7.0, 130)
    field = mf.MeanField(recorded(problem, grid, solver=GridFlow(tolerance=1e-6)))
    drift = np.array([[-(curvature + ridge), -curvature], [0.0, -ridge]])

    def slope(_, flat):
        covariance = flat.reshape(2, 2)
        change = drift @ covariance + covariance @ drift.T
        return (change + np.diag([0.0, 2.0 * temperature / count])).ravel()

    start = np.diag([0.0, 1.0 / count]).ravel()
    exact = solve_ivp(slope, (0.0, 1.0), start, rtol=1e-9).y[0, -1]
    solver, seeds = Langevin(0.1, "heun"), 100
    squares = np.empty(seeds)
    for s in range(seeds):
        neurons = mf.ParticleMeasure.gaussian(count, 1, seed=1000 + s)
        run = mf.simulate(problem, neurons, solver, t_end=1.0, save_at=[1.0], seed=s)
        path = limit_path(field, solver, neurons, s, [1.0])
        squares[s] = coupling(run.measures[-1], path[0]) ** 2
    # δ is normal: δ² has the relative scatter √2. Cells and steps change it by per cents.
    assert squares.mean() == pytest.approx(exact, rel=4.0 * np.sqrt(2.0 / seeds))


def test_particles_in_the_field_of_a_grid_have_its_law():
    data = mf.Dataset(np.linspace(0.2, 1.4, 5), 0.5 * np.ones(5))
    oracle = NoisyQuadraticNeuron(data, ridge=0.3, temperature=0.2)
    law, count = mf.Gaussian(1, 0.3, 0.7), 40_000
    grid = GridMeasure.from_density(law.density, -5.0, 5.0, 200)
    field = mf.MeanField(recorded(oracle.problem, grid, 41, solver=GridFlow(tolerance=1e-6)))
    start = law.sample(count, seed=0)
    (end,) = limit_path(field, Langevin(0.05, "heun"), start, 1, [1.0])
    mean, variance = oracle.moments(np.array([0.3]), np.array([[0.49]]), 1.0)
    # Of second order in the step: 0.05² times derivatives of about 1.
    spread = np.sqrt(variance[0, 0] / count)
    assert float(end.mean()[0]) == pytest.approx(mean[0], abs=4.0 * spread + 2.5e-3)
    relative = 4.0 * np.sqrt(2.0 / count) + 5e-3
    assert float(end.covariance()[0, 0]) == pytest.approx(variance[0, 0], rel=relative)


@pytest.mark.parametrize(
    "solver",
    [Langevin(0.05), Langevin(0.05, batch_size=4), Langevin(0.05, schedule=Exponential(0.3, 1.0))],
)
def test_wide_networks_come_close_to_their_coupled_neurons(solver):
    """The run itself is the field: only its fluctuations (and batches) are between."""
    problem = tanh_problem(temperature=0.05, ridge=0.2)
    field = mf.MeanField(recorded(problem, mf.Gaussian(3).sample(4000, 0), solver=Langevin(0.05)))
    apart = [
        coupling_distance(field, recorded(problem, mf.Gaussian(3).sample(n, 1), 2, solver=solver))
        for n in (50, 2000)
    ]
    assert apart[0][0] == apart[1][0] == 0.0
    # 1/√2000 + 1/√4000, and for batches of 4 the root of the step over 4, times 0.4 or less.
    assert apart[1][1] < (0.016 if solver.batch_size is None else 0.06)
    assert apart[1][1] < apart[0][1] or solver.batch_size is not None


def test_mistakes_are_answered_in_one_sentence(limit):
    start = mf.ParticleMeasure.gaussian(5, 3, seed=1)
    with pytest.raises(InvalidInputError, match="solver quadrature does not move the neurons"):
        limit_path(limit, QuadratureFlow(), start, 0, [1.0])
    with pytest.raises(InvalidInputError, match="momentum=0.9 makes time pass"):
        limit_path(limit, SGD(0.1, momentum=0.9), start, 0, [1.0])
    with pytest.raises(InvalidInputError, match="recorded from t = 0 to 1, got t = 1.5"):
        limit_path(limit, SGD(0.1), start, 0, [1.0, 1.5])
    with pytest.raises(InvalidInputError, match="the measure has 2 parameters"):
        limit_path(limit, SGD(0.1), mf.ParticleMeasure([[0.0, 1.0]]), 0, [1.0])
    with pytest.raises(InvalidInputError, match="must be of the same problem"):
        coupling_distance(limit, recorded(tanh_problem(ridge=0.1), start, 3))
    late = mf.simulate(limit.problem, start, FLOW, t_end=1.0, save_at=[0.5, 0.7, 1.0])
    with pytest.raises(InvalidInputError, match="must be at time 0"):
        coupling_distance(limit, late)
    with pytest.raises(InvalidInputError, match="starts at t = 0, but the mean field at t = 0.5"):
        limit_path(mf.MeanField(late), FLOW, start, 0, [1.0])
