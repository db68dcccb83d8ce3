"""Pictures of densities on a grid."""

import numpy as np
import pytest

from meanfield import plot
from meanfield.grids import GridMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.colouring import Colouring
from meanfield.plotting.directions import Directions
from meanfield.plotting.field import Field
from meanfield.plotting.movie import animate
from meanfield.plotting.survey import Survey, pace, stand_in
from meanfield.plotting.view import CELLS, View
from pictured_runs import on_a_grid

PLANE = Neuron(1, outer="fixed")
CUBE = Neuron(1)


def view_along(columns, ceiling, colouring=None):
    labels = tuple("xyz"[column] for column in columns)
    directions = Directions(
        "parameters", labels, lambda points: points[:, list(columns)], columns=columns
    )
    return View(directions, colouring or Colouring(), ((-1.0, 1.0), (-1.0, 1.0)), ceiling)


def test_opacity_goes_with_the_mass_over_each_cell():
    density = np.random.default_rng(0).random((3, 4, 5))
    density /= density.mean() * 8.0
    grid = GridMeasure(density, -1.0, 1.0)
    ceiling = 1e-3
    image = Field(grid, view_along((2, 0), ceiling)).image()
    # Rows go along the vertical parameter 0, columns along parameter 2; the ceiling is a mass
    # in one of CELLS² cells of the same picture.
    mass = grid.weights.reshape(3, 4, 5).sum(axis=1) * (3 * 5) / CELLS**2
    assert image.shape == (3, 5, 4)
    np.testing.assert_allclose(image[..., 3], np.minimum((mass / ceiling) ** 0.4, 1.0))
    turned = Field(grid, view_along((0, 2), ceiling)).image()
    np.testing.assert_allclose(turned, image.transpose(1, 0, 2))


def test_hue_is_the_mean_colour_over_each_cell():
    grid = GridMeasure(np.full((2, 2, 2), 1 / 8), -1.0, 1.0)
    signs = Colouring("sign", lambda points: points[:, 1], scale=1e-9)
    image = Field(grid, view_along((0, 2), 1.0, signs)).image()
    ends = signs.colours(np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(image[..., :3], np.broadcast_to(ends.mean(axis=0), (2, 2, 3)))


def test_one_parameter_is_a_curve_of_the_marginal_density():
    run = on_a_grid(PLANE, 20)
    centres, density = Field(run.measures[0], view_along((1,), 1.0)).curve()
    np.testing.assert_array_equal(centres, run.measures[0].axes[1])
    assert density.sum() * 0.4 == pytest.approx(1.0, abs=1e-12)


def test_stand_ins_move_with_the_density():
    run = on_a_grid(PLANE, 32)
    survey = Survey.of(run.measures)
    # The density is shifted by 1 along each axis: so is every Sobol point carried to it.
    steps = survey.displacement[-1]
    np.testing.assert_allclose(np.median(steps, axis=0), 1.0, atol=0.01)
    progress = pace(run, survey)
    assert progress[0] == 0.0 and progress[-1] == 1.0 and (np.diff(progress) > 0.0).all()
    assert len(stand_in(run.measures[0], 100)) == 100


@pytest.mark.parametrize(
    ("neuron", "cells", "images"),
    [
        (Neuron(1, outer="fixed", bias=False), 40, 0),
        (PLANE, 16, 1),
        (Neuron(1, activation="relu"), 10, 1),
    ],
    ids=["curve", "plane", "kinks"],
)
def test_a_run_on_a_grid_is_drawn_on_one_page(neuron, cells, images, tmp_path):
    figure = plot.overview(on_a_grid(neuron, cells), tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000
    first = figure.subfigs[0].axes[0]
    assert len(first.images) == images
    assert len(first.lines) >= 1 - images
    headline = figure.subfigs[0]._suptitle.get_text()
    assert headline.startswith(f"grid of {' x '.join([str(cells)] * neuron.dim)} cells")


def test_two_named_parameters_of_three():
    grid = on_a_grid(CUBE, (16, 17, 18)).measures[0]
    axes = plot.measure(grid, ("b", "a_0"), neuron=CUBE)
    assert axes.images[0].get_array().shape == (16, 18, 4)
    assert list(axes.images[0].get_extent()) == [-4.0, 4.0, -4.0, 4.0]


def test_a_movie_of_a_grid(tmp_path):
    run = on_a_grid(PLANE, 12)
    path = animate(run, tmp_path / "run.gif", fps=2, seconds=1.0, dpi=30)
    assert path.stat().st_size > 1000
