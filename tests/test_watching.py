"""Looking at runs of other processes: living, dead, and at their end."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console

import meanfield as mf
from meanfield import display, report, watching
from meanfield.cli import run as command
from meanfield.watching import Glance, glance, glances, is_being_written
from solver_cases import CASES
from terminals import Terminal, screens

TIMES = np.linspace(0.0, 1.0, 21)

WRITER = """
import sys, time
sys.path.insert(0, sys.argv[2])
from solver_cases import CASES
from test_watching import TIMES
pause = lambda frame: time.sleep(PAUSE)
CASES["particle-flow-euler"].run(TIMES, store=sys.argv[1], observers=[pause])
"""


@contextmanager
def running(path, pause):
    """A process that makes a run, and takes some time for each frame."""
    script = WRITER.replace("PAUSE", str(pause))
    arguments = [sys.executable, "-c", script, str(path), str(Path(__file__).parent)]
    process = subprocess.Popen(arguments)
    try:
        patience = time.monotonic() + 60.0
        while not path.exists() and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run.h5"


def test_a_running_simulation_is_read_again_and_again_and_followed_to_its_end(path, capsys):
    whole = CASES["particle-flow-euler"].run(TIMES)
    with running(path, 0.1):
        counts, patience = [0], time.monotonic() + 60.0
        while counts[-1] < 4 and time.monotonic() < patience:
            found = mf.open(path)
            counts.append(len(found))
            assert all(found.measures[k] == whole.measures[k] for k in range(len(found)))
        assert found.is_being_written
        assert 4 <= counts[-1] < 21
        assert counts == sorted(counts)
        assert command(["info", "run.h5"]) == 0
        assert "meanfield info --follow run.h5" in capsys.readouterr().out
        seen = list(glances(path, interval=0.05))
    assert {look.status for look in seen[:-1]} == {"running"}
    assert (seen[-1].status, seen[-1].frames) == ("complete", 21)
    ends = f"risk {whole.risk[-1]:.4g}, energy {whole.energy[-1]:.4g}"
    assert str(seen[-1]) == f"21 of 21 frames, t = 1 of 1, {ends}"
    assert seen[-1].risks == tuple(whole.risk)
    assert seen[-1].step == whole.solver.step
    left = [look.remaining for look in seen if look.remaining is not None and look.frames > 8]
    assert timedelta(0) <= left[-1] <= left[0] < timedelta(seconds=30)
    assert command(["info", "--follow", "run.h5"]) == 0
    assert capsys.readouterr().out.startswith("21 of 21 frames")


def test_a_killed_simulation_is_recognised_and_resumed(path, capsys):
    with running(path, 5.0) as process:
        assert is_being_written(path)
        assert glance(path).status == "running"
        process.kill()
        process.wait()
        assert glance(path).status == "abandoned"
    assert mf.open(path).status == "running"
    assert not mf.open(path).is_being_written
    assert command(["info", "--follow", "run.h5"]) == 1
    printed = capsys.readouterr()
    assert "stopped without finishing" in printed.err
    assert "resume it with: meanfield simulate --resume run.h5" in printed.err
    assert command(["info", "run.h5"]) == 0
    assert "stopped without finishing: no process" in capsys.readouterr().out


def test_a_run_that_failed_ends_the_following_with_its_reason(path, capsys):
    CASES["particle-flow-euler"].run(TIMES, store=path)
    with h5py.File(path, "r+") as file:
        file.attrs["status"], file.attrs["reason"] = "failed", "the step was too large"
    assert command(["info", "--follow", "run.h5"]) == 1
    assert "run.h5 failed: the step was too large; resume it" in capsys.readouterr().err


def test_ctrl_c_ends_the_following_only(path, monkeypatch, capsys):
    CASES["particle-flow-euler"].run(TIMES, store=path)

    def interrupted(path):
        yield glance(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "glances", interrupted)
    assert command(["info", "--follow", "run.h5"]) == 0
    assert mf.open(path).status == "complete"


def test_the_rest_is_estimated_from_the_pace_of_this_session(path):
    CASES["particle-flow-euler"].run(TIMES[:9], store=path)
    mf.resume(path, save_at=TIMES[9:])
    with h5py.File(path, "r+") as file:
        file["time"][15:] = np.nan
        file.attrs["status"] = "running"
        started = json.loads(file.attrs["sessions"])[-1]["started"]
    # Frames 9 … 14 took 12 seconds; frames 15 … 20 are still to come.
    last = datetime.fromisoformat(started) + timedelta(seconds=12)
    os.utime(path, (last.timestamp(), last.timestamp()))
    assert glance(path).remaining.total_seconds() == pytest.approx(12.0, abs=0.01)
    assert last.tzinfo == UTC


def test_on_a_terminal_there_is_a_dashboard_and_elsewhere_lines(monkeypatch):
    monkeypatch.setattr(display, "_DELAY", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    looks = [
        Glance("running", "", 3, 21, 0.1, 1.0, timedelta(seconds=90), risks=(0.5,), step=0.01),
        Glance("complete", "", 21, 21, 1.0, 1.0, risks=(0.5, 0.25)),
    ]
    text = StringIO()
    assert report.follow(Console(file=text, width=200), iter(looks)) is looks[-1]
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("3 of 21 frames, t = 0.1 of 1, risk 0.5, about 1 min 30 s")
    assert lines[1:] == ["21 of 21 frames, t = 1 of 1, risk 0.25"]
    text = Terminal()

    def seen():
        yield looks[0]
        patience = time.monotonic() + 20.0
        while "10 %" not in text.getvalue() and time.monotonic() < patience:
            time.sleep(0.005)
        yield looks[1]

    console = Console(file=text, force_terminal=True, width=80)
    assert report.follow(console, seen()) is looks[-1]
    picture = next(lines for lines in screens(text.getvalue()) if "10 %" in lines[0])
    assert "step 0.01" in picture[2] and "about 1 min 30 s left  until" in picture[3]
    assert not any(list(screens(text.getvalue()))[-1])


def test_the_step_of_an_adaptive_method_is_that_of_its_newest_state(path):
    told = []
    CASES["particle-flow-dopri5"].run(TIMES[:3], store=path, observers=[told.append])
    assert glance(path).step == told[-1].step > 0.0
    with h5py.File(path, "r+") as file:
        for slot in file["state"].values():
            slot["next_step"][()] = np.nan
    assert glance(path).step is None


def test_where_a_disk_has_no_locks_nobody_is_declared_dead(path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    CASES["particle-flow-euler"].run(TIMES[:3], store=path)
    with h5py.File(path, "r+") as file:
        file.attrs["status"] = "running"
    assert is_being_written(path) is False
    assert glance(path).status == "abandoned"

    def without_locks(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", without_locks)
    assert is_being_written(path) is None
    assert glance(path).status == "running"
