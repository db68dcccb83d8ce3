"""Means over all pairs of particles, on all threads and in memory that grows with N + M."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.distances.atoms import Atoms
from meanfield.engines.threads import sweep
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.sums import weighted_sum
from meanfield.typing import Array

__all__ = ["PairMeans", "columns_of", "in_groups", "precision", "sample_size"]

# Targets are cut into at most this many groups, the same for every number of threads.
_GROUPS = 256
_LEAST_GROUP = 16


def precision(mu: Measure, nu: Measure) -> Any:
    """float32 if both measures are float32 particles, else float64."""
    return np.result_type(mu.positions.dtype, nu.positions.dtype)


def sample_size(measure: Measure) -> float:
    """Number of independent draws that a measure is; infinite for a grid, which is its law.

    Raises
    ------
    InvalidInputError
        If it is one particle, or particles of unequal masses.
    """
    if isinstance(measure, GridMeasure):
        return math.inf
    masses = measure.weights
    if len(masses) < 2 or np.ptp(masses) > 1e-12 * masses[0]:
        raise InvalidInputError(
            "unbiased estimates take samples, that is two or more particles of equal mass, got "
            f"{measure!r}; use energy or mmd"
        )
    return float(len(masses))


@dataclass(frozen=True)
class PairMeans:
    """E k(X, Y) for X ~ μ, Y ~ ν and a kernel k of pairs.

    Attributes
    ----------
    code : int
        Of `meanfield.kernels.distances`: the distance, or exp(−|x − y|²).
    unit : float
        By which positions are divided first.
    dtype : numpy dtype
        In which pairs are computed; sums of tiles are added in float64.
    """

    code: int
    unit: float
    dtype: Any

    def between(self, first: Atoms, second: Atoms) -> float:
        """Mean over pairs of one particle of each."""
        return self._sum(first, second, own=False)

    def within(self, atoms: Atoms) -> float:
        """Mean over pairs of different particles of one measure, 2 Σ_{i<j} a_i a_j k(x_i, x_j).

        Those of a particle with itself are missing; they are known exactly.
        """
        return 2.0 * self._sum(atoms, atoms, own=True)

    def _sum(self, first: Atoms, second: Atoms, own: bool) -> float:
        from meanfield.kernels.distances import pair_sum

        centre = weighted_sum(first.masses, first.positions)
        x, a = self._columns(first, centre)
        y, b = (x, a) if own else self._columns(second, centre)
        parts = np.zeros(_GROUPS)

        def work(group: int, start: int, stop: int) -> None:
            parts[group] = pair_sum(self.code, x, a, y, b, start, stop, own)

        in_groups(len(a), work)
        return float(parts.sum() / (len(a) * len(b)))

    def _columns(self, atoms: Atoms, centre: Array) -> tuple[Array, Array]:
        """Coordinates for the kernels, and masses relative to equal ones."""
        columns = columns_of((atoms.positions - centre) / self.unit, self.dtype)
        return columns, (atoms.masses * len(atoms.masses)).astype(self.dtype)


def columns_of(positions: Array, dtype: Any) -> Array:
    """Points (N, p) as kernels take them: coordinates in rows, an even number, the last 0.

    Examples
    --------
    >>> columns_of(np.array([[1.0], [2.0]]), np.float64)
    array([[1., 2.],
           [0., 0.]])
    """
    count, dim = positions.shape
    columns = np.zeros((dim + dim % 2, count), dtype)
    columns[:dim] = positions.T
    return columns


def in_groups(count: int, work: Callable[[int, int, int], None]) -> None:
    """Call ``work(group, start, stop)`` for groups that make up 0 to `count`, on all threads.

    Groups depend on `count` alone, so that sums of their results in order do not depend on
    the number of threads; there are at most 256.
    """
    size = max(_LEAST_GROUP, -(-count // _GROUPS))
    starts = range(0, count, size)

    def each(group: int, thread: int) -> None:
        work(group, starts[group], min(starts[group] + size, count))

    sweep(each, len(starts))
