"""Compression of finished trajectory files: the same contents, bit for bit, in less space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.direct_file import DirectFile, hdf5_in
from meanfield.errors import FileError
from meanfield.trajectory import Trajectory

__all__ = ["compress"]

# Bytes of a chunk before compression: one frame, or a block of its particles or cells.
_CHUNK = 2**20
# Bytes that are copied at once, unless a frame is larger.
_AT_ONCE = 2**24
# Smaller arrays stay as they are: a chunk has an overhead of its own.
_WORTHWHILE = 2**14
# Of a float's bytes only the leading ones repeat; more effort finds nothing in the others.
_LEVEL = 1
# What h5py makes anew from the dimensions of the copy.
_OF_SCALES = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}


def compress(path: str | Path) -> float:
    """Compress the file of a complete run in place, without loss.

    Arrays are shuffled and deflated, in chunks within a frame, by filters that every HDF5
    library has. The compressed file is written beside the first one, read back, compared
    bit for bit, and put in its place at once; memory use does not grow with the file.

    Parameters
    ----------
    path : path
        File of a complete run. A run that may still go on needs its file as it is.

    Returns
    -------
    float
        Size before, divided by size after.

    Raises
    ------
    FileError
        If the file cannot be read, its run is not complete, or the copy not written.

    Examples
    --------
    >>> compress("nothing.h5")
    Traceback (most recent call last):
    meanfield.errors.FileError: there is no file nothing.h5
    """
    path = Path(path)
    run = Trajectory.open(path)
    if run.status != "complete":
        cure = "wait for its end" if run.is_being_written else "resume it first"
        raise FileError(
            f"{path} holds a run that is {run.status}, and only a complete one is compressed; "
            f"{cure}"
        )
    target = path.resolve()
    before = target.stat().st_size
    with _beside(target) as part:
        _write_copy(target, part)
        shutil.copymode(target, part)
        _synced(part)
        os.replace(part, target)
    return before / target.stat().st_size


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name in the same folder, whose file is gone afterwards if anything failed."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise FileError(f"cannot compress {target}: {reason}; it is as it was") from None
    finally:
        part.unlink(missing_ok=True)


def _write_copy(source: Path, part: Path) -> None:
    import h5py

    with (
        h5py.File(source, "r") as old,
        DirectFile(part, make=True) as written,
        hdf5_in(written) as new,
    ):
        names = _names(old)
        _copy_attributes(old, new)
        for name in names:
            if isinstance(old[name], h5py.Group):
                _copy_attributes(old[name], new.create_group(name))
            else:
                _copy_dataset(old[name], new, name)
        for name in names:
            if isinstance(old[name], h5py.Dataset):
                _attach_scales(old[name], new, name)
    with h5py.File(source, "r") as old, h5py.File(part, "r") as new:
        for name in _names(old):
            if isinstance(old[name], h5py.Dataset):
                _compare(old[name], new[name])


def _names(file: Any) -> list[str]:
    """Names of the groups and datasets of a file, those above first."""
    names: list[str] = []
    file.visit(names.append)
    return names


def _copy_attributes(old: Any, new: Any) -> None:
    for name, value in old.attrs.items():
        if name not in _OF_SCALES:
            kind = old.attrs.get_id(name)  # a text with room for a longer one keeps it
            new.attrs.create(name, value, kind.shape, kind.dtype)


def _copy_dataset(old: Any, file: Any, name: str) -> None:
    filters = {}
    if old.ndim and old.nbytes >= _WORTHWHILE and old.dtype.kind in "fiu":
        filters = {
            "chunks": _chunk(old),
            "shuffle": True,
            "compression": "gzip",
            "compression_opts": _LEVEL,
        }
    new = file.create_dataset(name, shape=old.shape, dtype=old.dtype, **filters)
    for part in _parts(old):
        new[part] = old[part]
    if old.is_scale:
        new.make_scale(old.attrs["NAME"].decode())
    _copy_attributes(old, new)


def _chunk(dataset: Any) -> tuple[int, ...]:
    """Shape of the chunks: last axes while they fit, and never of two frames."""
    chunk, room = [1] * dataset.ndim, _CHUNK // dataset.dtype.itemsize
    for axis in reversed(range(_is_of_frames(dataset), dataset.ndim)):
        chunk[axis] = max(1, min(dataset.shape[axis], room))
        room //= chunk[axis]
    return tuple(chunk)


def _is_of_frames(dataset: Any) -> bool:
    """Whether the first of several axes is time."""
    scales = dataset.dims[0].values() if dataset.ndim > 1 else []
    return any(scale.name == "/time" for scale in scales)


def _parts(dataset: Any) -> Iterator[Any]:
    """Selections that make up a dataset, each of one frame or of rows that fit in memory."""
    if dataset.ndim == 0 or dataset.dtype.kind not in "fiu":
        yield ()
        return
    row = max(1, dataset.nbytes // max(len(dataset), 1))
    rows = max(1, _AT_ONCE // row)
    for first in range(0, len(dataset), rows):
        yield slice(first, first + rows)


def _attach_scales(old: Any, file: Any, name: str) -> None:
    if old.is_scale:
        return
    for axis, dimension in enumerate(old.dims):
        for scale in dimension.values():
            file[name].dims[axis].attach_scale(file[scale.name])


def _compare(old: Any, new: Any) -> None:
    """Raise unless two datasets are equal bit for bit."""
    for part in _parts(old):
        first, second = np.asarray(old[part]), np.asarray(new[part])
        same = first.dtype == second.dtype and first.shape == second.shape
        if not (same and _bits(first) == _bits(second)):
            raise FileError(f"the compressed {old.name} differs from the first; it is as it was")


def _bits(array: Any) -> bytes:
    return repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
