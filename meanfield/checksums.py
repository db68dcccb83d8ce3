"""Checksums of frames, and of what a run is: they tell numbers that changed on a disk.

All are sums of words: bytes taken as unsigned integers of eight bytes, little-endian, filled
up with zero bytes, added modulo 2^64. A bit that flips always changes such a sum, parts of it
can be formed anywhere, and it costs a quarter of a CRC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from meanfield.inspection import integer, text, vector, whole
from meanfield.typing import Array

__all__ = ["SUMS", "array_sum", "make_sums", "number_sums", "run_sum", "stored_sums"]

#: Group of the checksums of frames in a file.
SUMS = "checksums"
_WORD, _MODULUS = 8, 2**64
# Attributes that never change.
_TEXTS, _INTEGERS = ("problem", "solver", "run_dtype"), ("seed", "run_particles")


def array_sum(array: Array, before: int = 0) -> int:
    """Sum of the words of an array, or of a part of it.

    Parameters
    ----------
    array : array
    before : int
        Bytes of the whole array before this part: words of the whole may begin there.

    Examples
    --------
    >>> whole = np.arange(5, dtype=np.float32)
    >>> parts = array_sum(whole[:3]), array_sum(whole[3:], before=12)
    >>> sum(parts) == array_sum(whole)
    True
    """
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    begun = before % _WORD
    head = min(-before % _WORD, len(content))
    tail = len(content) - (len(content) - head) % _WORD
    words = np.add.reduce(content[head:tail].view("<u8"), dtype=np.uint64)
    first = int.from_bytes(content[:head].tobytes(), "little") << (8 * begun)  # bits
    return (first + int(words) + int.from_bytes(content[tail:].tobytes(), "little")) % _MODULUS


def number_sums(numbers: Iterable[Any]) -> Array:
    """Sums of the words of each frame's numbers: its time, its risk, and so on.

    Parameters
    ----------
    numbers : iterable of (F,) arrays

    Returns
    -------
    (F,) array of uint64

    Examples
    --------
    >>> number_sums([[0.0, 0.5], [1.0, 0.0]]) == number_sums([[1.0, 0.5]])
    array([ True,  True])
    """
    words = [np.ascontiguousarray(values, "<f8").view("<u8") for values in numbers]
    return np.asarray(np.add.reduce(words, axis=0, dtype=np.uint64))


def make_sums(file: Any, scalars: Iterable[str]) -> None:
    """Make room for the checksums of frames in a new file, and seal what it says of the run.

    Parameters
    ----------
    file : h5py.File
    scalars : iterable of str
        Names of the variables with one number a frame.
    """
    group = file.create_group(SUMS)
    for name in ("measure", "numbers"):
        sums = group.create_dataset(name, data=np.zeros(len(file["time"]), np.uint64))
        sums.dims[0].attach_scale(file["time"])
    group.attrs["run"] = np.uint64(run_sum(file, scalars))


def stored_sums(file: Any, name: str, frames: int | None) -> Array:
    """Checksums of the first frames of a file: zero for a frame that has none.

    Parameters
    ----------
    file : h5py.File
    name : {"measure", "numbers"}
    frames : int or None
        How many; None for all that there is room for.
    """
    if f"{SUMS}/{name}" not in file:
        return np.zeros(frames or 0, np.uint64)
    return whole(file, f"{SUMS}/{name}", 1)[:frames].astype(np.uint64)


def run_sum(file: Any, scalars: Iterable[str]) -> int:
    """Sum of the words of all that a file says of its run, and that never changes.

    Parameters
    ----------
    file : h5py.File
    scalars : iterable of str
        Names of the variables with one number a frame.
    """
    told = [name for name in _TEXTS if name in file.attrs]
    parts: list[str | Array] = [",".join(sorted(scalars)), *(text(file, name) for name in told)]
    parts += [str(integer(file, name)) for name in _INTEGERS if name in file.attrs]
    if "density" in file:
        parts += [vector(file, name, file["density"].ndim - 1) for name in ("lower", "upper")]
    parts += [whole(file, name) for name in _constants(file)]
    for group in file.get("observers", {}).values():
        parts.append(text(group, "settings"))
        parts += [whole(group, entry) for entry in _arrays_in(group)]
    return sum(map(_part_sum, parts)) % _MODULUS


def _constants(file: Any) -> list[str]:
    """Names of the arrays which are the same in all frames."""
    found = ["save_time"]
    if "weight" in file and file["weight"].ndim == 1:
        found.append("weight")
    if "particle" in file and file["particle"].dtype.kind == "i":
        found.append("particle")
    for part in ("data", "teacher"):
        found += [f"{part}/{name}" for name in _arrays_in(file.get(part, {}))]
    return found


def _arrays_in(group: Any) -> list[str]:
    """Ways to the arrays in a group that hold values, in groups of their own or not."""
    found = []
    for name, entry in group.items():
        if hasattr(entry, "items"):
            found += [f"{name}/{inner}" for inner in _arrays_in(entry)]
        elif "CLASS" not in entry.attrs:
            found.append(name)
    return found


def _part_sum(part: str | Array) -> int:
    content = np.frombuffer(part.encode(), np.uint8) if isinstance(part, str) else part
    return array_sum(content)
