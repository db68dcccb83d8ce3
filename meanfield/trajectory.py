"""Trajectories: what a run recorded, from memory or from its file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from meanfield.errors import FileError, InvalidInputError
from meanfield.frames import FileSource, Source
from meanfield.layout import Header
from meanfield.measures import Measure
from meanfield.problems import AnyProblem
from meanfield.supports import Support
from meanfield.typing import Float64Array

if TYPE_CHECKING:
    import xarray

__all__ = ["Trajectory", "open"]

# Numbers of a frame up to which a notebook shows a picture of it.
_PICTURED = 20_000_000


class _Measures(Sequence[Measure]):
    """The measures of all committed frames, each read when it is asked for."""

    def __init__(self, source: Source, support: Support) -> None:
        self._source, self._support = source, support

    def __len__(self) -> int:
        return self._source.committed

    @overload
    def __getitem__(self, index: int) -> Measure: ...
    @overload
    def __getitem__(self, index: slice) -> list[Measure]: ...
    def __getitem__(self, index: int | slice) -> Measure | list[Measure]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        try:
            return self._support.measure(self._source.values(index % len(self)))
        except InvalidInputError as error:
            raise FileError(
                f"frame {index % len(self)} of {self._source.path} is damaged: {error}"
            ) from None

    def __repr__(self) -> str:
        return f"<{len(self)} measures>"


class Trajectory:
    """What a run recorded; made by `meanfield.simulate` and `meanfield.open`.

    Attributes
    ----------
    times, risk, energy : (F,) arrays
        Of the committed frames.
    observables : dict of str to (F,) array
        What named observers recorded.
    measures : sequence of ParticleMeasure or of GridMeasure
        Frames, read from the file one at a time.
    problem, solver, seed
        As the run was made.
    status : {"running", "complete", "interrupted", "failed"}
    reason : str
        Why a run failed or stopped.
    path : Path or None
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @classmethod
    def open(cls, path: str | Path) -> Trajectory:
        """Read the committed frames of a file; see `open`."""
        return cls(FileSource(Path(path)))

    @cached_property
    def _header(self) -> Header:
        return self._source.header()

    @cached_property
    def _scalars(self) -> dict[str, Float64Array]:
        return self._source.scalars()

    @property
    def times(self) -> Float64Array:
        """Mean-field times of the committed frames."""
        return self._header.times[: len(self)]

    @property
    def risk(self) -> Float64Array:
        """Risk R at each frame."""
        return self._scalars["risk"]

    @property
    def energy(self) -> Float64Array:
        """Energy F at each frame."""
        return self._scalars["energy"]

    @property
    def observables(self) -> dict[str, Float64Array]:
        """What named observers recorded, by name."""
        return {k: v for k, v in self._scalars.items() if k not in ("risk", "energy")}

    @cached_property
    def measures(self) -> Sequence[Measure]:
        """The measure at each frame."""
        return _Measures(self._source, self._header.support)

    @property
    def problem(self) -> AnyProblem:
        """The learning problem."""
        return self._header.problem

    @property
    def solver(self) -> Any:
        """The method, with its settings."""
        return self._header.solver

    @property
    def particles(self) -> int:
        """Number N of particles, or of cells of a grid."""
        return len(self._header.support)

    @property
    def unit(self) -> str:
        """What `particles` counts: ``"particles"`` or ``"cells"``."""
        return self._header.support.unit

    @property
    def seed(self) -> int:
        """Seed of everything random in the solver."""
        return self._header.seed

    @property
    def status(self) -> str:
        """Whether the run is running, complete, interrupted or failed."""
        return self._source.status

    @property
    def reason(self) -> str:
        """Why a run failed or stopped; empty otherwise."""
        return self._source.reason

    @property
    def is_being_written(self) -> bool:
        """Whether the run goes on now, as far as its file tells."""
        if self.status != "running" or self.path is None:
            return False
        from meanfield.watching import is_being_written

        return is_being_written(self.path) is not False

    @property
    def path(self) -> Path | None:
        """The file, if there is one."""
        return self._source.path

    @property
    def engine(self) -> str:
        """How sums over particles and data were formed: see `meanfield.engines`."""
        return self._source.engine

    def __len__(self) -> int:
        return self._source.committed

    def __repr__(self) -> str:
        ends = ""
        if len(self):
            ends = f", t = {self.times[0]:g} to {self.times[-1]:g}, risk {self.risk[-1]:.4g}"
        where = f" in {self.path}" if self.path else ""
        return f"<Trajectory: {self.status}, {len(self)} frames{ends}{where}>"

    def _repr_html_(self) -> str:
        from meanfield.notebook import card
        from meanfield.run_pictures import MeasurePictures
        from meanfield.thumbnails import curve

        pictures = [curve(self.times, self.risk, "risk")] if len(self) else []
        with suppress(FileError, InvalidInputError):  # of a damaged frame there is no picture
            if 0 < self.particles * self.problem.neuron.dim <= _PICTURED and len(self):
                measures = MeasurePictures(self.problem, self.measures[0])
                pictures.append(measures.picture(self.measures[-1]))
        return card("Trajectory", self.describe(), *pictures)

    def predict(self, index: int, inputs: Any) -> Float64Array:
        """Outputs of the network of frame `index` at given points, shape (m, k)."""
        return self.problem.predict(self.measures[index], inputs)

    def describe(self) -> list[tuple[str, str]]:
        """Return what the run is and did, as rows of a label and a text."""
        header, neuron = self._header, self.problem.neuron
        settings = {k: v for k, v in self.solver.to_dict().items() if k != "name"}
        of = len(header.times)
        reached = self.times[-1] if len(self) else 0.0
        kind, support = header.support.describe(neuron.parameter_names)
        status = self.status + (f": {self.reason}" if self.reason else "")
        if status == "running" and self.path and not self.is_being_written:
            status = "stopped without finishing: no process writes to it"
        rows = [
            ("status", status),
            ("neuron", f"{neuron.activation.name}, {_count(neuron.inputs, 'input')}, "
             f"{_count(neuron.outputs, 'output')}, {_count(neuron.dim, 'parameter')}"),
            ("problem", f"{self.problem.setting}, ridge {self.problem.ridge.outer:g} (outer) "
             f"and {self.problem.ridge.inner:g} (inner), temperature "
             f"{self.problem.temperature:g}, scale {self.problem.scale:g}"),
            ("solver", f"{self.solver.name} ({_settings(settings)}), seed {self.seed}"),
            (kind, f"{support}, {self.engine} sums"),
            ("frames", f"{len(self)} of {of}, up to t = {reached:g} of {header.times[-1]:g}"),
        ]  # fmt: skip
        if len(self):
            rows += [
                (name.replace("_", " "), f"{values[0]:.6g} → {values[-1]:.6g}")
                for name, values in self._scalars.items()
            ]
        if self.path:
            versions = ", ".join(
                f"{name} {number}" for name, number in self._source.versions.items()
            )
            rows += [("created", self._source.created), ("versions", versions)]
            rows += [("file", f"{self.path} ({self.path.stat().st_size / 1e6:.1f} MB)")]
        return rows

    def to_xarray(self) -> xarray.Dataset:
        """Return the committed frames as an xarray dataset with named coordinates.

        Raises
        ------
        InvalidInputError
            If xarray is not installed.
        """
        try:
            import xarray
        except ModuleNotFoundError:
            raise InvalidInputError(
                'to_xarray needs xarray: pip install "meanfield-flow[xarray]"'
            ) from None
        support = self._header.support
        axes = support.axes(self.problem.neuron.parameter_names)
        frames = [self._source.values(index) for index in range(len(self))]
        variables: dict[str, Any] = {name: ("time", v) for name, v in self._scalars.items()}
        for name, variable in support.variables.items():
            values = np.empty((len(frames), *variable.shape), variable.dtype)
            for index, frame in enumerate(frames):
                values[index] = frame[name]
            names = [axis.name for axis in axes[: len(variable.shape)]]
            variables[name] = (("time", *names), values)
        for name, constant in support.constants.items():
            variables[name] = (axes[0].name, constant)
        labels = {axis.name: list(axis.values) for axis in axes if axis.values is not None}
        return xarray.Dataset(
            variables, coords={"time": self.times, **labels}, attrs=dict(support.attributes)
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _settings(settings: dict[str, Any]) -> str:
    """Settings in words, nested parts by their name."""
    parts = [
        f"{key} {value['name'] if isinstance(value, dict) else value}"
        for key, value in settings.items()
        if value is not None
    ]
    return ", ".join(parts)


def open(path: str | Path) -> Trajectory:
    """Read a trajectory file: the frames that are committed now, also of a running run.

    Parameters
    ----------
    path : path

    Returns
    -------
    Trajectory
        Frames are read from the file when they are used.

    Raises
    ------
    FileError
        If the file is missing, not HDF5, not a trajectory, or of a newer format.

    Examples
    --------
    >>> open("nothing.h5")
    Traceback (most recent call last):
    meanfield.errors.FileError: there is no file nothing.h5
    """
    return Trajectory.open(path)
