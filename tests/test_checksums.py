"""Checksums: what changed on the disk is not read as what was written."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_files import CLOUDS, write_sound
from meanfield.checksums import array_sum, number_sums
from meanfield.cli import run as command
from meanfield.compression import compress
from meanfield.errors import FileError
from meanfield.extension import extend
from meanfield.storage import HDF5Store
from meanfield.trajectory import Trajectory
from meanfield.verification import Verification, verify

FILES = Path(__file__).parent / "files"
# Coordinates for other programs: this package makes them from the rest.
OF_NO_MATTER = {"parameter", "particle", "a_0", "w_0"}


def sum_of_words(content):
    """The sum as the page of the format defines it."""
    filled = content + bytes(-len(content) % 8)
    words = (filled[place : place + 8] for place in range(0, len(filled), 8))
    return sum(int.from_bytes(word, "little") for word in words) % 2**64


@given(content=st.binary(max_size=70), cut=st.integers(0, 70))
def test_sums_are_those_of_the_page_also_of_parts(content, cut):
    whole = np.frombuffer(content, np.uint8)
    first, second = whole[:cut], whole[cut:]
    expected = sum_of_words(content)
    assert array_sum(whole) == expected
    assert (array_sum(first) + array_sum(second, before=len(first))) % 2**64 == expected


def test_numbers_of_frames_are_summed_one_by_one():
    numbers = [[0.0, 0.5], [1.0, np.nan], [np.inf, -2.0]]
    expected = [sum_of_words(np.array(frame).tobytes()) for frame in zip(*numbers, strict=True)]
    assert number_sums(numbers).tolist() == expected


def datasets(path):
    """Where the numbers of every variable lie in the file, states apart."""
    found = {}

    def add(name, entry):
        if isinstance(entry, h5py.Dataset) and not name.startswith("state/"):
            found[name] = (entry.id.get_offset(), entry.id.get_storage_size())

    with h5py.File(path) as file:
        file.visititems(add)
    return {name: place for name, place in found.items() if place[0] is not None}


def contents(path):
    run = Trajectory.open(path)
    found = [run.problem.data.inputs, run.problem.data.targets, run.times, run.risk, run.energy]
    found += run.observables.values()
    for measure in run.measures:
        found += [getattr(measure, "positions", 0), measure.weights]
    return [np.array(values) for values in found]


def told_by(path):
    """What reading a file says: a refusal, a warning, or nothing; and what was read."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = contents(path)
        except FileError as error:
            return str(error), None
    return " ".join(str(warning.message) for warning in told), found


@pytest.mark.parametrize("kind", CLOUDS)
def test_every_flipped_bit_of_the_numbers_is_told(tmp_path, kind, rng):
    path = write_sound(tmp_path / "run.h5", kind)
    whole, sound = path.read_bytes(), contents(path)
    for name, (start, size) in datasets(path).items():
        for place in rng.choice(size, 2, replace=False):
            changed = bytearray(whole)
            changed[start + place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            told, found = told_by(path)
            if name in OF_NO_MATTER:
                assert (told, len(found)) == ("", len(sound))
                assert all(map(np.array_equal, found, sound))
            else:
                assert "damaged" in told or "not a readable trajectory" in told, (name, place)


def test_damaged_numbers_are_nan_and_the_others_are_kept(tmp_path):
    path = write_sound(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file["energy"][2] += 1e-9
    run = Trajectory.open(path)
    with pytest.warns(UserWarning, match=r"numbers of the frames \[2\] of .* are damaged"):
        assert np.isnan(run.risk[2])
    assert run.risk.tolist()[:2] + run.risk.tolist()[3:] == [1.0, 1.0, 1.0]  # warned once
    assert np.isnan(run.energy[2])
    assert len(run.measures[2]) == 3


@pytest.mark.parametrize("first", ["times", "risk"])
def test_a_damaged_time_is_not_passed_on(tmp_path, first):
    path = write_sound(tmp_path / "run.h5")
    planned = Trajectory.open(path).times
    with h5py.File(path, "r+") as file:
        file["time"][1] += 1e-9
    run = Trajectory.open(path)
    told = r"frames \[1\] of .* are damaged: "
    words = {"times": "their times are read as those", "risk": "they are read as nan"}
    with pytest.warns(UserWarning, match=told + words[first]):
        getattr(run, first)
    second = "risk" if first == "times" else "times"
    with pytest.warns(UserWarning, match=told + words[second]):
        getattr(run, second)
    assert (run.times == planned).all()
    with pytest.raises(FileError, match="not those of the frames 1; the other 3 are"):
        verify(path)
    with pytest.warns(UserWarning, match=told):
        extend(path, np.array([2.0]))
    assert (Trajectory.open(path).times == planned).all()


def test_a_damaged_frame_is_refused_and_the_others_are_read(tmp_path):
    path = write_sound(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file["position"][1, 2, 0] += 1e-12
    measures = Trajectory.open(path).measures
    with pytest.raises(FileError, match=r"frame 1 of .*run\.h5 is damaged: its checksum"):
        measures[1]
    assert [len(measures[index]) for index in (0, 2, 3)] == [3, 3, 3]


@pytest.mark.parametrize("name", ["data/inputs", "data/targets", "weight", "save_time"])
def test_a_damaged_description_is_refused(tmp_path, name):
    path = write_sound(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file[name][...] = np.nextafter(file[name][()], 2.0)
    with pytest.raises(FileError, match="what it says of its run is damaged"):
        Trajectory.open(path).problem  # noqa: B018


def test_a_frame_that_vanishes_is_missed(tmp_path):
    path = write_sound(tmp_path / "run.h5")
    for index in (1, 3):
        shutil.copy(path, tmp_path / "less.h5")
        with h5py.File(tmp_path / "less.h5", "r+") as file:
            file["time"][index] = np.nan
        with pytest.raises(FileError, match=f"the time of frame {index} is damaged"):
            Trajectory.open(tmp_path / "less.h5")


def test_checksums_survive_compression_and_extension(tmp_path):
    path = write_sound(tmp_path / "run.h5")
    compress(path)
    extend(path, np.array([2.0]))
    sound = contents(path)
    with h5py.File(path, "r+") as file:
        assert (file["checksums/measure"][:4] != 0).all()
        assert (file["checksums/measure"][4], file["checksums/numbers"][4]) == (0, 0)
        file["position"][3, 0, 0] += 1.0
    with pytest.raises(FileError, match="frame 3 of .* is damaged"):
        contents(path)
    assert len(sound[2]) == 4


def test_a_frame_made_again_has_no_checksum_until_it_is_there(tmp_path, monkeypatch):
    path = write_sound(tmp_path / "run.h5")
    store, header, *_ = HDF5Store.reopen(path)
    monkeypatch.setattr(store, "commit", lambda *given: None)  # killed before
    frame = {"position": Trajectory.open(path).measures[1].positions + 1.0}
    store.write_frame(1, header.times[1], frame, {})
    store.close()
    assert (Trajectory.open(path).measures[1].positions == frame["position"]).all()


def test_files_without_checksums_are_read_and_continued(tmp_path):
    path = write_sound(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        del file["checksums"]
    store, header, *_ = HDF5Store.reopen(path)
    frame = {"position": Trajectory.open(path).measures[1].positions}
    store.write_frame(1, header.times[1], frame, {"risk": 5.0})
    store.close()
    assert Trajectory.open(path).risk.tolist() == [1.0, 5.0, 1.0, 1.0]


def test_info_verifies_a_file(tmp_path, capsys):
    path = write_sound(tmp_path / "run.h5")
    assert verify(path) == Verification(4, 4)
    assert command(["info", "--verify", str(path)]) == 0
    assert "4 frames are what was written" in capsys.readouterr().out
    with h5py.File(path, "r+") as file:
        file["position"][2, 0, 0] += 1.0
        file["energy"][0] += 1.0
    assert command(["info", "--verify", str(path)]) == 2
    assert "not those of the frames 0, 2; the other 2 are what" in capsys.readouterr().err
    assert str(verify(FILES / "particles-1.h5")) == "3 frames can be read; they have no checksums"
    assert str(Verification(3, 1)) == "1 frames are what was written, 2 have no checksums"
