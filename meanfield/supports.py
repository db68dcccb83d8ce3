"""What the measures of a run live on, particles or a grid: how their frames are arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.typing import Array, Float64Array

__all__ = ["Axis", "GridSupport", "ParticleSupport", "Support", "read_support", "support_of"]


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of the array of a frame.

    Attributes
    ----------
    name : str
    size : int
    values : sequence of str or array, optional
        Coordinates along it, if it has any.
    """

    name: str
    size: int
    values: Sequence[str] | Float64Array | None = None


class Support(Protocol):
    """All of a measure that stays the same through a run, and the form of what does not.

    Attributes
    ----------
    variable : str
        Name of what changes from frame to frame.
    unit : str
        What there are `len` of, in the plural.
    """

    variable: ClassVar[str]
    unit: ClassVar[str]

    def __len__(self) -> int:
        """Number of particles or cells."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of a frame."""
        ...

    @property
    def dtype(self) -> str:
        """Kind of its numbers."""
        ...

    @property
    def constants(self) -> Mapping[str, Array]:
        """Variables along the first axis which are the same in all frames."""
        ...

    @property
    def attributes(self) -> Mapping[str, Array]:
        """Small arrays beside the axes."""
        ...

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Axes of a frame, for parameters of these names."""
        ...

    def values(self, measure: Any) -> Array:
        """Array of a frame."""
        ...

    def measure(self, values: Array) -> Measure:
        """Measure of a frame, from its array."""
        ...

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """A label, and what it is in words."""
        ...


@dataclass(frozen=True, eq=False)
class ParticleSupport:
    """N particles of constant masses; the frames are their positions.

    Parameters
    ----------
    weights : (N,) array
    dim : int
        Number p of parameters.
    dtype : {"float32", "float64"}
    """

    weights: Float64Array
    dim: int
    dtype: str = "float64"
    variable: ClassVar[str] = "position"
    unit: ClassVar[str] = "particles"

    @classmethod
    def of(cls, measure: ParticleMeasure) -> ParticleSupport:
        """Support of a measure."""
        return cls(measure.weights, measure.dim, measure.positions.dtype.name)

    @classmethod
    def read(cls, file: Any) -> ParticleSupport:
        """Support of the frames in an open file."""
        _, particles, dim = file[cls.variable].shape
        equal = np.broadcast_to(1 / particles, particles)
        weights = file["weight"][()] if "weight" in file else equal
        return cls(weights, dim, file[cls.variable].dtype.name)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, p)."""
        return (len(self.weights), self.dim)

    @property
    def constants(self) -> Mapping[str, Array]:
        """Masses, where they are not all the same."""
        return {} if self._uniform else {"weight": self.weights}

    @property
    def attributes(self) -> Mapping[str, Array]:
        """None."""
        return {}

    @property
    def _uniform(self) -> bool:
        return bool(np.ptp(self.weights) <= 1e-12 * self.weights[0])

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Particles, and the names of their parameters."""
        return (Axis("particle", len(self)), Axis("parameter", self.dim, tuple(names)))

    def values(self, measure: ParticleMeasure) -> Array:
        """Positions."""
        return measure.positions

    def measure(self, values: Array) -> ParticleMeasure:
        """Measure of particles at these positions."""
        return ParticleMeasure(values, self.weights)

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """Number and precision."""
        kind = self.dtype if self._uniform else f"{self.dtype}, weighted"
        return "particles", f"{len(self)} ({kind})"


@dataclass(frozen=True, eq=False)
class GridSupport:
    """Cells of a box; the frames are densities at their centres.

    Parameters
    ----------
    shape : tuple of int
        Number of cells along each axis.
    lower, upper : (p,) arrays
        Corners of the box.
    """

    shape: tuple[int, ...]
    lower: Float64Array
    upper: Float64Array
    dtype: ClassVar[str] = "float64"
    variable: ClassVar[str] = "density"
    unit: ClassVar[str] = "cells"

    @classmethod
    def of(cls, measure: GridMeasure) -> GridSupport:
        """Support of a measure."""
        return cls(measure.shape, measure.lower, measure.upper)

    @classmethod
    def read(cls, file: Any) -> GridSupport:
        """Support of the frames in an open file."""
        return cls(file[cls.variable].shape[1:], file.attrs["lower"], file.attrs["upper"])

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    @property
    def constants(self) -> Mapping[str, Array]:
        """None."""
        return {}

    @property
    def attributes(self) -> Mapping[str, Array]:
        """Corners of the box."""
        return {"lower": self.lower, "upper": self.upper}

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Parameters, with the centres of the cells."""
        centres = GridMeasure.trusted(np.empty(self.shape), self.lower, self.upper).axes
        return tuple(
            Axis(name, len(where), where) for name, where in zip(names, centres, strict=True)
        )

    def values(self, measure: GridMeasure) -> Array:
        """Density."""
        return measure.density

    def measure(self, values: Array) -> GridMeasure:
        """Measure of this density."""
        return GridMeasure.trusted(values, self.lower, self.upper)

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """Numbers of cells, and the box."""
        sides = ", ".join(
            f"{name} from {low:.4g} to {high:.4g}"
            for name, low, high in zip(names, self.lower, self.upper, strict=True)
        )
        return "grid", f"{' x '.join(str(size) for size in self.shape)} cells, {sides}"


_SUPPORTS: dict[type, Any] = {ParticleMeasure: ParticleSupport, GridMeasure: GridSupport}


def support_of(measure: Measure) -> Support:
    """What a measure lives on.

    Examples
    --------
    >>> support_of(ParticleMeasure([[0.0, 1.0]])).shape
    (1, 2)
    """
    support: Support = _SUPPORTS[type(measure)].of(measure)
    return support


def read_support(file: Any) -> Support:
    """What the measures of an open trajectory file live on.

    Raises
    ------
    KeyError
        If the file holds no measures.
    """
    for kind in _SUPPORTS.values():
        if kind.variable in file:
            support: Support = kind.read(file)
            return support
    raise KeyError("it holds no measures")
