"""The box and cells of a grid, from pilot particles and the law."""

import numpy as np
import pytest
from scipy.special import ndtr

import meanfield as mf
from grid_cases import bumps, confined, final
from meanfield.errors import InvalidInputError
from meanfield.laws import Box, Gaussian, Sphere
from meanfield.solvers import GridFlow
from meanfield.volumes import RadialVolume


@pytest.mark.parametrize("temperature", [0.0, 0.1])
@pytest.mark.parametrize("law", [Gaussian(2, (0.5, 0.0), (0.8, 0.3)), Box(2, -1.0, (1.0, 2.0))])
def test_the_box_holds_the_flow(temperature, law):
    problem = bumps(temperature=temperature, dim=2)
    grid = GridFlow().place(problem, law, 2500, 2.0, 0)
    assert grid.shape == (50, 50)
    assert grid.wall_mass().max() < 1e-9
    measure = final(problem, grid, GridFlow().resolved(problem, grid), 2.0)
    assert measure.wall_mass().max() < 1e-8
    # Not much wider than needed: some mass is seen well outside the middle half.
    inside = np.abs(grid.positions - 0.5 * (grid.lower + grid.upper)) < grid.spacing * 50 / 32
    assert grid.weights[inside.all(axis=1)].sum() < 0.9


def test_the_box_holds_noise_that_the_drift_amplifies():
    # From next to the saddle w = 0 of a quadratic neuron, which spreads to |w| of about 3.
    x = np.linspace(-1.0, 1.0, 9)
    neuron = mf.Neuron(1, activation="square", outer="fixed", bias=False)
    problem = mf.Problem(neuron, mf.Dataset(x, 10.0 * x**2), temperature=0.3)
    grid = GridFlow().place(problem, Gaussian(1, std=0.3), 200, 1.0, 0)
    measure = final(problem, grid, GridFlow(tolerance=1e-3).resolved(problem, grid), 1.0)
    assert np.sqrt(measure.covariance()[0, 0]) > 2.5
    assert measure.wall_mass().max() < 1e-10


def test_cells_of_each_dimension():
    assert GridFlow().place(bumps(), Gaussian(1), None, 0.5, 0).shape == (400,)
    assert GridFlow().place(bumps(dim=2), Gaussian(2), None, 0.5, 0).shape == (160, 160)


def test_the_box_of_lengths_begins_at_zero():
    problem = confined(0.3, 0.5, RadialVolume(0, 4.0))
    grid = GridFlow().place(problem, Gaussian(1, 1.0, 0.5), 100, 0.5, 0)
    assert grid.lower[0] == 0.0
    # The law of the absolute value.
    mean = 1.0 * (1 - 2 * ndtr(-2.0)) + 0.5 * np.sqrt(2 / np.pi) * np.exp(-2.0)
    assert grid.mean()[0] == pytest.approx(mean, abs=1e-3)


def test_kinked_neurons_are_placed_too():
    problem = mf.Problem(
        mf.Neuron(1, activation="relu", outer="fixed"), mf.Dataset([[0.0], [1.0]], [0.0, 1.0])
    )
    grid = GridFlow().place(problem, Gaussian(2), 900, 1.0, 0)
    assert (grid.lower < -6.0).all() and (grid.upper > 6.0).all()


def test_what_has_no_grid():
    wide = mf.Problem(mf.Neuron(2), mf.Dataset([[0.0, 1.0]], [0.0]))
    with pytest.raises(InvalidInputError, match="at most 3 parameters, the neuron has 4"):
        GridFlow().place(wide, Gaussian(4), None, 1.0, 0)
    with pytest.raises(InvalidInputError, match="the law sphere has no density"):
        GridFlow().place(bumps(dim=2), Sphere(2), None, 1.0, 0)
    with pytest.raises(InvalidInputError, match="the law has 1 parameters, but the neuron has 2"):
        GridFlow().place(bumps(dim=2), Gaussian(1), None, 1.0, 0)
    with pytest.raises(InvalidInputError, match="not resolved by the 4 cells"):
        GridFlow().place(bumps(), Gaussian(1), 4, 1.0, 0)
