"""Trajectory files: bits, names, kills, damage."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

from meanfield.datasets import Dataset
from meanfield.errors import FileError
from meanfield.memory_store import MemoryStore
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.storage import HDF5Store, Header
from meanfield.supports import ParticleSupport
from meanfield.trajectory import Trajectory


def header(frames=4, particles=5, dtype="float64", masses=None):
    problem = Problem(Neuron(2, activation="relu"), Dataset([[0.0, 1.0], [2.0, 3.0]], [1.0, 2.0]))
    weights = np.full(particles, 1.0 / particles) if masses is None else masses
    return Header(
        problem=problem,
        solver=ParticleFlow(method="euler", step=0.1),
        seed=3,
        times=np.linspace(0.0, 1.0, frames),
        support=ParticleSupport(weights, 4, dtype),
        observables=("test_risk",),
        state={"count": 0, "array": np.zeros(3)},
    )


def positions(index, particles=5, dtype="float64"):
    return np.random.default_rng(index).standard_normal((particles, 4)).astype(dtype)


def written(store, run, frames):
    store.create(run)
    for index in range(frames):
        scalars = {"risk": 1.0 / (index + 1), "energy": 2.0, "test_risk": 3.0 + index}
        frame = {"position": positions(index, len(run.support), run.support.dtype)}
        store.write_frame(index, float(run.times[index]), frame, scalars)
    return store


@given(
    frames=st.integers(1, 5),
    particles=st.integers(1, 7),
    dtype=st.sampled_from(["float32", "float64"]),
    weighted=st.booleans(),
    in_file=st.booleans(),
)
def test_round_trip_keeps_every_bit(tmp_path_factory, frames, particles, dtype, weighted, in_file):
    masses = np.arange(1, particles + 1) / (particles * (particles + 1) / 2) if weighted else None
    run = header(frames, particles, dtype, masses)
    path = tmp_path_factory.mktemp("runs") / "run.h5"
    store = written(HDF5Store(path) if in_file else MemoryStore(), run, frames)
    store.finish("complete")
    store.close()
    trajectory = store.trajectory()
    assert trajectory.status == "complete"
    assert len(trajectory) == frames
    for index, measure in enumerate(trajectory.measures):
        assert measure.positions.dtype == dtype
        assert np.array_equal(measure.positions, positions(index, particles, dtype))
        assert np.array_equal(measure.weights, run.support.weights)
    assert trajectory.times.tolist() == run.times.tolist()
    assert trajectory.risk.tolist() == [1.0 / (i + 1) for i in range(frames)]
    assert trajectory.observables["test_risk"].tolist() == [3.0 + i for i in range(frames)]
    assert trajectory.problem == run.problem
    assert trajectory.solver == run.solver


def test_xarray_opens_the_file_with_names(tmp_path):
    store = written(HDF5Store(tmp_path / "run.h5"), header(), 4)
    store.finish("complete")
    store.close()
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf") as frames:
        assert frames.position.dims == ("time", "particle", "parameter")
        assert frames.parameter.values.tolist() == ["a_0", "w_0", "w_1", "b"]
        assert frames.risk.dims == ("time",)
        assert np.array_equal(frames.position.values[2], positions(2))
    built = store.trajectory().to_xarray()
    assert built.position.dims == ("time", "particle", "parameter")
    assert np.array_equal(built.position.values[2], positions(2))


def test_a_file_that_xarray_has_open_is_read_beside_it(tmp_path):
    store = written(HDF5Store(tmp_path / "run.h5"), header(), 4)
    store.close()
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf"):
        assert np.array_equal(
            Trajectory.open(tmp_path / "run.h5").measures[1].positions, positions(1)
        )


def test_only_committed_frames_are_presented(tmp_path):
    store = written(HDF5Store(tmp_path / "run.h5"), header(), 2)
    store.close()
    trajectory = Trajectory.open(tmp_path / "run.h5")
    assert trajectory.status == "running"
    assert len(trajectory) == len(trajectory.risk) == len(trajectory.measures) == 2
    assert trajectory.measures[-1] == trajectory.measures[1]
    with pytest.raises(IndexError, match="frame 2 of 2"):
        trajectory.measures[2]


def test_older_state_serves_if_the_newest_is_damaged(tmp_path):
    path = tmp_path / "run.h5"
    store = written(HDF5Store(path), header(), 3)
    for index in range(3):
        store.write_state(index, {"count": index, "array": np.full(3, float(index))})
    store.close()
    store, _, committed, index, arrays = HDF5Store.reopen(path)
    store.close()
    assert (committed, index, int(arrays["count"])) == (3, 2, 2)
    with h5py.File(path, "r+") as file:
        newest = max(file["state"].values(), key=lambda slot: slot.attrs["sequence"])
        newest["array"][0] = 77.0
    store, _, _, index, arrays = HDF5Store.reopen(path)
    assert index == 1
    assert arrays["array"].tolist() == [1.0, 1.0, 1.0]
    store.write_state(2, {"count": 9, "array": np.zeros(3)})
    store.close()
    store, _, _, index, arrays = HDF5Store.reopen(path)
    store.close()
    assert (index, int(arrays["count"])) == (2, 9)


def test_run_without_a_state_cannot_be_continued(tmp_path):
    written(HDF5Store(tmp_path / "run.h5"), header(), 2).close()
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        for slot in file["state"].values():
            slot.attrs["sequence"] = 0
    with pytest.raises(FileError, match="no solver state to continue from"):
        HDF5Store.reopen(tmp_path / "run.h5")


# Writers are killed one after the other, each some seconds after its file has come to be.
WRITERS = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from test_storage import header, positions
from meanfield.storage import HDF5Store

def write(path):
    run, store = header(frames=20000), HDF5Store(path)
    store.create(run)
    told = os.open(path + ".told", os.O_WRONLY | os.O_CREAT)
    for index in range(20000):
        frame = {"position": positions(index)}
        store.write_frame(index, float(run.times[index]), frame, {"risk": 1.0})
        os.write(told, b".")
    os._exit(0)

for path, delay in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
    child = os.fork()
    if not child:
        write(path)
    while not os.path.exists(path):
        time.sleep(1e-3)
    time.sleep(float(delay))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def test_killed_writers_lose_no_committed_frame(tmp_path):
    delays = {tmp_path / f"run{delay}.h5": delay for delay in (0.0, 0.01, 0.05, 0.13, 0.3)}
    words = [str(word) for item in delays.items() for word in item]
    folder = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", WRITERS, folder, *words], check=True)
    for path in delays:
        told = path.with_suffix(".h5.told")
        trajectory = Trajectory.open(path)
        assert len(trajectory) >= (told.stat().st_size if told.exists() else 0)
        for index in {0, len(trajectory) // 2, len(trajectory) - 1} & set(range(len(trajectory))):
            assert np.array_equal(trajectory.measures[index].positions, positions(index))
        with xarray.open_dataset(path, engine="h5netcdf") as frames:
            assert frames.sizes["time"] == 20000
    assert len(trajectory) > 0


def test_files_that_are_not_ours_are_refused(tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(FileError, match="there is no file"):
        Trajectory.open(path)
    path.write_text("hello")
    with pytest.raises(FileError, match="not a readable"):
        Trajectory.open(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1.0
    with pytest.raises(FileError, match="not a trajectory of this package"):
        Trajectory.open(path)
    written(HDF5Store(path, force=True), header(), 2).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="not a readable"):
        Trajectory.open(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(FileError, match="format version 99, .* newer meanfield-flow"):
        Trajectory.open(path)


def test_places_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(FileError, match="there is no folder"):
        HDF5Store(tmp_path / "absent" / "run.h5")
    with pytest.raises(FileError, match="exists already; use --force"):
        HDF5Store(tmp_path)
    with pytest.raises(FileError, match="is a folder"):
        HDF5Store(tmp_path, force=True)


def test_space_that_is_lacking_is_noticed_before_the_run(tmp_path):
    many = ParticleSupport(np.broadcast_to(1e-12, 10**12), 4)
    huge = replace(header(frames=1000), support=many)
    with pytest.raises(FileError, match="cannot write .* GB are free"):
        HDF5Store(tmp_path / "run.h5").create(huge)
    assert list(tmp_path.iterdir()) == []


def test_description_says_what_the_run_is(tmp_path):
    store = written(HDF5Store(tmp_path / "run.h5"), header(), 3)
    store.finish("failed", "the flow left the finite numbers")
    store.close()
    rows = dict(store.trajectory().describe())
    assert rows["status"] == "failed: the flow left the finite numbers"
    assert rows["frames"] == "3 of 4, up to t = 0.666667 of 1"
    assert "relu" in rows["neuron"]
    assert "particle-flow" in rows["solver"]
    assert "risk" in store.trajectory()._repr_html_()
    assert "3 frames" in repr(store.trajectory())
