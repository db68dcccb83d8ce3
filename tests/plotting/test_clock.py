"""Clocks of movies, on runs whose speed is known."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.clock import Clock, arc_length, choose_clock
from meanfield.plotting.survey import Survey, pace
from pictured_runs import on_a_grid, on_the_line, shorten

CLOUD = np.random.default_rng(0).normal(size=(30, 3))


def shifted(times, places):
    """Run of a cloud that is moved as a whole, along (1, 2, 2) / 3."""
    run = shorten(on_the_line(), 1)
    ways = np.outer(places, [1.0, 2.0, 2.0]) / 3.0
    run.measures = [ParticleMeasure(CLOUD + way) for way in ways]
    run.times, run.risk = np.asarray(times, float), np.ones(len(times))
    return run


def clock_of(name, *runs):
    return choose_clock(name, runs, [Survey.of(run.measures) for run in runs])


def test_the_length_of_a_shift_is_its_distance():
    run = shifted([0.0, 1.0, 2.0], [0.0, 3.0, 4.0])
    assert arc_length(run, Survey.of(run.measures)) == pytest.approx([0.0, 3.0, 4.0])


def test_at_constant_speed_arc_length_is_time():
    run = shifted([0.0, 1.0, 5.0, 9.0], [0.0, 2.0, 10.0, 18.0])
    lengths, linear = (clock_of(name, run).moments(13) for name in ("arc-length", "linear"))
    assert lengths == pytest.approx(linear)


def test_arc_length_dwells_where_the_cloud_is_fast():
    run = shifted([0.0, 1.0, 2.0], [0.0, 9.0, 10.0])
    assert clock_of("arc-length", run).moments(11)[9] == pytest.approx(1.0)


def test_a_density_on_the_line_goes_as_far_as_it_is_shifted():
    # Standard normal law with spread 0.5 moves from 0 to 1 in three steps; cells are 0.1 wide.
    run = on_a_grid(Neuron(1, outer="fixed", bias=False), 80)
    lengths = arc_length(run, Survey.of(run.measures))
    assert lengths == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0], abs=1e-3)


def test_a_density_on_the_plane_goes_at_constant_speed():
    run = on_a_grid(Neuron(1, outer="fixed"), (40, 40))
    lengths = arc_length(run, Survey.of(run.measures))
    # the way is sqrt(2); 32 directions see it to 1/sqrt(2 * 32) = 13 %, 3 standard errors
    assert lengths[-1] == pytest.approx(np.sqrt(2.0), rel=0.4)
    assert lengths / lengths[-1] == pytest.approx(run.times, abs=0.01)


def test_relabelled_particles_that_jump_go_nowhere():
    run = shifted([0.0, 1.0], [0.0, 0.0])
    run.measures[1] = ParticleMeasure(CLOUD[::-1])
    run.solver.name = "birth-death"
    assert arc_length(run, Survey.of(run.measures)) == pytest.approx([0.0, 0.0])


def test_a_logarithmic_clock_starts_at_the_first_positive_time():
    run = shifted([0.0, 0.01, 0.5, 100.0], [0.0, 1.0, 2.0, 3.0])
    assert clock_of("log", run).moments(5) == pytest.approx([0.01, 0.1, 1.0, 10.0, 100.0], rel=1e-4)


def test_the_pace_of_one_run_is_that_of_its_survey():
    run = on_the_line()
    clock = clock_of("pace", run)
    assert clock.progress == pytest.approx(pace(run, Survey.of(run.measures)))


@pytest.mark.parametrize("name", ["pace", "linear", "log", "arc-length"])
def test_every_clock_goes_from_start_to_end_and_never_back(name):
    moments = clock_of(name, on_the_line(), shifted([0.0, 1.0, 3.0], [0.0, 1.0, 1.5])).moments(40)
    assert moments[-1] == pytest.approx(3.0)
    assert moments[0] == pytest.approx(0.2 if name == "log" else 0.0)
    assert (np.diff(moments) > 0.0).all()


@pytest.mark.parametrize("name", ["pace", "linear", "log", "arc-length"])
def test_a_run_of_one_frame_has_one_moment(name):
    assert clock_of(name, shorten(on_the_line(), 1)).moments(50).tolist() == [0.0]


@pytest.mark.parametrize("name", ["pace", "arc-length"])
def test_where_nothing_moves_the_clock_is_time(name):
    run = shifted([0.0, 1.0, 4.0], [1.0, 1.0, 1.0])
    assert clock_of(name, run).moments(5) == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])


def test_the_moments_before_a_time_end_there():
    clock = Clock(np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    assert clock.before(5.0, 0.2, 3) == pytest.approx([3.0, 4.0, 5.0])
    assert clock.before(0.0, 0.2, 3) == pytest.approx([0.0, 0.0, 0.0])


def test_an_unknown_clock_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="unknown clock 'lineal'; did you mean 'linear'"):
        clock_of("lineal", on_the_line())
