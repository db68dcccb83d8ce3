"""What an HDF5 file may hold before any of it is believed: plain data, all of it inside.

A file comes from anywhere. Links and raw data that lead to other files, virtual datasets,
filters that would load further code, groups without end and sizes that are claimed but not
there are refused before anything is read or allocated.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.errors import FileError
from meanfield.heaps import check_heaps
from meanfield.typing import Array

__all__ = [
    "inspected",
    "integer",
    "memory_size",
    "parsed",
    "rows",
    "text",
    "text_value",
    "variable",
    "vector",
    "whole",
]

# Far above what any run or study holds; they end a walk through groups within groups.
_MOST_OBJECTS, _DEEPEST = 10_000, 8
# Deflate, shuffle and checksums come with HDF5; others would be loaded from elsewhere.
_FILTERS = {1, 2, 3}
_LONGEST_SENTENCE = 300
# The last files found to be sound: frames are read one by one, each by an opening of its own.
_inspected: deque[tuple[int, ...]] = deque(maxlen=16)


@contextmanager
def inspected(path: Path, what: str) -> Iterator[Any]:
    """Open an HDF5 file for reading, without the lock that a running simulation holds.

    Parameters
    ----------
    path : Path
    what : str
        What it should be, for messages: ``"trajectory"``.

    Yields
    ------
    h5py.File

    Raises
    ------
    FileError
        If the file is missing, not HDF5, or holds more than plain data of its own; and for
        whatever goes wrong while it is read.
    """
    if not os.path.isfile(path):
        raise FileError(f"there is no file {path}")
    try:
        with _opened(path) as file:
            _inspect_once(file)
            yield file
    except FileError:
        raise
    except MemoryError:
        raise FileError(f"{path} needs more memory than there is") from None
    except Exception as error:  # of a damaged file anything can come
        raise FileError(f"{path} is not a readable {what}: {_sentence(error)}") from None


def memory_size() -> int:
    """Bytes of memory of this machine: nothing larger is ever read."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not every system can say
        return 2**40


def text(file: Any, name: str) -> str:
    """Attribute that is a text; what a terminal would take for a command is replaced.

    Raises
    ------
    ValueError
        If it is missing or no text.
    """
    import h5py

    value = _attribute(file, name, (), {h5py.h5t.STRING})
    if isinstance(value, bytes):  # of a text in a place of fixed length
        value = value.decode(errors="replace")
    return _printable(str(value))


def parsed(file: Any, name: str, kinds: tuple[type, ...] = (dict,)) -> Any:
    """Attribute that is a value of JSON, by default an object.

    Raises
    ------
    ValueError
        If it is missing, no JSON, or a value of another kind.
    """
    try:
        value = _plain(json.loads(text(file, name)))
    except RecursionError:
        raise ValueError(f"the attribute {name} is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the attribute {name} is not JSON: {error}") from None
    if not isinstance(value, kinds):
        raise ValueError(f"the attribute {name} holds another kind of value")
    return value


def integer(file: Any, name: str) -> int:
    """Attribute that is an integer.

    Raises
    ------
    ValueError
        If it is missing or no integer.
    """
    import h5py

    return int(_attribute(file, name, (), {h5py.h5t.INTEGER}))


def vector(file: Any, name: str, size: int) -> Array:
    """Attribute of so many real numbers.

    Raises
    ------
    ValueError
        If it is missing, or something else.
    """
    import h5py

    values = np.asarray(_attribute(file, name, (size,), {h5py.h5t.FLOAT, h5py.h5t.INTEGER}))
    if not np.isfinite(values).all():
        raise ValueError(f"the attribute {name} must hold finite numbers")
    return values.astype(np.float64)


def text_value(file: Any, name: str) -> str:
    """Dataset that is one text.

    Raises
    ------
    ValueError
        If it is missing or no text.
    """
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.shape != ():
        raise ValueError(f"the text {name} is missing")
    if found.id.get_type().get_class() != h5py.h5t.STRING:
        raise ValueError(f"{name} must be a text")
    return str(found.asstr()[()])


def variable(file: Any, name: str, dimensions: int | None = None) -> Any:
    """Dataset of real numbers that the file really holds.

    Parameters
    ----------
    file : h5py.File
    name : str
    dimensions : int, optional
        Number of its axes; any by default.

    Raises
    ------
    ValueError
        If it is missing, empty, of another kind, has another number of axes, or is
        claimed to be larger than what is stored.
    """
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"the variable {name} is missing")
    if found.id.get_type().get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise ValueError(f"the variable {name} must hold real numbers")
    if not found.size or dimensions not in (None, found.ndim):
        raise ValueError(f"the variable {name} has the wrong shape {found.shape}")
    if not _is_stored(found):
        raise ValueError(
            f"the variable {name} claims {found.nbytes:.3g} bytes, of which the file holds "
            f"{found.id.get_storage_size():.3g}"
        )
    return found


def whole(file: Any, name: str, dimensions: int | None = None) -> Array:
    """All numbers of a variable, in the byte order of this machine.

    Raises
    ------
    ValueError
        As `variable`, and if they do not fit into memory.
    """
    return rows(variable(file, name, dimensions), ())


def rows(dataset: Any, where: Any) -> Array:
    """Part of a variable: one frame, some of them, or ``()`` for all.

    Raises
    ------
    ValueError
        If it does not fit into memory.
    """
    wanted = dataset.shape[1:] if isinstance(where, int) else dataset.shape
    room = max(prod(wanted), prod(dataset.chunks or (0,))) * dataset.dtype.itemsize
    if room > memory_size():
        raise ValueError(f"{dataset.name[1:]} needs {room:.3g} bytes, more than the memory has")
    values = np.asarray(dataset[where])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "flag values" not in str(error):
            raise
        # This very process writes the file: the library shares what it has open.
        return h5py.File(path, "r")


def _sentence(error: Exception) -> str:
    """What went wrong, on one line of bearable length."""
    words = " ".join(str(error).split())[:_LONGEST_SENTENCE] or type(error).__name__
    if isinstance(error, KeyError):
        return f"it lacks {words}"
    return words if isinstance(error, OSError | ValueError) else f"it is damaged ({words})"


def _inspect_once(file: Any) -> None:
    """Inspect a file, unless just that was done and nobody has written to it since."""
    found = os.fstat(file.id.get_vfd_handle())
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)
    if identity not in _inspected:
        _inspect(file, found.st_size)
        _inspected.append(identity)


def _inspect(file: Any, size: int) -> None:
    """Raise unless a file consists of groups and of datasets with their data inside."""
    import h5py

    if file.userblock_size:
        raise ValueError("it does not begin as HDF5 files of this package do")
    found, waiting = 0, [(file.id, "", 0)]
    taken: list[tuple[int, int]] = []
    while waiting:
        group, way, depth = waiting.pop()
        found += group.get_num_objs()
        if found > _MOST_OBJECTS or depth > _DEEPEST:
            raise ValueError("it holds groups within groups without end")
        for raw in group:
            name = f"{way}{raw.decode(errors='replace')}"
            if group.links.get_info(raw).type != h5py.h5l.TYPE_HARD:
                raise ValueError(f"{name} is a link to elsewhere, which is never followed")
            part = h5py.h5o.open(group, raw)
            if isinstance(part, h5py.h5g.GroupID):
                waiting.append((part, f"{name}/", depth + 1))
            elif isinstance(part, h5py.h5d.DatasetID):
                taken += _inspect_dataset(part, name, size)
            else:
                raise ValueError(f"{name} is neither a group nor a dataset")
    check_heaps(file.id.get_vfd_handle(), size, taken)


def _inspect_dataset(dataset: Any, name: str, size: int) -> list[tuple[int, int]]:
    """Where the data are, from byte to byte; they may be nowhere else, nor need foreign code.

    Virtual datasets are not even sized: that alone would open other files.
    """
    import h5py

    layout = dataset.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise ValueError(f"the data of {name} are in other files, which are never read")
    filters = {layout.get_filter(index)[0] for index in range(layout.get_nfilters())}
    if filters - _FILTERS:
        raise ValueError(f"{name} is compressed by a filter that HDF5 does not bring along")
    pieces: list[tuple[int, int]] = []
    if layout.get_layout() == h5py.h5d.CHUNKED:
        dataset.chunk_iter(
            lambda piece: pieces.append((piece.byte_offset, piece.byte_offset + piece.size))
        )
    elif layout.get_layout() == h5py.h5d.CONTIGUOUS and dataset.get_offset() is not None:
        pieces.append((dataset.get_offset(), dataset.get_offset() + dataset.get_storage_size()))
    if any(end > size for _, end in pieces):
        raise ValueError(f"the data of {name} reach beyond the end of the file")
    return pieces


def _is_stored(dataset: Any) -> bool:
    """Whether every number has a place in the file, so that none is made up."""
    import h5py

    layout = dataset.id.get_create_plist().get_layout()
    if layout != h5py.h5d.CHUNKED:
        return bool(dataset.id.get_storage_size() == dataset.nbytes)
    pieces = prod(
        -(-length // step) for length, step in zip(dataset.shape, dataset.chunks, strict=True)
    )
    return bool(dataset.id.get_num_chunks() == pieces)


def _printable(value: str) -> str:
    """The text without what a terminal would take for a command."""
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value
    )


def _plain(value: Any) -> Any:
    """The same value of JSON, its texts printable."""
    if isinstance(value, dict):
        return {_printable(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return _printable(value) if isinstance(value, str) else value


def _attribute(file: Any, name: str, shape: tuple[int, ...], kinds: set[int]) -> Any:
    """Value of an attribute, once its type is known: the library crashes on broken ones."""
    if name not in file.attrs:
        raise ValueError(f"the attribute {name} is missing")
    found = file.attrs.get_id(name)
    if found.shape != shape or found.get_type().get_class() not in kinds:
        raise ValueError(f"the attribute {name} is of the wrong kind")
    return file.attrs[name]
