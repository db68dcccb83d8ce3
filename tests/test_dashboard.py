"""Pictures and lines about a run that goes on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meanfield.dashboard import in_one_line, run_picture, sparkline, study_picture
from meanfield.standing import History, Mark, Standing
from meanfield.wording import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.96, "1 min 0 s"), (3599.7, "1 h 0 min"), (86400.0, "24 h 0 min")],
)
def test_time_spans_never_show_sixty(seconds, words):
    assert duration(seconds) == words


# -- what is known ---------------------------------------------------------------------------


def test_a_history_keeps_few_marks_of_many_frames_and_always_the_last():
    history = History(end=10_000.0)
    for k in range(10_000):
        history.add(Mark(float(k), float(k), 1.0 / (1 + k), 2 * k))
    found = history.standing(now=9_999.0, begun=0.0)
    assert 128 <= len(found.risks) <= 257
    assert found.risks[0] == 1.0 and found.risk == 1e-4
    assert (found.time, found.speed, found.rate, found.left) == (9_999.0, 1.0, 2.0, 1.0)
    gaps = np.diff(1.0 / np.array(found.risks))
    assert len(set(np.round(gaps[:-1]))) == 1


def test_the_pace_is_that_of_late():
    history = History(end=100.0)
    for second in range(80):  # ten seconds for each unit of time, then one
        history.add(Mark(float(second), 0.1 * second if second <= 30 else second - 27.0, 1.0))
    found = history.standing(now=79.0)
    assert (found.speed, found.left) == (1.0, 48.0)


def test_what_a_resumed_run_had_done_before_says_nothing_about_its_pace():
    history = History(end=100.0)
    history.add(Mark(5.0, 90.0, 1.0))
    assert history.standing(now=6.0).left is None
    history.add(Mark(7.0, 91.0, 1.0))
    assert history.standing(now=7.0).left == pytest.approx(18.0)


def test_no_time_is_promised_when_a_frame_has_outlasted_the_estimate():
    history = History(end=4.0)
    for second in range(3):
        history.add(Mark(float(second), float(second), 1.0))
    assert history.standing(now=3.5).left == pytest.approx(0.5)
    assert history.standing(now=60.0).left is None


def test_nothing_is_known_before_the_first_frame():
    found = History(end=4.0).standing(now=3.0, begun=1.0)
    assert (found.risk, found.speed, found.left, found.passed, found.share) == (
        None, None, None, 2.0, 0.0,
    )  # fmt: skip


# -- what is shown ---------------------------------------------------------------------------


def test_a_sparkline_is_logarithmic_where_values_fall_by_orders_of_magnitude():
    assert sparkline(10.0 ** -np.arange(8.0), 8) == "█▇▆▅▄▃▂▁"
    assert sparkline(np.arange(8.0)[::-1], 8) == "█▇▆▅▄▃▂▁"
    assert len(set(sparkline(np.arange(300.0), 8, ascii_only=True))) == 8


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([1.0], "▅"),
        ([2.0, 2.0], "▅▅"),
        ([math.nan, math.inf], "  "),
        ([1.0, math.nan, 3.0], "▁ █"),
        ([0.0, -1.0, 1.0], "▅▁█"),
        ([-1.7e308, 1.7e308], "▁█"),
        ([5e-324, 1.7e308], "▁█"),
    ],
)
def test_sparklines_of_odd_values(values, drawn):
    assert sparkline(values, 20) == drawn


def some_run(**others):
    return Standing(**{"time": 2.0, "end": 8.0, "risks": (1.0, 0.5), **others})


@pytest.mark.parametrize("width", [1, 10, 20, 33, 40, 60, 80, 120, 500])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_pictures_fit_every_terminal(width, ascii_only):
    full = some_run(
        energy=-1.2345e-7, step=1.2345e-7, speed=1e-4, rate=12345.6, passed=1e4, left=1e6
    )
    for run in (full, Standing(0.0, 8.0), some_run(time=1e-9, end=1e9, risks=[math.nan] * 300)):
        lines = str(run_picture(run, width, ascii_only)).split("\n")
        assert len(lines) == 4
        assert max(map(len, lines)) <= min(width, 100)
        assert not ascii_only or str(lines).isascii()
    assert (
        len(str(study_picture(0.5, ["1 of 2", "1.0 s passed"], width, ascii_only)).split("\n")) == 2
    )


def test_the_most_important_facts_stay_on_a_narrow_terminal():
    run = some_run(energy=0.75, step=0.1, speed=3.0, rate=30.0, passed=2.0, left=6.0)
    wide, narrow = (str(run_picture(run, width, False)) for width in (80, 30))
    assert all(
        words in wide for words in ("energy 0.75", "step 0.1", "3 t/s", "30 steps/s", "25 %")
    )
    assert all(words in narrow for words in ("t = 2 of 8", "risk 0.5", "energy 0.75", "passed"))
    assert "steps/s" not in narrow


def test_a_part_of_more_says_what_it_is():
    assert str(run_picture(some_run(), 60, title="reference")).startswith("reference t = 2 of 8")


def test_numbers_that_nobody_knows_are_not_shown():
    history = History(1.0)
    history.add(Mark(0.0, 0.5, 1.0, energy=math.nan))
    found = history.standing(1.0, 0.0)
    assert in_one_line(found) == "t = 0.5 of 1, risk 1, 1.0 s passed"
    assert "energy" not in str(run_picture(found, 80)) and "nan" not in str(run_picture(found, 80))


def test_long_runs_show_until_when():
    assert "until" in in_one_line(some_run(passed=1.0, left=61.0))
    assert "until" not in in_one_line(some_run(passed=1.0, left=59.0))
    assert "long after you" in in_one_line(some_run(left=1e300))
