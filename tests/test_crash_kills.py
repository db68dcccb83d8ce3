"""Runs in processes of their own that are killed at random instants, then go on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import crash_cases
from meanfield.trajectory import Trajectory
from processes import context, finished

#: Kills of a run of each kind, half of them inside a write; `make kill-test` makes more.
KILLS = int(os.environ.get("KILLS", "2"))


def killed_inside_a_write(name, path, rng, writes):
    number = int(rng.integers(1, writes + 1))
    assert finished(crash_cases.simulate, name, path, number) == -9
    return f"write {number} of {writes}"


def killed_at_an_instant(name, path, rng, seconds):
    process = context().Process(target=crash_cases.simulate, args=(name, path))
    process.start()
    delay = float(rng.uniform(0.0, seconds))
    part = path.with_name(path.name + ".part")
    while not (path.exists() or part.exists()) and process.is_alive():
        time.sleep(1e-3)
    time.sleep(delay)
    process.kill()
    process.join()
    return f"{1e3 * delay:.1f} ms of {1e3 * seconds:.1f}"


def same_bits(run, whole):
    assert run.risk.tolist() == whole.risk[: len(run)].tolist()
    for found, expected in zip(run.measures, whole.measures, strict=False):
        for entry in ("positions", "weights", "density"):
            if hasattr(expected, entry):
                assert np.array_equal(getattr(found, entry), getattr(expected, entry))


def check_survivor(path, whole):
    """The file of a killed run: opens, holds frames of the whole run, and goes on to its end."""
    with h5py.File(path) as file, xarray.open_dataset(path, engine="h5netcdf") as frames:
        committed = int(np.isfinite(file["time"][()]).sum())
        assert frames.sizes["time"] == len(crash_cases.TIMES)
    run = Trajectory.open(path)
    assert len(run) == committed
    same_bits(run, whole)
    assert finished(crash_cases.resume, path) == 0
    run = Trajectory.open(path)
    assert (run.status, len(run)) == ("complete", len(whole))
    same_bits(run, whole)
    return committed


@pytest.mark.parametrize("name", crash_cases.CASES)
def test_killed_run_keeps_its_frames_and_goes_on_to_the_same_bits(tmp_path, name):
    kept = tmp_path / "whole.h5"
    assert finished(crash_cases.count_writes, name, kept) == 0
    writes, whole = int(kept.with_suffix(".writes").read_text()), Trajectory.open(kept)
    times = [os.stat(kept.with_suffix(s)).st_mtime for s in (".writes", ".begun")]
    rng = np.random.default_rng([len(name), KILLS])
    told = []
    for number in range(KILLS):
        path = tmp_path / f"run{number}.h5"
        if number % 2:
            instant = killed_at_an_instant(name, path, rng, times[0] - times[1])
        else:
            instant = killed_inside_a_write(name, path, rng, writes)
        found = check_survivor(path, whole) if path.exists() else None
        told.append(f"{name}: {instant}, frames {found}")
    if "KILLS_LOG" in os.environ:
        with Path(os.environ["KILLS_LOG"]).open("a") as log:
            log.write("\n".join(told) + "\n")
