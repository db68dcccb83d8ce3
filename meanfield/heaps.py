"""Where HDF5 keeps texts: heaps, which are checked because the library believes them.

A damaged size in a heap lets the HDF5 library (2.0 and before) run for ever or crash when it
reads a text. The layout is that of the format specification, III.E "Global Heap".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

__all__ = ["check_heaps"]

_SIGNATURE = b"GCOL"
_HEADER, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HHIQ")
# Bytes between the data of a file in which heaps are looked for: far more than there are.
_MOST = 1_000_000_000


def check_heaps(descriptor: int, size: int, taken: Sequence[tuple[int, int]]) -> None:
    """Raise unless the objects of every heap fill it from its beginning to its end.

    Parameters
    ----------
    descriptor : int
        Of the open file.
    size : int
        Bytes of the file.
    taken : sequence of pairs of int
        Where data are, from byte to byte: no heap is there.

    Raises
    ------
    ValueError
        If a heap is damaged.
    """
    start, left = 0, _MOST
    for first, last in (*sorted(taken), (size, size)):
        left -= max(first - start, 0)
        if left < 0:
            raise ValueError(f"it holds more than {_MOST / 1e9:g} GB outside its variables")
        if first > start:
            _check_gap(os.pread(descriptor, first - start, start))
        start = max(start, last)


def _check_gap(content: bytes) -> None:
    """Check the heaps in a part of a file that holds no data."""
    place = content.find(_SIGNATURE)
    while place >= 0:
        if place + _HEADER.size > len(content):
            raise ValueError("its texts are damaged")
        _, version, size = _HEADER.unpack_from(content, place)
        if version != 1 or size < _HEADER.size or place + size > len(content):
            raise ValueError("its texts are damaged")
        _check_heap(memoryview(content)[place : place + size])
        place = content.find(_SIGNATURE, place + size)


def _check_heap(heap: memoryview) -> None:
    """Check that each object, of a known size, is followed by the next."""
    place = _HEADER.size
    while place + _OBJECT.size <= len(heap):
        index, _, _, size = _OBJECT.unpack_from(heap, place)
        # The object number 0 is the free space, whose size includes its header.
        taken = _OBJECT.size + (size + 7) // 8 * 8 if index else size
        if taken < _OBJECT.size or place + taken > len(heap):
            raise ValueError("its texts are damaged")
        place += taken
