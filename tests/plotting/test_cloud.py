"""The panel of a measure: what is drawn is what is there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield import plot
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.cloud import MOST_POINTS, Cloud
from meanfield.plotting.view import view, view_of_measure
from pictured_runs import of_one_parameter, on_a_grid, on_the_line, on_the_plane


def points_of(ax):
    return next(each for each in ax.collections if len(each.get_offsets()) > 1)


def test_each_particle_is_a_point():
    run = on_the_plane()
    measure = run.measures[-1]
    ax = plot.measure(measure, neuron=run.problem.neuron)
    drawn = np.asarray(points_of(ax).get_offsets())
    assert sorted(drawn.tolist()) == sorted(measure.positions[:, 1:3].tolist())


def test_the_area_of_a_point_goes_with_its_mass():
    measure = ParticleMeasure([[0.0, 0.0], [1.0, 1.0]], [0.25, 0.75])
    small, large = points_of(plot.measure(measure)).get_sizes()
    assert large / small == pytest.approx(3.0)


def test_many_particles_are_a_density_of_their_mean_colour():
    measure = ParticleMeasure.gaussian(MOST_POINTS + 1, 4, seed=0)
    ax = plot.measure(measure, ("a_0", "w_0"), neuron=Neuron(2))
    (image,) = ax.images
    pixels = np.asarray(image.get_array())
    middle = pixels[pixels.shape[0] // 2]
    # the horizontal axis is the outer weight: blue on the left, orange on the right
    left, right = middle[pixels.shape[1] // 4], middle[3 * pixels.shape[1] // 4]
    assert left[2] > left[0]
    assert right[0] > right[2]
    # full depth is the peak of the 3000 particles that were sampled: 1/sqrt(30 a cell) noise
    assert pixels[..., 3].max() == pytest.approx(255, abs=25)


def test_a_particle_alone_is_seen_in_a_density():
    # 9999 particles in a heap and one apart from it, whose density is ten thousand times less
    heap = np.random.default_rng(0).normal(0.0, 0.1, (9999, 2))
    measure = ParticleMeasure(np.vstack([heap, [[0.9, 0.9]]]))
    shown = view_of_measure(ParticleMeasure(np.vstack([heap[:50], np.eye(2), -np.eye(2)])))
    ax = plot.measure(measure, shown)
    opacity = np.asarray(ax.images[0].get_array())[..., 3]
    (left, right), (bottom, top) = shown.limits
    row = int((0.9 - bottom) / (top - bottom) * len(opacity))
    column = int((0.9 - left) / (right - left) * len(opacity))
    assert opacity[row, column] > 25
    assert opacity[row - 60, column] == 0


def test_lines_of_equal_density_lie_on_a_grid():
    run = on_a_grid(Neuron(1, outer="fixed"), (40, 40))
    ax = Figure().add_subplot()
    cloud = Cloud(ax, view(run))
    for measure in run.measures:
        cloud.draw(measure)
    (lines,) = ax.collections  # those of earlier measures are gone
    outer = lines.get_paths()[0]
    # a Gaussian about (1, 1) has round level lines; cells are 0.2 wide
    centre = 0.5 * (outer.vertices.min(axis=0) + outer.vertices.max(axis=0))
    assert centre == pytest.approx([1.0, 1.0], abs=0.2)


def test_one_direction_is_a_curve():
    run = of_one_parameter()
    ax = plot.measure(run.measures[0])
    (line,) = ax.lines
    heights = line.get_ydata()
    area = heights.sum() * (line.get_xdata()[1] - line.get_xdata()[0])
    # the total mass is 1 but for what lies beyond the limits (2 %) and is smoothed over them
    assert area == pytest.approx(1.0, abs=0.05)


def test_a_cloud_is_redrawn_in_place():
    run = on_the_line()
    ax = Figure().add_subplot()
    cloud = Cloud(ax, view(run))
    cloud.draw(run.measures[0])
    count = len(ax.collections)
    cloud.draw(run.measures[-1])
    assert len(ax.collections) == count


def test_all_frames_of_a_run_share_a_view():
    run = on_the_line()
    shared = view(run)
    first, last = (plot.measure(run.measures[k], shared) for k in (0, -1))
    assert first.get_xlim() == last.get_xlim()
    assert first.get_ylim() == last.get_ylim()


def test_trails_leave_out_jumps_through_infinity():
    measure = ParticleMeasure([[0.0, 0.0], [1.0, 1.0]])
    ax = Figure().add_subplot()
    cloud = Cloud(ax, view_of_measure(measure))
    path = np.array([[0.0, 0.0], [0.05, 0.0], [0.95, 0.0], [1.0, 0.0]])
    cloud.draw_trails([path], np.zeros((1, 3)))
    (trails,) = ax.collections
    assert len(trails.get_segments()) == 2


def test_given_axes_are_used_and_returned():
    ax = Figure().add_subplot()
    assert plot.measure(ParticleMeasure(np.eye(2)), ax=ax) is ax


def test_a_neuron_that_does_not_fit_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="the neuron has 4 parameters, but the measure has"):
        plot.measure(ParticleMeasure(np.eye(3)), neuron=Neuron(2))


def test_public_names_are_importable():
    assert all(hasattr(plot, name) for name in plot.__all__)
