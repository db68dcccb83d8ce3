"""What the measures of a run live on, particles or a grid: how their frames are arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.frame_arrays import Axis, Variable
from meanfield.grid_boxes import MOST_AXES
from meanfield.grids import GridMeasure
from meanfield.inspection import variable, vector, whole
from meanfield.measures import Measure, ParticleMeasure
from meanfield.typing import Array, Float64Array

__all__ = [
    "GridSupport",
    "ParticleSupport",
    "ReweightedSupport",
    "Support",
    "frame_variables",
    "read_support",
    "support_of",
]


class Support(Protocol):
    """All of a measure that stays the same through a run, and the form of what does not.

    Attributes
    ----------
    unit : str
        What there are `len` of, in the plural.
    """

    unit: ClassVar[str]

    def __len__(self) -> int:
        """Number of particles or cells."""
        ...

    @property
    def dtype(self) -> str:
        """Kind of the numbers that sums are formed of."""
        ...

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What changes from frame to frame, by name."""
        ...

    @property
    def constants(self) -> Mapping[str, Array]:
        """Variables along the first axis which are the same in all frames."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Small arrays, numbers and texts beside the axes."""
        ...

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Axes of a frame, for parameters of these names."""
        ...

    def values(self, measure: Any) -> Mapping[str, Array]:
        """Arrays of a frame, by the names of the variables."""
        ...

    def measure(self, values: Mapping[str, Array]) -> Measure:
        """Measure of a frame, from its arrays."""
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
    unit: ClassVar[str] = "particles"

    @classmethod
    def of(cls, measure: ParticleMeasure) -> ParticleSupport:
        """Support of a measure."""
        return cls(measure.weights, measure.dim, measure.positions.dtype.name)

    @classmethod
    def read(cls, file: Any) -> ParticleSupport:
        """Support of the frames in an open file."""
        particles, dim, dtype = _stored_particles(file)
        equal = np.broadcast_to(1 / particles, particles)
        weights = whole(file, "weight", 1) if "weight" in file else equal
        if len(weights) != particles:
            raise ValueError(f"{particles} particles have {len(weights)} masses")
        return cls(weights, dim, dtype)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def variables(self) -> Mapping[str, Variable]:
        """Positions (N, p)."""
        return {"position": Variable((len(self), self.dim), self.dtype)}

    @property
    def constants(self) -> Mapping[str, Array]:
        """Masses, where they are not all the same."""
        return {} if self._uniform else {"weight": self.weights}

    @property
    def attributes(self) -> Mapping[str, Any]:
        """None."""
        return {}

    @property
    def _uniform(self) -> bool:
        return bool(np.ptp(self.weights) <= 1e-12 * self.weights[0])

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Particles, and the names of their parameters."""
        return _particle_axes(len(self), self.dim, names)

    def values(self, measure: ParticleMeasure) -> Mapping[str, Array]:
        """Positions."""
        return {"position": measure.positions}

    def measure(self, values: Mapping[str, Array]) -> ParticleMeasure:
        """Measure of particles at these positions."""
        return ParticleMeasure(values["position"], self.weights)

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """Number and precision."""
        kind = self.dtype if self._uniform else f"{self.dtype}, weighted"
        return "particles", f"{len(self)} ({kind})"


@dataclass(frozen=True, eq=False)
class ReweightedSupport:
    """N particles whose masses change as well; the frames are positions and masses.

    Parameters
    ----------
    particles : int
        Their number N.
    dim : int
        Number p of parameters.
    dtype : {"float32", "float64"}
        Of the positions; masses are float64.
    """

    particles: int
    dim: int
    dtype: str = "float64"
    unit: ClassVar[str] = "particles"

    @classmethod
    def of(cls, measure: ParticleMeasure) -> ReweightedSupport:
        """Support of a measure."""
        return cls(len(measure), measure.dim, measure.positions.dtype.name)

    @classmethod
    def read(cls, file: Any) -> ReweightedSupport:
        """Support of the frames in an open file."""
        particles, dim, dtype = _stored_particles(file)
        if variable(file, "weight", 2).shape[1] != particles:
            raise ValueError(f"{particles} particles have {file['weight'].shape[1]} masses")
        return cls(particles, dim, dtype)

    def __len__(self) -> int:
        return self.particles

    @property
    def variables(self) -> Mapping[str, Variable]:
        """Positions (N, p) and masses (N,)."""
        return {
            "position": Variable((self.particles, self.dim), self.dtype),
            "weight": Variable((self.particles,)),
        }

    @property
    def constants(self) -> Mapping[str, Array]:
        """None."""
        return {}

    @property
    def attributes(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Particles, and the names of their parameters."""
        return _particle_axes(len(self), self.dim, names)

    def values(self, measure: ParticleMeasure) -> Mapping[str, Array]:
        """Positions and masses."""
        return {"position": measure.positions, "weight": measure.weights}

    def measure(self, values: Mapping[str, Array]) -> ParticleMeasure:
        """Measure of particles at these positions, with these masses."""
        return ParticleMeasure(values["position"], values["weight"])

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """Number and precision."""
        return "particles", f"{len(self)} ({self.dtype}, masses change)"


@dataclass(frozen=True, eq=False)
class GridSupport:
    """Cells of a box; the frames are densities at their centres.

    Parameters
    ----------
    shape : tuple of int
        Number of cells along each axis.
    lower, upper : (p,) arrays
        Corners of the box.
    precision : {"float32", "float64"}
        Of the densities in frames.
    """

    shape: tuple[int, ...]
    lower: Float64Array
    upper: Float64Array
    precision: str = "float64"
    dtype: ClassVar[str] = "float64"
    unit: ClassVar[str] = "cells"

    @classmethod
    def of(cls, measure: GridMeasure) -> GridSupport:
        """Support of a measure."""
        return cls(measure.shape, measure.lower, measure.upper)

    @classmethod
    def read(cls, file: Any) -> GridSupport:
        """Support of the frames in an open file."""
        shape = variable(file, "density").shape[1:]
        precision = file["density"].dtype.name
        if precision not in ("float32", "float64"):
            raise ValueError(f"its densities are numbers of the kind {precision}")
        lower, upper = (vector(file, name, len(shape)) for name in ("lower", "upper"))
        if not 1 <= len(shape) <= MOST_AXES or not (lower < upper).all():
            raise ValueError("its grid has too many axes, or its box has no inside")
        return cls(shape, lower, upper, precision)

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    @property
    def variables(self) -> Mapping[str, Variable]:
        """Densities, one axis a parameter."""
        return {"density": Variable(self.shape, self.precision)}

    @property
    def constants(self) -> Mapping[str, Array]:
        """None."""
        return {}

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Corners of the box, and the precision of the run if that of the frames is less."""
        told = {} if self.precision == self.dtype else {"run_dtype": self.dtype}
        return {"lower": self.lower, "upper": self.upper, **told}

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Parameters, with the centres of the cells."""
        centres = GridMeasure.trusted(np.empty(self.shape), self.lower, self.upper).axes
        return tuple(
            Axis(name, len(where), where) for name, where in zip(names, centres, strict=True)
        )

    def values(self, measure: GridMeasure) -> Mapping[str, Array]:
        """Density.

        Raises
        ------
        OverflowError
            If it is too large for the recorded precision.
        """
        if self.precision == self.dtype:
            return {"density": measure.density}
        if measure.density.max() > np.finfo(self.precision).max:
            raise OverflowError(f"a density leaves the range of {self.precision}; record float64")
        return {"density": measure.density.astype(self.precision)}

    def measure(self, values: Mapping[str, Array]) -> GridMeasure:
        """Measure of this density."""
        density = np.asarray(values["density"], np.float64)
        if not np.isfinite(density.sum()):
            raise InvalidInputError("density must be finite")
        return GridMeasure.trusted(density, self.lower, self.upper)

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """Numbers of cells, and the box."""
        sides = ", ".join(
            f"{name} from {low:.4g} to {high:.4g}"
            for name, low, high in zip(names, self.lower, self.upper, strict=True)
        )
        rounded = "" if self.precision == self.dtype else f", in frames of {self.precision}"
        return "grid", f"{' x '.join(str(size) for size in self.shape)} cells, {sides}{rounded}"


def _particle_axes(particles: int, dim: int, names: Sequence[str]) -> tuple[Axis, ...]:
    return (Axis("particle", particles), Axis("parameter", dim, tuple(names)))


def _stored_particles(file: Any) -> tuple[int, int, str]:
    """Number of particles and of their parameters in an open file, and the kind of numbers."""
    found = variable(file, "position", 3)
    if found.dtype.name not in ("float32", "float64"):
        raise ValueError(f"its positions are numbers of the kind {found.dtype}")
    return found.shape[1], found.shape[2], found.dtype.name


def support_of(measure: Measure, *, changes_masses: bool = False) -> Support:
    """What a measure lives on.

    Parameters
    ----------
    measure : Measure
    changes_masses : bool
        Whether the masses of particles are another in each frame.

    Examples
    --------
    >>> list(support_of(ParticleMeasure([[0.0, 1.0]])).variables)
    ['position']
    """
    if isinstance(measure, GridMeasure):
        return GridSupport.of(measure)
    particles = measure.to_particles()
    return (ReweightedSupport if changes_masses else ParticleSupport).of(particles)


def frame_variables(file: Any) -> tuple[str, ...]:
    """Names of what changes from frame to frame in an open trajectory file.

    Raises
    ------
    KeyError
        If the file holds no measures.
    """
    if "density" in file:
        return ("density",)
    if "position" not in file:
        raise KeyError("it holds no measures")
    reweighted = "weight" in file and getattr(file["weight"], "ndim", 1) == 2
    return ("position", "weight") if reweighted else ("position",)


_SUPPORTS: dict[tuple[str, ...], Any] = {
    ("density",): GridSupport,
    ("position",): ParticleSupport,
    ("position", "weight"): ReweightedSupport,
}


def read_support(file: Any) -> Support:
    """What the measures of an open trajectory file live on.

    Raises
    ------
    KeyError
        If the file holds no measures.
    """
    support: Support = _SUPPORTS[frame_variables(file)].read(file)
    return support
