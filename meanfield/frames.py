"""Frames of a run, where they are: in memory or in a file that may still be growing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from meanfield.errors import FileError, InvalidInputError
from meanfield.layout import FORMAT, FORMAT_VERSION, PROBLEM_ARRAYS, Header
from meanfield.observers import Observer, observer_from_dict
from meanfield.problems import problem_from_dict
from meanfield.provenance import last_versions, read_sessions
from meanfield.recorded import read_observers
from meanfield.recording import read_recorded_support
from meanfield.solver import solver_from_dict
from meanfield.supports import frame_variables
from meanfield.typing import Array, Float64Array

if TYPE_CHECKING:
    from meanfield.storage import MemoryStore

__all__ = ["FileSource", "MemorySource", "Source"]


class Source(Protocol):
    """Where a trajectory reads from."""

    path: Path | None
    created: str
    versions: dict[str, str]

    @property
    def engine(self) -> str:
        """How sums over particles and data were formed."""
        ...

    @property
    def committed(self) -> int:
        """Number of committed frames."""
        ...

    @property
    def status(self) -> str:
        """How the run ended, or that it is running."""
        ...

    @property
    def reason(self) -> str:
        """Why it ended so."""
        ...

    def header(self) -> Header:
        """What the run is."""
        ...

    def values(self, index: int) -> dict[str, Array]:
        """Arrays of one frame, as `Support.values`."""
        ...

    def scalars(self) -> dict[str, Float64Array]:
        """Variables with one number a frame, of the committed frames."""
        ...


class MemorySource:
    """The frames of a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.path: Path | None = None
        self.created = ""
        self.versions: dict[str, str] = {}

    @property
    def engine(self) -> str:
        """How sums over particles and data were formed."""
        header = self.header()
        return header.problem.engine_name(header.support.dtype)

    @property
    def committed(self) -> int:
        """Number of committed frames."""
        return self._store.committed

    @property
    def status(self) -> str:
        """How the run ended."""
        return self._store.status

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return self._store.reason

    def header(self) -> Header:
        """What the run is."""
        assert self._store.header is not None
        return self._store.header

    def values(self, index: int) -> dict[str, Array]:
        """Arrays of one frame."""
        return {name: np.asarray(frames[index]) for name, frames in self._store.values.items()}

    def scalars(self) -> dict[str, Float64Array]:
        """Variables with one number a frame, of the committed frames."""
        return {name: values[: self.committed] for name, values in self._store.scalars.items()}


class FileSource:
    """The committed frames of a file, which may still be growing.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If the file is missing, not HDF5, not ours, newer than this package, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        with _reading(path) as file:
            if file.attrs.get("format") != FORMAT:
                raise FileError(f"{path} is an HDF5 file, but not a trajectory of this package")
            if int(file.attrs["format_version"]) > FORMAT_VERSION:
                raise FileError(
                    f"{path} has format version {file.attrs['format_version']}, and this package "
                    f"reads up to {FORMAT_VERSION}; install a newer meanfield-flow"
                )
            times = file["time"][()]
            self.committed = int(np.argmin(np.append(np.isfinite(times), False)))
            self.status, self.reason = (_text(file.attrs[name]) for name in ("status", "reason"))
            self.engine = str(file.attrs.get("engine", "tiled"))
            self.created = str(file.attrs["created"])
            self.versions: dict[str, str] = json.loads(file.attrs["versions"])
            self.sessions = read_sessions(_text(file.attrs.get("sessions", "[]")))
            self.times: Float64Array = np.where(np.isfinite(times), times, file["save_time"][()])
            self.planned = int(file.attrs.get("planned", len(times)))

    def header(self) -> Header:
        """What the run is, rebuilt from the file."""
        assert self.path is not None
        with _reading(self.path) as file:
            described = json.loads(file.attrs["problem"])
            for part, names in PROBLEM_ARRAYS.items():
                if part in file:
                    described[part] = {name: file[part][name][()] for name in names}
            problem = problem_from_dict(described)
            return Header(
                problem=problem,
                solver=solver_from_dict(json.loads(file.attrs["solver"])),
                seed=int(file.attrs["seed"]),
                times=self.times,
                support=read_recorded_support(file),
                observables=tuple(
                    name for name in _scalar_names(file) if name not in ("risk", "energy")
                ),
            )

    @property
    def last_versions(self) -> dict[str, str]:
        """Versions with which the last frames were made."""
        return last_versions(self.sessions) or self.versions

    def observers(self) -> dict[str, Observer]:
        """Observers that the run records with, as far as the file describes them."""
        return {name: observer_from_dict(about) for name, about in self.descriptions().items()}

    def descriptions(self) -> dict[str, dict[str, Any]]:
        """Descriptions of these observers, by name."""
        assert self.path is not None
        with _reading(self.path) as file:
            return read_observers(file)

    def values(self, index: int) -> dict[str, Array]:
        """Arrays of one frame; only their bytes are read."""
        assert self.path is not None
        with _reading(self.path) as file:
            return {name: np.asarray(file[name][index]) for name in frame_variables(file)}

    def scalars(self) -> dict[str, Float64Array]:
        """Variables with one number a frame, of the committed frames."""
        assert self.path is not None
        with _reading(self.path) as file:
            return {name: file[name][: self.committed] for name in _scalar_names(file)}


def _text(value: Any) -> str:
    """A text of any length, or the bytes of one of fixed length."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _scalar_names(file: Any) -> list[str]:
    """Names of the per-frame variables in the order of their creation: risk, energy first."""
    found = [name for name in file if _is_scalar(name, file[name])]
    return [name for name in ("risk", "energy") if name in found] + [
        name for name in found if name not in ("risk", "energy")
    ]


def _is_scalar(name: str, dataset: Any) -> bool:
    """Whether a variable has one number a frame."""
    if name == "save_time" or getattr(dataset, "ndim", 0) != 1 or dataset.is_scale:
        return False
    return bool(dataset.dims[0][0].name == "/time")


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """Open for reading without the lock that a running simulation holds."""
    if not path.is_file():
        raise FileError(f"there is no file {path}")
    try:
        with _opened(path) as file:
            yield file
    except FileError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, AttributeError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise FileError(f"{path} is not a readable trajectory: {error}") from None


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "flag values" not in str(error):
            raise
        # This very process writes the file: the library shares what it has open.
        return h5py.File(path, "r")
