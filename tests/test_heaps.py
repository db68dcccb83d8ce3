"""Heaps of texts in HDF5 files: sound ones pass, damaged ones are named."""

from __future__ import annotations

import struct

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.heaps import check_heaps


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of a file with texts, and where its heap begins."""
    path = tmp_path_factory.mktemp("heaps") / "texts.h5"
    with h5py.File(path, "w") as file:
        for name in ("short", "long"):
            file.attrs[name] = name * 50
    content = path.read_bytes()
    return content, content.index(b"GCOL")


def check(content, path, taken=()):
    path.write_bytes(content)
    with path.open("rb") as stream:
        check_heaps(stream.fileno(), len(content), taken)


def test_sound_heaps_pass(whole, tmp_path):
    content, _ = whole
    check(content, tmp_path / "x.h5")
    check(b"", tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (4, struct.pack("<B", 2)),  # version
        (8, struct.pack("<Q", 0)),  # size of the heap
        (8, struct.pack("<Q", 2**63)),
        (16, struct.pack("<HHIQ", 0, 0, 0, 0)),  # free space without a size: HDF5 stays there
        (24, struct.pack("<Q", 2**64 - 8)),  # size of the first text
    ],
)
def test_damaged_heaps_are_refused(whole, tmp_path, place, change):
    content, start = whole
    damaged = bytearray(content)
    damaged[start + place : start + place + len(change)] = change
    with pytest.raises(ValueError, match="its texts are damaged"):
        check(damaged, tmp_path / "x.h5")
    check(damaged, tmp_path / "x.h5", taken=[(start - 8, len(content))])  # numbers are no heap


@given(content=st.binary(max_size=64))
def test_any_heap_is_checked_to_its_end(tmp_path_factory, content):
    heap = b"GCOL\1\0\0\0" + struct.pack("<Q", 16 + len(content)) + content
    try:
        check(heap, tmp_path_factory.getbasetemp() / "any.h5")
    except ValueError as error:
        assert str(error) == "its texts are damaged"  # noqa: PT017
