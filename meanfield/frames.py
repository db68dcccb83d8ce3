"""Frames of a run, where they are: in memory or in a file that may still be growing."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from meanfield.checksums import SUMS, array_sum, number_sums, run_sum, stored_sums
from meanfield.errors import FileError
from meanfield.inspection import inspected, integer, parsed, rows, text, variable, whole
from meanfield.layout import FORMAT, FORMAT_VERSION, PROBLEM_ARRAYS, Header
from meanfield.observers import Observer, observer_from_dict
from meanfield.problems import AnyProblem, problem_from_dict
from meanfield.provenance import last_versions, read_sessions
from meanfield.recording import read_recorded_support
from meanfield.solver import solver_from_dict
from meanfield.stored_observers import read_observers
from meanfield.supports import frame_variables
from meanfield.typing import Array, BoolArray, Float64Array

if TYPE_CHECKING:
    from meanfield.memory_store import MemoryStore


__all__ = ["FileSource", "MemorySource", "Source"]

_WHAT = "trajectory"


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
        with inspected(path, _WHAT) as file:
            _check_format(file, path)
            self.committed = _committed(file)
            self.status, self.reason = text(file, "status"), text(file, "reason")
            _check_end(file, self.status, self.committed)
            self.engine = text(file, "engine") if "engine" in file.attrs else "tiled"
            self.created = text(file, "created")
            self.versions = {name: str(number) for name, number in parsed(file, "versions").items()}
            told = text(file, "sessions") if "sessions" in file.attrs else "[]"
            self.sessions = read_sessions(told)
            made, planned = whole(file, "time", 1), whole(file, "save_time", 1)
            self.times: Float64Array = np.where(np.isfinite(made), made, planned)
            self._due: Float64Array = planned
            frames = len(planned)
            self.planned = integer(file, "planned") if "planned" in file.attrs else frames
            if not 1 <= self.planned <= frames:
                raise ValueError(f"it has {frames} frames of {self.planned} planned ones")

    def header(self) -> Header:
        """What the run is, rebuilt from the file.

        Warns
        -----
        UserWarning
            If the numbers of some frames are damaged, and their times are other than they were
            due at: these are taken then.
        """
        assert self.path is not None
        with inspected(self.path, _WHAT) as file:
            described = parsed(file, "problem")
            for part, arrays in PROBLEM_ARRAYS.items():
                if part in file:
                    described[part] = {
                        name: whole(file, f"{part}/{name}", len(axes))
                        for name, axes in arrays.items()
                    }
            problem = problem_from_dict(described)
            _check_shapes(file, problem)
            found = Header(
                problem=problem,
                solver=solver_from_dict(parsed(file, "solver")),
                seed=integer(file, "seed"),
                times=self.times,
                support=read_recorded_support(file),
                observables=tuple(
                    name for name in _scalar_names(file) if name not in ("risk", "energy")
                ),
            )
            _check_run(file)
        return replace(found, times=self._undamaged_times())

    @property
    def last_versions(self) -> dict[str, str]:
        """Versions with which the last frames were made."""
        return last_versions(self.sessions) or self.versions

    def observers(self) -> dict[str, Observer]:
        """Observers that the run records with, as far as the file describes them."""
        assert self.path is not None
        with inspected(self.path, _WHAT) as file:
            described = read_observers(file)
            return {name: observer_from_dict(about) for name, about in described.items()}

    @property
    def step(self) -> float | None:
        """Step of the method in mean-field time, as its newest state or its settings say it."""
        assert self.path is not None
        with inspected(self.path, _WHAT) as file:
            slots = [slot for slot in file.get("state", {}).values() if "next_step" in slot]
            newest = max(slots, key=lambda slot: int(slot.attrs["sequence"]), default=None)
            told = parsed(file, "solver").get("step") if newest is None else newest["next_step"][()]
            return float(told) if told is not None and 0.0 < float(told) < np.inf else None

    def descriptions(self) -> dict[str, dict[str, Any]]:
        """Descriptions of these observers, by name."""
        assert self.path is not None
        with inspected(self.path, _WHAT) as file:
            return read_observers(file)

    def values(self, index: int) -> dict[str, Array]:
        """Arrays of one frame; only their bytes are read.

        Raises
        ------
        FileError
            If the checksum of the frame is that of other bytes.
        """
        assert self.path is not None
        with inspected(self.path, _WHAT) as file:
            found = {name: rows(variable(file, name), index) for name in frame_variables(file)}
            expected = int(stored_sums(file, "measure", index + 1)[index])
            if expected and expected != sum(map(array_sum, found.values())) % 2**64:
                raise FileError(
                    f"frame {index} of {self.path} is damaged: its checksum is not that of what "
                    "was written"
                )
            return found

    def scalars(self) -> dict[str, Float64Array]:
        """Variables with one number a frame, of the committed frames.

        Warns
        -----
        UserWarning
            If the checksums of some frames are those of other numbers; theirs are NaN then.
        """
        found, _, damaged = self._numbers()
        if not damaged.any():
            return found
        warnings.warn(
            f"risk, energy or other numbers of the frames {np.flatnonzero(damaged).tolist()} "
            f"of {self.path} are damaged: they are read as nan",
            stacklevel=3,
        )
        return {name: np.where(damaged, np.nan, values) for name, values in found.items()}

    def damaged_numbers(self) -> BoolArray:
        """Which frames have other numbers than their checksums say."""
        return self._numbers()[2]

    @property
    def summed(self) -> int:
        """How many of the committed frames have checksums."""
        return int(np.count_nonzero(self._numbers()[1]))

    def _undamaged_times(self) -> Float64Array:
        """Times of all frames; where they may be damaged, those at which frames were due."""
        suspect = np.zeros(len(self.times), bool)
        suspect[: self.committed] = self.damaged_numbers()
        suspect &= self.times != self._due
        if not suspect.any():
            return self.times
        warnings.warn(
            f"the numbers of the frames {np.flatnonzero(suspect).tolist()} of {self.path} are "
            "damaged: their times are read as those at which they were due",
            stacklevel=2,  # one place, so that it is said once
        )
        return np.where(suspect, self._due, self.times)

    def _numbers(self) -> tuple[dict[str, Float64Array], Array, BoolArray]:
        """Numbers of the committed frames, their checksums, and which of these are wrong."""
        assert self.path is not None
        with inspected(self.path, _WHAT) as file:
            first = slice(self.committed)
            found = {name: rows(variable(file, name, 1), first) for name in _scalar_names(file)}
            time = rows(variable(file, "time", 1), first)
            expected = stored_sums(file, "numbers", self.committed)
        sums = number_sums([time, *found.values()])
        return found, expected, (expected != 0) & (expected != sums)


def _check_run(file: Any) -> None:
    """Raise unless what a file says of its run is what was written."""
    if SUMS not in file or "run" not in file[SUMS].attrs:
        return
    if integer(file[SUMS], "run") != run_sum(file, _scalar_names(file)):
        raise ValueError("what it says of its run is damaged: the checksum is another")


def _check_format(file: Any, path: Path) -> None:
    """Raise unless it is a trajectory of a version that is known here."""
    if "format" not in file.attrs or text(file, "format") != FORMAT:
        raise FileError(f"{path} is an HDF5 file, but not a trajectory of this package")
    found = integer(file, "format_version")
    if found > FORMAT_VERSION:
        raise FileError(
            f"{path} has format version {found}, and this package reads up to {FORMAT_VERSION}; "
            "install a newer meanfield-flow"
        )
    if found < 1:
        raise ValueError(f"there is no format version {found}")


def _committed(file: Any) -> int:
    """Number of committed frames; times must increase, those planned and those made."""
    made, planned = whole(file, "time", 1), whole(file, "save_time", 1)
    committed = int(np.argmin(np.append(np.isfinite(made), False)))
    for times in (made[:committed], planned):
        if not np.isfinite(times).all() or (np.diff(times) <= 0.0).any() or (times < 0.0).any():
            raise ValueError("its times do not increase from a time >= 0")
    if len(made) != len(planned):
        raise ValueError(f"it has {len(made)} times of {len(planned)} planned ones")
    if np.isfinite(made[committed:]).any():
        raise ValueError(f"the time of frame {committed} is damaged: later frames have one")
    return committed


def _check_end(file: Any, status: str, committed: int) -> None:
    """Raise if a complete run has frames, known by their checksums, that have lost their time."""
    if status == "complete" and stored_sums(file, "numbers", None)[committed:].any():
        raise ValueError(f"the time of frame {committed} is damaged")


def _check_shapes(file: Any, problem: AnyProblem) -> None:
    """Raise unless variables have as many frames and parameters as the run."""
    frames = len(file["save_time"])
    for name in (*frame_variables(file), *_scalar_names(file)):
        if len(variable(file, name)) != frames:
            raise ValueError(f"{name} has {len(file[name])} frames of {frames}")
    on_grid = "density" in file
    parameters = file["density"].ndim - 1 if on_grid else file["position"].shape[-1]
    if parameters != problem.neuron.dim:
        raise ValueError(f"its measures have {parameters} parameters of {problem.neuron.dim}")


def _scalar_names(file: Any) -> list[str]:
    """Names of the per-frame variables in the order of their creation: risk, energy first."""
    found = [name for name in file if _is_scalar(name, file[name])]
    for name in ("risk", "energy"):
        if name not in found:
            raise ValueError(f"the variable {name} is missing")
    return ["risk", "energy", *(name for name in found if name not in ("risk", "energy"))]


def _is_scalar(name: str, dataset: Any) -> bool:
    """Whether a variable has one number a frame; axes have a class, constants are known."""
    if name in ("save_time", "weight") or getattr(dataset, "ndim", 0) != 1:
        return False
    return "DIMENSION_LIST" in dataset.attrs and "CLASS" not in dataset.attrs
