"""Runs of the command line whose disk, folder or file gives out while they go on."""

from __future__ import annotations

import errno
import os
import resource
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import crash_cases
from meanfield.direct_file import DirectFile, hdf5_in
from meanfield.trajectory import Trajectory
from processes import finished

DESCRIPTION = """
[data]
file = "points.csv"
targets = "y"
[neuron]
activation = "tanh"
outer = "fixed"
bias = false
[initial]
law = "gaussian"
particles = 20
[solvers.sgd]
step = 0.01
[time]
t_end = 1.0
frames = 11
"""
NOBODY = 65534


@pytest.fixture
def folder():
    """A folder that anybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        (path / "points.csv").write_text("x,y\n-1.0,0.5\n0.3,-0.2\n1.0,1.0\n")
        (path / "wave.toml").write_text(DESCRIPTION)
        yield path


def simulated(folder, moment=None, at=0, action=int, options=()):
    """Exit status of a run, and what it said."""
    arguments = ["simulate", str(folder / "wave.toml"), "--out", str(folder / "run.h5"), "--quiet"]
    errors = folder / "errors"
    status = finished(
        crash_cases.command, [*arguments, *options], errors, moment, at, action
    )  # fmt: skip
    return status, errors.read_text()


def limit(size):
    """Let no file of the process be longer, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize(
    ("moment", "at", "size", "frames"),
    [
        ("prepare", None, 100, None),
        ("prepare", None, 9000, None),
        ("commit", 5, 500, 5),
        ("write_state", 10, 500, 11),
        ("finish", "complete", 500, 11),
    ],
)
def test_full_disk_ends_the_run_with_a_sentence_and_keeps_what_there_is(
    folder, moment, at, size, frames
):
    status, said = simulated(folder, moment, at, partial(limit, size))
    assert status == 1  # in particular no crash of the HDF5 library at the end
    assert said.startswith("meanfield: cannot write")
    assert "file too large" in said
    assert said.count("\n") == 1
    if frames is None:
        assert not (folder / "run.h5").exists()
        assert simulated(folder) == (0, "")
    else:
        assert len(Trajectory.open(folder / "run.h5")) == frames
        assert simulated(folder, options=["--resume"]) == (0, "")
    whole = Trajectory.open(folder / "run.h5")
    assert (whole.status, len(whole)) == ("complete", 11)
    assert np.isfinite(whole.risk).all()


def squeezed(path, size):
    """Write more than a file may hold, and fail with the reason."""
    limit(size)
    try:
        with DirectFile(path, make=True) as file, hdf5_in(file) as new:
            for number in range(200):
                new[f"group/{number}"] = np.arange(100.0)
    except OSError as error:
        raise SystemExit(error.errno) from None


@pytest.mark.parametrize("size", [50, 3000, 60000])
def test_new_file_on_a_full_disk_fails_with_the_reason_and_no_crash(folder, size):
    assert finished(squeezed, folder / "new.h5", size) == errno.EFBIG


def as_nobody(action):
    """Give up the rights of root, if there are any."""
    action()
    if os.geteuid() == 0:
        os.setuid(NOBODY)


def test_folder_that_cannot_be_written_is_one_sentence(folder):
    status, said = simulated(
        folder, "prepare", None, partial(as_nobody, partial(folder.chmod, 0o555))
    )
    assert status == 1
    assert said == f"meanfield: cannot write {folder}/run.h5: permission denied\n"
    assert not list(folder.glob("run.h5*"))


def lock_away(folder):
    folder.joinpath("run.h5").chmod(0o000)
    folder.chmod(0o555)


def test_permission_lost_under_a_run_does_not_harm_it(folder):
    """What is open stays open; looking for it needs the folder only."""
    assert simulated(folder, "commit", 5, partial(lock_away, folder)) == (0, "")
    (folder / "run.h5").chmod(0o644)
    assert Trajectory.open(folder / "run.h5").status == "complete"


def test_file_removed_under_a_run_is_no_success(folder):
    status, said = simulated(folder, "commit", 5, partial(os.unlink, folder / "run.h5"))
    assert status == 1
    assert "run.h5 was removed or replaced while the run was writing to it" in said
    assert said.count("\n") == 1
