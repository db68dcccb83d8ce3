"""The promise of the format: the reader of the page reads every file, and old files open."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from files.make import DENSITY, MASSES, POSITIONS, PROBLEM, main

from meanfield.trajectory import Trajectory

FILES = Path(__file__).parent / "files"
PAGE = Path(__file__).parent.parent / "docs" / "format.md"
TIMES = np.array([0.0, 0.5, 2.0])


def page_reader():
    """The function that the page prints: it knows nothing but the page."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(program, names)
    return names["read"]


READ = page_reader()


def of_package(path):
    """What the package reads, in the form of the page's reader."""
    run = Trajectory.open(path)
    found = {"status": run.status, "time": run.times, "risk": run.risk, "energy": run.energy}
    found |= run.observables
    measures = list(run.measures)
    if hasattr(measures[0], "density"):
        return found | {"density": np.array([measure.density for measure in measures])}
    return found | {
        "position": np.array([measure.positions for measure in measures]),
        "weight": np.array([measure.weights for measure in measures]),
    }


def expected(name):
    """What the files were made to hold."""
    frames = {"failed-1": 2, "running-1": 1}.get(name, 3)
    times = TIMES[:frames]
    found = {
        "status": {"failed-1": "failed", "running-1": "running"}.get(name, "complete"),
        "time": times,
        "risk": 1.0 / np.arange(1, frames + 1),
        "energy": 1.5 / np.arange(1, frames + 1),
        "test_risk": times / 4,
    }
    if name == "grid-1":
        return found | {"density": np.broadcast_to(DENSITY / DENSITY.sum(), (3, 3, 2))}
    positions = POSITIONS + times[:, None, None]
    masses = np.full((frames, 3), 1 / 3)
    if name in ("weighted-1", "sums-1"):
        masses = np.broadcast_to(MASSES, (3, 3))
    if name == "masses-1":
        masses = np.array([MASSES, MASSES[[0, 2, 1]], MASSES[[0, 2, 1]]])
    if name == "partial-2":
        with xarray.open_dataset(FILES / "partial-2.h5", engine="h5netcdf") as whole:
            numbers = whole.particle.values
        positions, masses = positions[:, numbers], np.full((3, 2), 0.5)
    dtype = np.float32 if name in ("single-1", "partial-2") else np.float64
    return found | {"position": positions.astype(dtype), "weight": masses}


NAMES = sorted(path.stem for path in FILES.glob("*.h5"))


def test_every_kind_of_file_is_there():
    kinds = ["failed", "grid", "masses", "particles", "running", "single", "sums", "texts"]
    assert sorted([f"{kind}-1" for kind in (*kinds, "weighted")] + ["partial-2"]) == NAMES


@pytest.mark.parametrize("read", [READ, of_package], ids=["page", "package"])
@pytest.mark.parametrize("name", NAMES)
def test_files_written_once_open_for_ever(read, name):
    found, wanted = read(FILES / f"{name}.h5"), expected(name)
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        assert np.array_equal(found[key], value), key
    for key in ("position", "density"):
        if key in wanted:
            assert found[key].dtype == wanted[key].dtype


@pytest.mark.parametrize("name", NAMES)
def test_old_files_tell_what_was_run(name):
    run = Trajectory.open(FILES / f"{name}.h5")
    assert run.problem == PROBLEM
    assert (run.solver.name, run.solver.step, run.seed) == ("particle-flow", 0.5, 3)
    assert run.particles == (6 if name == "grid-1" else 3)
    assert run.reason == ("the risk is inf at t = 2" if name == "failed-1" else "")
    assert dict(run.describe())["frames"].endswith("of 3, up to t = 2 of 2") or len(run) < 3


@pytest.mark.parametrize("name", NAMES)
def test_xarray_opens_old_files(name):
    with xarray.open_dataset(FILES / f"{name}.h5", engine="h5netcdf") as frames:
        assert frames["density" if name == "grid-1" else "position"].dims[0] == "time"
        names = ["w_0", "b"]
        if name == "grid-1":
            assert frames.density.dims[1:] == ("w_0", "b")
            assert frames.w_0.values.tolist() == [-2.5, -1.5, -0.5]
        else:
            assert frames.parameter.values.tolist() == names


def test_files_of_today_are_read_by_the_page(tmp_path):
    main(tmp_path)
    for name in NAMES:
        found, wanted = READ(tmp_path / f"{name}.h5"), expected(name)
        assert set(found) == set(wanted)
        assert all(np.array_equal(found[key], value) for key, value in wanted.items())


def sum_of_words(*parts):
    """Words of arrays and texts, as the page says."""
    total = 0
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.asarray(part).tobytes()
        filled = content + bytes(-len(content) % 8)
        total += sum(int.from_bytes(filled[i : i + 8], "little") for i in range(0, len(filled), 8))
    return total % 2**64


def test_checksums_are_those_of_the_page():
    with h5py.File(FILES / "sums-1.h5") as file:
        names, about = ["energy", "risk", "test_risk"], file.attrs
        for index in range(3):
            numbers = [file[name][index] for name in ("time", *names)]
            assert file["checksums/numbers"][index] == sum_of_words(*numbers)
            assert file["checksums/measure"][index] == sum_of_words(file["position"][index])
        parts = [",".join(names), about["problem"], about["solver"], str(about["seed"])]
        arrays = ("save_time", "weight", "data/inputs", "data/targets", "data/weights")
        arrays = [file[name][()] for name in arrays]
        assert file["checksums"].attrs["run"] == sum_of_words(*parts, *arrays)
