"""Compressed files: the same contents in less space, or the first file untouched."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import meanfield.compression
from meanfield.cli import run as command
from meanfield.compression import compress
from meanfield.errors import FileError
from meanfield.grids import GridMeasure
from meanfield.layout import Header
from meanfield.measures import ParticleMeasure
from meanfield.recording import Recording
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.storage import HDF5Store
from meanfield.supports import support_of
from meanfield.trajectory import Trajectory
from oracles import LinearNeuron, line_data

COUNTS = Path("/proc/self/io")
PROBLEM = LinearNeuron(line_data()).problem
PARTICLES = ParticleMeasure.gaussian(20_000, 1, seed=0)
GRID = GridMeasure.from_density(lambda points: 1 + points[:, 0] ** 2, -1.0, 1.0, 20_000)


def bytes_read():
    """Bytes that this process has asked the system for so far."""
    return int(COUNTS.read_text().split()[1])


def stored(path, measure, status="complete", frames=4, **settings):
    """A file of frames that are the first one, scaled; no solver has to run."""
    changes = settings.pop("changes_masses", False)
    support = Recording(**settings).of(
        support_of(measure, changes_masses=changes), measure.weights, 0
    )
    state = {"positions": measure.positions, "steps": 7}
    store = HDF5Store(path)
    solver = ParticleFlow(method="euler", step=0.1)
    store.create(Header(PROBLEM, solver, 3, np.arange(1.0 * frames), support, ("height",), state))
    for index in range(frames):
        values = {name: array * (index + 1) for name, array in support.values(measure).items()}
        scalars = {"risk": 1.0 + index, "energy": 2.0, "height": np.pi * index}
        store.write_frame(index, float(index), values, scalars)
    store.write_state(frames - 1, state)
    store.finish(status)
    store.close()
    return path


def contents(path):
    """Everything in a file: bits, attributes, and the scales of every dimension."""
    found = {}

    def note(name, entry):
        attributes = {k: v for k, v in entry.attrs.items() if not k.endswith("_LIST")}
        data = scales = None
        if isinstance(entry, h5py.Dataset):
            data = entry[()].tobytes() if entry.dtype.kind != "O" else entry[()].tolist()
            scales = [[scale.name for scale in axis.values()] for axis in entry.dims]
            data = (data, entry.dtype, entry.shape)
        found[name] = (data, scales, {k: str(v) for k, v in attributes.items()})

    with h5py.File(path, "r", locking=False) as file:
        note("/", file)
        file.visititems(note)
    return found


@pytest.mark.parametrize(
    ("measure", "settings"),
    [
        (PARTICLES, {}),
        (PARTICLES, {"changes_masses": True}),
        (PARTICLES, {"particles": 5000, "dtype": "float32"}),
        (GRID, {}),
    ],
)
def test_a_compressed_file_has_the_same_contents(tmp_path, measure, settings):
    path = stored(tmp_path / "run.h5", measure, **settings)
    before, size = contents(path), path.stat().st_size
    ratio = compress(path)
    assert contents(path) == before
    assert ratio == pytest.approx(size / path.stat().st_size) and ratio > 1.05
    assert [each.name for each in tmp_path.iterdir()] == ["run.h5"]
    name = "position" if measure is PARTICLES else "density"
    with h5py.File(path, "r") as file:
        assert file[name].chunks[0] == 1  # one frame is read without the others
        assert (file[name].compression, file[name].shuffle) == ("gzip", True)
    with xarray.open_dataset(path, engine="h5netcdf") as frames:
        assert frames[name].dims[0] == "time"
    assert compress(path) == pytest.approx(1.0, abs=0.01)


def test_a_compressed_run_reads_as_before(tmp_path):
    path = stored(tmp_path / "run.h5", PARTICLES)
    run = Trajectory.open(path)
    first, risk, problem = run.measures[2], run.risk, run.problem
    compress(path)
    again = Trajectory.open(path)
    assert again.measures[2] == first
    assert again.risk.tolist() == risk.tolist() and again.problem == problem
    assert again.observables["height"].tolist() == [np.pi * index for index in range(4)]


@pytest.mark.skipif(not COUNTS.exists(), reason="the system does not count bytes that are read")
@pytest.mark.parametrize("compressed", [False, True])
def test_a_frame_is_read_without_the_others(tmp_path, compressed):
    path = stored(tmp_path / "run.h5", PARTICLES, frames=20)
    if compressed:
        compress(path)
    run = Trajectory.open(path)
    frame = run.measures[5].positions.nbytes  # opens the file once: what is read once is known
    before = bytes_read()
    run.measures[7]
    # A frame and the metadata on the way to it, of 20 frames.
    assert frame / 2 < bytes_read() - before < 1.5 * frame


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_may_go_on_is_left_alone(tmp_path, status):
    path = stored(tmp_path / "run.h5", PARTICLES, status)
    before = path.read_bytes()
    with pytest.raises(FileError, match=f"holds a run that is {status}"):
        compress(path)
    assert path.read_bytes() == before


def test_a_failure_leaves_the_first_file_and_nothing_else(tmp_path, monkeypatch):
    path = stored(tmp_path / "run.h5", PARTICLES)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(meanfield.compression, "_attach_scales", full)
    with pytest.raises(FileError, match=r"cannot compress .*: no space left .*it is as it was"):
        compress(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_copy_that_differs_is_not_used(tmp_path, monkeypatch):
    path = stored(tmp_path / "run.h5", PARTICLES)
    before, copy = path.read_bytes(), meanfield.compression._copy_dataset

    def damaged(old, file, name):
        copy(old, file, name)
        if name == "position":
            file[name][1, 3, 0] = -file[name][1, 3, 0]

    monkeypatch.setattr(meanfield.compression, "_copy_dataset", damaged)
    with pytest.raises(FileError, match="compressed /position differs"):
        compress(path)
    assert path.read_bytes() == before


def test_the_command_line_compresses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / "run.h5", PARTICLES)
    assert command(["compress", "run.h5"]) == 0
    assert "times smaller" in capsys.readouterr().out
    assert command(["compress", "nothing.h5"]) == 2
    stored(tmp_path / "broken.h5", PARTICLES, "failed")
    assert command(["compress", "broken.h5"]) == 1
    assert "only a complete one is compressed" in capsys.readouterr().err
