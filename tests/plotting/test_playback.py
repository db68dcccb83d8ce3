"""A run at any time."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.neurons import Neuron
from meanfield.plotting.playback import Playback
from pictured_runs import on_a_grid, on_the_line, on_the_plane


def test_at_a_frame_the_measure_is_that_of_the_frame():
    run = on_the_line()
    measure = Playback(run).measure_at(float(run.times[4]))
    assert measure.positions == pytest.approx(run.measures[4].positions)


def test_between_frames_particles_move_on_straight_lines():
    run = on_the_line()
    middle = 0.5 * float(run.times[4] + run.times[5])
    expected = 0.5 * (run.measures[4].positions + run.measures[5].positions)
    assert Playback(run).measure_at(middle).positions == pytest.approx(expected)


def test_between_frames_densities_are_mixed():
    run = on_a_grid(Neuron(1, outer="fixed"), (16, 16))
    middle = 0.5 * float(run.times[1] + run.times[2])
    expected = 0.5 * (run.measures[1].density + run.measures[2].density)
    assert Playback(run).measure_at(middle).density == pytest.approx(expected)


def test_before_the_start_and_after_the_end_the_measure_rests():
    run = on_the_line()
    playback = Playback(run)
    assert playback.measure_at(-1.0) == run.measures[0]
    assert playback.measure_at(99.0) == run.measures[-1]


def test_of_very_many_particles_a_part_stands_for_all(monkeypatch):
    run = on_the_plane(particles=300)
    monkeypatch.setattr("meanfield.plotting.playback._MOST_PARTICLES", 200)
    measure = Playback(run).measure_at(2.0)
    assert 200 <= len(measure) <= 200 + 100
    rows = {tuple(row) for row in run.measures[-1].positions}
    assert {tuple(row) for row in measure.positions} <= rows
    # The mean of 200 of 300 differs by at most five standard errors of a part without repetition.
    error = np.sqrt(np.diag(run.measures[-1].covariance()) * (1 / 200 - 1 / 300))
    assert (np.abs(measure.mean() - run.measures[-1].mean()) < 5 * error).all()


def test_particles_are_followed_to_where_the_measure_has_them():
    run = on_the_plane(particles=30)
    playback = Playback(run, followed=30)
    history = playback.followed_at(np.array([0.3, 1.1]))
    known = {tuple(row) for row in np.round(playback.measure_at(1.1).positions, 12)}
    assert {tuple(row) for row in np.round(history[-1], 12)} == known


def test_noise_has_no_paths_between_frames():
    run = on_a_grid(Neuron(1, outer="fixed"), (16, 16))
    assert not Playback(run).has_paths
    assert Playback(on_the_line()).has_paths
