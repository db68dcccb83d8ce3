"""How far a run is."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from meanfield import progress as module
from meanfield.progress import Progress, duration

TIMES = np.linspace(0.0, 4.0, 5)


def frames(first=0):
    """Return the frames of a run from number `first` on."""
    return [SimpleNamespace(time=t, risk=1.0 / (1.0 + t)) for t in TIMES[first:]]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say yes."""
        return True


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.96, "1 min 0 s"), (3599.7, "1 h 0 min"), (86400.0, "24 h 0 min")],
)
def test_time_spans_never_show_sixty(seconds, words):
    assert duration(seconds) == words


def test_a_short_run_prints_nothing_to_a_log(capsys):
    with Progress(TIMES) as progress:
        for frame in frames():
            progress(frame)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_a_minute_with_the_remaining_time(capsys, monkeypatch):
    clock = iter(np.arange(0.0, 1e4, 31.0))  # two looks at the clock are half a minute apart
    monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    with Progress(TIMES) as progress:
        for frame in frames():
            progress(frame)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert lines[0].startswith("t = ")
    assert "of 4, risk" in lines[0]
    assert "left" in lines[-1]
    assert all("\x1b" not in line for line in lines)


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with Progress(TIMES) as progress:
        for frame in frames(first=2):
            progress(frame)
    assert "t = 4 of 4" in terminal.getvalue()
    assert "100 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # the line is erased
