"""What is left of a run that is killed, starved, or robbed of its file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray
from test_storage import header, positions

import meanfield.storage
from meanfield.direct_file import DirectFile
from meanfield.storage import HDF5Store
from meanfield.trajectory import Trajectory

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
    found = bytearray(image)
    for number, (place, data) in enumerate(log):
        for part in (0, len(data) // 2):
            found[place : place + part] = data[:part]
            killed.write_bytes(found)
            if not part:
                with xarray.open_dataset(killed, engine="h5netcdf") as opened:
                    opened.load()
            run = Trajectory.open(killed)
            assert len(run) == sum(number >= after for after in committed), (number, part)
            for index, measure in enumerate(run.measures):
                assert np.array_equal(measure.positions, positions(index))
            store, _, _, index, arrays = HDF5Store.reopen(killed)
            store.close()
            assert len(run) - 2 <= index < len(run)
            expected = STATE if index < 0 else state(index)
            assert all(np.array_equal(arrays[name], expected[name]) for name in STATE)
        assert place + len(data) <= len(image)
        found[place : place + len(data)] = data
    assert found == path.read_bytes()
