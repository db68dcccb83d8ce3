"""Implicit steps: the discrete gradient, and energies that fall for steps of any length."""

import numpy as np
import pytest

import meanfield as mf
from grid_cases import bumps, on_grid
from meanfield.solvers import GridFlow
from meanfield.solvers.implicit_flow import discrete_gradient


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("step", [1.0, 50.0])
def test_implicit_steps_of_any_length_lower_the_energy(loss, step):
    # With the potential of the start of the step the energy rises here by more than 0.1.
    problem = bumps(loss, temperature=0.02, ridge=0.01)
    solver = GridFlow("implicit", step=step)
    grid = on_grid(60, reach=9.0)
    state, energies = solver.start(problem, grid, 0), [problem.energy(grid)]
    for k in range(1, 5):
        state, measure = solver.advance(problem, state, k * step)
        energies.append(problem.energy(measure))
    assert np.diff(energies).max() <= 1e-12
    assert state.steps < 40


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic", "cross_entropy"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("distance", [1.0, 1e-3, 1e-7, 0.0])
def test_the_discrete_gradient_is_exact_on_differences(loss, scale, distance, rng):
    count = 3 if loss == "cross_entropy" else 1
    targets = {"cross_entropy": [0, 2, 1, 0], "logistic": [-1, 1, 1, -1]}.get(loss)
    data = mf.Dataset(rng.random((4, 2)), rng.random(4) if targets is None else targets)
    problem = mf.Problem(mf.Neuron(2, count), data, loss, scale=scale)
    before = rng.standard_normal((4, count))
    after = before + distance * rng.standard_normal((4, count))
    covector = discrete_gradient(problem, before, after)
    risks = problem.risk_of_outputs(after) - problem.risk_of_outputs(before)
    linear = float((covector * (after - before)).sum()) / scale
    # Rounding of risks, and a midpoint rule where outputs are closer than 1e-5.
    assert linear == pytest.approx(risks, abs=1e-14)
    if distance < 1e-5:
        np.testing.assert_allclose(covector, problem.covector(before), atol=1e-6)
