"""Calls of the command line with garbage: one sentence, and exit status 1 or 2."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest

from hostile_files import write_sound
from meanfield.cli import run
from meanfield.errors import MeanfieldError
from meanfield.experiment import Experiment
from meanfield.study_run import StudyRun

LATIN = os.fsdecode(b"latin\xff.h5")
PATHS = [
    "", " ", "\n", "-", "..", "~", "/dev/null", "/dev/zero", "pipe.h5", "loop.h5", "zero.h5",
    "folder.h5", "text.h5", "empty.h5", LATIN, "new\nline.h5", "\x1b[31m.h5", "nul\0.h5", "😀.h5",
    "x" * 300 + ".h5", "x" * 5000, "text.h5/x.h5", "pipe.toml", "zero.toml", "empty.toml",
    "folder.toml", "binary.toml", "deep.toml", "dotted.toml", "pipe-data.toml", "zero-data.toml",
]  # fmt: skip
NUMBERS = ["nan", "-inf", "-1", "0", "1e400", "9" * 30, "9" * 5000, "0x10", "", "x", "\0", "--5"]
SETTINGS = [
    "", "=", "a", "=1", "points=", "points=nan", "points=-1", "points=" + "9" * 5000, "frames=1",
    "t_end=inf", "function=" + "x" * 9000, "function=\x1b[31m", "a.b=1", "..=1", "😀=1",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch):
    """What is computed is not looked at here: it fails with status 1."""

    def fail(*arguments, **settings):
        raise MeanfieldError("it would run")

    for owner, name in (
        (Experiment, "run"), (StudyRun, "do_all"), (StudyRun, "do_task"),
        (StudyRun, "check"), (import_module("meanfield.audit"), "audit"),
        (import_module("meanfield.warmup"), "warm_up"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, fail)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with files that are none."""
    place = tmp_path_factory.mktemp("calls")
    for suffix in (".h5", ".toml", ".csv"):
        os.mkfifo(place / f"pipe{suffix}")
        (place / f"zero{suffix}").symlink_to("/dev/zero")
        (place / f"loop{suffix}").symlink_to(place / f"loop{suffix}")
    for name in ("folder.h5", "folder.toml"):
        (place / name).mkdir()
    for name in ("text.h5", LATIN, "new\nline.h5"):
        (place / name).write_text("text")
    for name in ("empty.h5", "empty.toml"):
        (place / name).touch()
    (place / "binary.toml").write_bytes(bytes(range(256)))
    (place / "deep.toml").write_text("a = " + "[" * 100_000)
    (place / "dotted.toml").write_text("a." * 20_000 + "a = 1")
    for name in ("pipe", "zero"):
        text = f'[data]\nfile = "{name}.csv"\n[time]\nt_end = 1.0\n'
        (place / f"{name}-data.toml").write_text(text)
    write_sound(place / "run.h5")
    return place


def answer(call, capsys):
    """Exit status of a call, which must say one printable sentence if it is not 0."""
    status = run(call)
    told = capsys.readouterr().err
    assert status in (1, 2), call
    assert told.startswith("meanfield: ") and told.endswith("\n"), call
    assert told[:-1].isprintable() and len(told) < 1200, call
    return status


@pytest.mark.parametrize(
    "verb", ["info", "plot", "animate", "view", "simulate", "compare", "check", ""]
)
def test_paths_that_lead_nowhere_are_answered(verb, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for path in PATHS:
        assert answer([verb, path] if verb else [path or "x"], capsys) == 2


@pytest.mark.parametrize(
    "call",
    [
        ["simulate", "relu-1d", "--out"],
        ["simulate", "relu-1d", "--resume", "--out"],
        ["compare", "relu-1d", "--figure"],
        ["plot", "run.h5", "--out"],
        ["animate", "run.h5", "--out"],
    ],
)
def test_targets_that_are_no_files_are_answered(call, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = sorted(os.listdir())
    for path in PATHS:
        answer([*call, path], capsys)
    for path in ("pipe.h5", "zero.h5"):
        assert answer(["simulate", "relu-1d", "--force", "--out", path], capsys) == 2
    assert sorted(os.listdir()) == before
    assert Path("text.h5").read_text() == "text"


@pytest.mark.parametrize(
    "call",
    [
        ["simulate", "relu-1d", "--particles"],
        ["simulate", "relu-1d", "--t-end"],
        ["simulate", "relu-1d", "--seed"],
        ["simulate", "relu-1d", "--solver"],
        ["compare", "relu-1d", "--particles"],
        ["compare", "relu-1d", "--seeds"],
        ["compare", "relu-1d", "--reference"],
        ["compare", "relu-1d", "--workers"],
        ["check", "relu-1d", "--solvers"],
        ["animate", "run.h5", "--seconds"],
    ],
)
def test_numbers_that_are_none_are_answered(call, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for number in NUMBERS:
        answer([*call, number], capsys)


def test_settings_that_are_none_are_answered(capsys):
    for setting in SETTINGS:
        answer(["simulate", "relu-1d", "--set", setting], capsys)
