"""What of each measure a run records: all of it, fewer particles, or fewer digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from meanfield.checks import as_count
from meanfield.engines.ensemble import current
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.frame_arrays import Axis, Variable
from meanfield.inspection import integer, text, whole
from meanfield.measures import ParticleMeasure
from meanfield.supports import (
    GridSupport,
    ParticleSupport,
    ReweightedSupport,
    Support,
    read_support,
)
from meanfield.typing import Array, Float64Array, IntArray

__all__ = ["PartialSupport", "Recording", "read_recorded_support"]

Precision = Literal["float32", "float64"]


@dataclass(frozen=True)
class Recording:
    """What of each measure goes into the frames of a run; the run itself is unchanged.

    Risk, energy and observers see all of it at full precision, and so does the state from
    which a run is resumed.

    Parameters
    ----------
    particles : int, optional
        Record so many, drawn once per run without regard to where they are, and the same
        in all frames; their masses are divided by their sum. All by default, and where
        there are no more.
    dtype : {"float32", "float64"}, optional
        Precision of the recorded positions, or densities; that of the run by default.

    Raises
    ------
    InvalidInputError
        If the number is below 1 or the precision unknown.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [1.0, 0.0]))
    >>> start = mf.ParticleMeasure.gaussian(1000, problem.neuron.dim, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=1.0,
    ...                   recording=Recording(particles=100, dtype="float32"))
    >>> run.particles, len(run.measures[0]), run.measures[0].positions.dtype.name
    (1000, 100, 'float32')
    """

    particles: int | None = None
    dtype: Precision | None = None

    def __post_init__(self) -> None:
        if self.particles is not None:
            as_count("particles", self.particles)
        if self.dtype not in (None, "float32", "float64"):
            raise unknown_name("dtype", str(self.dtype), ("float32", "float64"))

    def of(self, support: Support, weights: Float64Array, seed: int) -> Support:
        """Support of the frames, for a run whose measures live on `support`.

        Parameters
        ----------
        support : Support
        weights : (N,) array
            Masses at the start.
        seed : int
            Seed of the run, which chooses the particles.

        Raises
        ------
        InvalidInputError
            If a part of a grid is asked for, or the chosen particles have no mass.
        """
        numbers = self._numbers(len(support), seed)
        dtype = self.dtype or support.dtype
        if numbers is None and dtype == support.dtype:
            return support
        if isinstance(support, GridSupport) and numbers is None:
            return replace(support, precision=dtype)
        if not isinstance(support, ParticleSupport | ReweightedSupport):
            raise InvalidInputError(
                "particles: a part of the cells of a grid is no measure; record all of them, "
                "with dtype='float32' in half the space"
            )
        count = len(support) if numbers is None else len(numbers)
        kept: ParticleSupport | ReweightedSupport
        if isinstance(support, ReweightedSupport):
            kept = replace(support, particles=count, dtype=dtype)
        else:
            try:
                kept = replace(support, weights=_masses(weights, numbers), dtype=dtype)
            except ZeroDivisionError as error:
                raise InvalidInputError(str(error)) from None
        return PartialSupport(kept, numbers, len(support), support.dtype)

    def _numbers(self, particles: int, seed: int) -> IntArray | None:
        """Numbers of the recorded particles, increasing; None for all."""
        if self.particles is None or self.particles >= particles:
            return None
        generator = np.random.default_rng([seed, particles])
        return np.sort(generator.choice(particles, self.particles, replace=False, shuffle=False))


@dataclass(frozen=True, eq=False)
class PartialSupport:
    """Some of the particles of a run, or all in another precision than that of the run.

    Parameters
    ----------
    kept : ParticleSupport or ReweightedSupport
        What the recorded measures live on.
    numbers : (n,) array or None
        Which particles of the run they are; None for all.
    particles : int
        Number N of particles of the run.
    dtype : {"float32", "float64"}
        Precision of the run.
    """

    kept: ParticleSupport | ReweightedSupport
    numbers: IntArray | None
    particles: int
    dtype: str
    unit: ClassVar[str] = "particles"

    def __len__(self) -> int:
        return self.particles

    @property
    def variables(self) -> Mapping[str, Variable]:
        """Those of what is kept."""
        return self.kept.variables

    @property
    def constants(self) -> Mapping[str, Array]:
        """Those of what is kept."""
        return self.kept.constants

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Size and precision of the run, which the frames do not tell."""
        return {"run_particles": self.particles, "run_dtype": self.dtype}

    def axes(self, names: Sequence[str]) -> tuple[Axis, ...]:
        """Particles with their numbers in the run, and the names of their parameters."""
        particle, parameter = self.kept.axes(names)
        return replace(particle, values=self.numbers), parameter

    def values(self, measure: ParticleMeasure) -> Mapping[str, Array]:
        """Recorded part of a measure of all particles.

        Raises
        ------
        OverflowError
            If a position is too large for the recorded precision.
        ZeroDivisionError
            If the recorded particles have lost all their mass.
        """
        held = measure.positions[self._held]
        with np.errstate(over="ignore"):
            positions = held.astype(self.kept.dtype, copy=False)
        if current().largest(float(np.isinf(positions).any())):  # on any rank
            raise OverflowError(
                f"a particle leaves the range of {self.kept.dtype}; record {self.dtype}"
            )
        if "weight" in self.kept.variables:
            weights = _masses(measure.weights, self.numbers)
            return {"position": positions, "weight": weights}
        return {"position": positions}

    @property
    def _held(self) -> Any:
        """Which of the particles of this process are recorded."""
        if self.numbers is None:
            return slice(None)
        share = current().share(self.particles)
        first, last = np.searchsorted(self.numbers, (share.start, share.stop))
        return self.numbers[first:last] - share.start

    def measure(self, values: Mapping[str, Array]) -> ParticleMeasure:
        """Measure of the recorded particles."""
        return self.kept.measure(values)

    def describe(self, names: Sequence[str]) -> tuple[str, str]:
        """Number and precision of the run, and of the frames."""
        label, recorded = self.kept.describe(names)
        return label, f"{self.particles} ({self.dtype}), of which frames hold {recorded}"


def _masses(weights: Float64Array, numbers: IntArray | None) -> Float64Array:
    """Masses of some particles as those of a probability measure."""
    if numbers is None:
        return weights
    total = float(weights[numbers].sum())
    if total <= 0.0:
        raise ZeroDivisionError(
            f"the {len(numbers)} particles to record have no mass; record more of them"
        )
    if np.ptp(weights[numbers]) <= 1e-12 * weights[numbers[0]]:
        return np.full(len(numbers), 1.0 / len(numbers))  # as files, which keep no equal masses
    return np.asarray(weights[numbers] / total)


def read_recorded_support(file: Any) -> Support:
    """What the measures of an open trajectory file live on.

    Raises
    ------
    KeyError
        If the file holds no measures.
    ValueError
        If it does not say which particles of the run they are.
    """
    kept = read_support(file)
    if "run_particles" not in file.attrs:
        return kept
    particles, dtype = integer(file, "run_particles"), text(file, "run_dtype")
    if not isinstance(kept, ParticleSupport | ReweightedSupport):
        raise ValueError("it holds a part of a grid")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"it is of a run of {particles} particles in {dtype!r}")
    recorded = file["position"].shape[1]
    if file["particle"].dtype.kind == "f":
        if recorded != particles:
            raise ValueError(f"it holds {recorded} of {particles} particles, without numbers")
        return PartialSupport(kept, None, particles, dtype)
    numbers = whole(file, "particle", 1).astype(np.int64)
    if numbers.shape != (recorded,) or file["particle"].dtype.kind != "i":
        raise ValueError(f"its {recorded} particles are not numbered")
    if (np.diff(numbers) <= 0).any() or not 0 <= numbers[0] <= numbers[-1] < particles:
        raise ValueError(f"the numbers of its particles do not increase from 0 to {particles}")
    return PartialSupport(kept, numbers, particles, dtype)
