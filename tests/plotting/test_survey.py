"""The sample of a run and the pace of its story."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.plotting.survey import Survey, pace, telling_frames
from pictured_runs import on_the_line, shorten


def still(times, risk):
    run = shorten(on_the_line(), 1)
    run.times, run.risk = np.asarray(times), np.asarray(risk)
    run.measures = run.measures * len(run.times)
    return run


def test_a_survey_of_a_short_run_is_the_run():
    run = on_the_line()
    survey = Survey.of(run.measures)
    assert np.array_equal(survey.positions[3], run.measures[3].positions)
    assert survey.frames.tolist() == list(range(11))


def test_a_survey_of_a_long_run_is_bounded_and_keeps_both_ends():
    survey = Survey.of([ParticleMeasure.gaussian(4000, 2, seed=0)] * 1000)
    assert survey.positions.shape == (128, 3000, 2)
    assert survey.frames[[0, -1]].tolist() == [0, 999]


def test_a_run_without_frames_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="no frames yet"):
        Survey.of([])


def test_the_pace_goes_from_zero_to_one_and_never_back():
    run = on_the_line()
    progress = pace(run, Survey.of(run.measures))
    assert progress[[0, -1]] == pytest.approx([0.0, 1.0])
    assert (np.diff(progress) > 0.0).all()


def test_where_nothing_else_changes_the_pace_is_time():
    run = still([0.0, 1.0, 4.0], [1.0, 1.0, 1.0])
    assert pace(run, Survey.of(run.measures)) == pytest.approx([0.0, 0.25, 1.0])


def test_the_pace_dwells_where_the_risk_falls():
    run = still([0.0, 1.0, 10.0], [1.0, 0.1, 0.1])
    # mean of the shares of time (1/10) and of log risk (1)
    assert pace(run, Survey.of(run.measures))[1] == pytest.approx(0.55)


def test_telling_frames_hold_both_ends_and_differ():
    run = on_the_line()
    frames = telling_frames(run, Survey.of(run.measures))
    assert (frames[0], frames[-1], len(frames)) == (0, 10, 4)
    assert list(frames) == sorted(set(frames))


def test_a_run_of_one_frame_tells_one_frame():
    run = shorten(on_the_line(), 1)
    assert telling_frames(run, Survey.of(run.measures)) == (0,)
