"""Marginals, trajectories and phase portraits: what is drawn is where neurons are and go."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.quiver import Quiver

from meanfield import plot
from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron
from meanfield.plotting.marginals import profile
from meanfield.plotting.view import view
from pictured_runs import of_one_parameter, on_a_grid, on_the_line, on_the_plane

TANH = Neuron(1, activation="tanh", outer="fixed")


def artist(ax, kind):
    return next(each for each in ax.collections if isinstance(each, kind))


def test_the_marginal_of_a_grid_is_its_own():
    run = on_a_grid(TANH, (16, 18))
    centres, density = profile(view(run, "b"), run.measures[-1])
    marginal = run.measures[-1].marginal(1)
    assert np.array_equal(centres, marginal.axes[0])
    assert density == pytest.approx(marginal.density / marginal.density.max())


def test_a_ridge_has_a_curve_for_each_time_from_the_start_below():
    run = on_the_line()
    ax = plot.marginals(run, "b")
    assert 6 < len(ax.lines) == len(ax.collections) <= 11  # by the pace of the run
    heights = [line.get_ydata().max() - row for row, line in enumerate(ax.lines)]
    assert heights == pytest.approx([2.4] * len(heights))
    assert ax.get_xlabel() == "bias $b$"
    assert ax.get_yticklabels()[0].get_text() == "0"
    assert ax.get_yticklabels()[-1].get_text() == "2"


@pytest.mark.parametrize("draw", [plot.marginals, plot.evolution, plot.trajectories])
def test_a_direction_that_is_not_there_is_a_clear_error(draw):
    with pytest.raises(InvalidInputError, match="unknown direction 'w_O'; did you mean 'w_0'"):
        draw(on_the_line(), "w_O")


def test_trajectories_go_from_the_first_frame_to_the_last():
    run = on_the_line()
    ax = plot.trajectories(run, ("w_0", "b"))
    segments = np.array(artist(ax, LineCollection).get_segments())
    assert len(segments) == 40 * 10  # of all neurons, between all frames
    starts = {tuple(each) for each in run.measures[0].positions[:, 1:]}
    assert {tuple(segment[0]) for segment in segments[::10]} == starts


def test_one_direction_is_drawn_over_time():
    run = on_the_line()
    ax = plot.trajectories(run, "b", neurons=7)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mean-field time $t$", "bias $b$")
    assert len(artist(ax, LineCollection).get_segments()) == 70


def test_a_kink_that_jumps_through_infinity_leaves_no_line():
    run = on_the_line()
    segments = np.array(artist(plot.trajectories(run), LineCollection).get_segments())
    low, high = view(run).limits[0]
    assert np.abs(np.diff(segments[:, :, 0])).max() < 0.5 * (high - low)


def test_a_density_has_no_trajectories():
    with pytest.raises(InvalidInputError, match="no neurons to follow"):
        plot.trajectories(on_a_grid(TANH, (16, 18)))


def test_mean_arrows_are_the_velocities_of_neurons():
    run = on_the_plane()
    ax = plot.phase_portrait(run, directions=("b", "a_0"))
    arrows, note = artist(ax, Quiver), ax.get_title(loc="right")
    # Of few neurons, most cells hold one: its arrow starts there and is its velocity.
    measure = run.measures[-1]
    velocity = run.problem.velocity(measure)
    length = float(note.rpartition(" ")[2])
    assert arrows.scale == pytest.approx(1.0 / length)
    found = 0
    for place, motion in zip(measure.positions[:, [3, 0]], velocity[:, [3, 0]], strict=True):
        near = np.abs(arrows.get_offsets() - place).max(axis=1) < 1e-12
        if near.any():
            drawn = [arrows.U[near][0], arrows.V[near][0]]
            assert drawn == pytest.approx(motion, rel=1e-6, abs=1e-9)
            found += 1
    assert found > 20


def test_a_section_holds_the_other_parameters():
    run = on_the_line(activation="tanh")
    at = [1.0, 0.2, 0.5]
    ax = plot.phase_portrait(run, directions=("w_0", "b"), at=at)
    assert [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"] == [
        [[0.2, 0.5]]
    ]
    assert ax.texts[0].get_text() == "the other 1 parameters held fixed"


@pytest.mark.parametrize(
    ("make", "given", "words"),
    [
        (of_one_parameter, {}, "needs two directions, got one"),
        (on_the_line, {"index": 11}, "index must be from -11 to 10, got 11"),
        (on_the_line, {"at": [1.0, 0.0, 0.0]}, "a section needs two parameters"),
        (on_the_line, {"at": [1.0], "directions": ("w_0", "b")}, "at must hold 3 parameters"),
    ],
)
def test_what_cannot_be_a_phase_portrait_is_a_clear_error(make, given, words):
    with pytest.raises(InvalidInputError, match=words):
        plot.phase_portrait(make(), **given)
