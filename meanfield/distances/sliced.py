"""Transport along lines in random directions, by sorting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meanfield.checks import as_count
from meanfield.distances.atoms import Atoms, atoms_of, check_pair, check_power
from meanfield.distances.line import Quantiles, distribution, levels_of, line_cost
from meanfield.engines.threads import single_threaded_blas, sweep
from meanfield.measures import Measure
from meanfield.slices import random_directions
from meanfield.typing import Float64Array

__all__ = ["Projections", "mean_over_lines", "sliced_wasserstein"]


def sliced_wasserstein(
    mu: Measure,
    nu: Measure,
    p: float = 2,
    *,
    projections: int = 128,
    seed: int = 0,
) -> float:
    """Sliced Wasserstein distance (mean_u W_p(u·μ, u·ν)^p)^(1/p) over random directions u.

    Parameters
    ----------
    mu, nu : Measure
        In the same dimension.
    p : float
        p ≥ 1.
    projections : int
        Number of directions, uniform on the sphere.
    seed : int
        Seed of the directions: the same seed compares measures along the same ones.

    Raises
    ------
    InvalidInputError
        If dimensions differ, p < 1, or there is no projection.

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyré, H. Pfister (2015), Sliced and Radon Wasserstein
    barycenters of measures, JMIV 51.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> mu = ParticleMeasure([[0.0], [1.0]])
    >>> sliced_wasserstein(mu, ParticleMeasure([[2.0], [3.0]]))
    2.0
    """
    check_pair(mu, nu)
    check_power(p)

    first, second = atoms_of(mu), atoms_of(nu)
    flat, other_flat = np.zeros(len(first.masses)), np.zeros(len(second.masses))

    def cost(x: Float64Array, a: Float64Array, y: Float64Array, b: Float64Array) -> float:
        return line_cost(Quantiles(a, x, flat), Quantiles(b, y, other_flat), p)

    return float(mean_over_lines(cost, first, second, projections, seed) ** (1.0 / p))


def mean_over_lines(
    cost: Callable[[Float64Array, Float64Array, Float64Array, Float64Array], float],
    first: Atoms,
    second: Atoms,
    projections: int,
    seed: int,
) -> float:
    """Mean of a cost on the line over random directions, on all threads.

    Parameters
    ----------
    cost : callable
        From sorted points and levels of both sides, see `meanfield.distances.line`.
    first, second : Atoms
    projections : int
        Number of directions; on the line there is only one.
    seed : int

    Raises
    ------
    InvalidInputError
        If there is no projection.
    """
    as_count("projections", projections)
    directions = random_directions(first.positions.shape[1], projections, seed)
    sides = Projections.of(first), Projections.of(second)
    costs = np.empty(len(directions))

    def work(line: int, thread: int) -> None:
        (x, a), (y, b) = (side.along(directions[line]) for side in sides)
        costs[line] = cost(x, a, y, b)

    with single_threaded_blas():
        sweep(work, len(directions))
    return float(costs.mean())


@dataclass(frozen=True, eq=False)
class Projections:
    """Points to be projected on many lines.

    Attributes
    ----------
    columns : (p, N) array
    masses : (N,) array
    levels : (N,) array or None
        Of the sorted points, if masses are equal.
    """

    columns: Float64Array
    masses: Float64Array
    levels: Float64Array | None

    @classmethod
    def of(cls, atoms: Atoms) -> Projections:
        """Of points in rows."""
        levels = levels_of(atoms.masses) if atoms.is_uniform else None
        return cls(np.ascontiguousarray(atoms.positions.T), atoms.masses, levels)

    def along(self, direction: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Sorted projections on a line, and the distribution function from each on."""
        points = direction @ self.columns
        if self.levels is None:
            return distribution(points, self.masses)
        points.sort()
        return points, self.levels
