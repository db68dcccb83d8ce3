"""One frame of a movie."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.plotting.scene import Scene
from pictured_runs import (
    in_many_dimensions,
    of_one_parameter,
    on_the_line,
    on_the_plane,
    shorten,
)


def test_at_a_frame_the_measure_is_that_of_the_frame():
    run = on_the_line()
    measure = Scene(run).measure_at(float(run.times[4]))
    assert measure.positions == pytest.approx(run.measures[4].positions)


def test_between_frames_particles_move_on_straight_lines():
    run = on_the_line()
    middle = 0.5 * float(run.times[4] + run.times[5])
    expected = 0.5 * (run.measures[4].positions + run.measures[5].positions)
    assert Scene(run).measure_at(middle).positions == pytest.approx(expected)


def test_times_of_the_movie_go_from_start_to_end():
    run = on_the_line()
    times = Scene(run).times(50)
    assert times[[0, -1]] == pytest.approx([0.0, 2.0])
    assert (np.diff(times) > 0.0).all()


@pytest.mark.parametrize("make", [on_the_line, of_one_parameter, on_the_plane, in_many_dimensions])
def test_the_clock_shows_the_time_and_the_layout_stands_still(make):
    scene = Scene(make())
    before = [ax.get_position().bounds for ax in scene.figure.get_axes()]
    scene.draw(1.5)
    scene.figure.canvas.draw()
    assert scene.figure.get_axes()[0].get_title(loc="left") == "$t$ = 1.50"
    assert [ax.get_position().bounds for ax in scene.figure.get_axes()] == before


def test_trails_end_at_their_particles():
    run = on_the_plane()
    scene = Scene(run)
    scene.draw(2.0)
    segments = scene._cloud._trails.get_segments()
    ends = {tuple(np.round(segment[-1], 9)) for segment in segments}
    points = {tuple(np.round(point, 9)) for point in run.measures[-1].positions[:, 1:3]}
    assert points <= ends


def test_of_very_many_particles_a_part_stands_for_all(monkeypatch):
    run = on_the_plane(particles=300)
    whole = Scene(run)
    monkeypatch.setattr("meanfield.plotting.scene._MOST_PARTICLES", 200)
    scene = Scene(run)
    measure = scene.measure_at(2.0)
    assert 200 <= len(measure) <= 200 + len(scene._followed)
    rows = {tuple(row) for row in run.measures[-1].positions}
    assert {tuple(row) for row in measure.positions} <= rows
    # Trails end where they would with all particles.
    for each in (whole, scene):
        each.draw(2.0)
    first, second = (each._cloud._trails.get_segments() for each in (whole, scene))
    assert np.allclose(first, second)
    # The mean of 200 of 300 differs by at most five standard errors of a part without repetition.
    error = np.sqrt(np.diag(run.measures[-1].covariance()) * (1 / 200 - 1 / 300))
    assert (np.abs(measure.mean() - run.measures[-1].mean()) < 5 * error).all()


def test_a_run_of_one_frame_can_be_shown():
    scene = Scene(shorten(on_the_line(), 1))
    scene.draw(0.0)
    assert scene.times(1).tolist() == [0.0]
