"""Longer runs: a file with room for later frames in the place of one that has none."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array, as_number
from meanfield.direct_file import DirectFile
from meanfield.errors import FileError, InvalidInputError
from meanfield.frames import FileSource
from meanfield.layout import read_state
from meanfield.storage import HDF5Store
from meanfield.typing import Float64Array

__all__ = ["extend", "later_times"]


def later_times(times: Float64Array, t_end: float | None, save_at: Any) -> Float64Array:
    """Times of the frames that a run with those of `times` lacks to reach a later end.

    Parameters
    ----------
    times : (F,) array
        Times of all frames that the file has room for.
    t_end : float, optional
        The later end.
    save_at : array, optional
        Times of the later frames. By default they have the distance of the last two.

    Returns
    -------
    array
        Empty if the file has room for them already.

    Raises
    ------
    InvalidInputError
        If the end is earlier than that of the file, or times do not lie after it.

    Examples
    --------
    >>> later_times(np.linspace(0.0, 1.0, 3), 2.0, None)
    array([1.5, 2. ])
    """
    last = float(times[-1])
    wanted = None if save_at is None else as_finite_array("save_at", save_at, 1).astype(np.float64)
    if t_end is None:
        end = last if wanted is None else float(wanted[-1])
    else:
        end = as_number("t_end", t_end, "positive")
    if end < last * (1.0 - 1e-12):
        raise InvalidInputError(
            f"the run goes to t = {last:g} already; it can be extended to a later t_end, "
            f"got {end:g}"
        )
    if wanted is None:
        return _continued(times, end)
    if np.array_equal(wanted, times[-len(wanted) :]):
        return np.empty(0)
    if (np.diff(wanted) <= 0.0).any() or wanted[0] <= last or wanted[-1] > end * (1.0 + 1e-12):
        raise InvalidInputError(
            f"save_at takes the times of the frames to add: they must increase, after the last "
            f"frame at {last:g} and up to t_end = {end:g}, got {wanted[0]:g} to {wanted[-1]:g}"
        )
    return wanted


def _continued(times: Float64Array, end: float) -> Float64Array:
    """Times up to a later end, as far apart as the last two."""
    last, before = float(times[-1]), float(times[-2]) if len(times) > 1 else 0.0
    if end <= last * (1.0 + 1e-12):
        return np.empty(0)
    count = max(1, round((end - last) / (last - before))) if last > before else 1
    # Where all are equidistant, the longer run has the same times to the last bit.
    whole = np.linspace(times[0], end, len(times) + count)
    if np.allclose(whole[: len(times)], times, rtol=1e-12, atol=0.0):
        return whole[len(times) :]
    return np.linspace(last, end, count + 1)[1:]


def extend(path: str | Path, later: Float64Array) -> None:
    """Give the file of a run room for later frames.

    A longer file is written beside it, with all that is committed and with the solver's
    state, and takes its place in one instant: a kill leaves the one or the other.

    Parameters
    ----------
    path : path
    later : array
        Times of the frames to make room for.

    Raises
    ------
    FileError
        If the file cannot be read or written, or holds no state to continue from.
    """
    path = Path(path)
    store = HDF5Store(path, force=True)
    FileSource(path)  # refuses what is not to be touched
    try:
        # Locked: no other process may go on with the run meanwhile.
        with DirectFile(path):
            source = FileSource(path)
            index, arrays = _state_of(source)
            header = source.header()
            times = np.concatenate([header.times, later])
            longer = replace(header, times=times, state=arrays, recorded=source.descriptions())
            store.prepare(longer)
            _copy(source, store, times)
            store.write_state(index, arrays)
            store.finish("interrupted", "made longer")
            os.replace(store.part, path)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot extend {path}: {str(error.strerror).lower()}") from None
    finally:
        store.close()


def _state_of(source: FileSource) -> tuple[int, dict[str, Any]]:
    """Frame and arrays of the stored state."""
    import h5py

    with h5py.File(source.path, "r", locking=False) as file:
        state = read_state(file, source.committed)
    if state is None:
        raise FileError(f"{source.path} holds no solver state to continue from; start it anew")
    return state[1:]


def _copy(source: FileSource, store: HDF5Store, times: Float64Array) -> None:
    """Copy the committed frames, of these times, and where the run comes from."""
    attributes, scalars = store.file.attrs, source.scalars()
    for name in ("created", "versions", "engine"):
        value = getattr(source, name)
        attributes.modify(name, value if isinstance(value, str) else json.dumps(value))
    attributes["planned"] = source.planned
    store.record_session(json.dumps(source.sessions))
    for index in range(source.committed):
        numbers = {name: float(values[index]) for name, values in scalars.items()}
        store.write_frame(index, float(times[index]), source.values(index), numbers)
