"""How far a run is, and a study."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

import meanfield as mf
from meanfield import display, progress
from meanfield.progress import Progress
from meanfield.study_progress import Predicting, StudyProgress
from solver_cases import CASES
from terminals import Terminal, pseudo_terminal, screens

TIMES = np.linspace(0.0, 4.0, 5)


def frames(first=0):
    """Return the frames of a run from number `first` on."""
    return [
        SimpleNamespace(time=t, risk=1.0 / (1.0 + t), energy=2.0 / (1.0 + t), step=0.25, steps=k)
        for k, t in enumerate(TIMES)
    ][first:]


def wait_for(written, words):
    """Wait until something has been written to a stream."""
    patience = time.monotonic() + 5.0
    while words not in written() and time.monotonic() < patience:
        time.sleep(0.005)
    assert words in written()


@pytest.fixture
def hurried(monkeypatch):
    """Pictures appear at once, and come often."""
    monkeypatch.setattr(display, "_DELAY", 0.0)
    monkeypatch.setattr(display, "_INTERVAL", 0.005)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def take(hurried, monkeypatch):
    """Make standard error a terminal of 80 columns, from within a test: pytest has its own."""

    def taken(stream=None):
        stream = stream or Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return taken


def test_a_short_run_prints_nothing_to_a_log(capsys):
    with Progress(TIMES) as shown:
        for frame in frames():
            shown(frame)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_a_minute_with_the_remaining_time(capsys, monkeypatch):
    clock = iter(np.arange(0.0, 1e4, 21.0))  # two looks at the clock are a third of a minute apart
    for module in (display, progress):
        monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    with Progress(TIMES) as shown:
        for frame in frames():
            shown(frame)
    lines = capsys.readouterr().err.splitlines()
    assert 1 < len(lines) < 5
    assert lines[0].startswith("t = 1 of 4, risk 0.5, energy 1, ")
    assert "passed, about" in lines[0] and "left, until" in lines[0]
    assert all("\x1b" not in line for line in lines)


def test_a_terminal_gets_a_dashboard_that_leaves_nothing_behind(take):
    terminal = take()
    with Progress(TIMES) as shown:
        for frame in frames(first=2):
            shown(frame)
        wait_for(terminal.getvalue, "100 %")
    pictures = list(screens(terminal.getvalue()))
    picture = next(lines for lines in pictures if "100 %" in lines[0])
    assert picture[0].startswith("t = 4 of 4 ")
    assert picture[1].startswith("risk 0.2 ")
    assert picture[1].endswith("from 0.3333")
    assert "█" in picture[1]
    assert "energy 0.4 " in picture[2] and "step 0.25 " in picture[2]
    assert "passed" in picture[3]
    assert not any(pictures[-1])
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h") == 1


@pytest.mark.parametrize("width", [60, 120])
def test_pictures_have_four_lines_within_the_width_of_a_real_terminal(width, take, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    with pseudo_terminal() as (stream, ended):
        take(stream)
        with Progress(TIMES) as shown:
            time.sleep(0.02)
            for frame in frames():
                shown(frame)
                time.sleep(0.02)
        text = ended()
    pictures = list(screens(text))
    assert {len(lines) for lines in pictures[:-2]} == {4}
    assert max(len(line) for lines in pictures for line in lines) <= width
    assert any("100 %" in lines[0] for lines in pictures)
    assert not any(pictures[-1])


def test_what_is_printed_meanwhile_stays_above(take):
    terminal = take()
    with Progress(TIMES) as shown:
        shown(frames()[0])
        wait_for(terminal.getvalue, "risk 1")
        print("a warning", file=sys.stderr)
    *_, last = screens(terminal.getvalue())
    assert [line for line in last if line] == ["a warning"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_gives_the_cursor_back(take, error):
    terminal = take()
    shown = Progress(TIMES)

    def interrupted():
        with shown:
            shown(frames()[0])
            wait_for(terminal.getvalue, "risk 1")
            raise error

    with pytest.raises(error):
        interrupted()
    assert not any(list(screens(terminal.getvalue()))[-1])
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")
    assert sys.stderr is terminal


def test_a_terminal_that_goes_away_does_not_end_the_run(take):
    terminal = take()
    with Progress(TIMES) as shown:
        shown(frames()[0])
        wait_for(terminal.getvalue, "risk 1")
        terminal.close()
        shown(frames()[1])


def test_a_run_of_less_than_half_a_second_shows_nothing(take, monkeypatch):
    terminal = take()
    monkeypatch.setattr(display, "_DELAY", 5.0)
    CASES["particle-flow-euler"].run(TIMES, progress=True)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TTY_INTERACTIVE", "0")])
def test_a_terminal_that_can_only_add_lines_gets_lines(take, monkeypatch, name, value):
    terminal = take()
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(display, "DUMB_INTERVAL", 0.0)
    with Progress(TIMES) as shown:
        shown(frames()[1])
    assert terminal.getvalue().startswith("t = 1 of 4, risk 0.5, energy 1")
    assert "\x1b" not in terminal.getvalue()


def test_colours_that_are_forced_make_no_terminal_of_a_log(capsys, monkeypatch, hurried):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(TIMES) as shown:
        shown(frames()[0])
        time.sleep(0.02)
    assert capsys.readouterr().err == ""


def test_the_loop_tells_of_its_steps():
    told = []
    CASES["particle-flow-euler"].run(TIMES, observers=[told.append])
    steps = [frame.steps for frame in told]
    assert steps[0] == 0
    assert steps == sorted(set(steps))
    assert all(frame.time <= frame.steps * frame.step + 1e-9 for frame in told)


def test_a_run_that_fails_takes_its_dashboard_away(take):
    terminal = take()

    def broken(frame):
        wait_for(terminal.getvalue, "t = ")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        CASES["particle-flow-euler"].run(TIMES, observers=[broken], progress=True)
    assert not any(list(screens(terminal.getvalue()))[-1])


def test_a_run_of_one_frame_and_a_tiny_one_have_dashboards():
    for times in ([0.0], [1e-300]):
        with Progress(times) as shown:
            shown(SimpleNamespace(time=times[0], risk=np.nan, energy=np.inf, step=None, steps=None))
            assert "100 %" in str(shown.picture(80, False))
            assert "nan" in shown.line() and "inf" not in shown.line()


def test_only_the_first_rank_shows_how_far_a_run_is(monkeypatch, take):
    terminal = take()
    from meanfield.engines.ensemble import Ensemble

    monkeypatch.setattr(Ensemble, "rank", 1)
    slow = lambda frame: time.sleep(0.02)  # noqa: E731
    CASES["particle-flow-euler"].run(TIMES, observers=[slow], progress=True)
    assert terminal.getvalue() == ""


def test_a_study_has_a_bar(take):
    terminal = take()
    with StudyProgress({1: 30, 2: 30}, {1: 3, 2: 3}) as shown:
        shown.finished(1, seconds=60.0)
        wait_for(terminal.getvalue, "50 %")
    picture = next(lines for lines in screens(terminal.getvalue()) if "50 %" in lines[0])
    assert picture[1].startswith("10 of 20  ")
    assert "s left" in picture[1]
    assert not any(list(screens(terminal.getvalue()))[-1])


def test_the_last_part_of_a_study_is_seen_on_a_terminal_and_told_to_a_log(take, capsys):
    with Predicting() as shown:
        shown.announce()
    assert capsys.readouterr().err.startswith("networks: all done; constants are being predicted")
    terminal = take()
    with Predicting() as shown:
        shown.announce()
        wait_for(terminal.getvalue, "predicted")
    assert not any(list(screens(terminal.getvalue()))[-1])


def test_frames_are_rebuilt_without_steps():
    assert mf.observers.Frame(0, 0.0, None, 1.0, 1.0, None).steps is None
