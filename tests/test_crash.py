"""What is left of a run that is killed, starved, or robbed of its file."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray

import meanfield.storage
from meanfield.direct_file import DirectFile, is_locked
from meanfield.errors import FileError
from meanfield.storage import HDF5Store
from meanfield.trajectory import Trajectory
from test_storage import header, positions

FRAMES = 2
STATE = {"array": np.arange(20.0).reshape(5, 4), "count": 7, "share": 0.5}


class Recorder(DirectFile):
    """A file that remembers where it was written, and what."""

    log: list[tuple[int, bytes]] = []

    def write(self, data):
        self.log.append((self.tell(), bytes(data)))
        return super().write(data)

    def sync(self):
        """No power cut is tried here."""


def state(index):
    return {"array": np.full((5, 4), float(index)), "count": index, "share": 0.1 * index}


def frame(store, index):
    values = {"risk": 1.0 + index, "energy": 2.0, "test_risk": 3.0}
    store.write_frame(
        index, float(store.header.times[index]), {"position": positions(index)}, values
    )


def started(path, frames=FRAMES, **options):
    store = HDF5Store(path, **options)
    store.create(replace(header(frames), state=STATE))
    return store


def recorded_run(path):
    """A whole run: its file at the start, its writes since, and those after which frames count."""
    store = started(path)
    image, committed = path.read_bytes(), []
    Recorder.log.clear()
    for index in range(FRAMES):
        frame(store, index)
        committed.append(len(Recorder.log))
        store.write_state(index, state(index))
    store.finish("failed", "a reason " * 20)
    store.close()
    return image, list(Recorder.log), committed


def test_every_byte_written_leaves_a_file_that_opens_and_can_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(meanfield.storage, "DirectFile", Recorder)
    path, killed = tmp_path / "run.h5", tmp_path / "killed.h5"
    image, log, committed = recorded_run(path)
    assert len(log) >= FRAMES * 10
    found, seen = bytearray(image), set()
    for number, (place, data) in enumerate(log):
        for part in (0, len(data) // 2):
            found[place : place + part] = data[:part]
            known = (bytes(found), sum(number >= after for after in committed))
            if known in seen:
                continue
            seen.add(known)
            killed.write_bytes(found)
            if not part:
                with xarray.open_dataset(killed, engine="h5netcdf") as opened:
                    opened.load()
            run = Trajectory.open(killed)
            assert len(run) == known[1], (number, part)
            for index, measure in enumerate(run.measures):
                assert np.array_equal(measure.positions, positions(index))
            store, _, _, index, arrays = HDF5Store.reopen(killed)
            store.close()
            assert len(run) - 2 <= index < len(run)
            expected = STATE if index < 0 else state(index)
            assert all(np.array_equal(arrays[name], expected[name]) for name in STATE)
        assert place + len(data) <= len(image)
        found[place : place + len(data)] = data
    assert len(seen) > FRAMES * 10
    assert found == path.read_bytes()


def test_two_processes_cannot_make_one_file(tmp_path):
    path = tmp_path / "run.h5"
    first, second = HDF5Store(path), HDF5Store(path)
    first.prepare(header())
    with pytest.raises(FileError, match=r"another process is writing to .*run\.h5\.part"):
        second.create(header())
    first.publish()
    with pytest.raises(FileError, match=r"run\.h5 exists already; use --force"):
        second.create(header())
    frame(first, 0)
    first.close()
    assert len(Trajectory.open(path)) == 1
    assert os.listdir(tmp_path) == ["run.h5"]


def test_file_of_a_running_run_is_neither_replaced_nor_continued(tmp_path):
    path = tmp_path / "run.h5"
    store = started(path)
    assert is_locked(path)
    with pytest.raises(FileError, match="cannot write .*: another process is writing to"):
        started(path, force=True)
    with pytest.raises(FileError, match="cannot continue .*: another process is writing to"):
        HDF5Store.reopen(path)
    frame(store, 0)
    store.close()
    assert not is_locked(path)
    assert len(Trajectory.open(path)) == 1
    assert os.listdir(tmp_path) == ["run.h5"]
    started(path, force=True).close()
    assert len(Trajectory.open(path)) == 0


def test_part_of_a_killed_process_is_no_obstacle(tmp_path):
    (tmp_path / "run.h5.part").write_bytes(b"half a file" * 10000)
    store = started(tmp_path / "run.h5")
    frame(store, 0)
    store.close()
    assert len(Trajectory.open(tmp_path / "run.h5")) == 1
    assert os.listdir(tmp_path) == ["run.h5"]


def test_disk_without_second_names_serves_too(tmp_path, monkeypatch):
    def refuse(*given):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    first, second = HDF5Store(tmp_path / "run.h5"), HDF5Store(tmp_path / "run.h5")
    first.create(header())
    first.close()
    with pytest.raises(FileError, match="exists already"):
        second.create(header())


@pytest.mark.parametrize(
    ("rob", "sentence"),
    [
        (os.unlink, "was removed or replaced while the run was writing to it: its frames are lost"),
        (lambda path: os.rename(path, f"{path}.old"), "was moved or replaced .* can be resumed"),
        (lambda path: shutil.copy(path, f"{path}.new") and os.replace(f"{path}.new", path),
         "was removed or replaced"),
    ],
    ids=["removed", "moved", "replaced"],
)  # fmt: skip
def test_run_robbed_of_its_file_claims_no_success(tmp_path, rob, sentence):
    path = tmp_path / "run.h5"
    store = started(path)
    frame(store, 0)
    rob(path)
    frame(store, 1)  # between two looks, a second apart
    with pytest.raises(FileError, match=sentence):
        store.finish("complete")
    store.finish("complete")  # harmless: the file was let go of
    left = [Trajectory.open(tmp_path / name) for name in os.listdir(tmp_path)]
    assert all(run.status != "complete" for run in left)
    assert all(len(run) == 2 and "resumed there" in run.reason for run in left if run.reason)


def test_full_disk_is_noticed_before_the_run(tmp_path, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(FileError, match=r"cannot write .*run\.h5: no space left on device"):
        started(tmp_path / "run.h5")
    assert os.listdir(tmp_path) == []


def test_file_of_a_newer_format_is_not_touched(tmp_path):
    path = tmp_path / "run.h5"
    started(path).close()
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    before = path.read_bytes()
    for opened in (Trajectory.open, HDF5Store.reopen):
        with pytest.raises(FileError, match="format version 99, .* newer meanfield-flow"):
            opened(path)
    assert path.read_bytes() == before


def test_long_reason_is_cut_by_whole_letters(tmp_path):
    store = started(tmp_path / "run.h5")
    store.finish("failed", "ä" * 2000)
    store.close()
    assert Trajectory.open(tmp_path / "run.h5").reason == "ä" * 512
