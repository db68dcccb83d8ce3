"""Densities on the circle against single neurons of the same flow."""

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.reductions import balanced
from meanfield.simulate import simulate
from meanfield.solver import solver_from_dict, state_from_arrays, state_to_arrays
from meanfield.solvers import CircleFlow, ConicFlow
from meanfield.solvers.circle_flow import CircleState

RELU = Neuron(1, activation="relu")


def on_data(ridge=0.0, **settings):
    x = np.linspace(-1.0, 1.0, 9)
    return Problem(RELU, Dataset(x, np.sin(3.0 * x) + 0.3), ridge=ridge, **settings)


def population():
    teacher = ParticleMeasure([[1.0, 0.6, -0.8]])
    return PopulationProblem(Neuron(2, activation="relu", bias=False), teacher)


def wave(count=800):
    """Neurons all around the circle, with R² = 1 + ½ cos φ for a > 0 and 1 + ½ sin φ else."""
    angles = 2.0 * np.pi * (np.arange(count) + 0.5) / count
    units = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lengths = np.sqrt(1.0 + 0.5 * units)
    rows = [
        np.column_stack([s * length, length[:, None] * units])
        for s, length in ((1.0, lengths[:, 0]), (-1.0, lengths[:, 1]))
    ]
    return ParticleMeasure(np.vstack(rows))


def end(problem, measure, solver, t=1.0):
    return solver.advance(problem, solver.start(problem, measure, 0), t)[1]


def test_second_order_for_smooth_velocities():
    problem = population()
    exact = problem.risk(end(problem, wave(), ConicFlow(0.05)))
    errors = [
        problem.risk(end(problem, wave(), CircleFlow(cells))) - exact for cells in (50, 100, 200)
    ]
    orders = np.log2(np.abs(errors[:-1]) / np.abs(errors[1:]))
    assert orders == pytest.approx(2.0, abs=0.25)
    assert abs(errors[-1]) < 1e-4


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_on_data_it_is_the_flow_of_the_neurons(ridge):
    problem = on_data(ridge)
    exact = problem.outputs(end(problem, wave(1600), ConicFlow(0.02), 2.0))
    errors = [
        np.abs(problem.outputs(end(problem, wave(), CircleFlow(cells), 2.0)) - exact).max()
        for cells in (100, 400)
    ]
    # Neurons gather where velocities jump, in one or two cells: first order in the width 2π/K,
    # with a few per cent of the mass there.
    assert errors[0] < 0.05 * 2.0 * np.pi / 100
    assert errors[1] < min(errors[0], 0.05 * 2.0 * np.pi / 400)


def test_densities_stay_positive_and_the_energy_falls():
    problem, measure = on_data(0.05), balanced(RELU, Gaussian(3, std=0.8).sample(60, seed=1))
    start = end(problem, measure, CircleFlow(100), 0.0)
    run = simulate(problem, start, CircleFlow(100), t_end=4.0, save_at=np.linspace(0.0, 4.0, 9))
    assert (np.diff(run.energy) < 0.0).all()
    for frame in run.measures:
        lengths = np.linalg.norm(frame.positions[:, 1:], axis=1)
        np.testing.assert_allclose(np.abs(frame.positions[:, 0]), lengths, rtol=1e-14)
        assert np.isfinite(frame.positions).all() and len(frame) == 200


def test_particles_keep_their_sums_and_signs_on_the_circle():
    measure = balanced(RELU, Gaussian(3).sample(20, seed=1))
    state = CircleFlow(64).start(on_data(), measure, 0)
    outer = measure.positions[:, 0]
    for row, sign in zip(state.sums, (1.0, -1.0), strict=True):
        assert row.sum() == pytest.approx(np.mean(outer**2 * (sign * outer > 0.0)), rel=1e-14)
        assert row.min() >= 0.0


def test_how_often_one_looks_changes_nothing():
    problem, solver = on_data(), CircleFlow(50)
    often = solver.start(problem, wave(100), 0)
    for t in (0.05, 0.33, 0.34, 1.0):
        often, shown = solver.advance(problem, often, t)
        often = state_from_arrays(CircleState, state_to_arrays(often))
    once = end(problem, wave(100), solver)
    np.testing.assert_array_equal(shown.positions, once.positions)
    assert solver_from_dict(solver.to_dict()) == solver


def test_what_does_not_apply_is_refused():
    solver = CircleFlow()
    with pytest.raises(InvalidInputError, match="circle needs balanced particles.*particle 0 has"):
        solver.start(on_data(), ParticleMeasure([[1.0, 1.0, 1.0]]), 0)
    with pytest.raises(InvalidInputError, match="circle has no noise"):
        solver.start(on_data(temperature=0.1), wave(9), 0)
    smooth = Problem(Neuron(1), Dataset([[0.0]], [0.0]))
    with pytest.raises(InvalidInputError, match="the solver circle needs neurons a σ"):
        solver.start(smooth, wave(9), 0)
    wide = Problem(Neuron(3, activation="relu"), Dataset([[0.0, 1.0, 1.0]], [0.0]))
    with pytest.raises(InvalidInputError, match="2 inner parameters.*got 4; use the solver conic"):
        solver.start(wide, Gaussian(5).sample(4, seed=0), 0)
    with pytest.raises(InvalidInputError, match="cells must be an integer >= 8, got 4"):
        CircleFlow(4)
