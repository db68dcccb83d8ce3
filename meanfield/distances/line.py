"""Exact transport on the line, by sorting: measures there, and marginals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.checks import as_count
from meanfield.distances.atoms import check_pair, check_power
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.reconstruction import tilts, true_masses
from meanfield.typing import Float64Array

__all__ = [
    "Quantiles",
    "distribution",
    "levels_of",
    "line_cost",
    "marginal_wasserstein",
    "wasserstein_1d",
]

# Parts of a cell in which the density of a grid counts as constant.
_PARTS = 16
# Parts with less than this share of the mean mass are empty.
_EMPTY = 1e-16


def wasserstein_1d(mu: Measure, nu: Measure, p: float = 2) -> float:
    """Exact W_p on the line, (∫_0^1 |F_μ^{-1}(u) − F_ν^{-1}(u)|^p du)^(1/p).

    Exact for particles, in O((N + M) log(N + M)). A grid enters with its density, not
    with atoms: constant on sixteenths of cells, so that the distribution function is
    piecewise linear and the integral is closed. To 50 particles from a standard normal law
    that is off by 2e-4 for cells of h = 0.4 and by 1e-5 for h = 0.2.

    Parameters
    ----------
    mu, nu : Measure
        In one dimension, with any sizes and weights.
    p : float
        p ≥ 1.

    Raises
    ------
    InvalidInputError
        If a measure is not on the line, or p < 1.

    References
    ----------
    F. Santambrogio (2015), Optimal Transport for Applied Mathematicians, prop. 2.17.

    Examples
    --------
    >>> wasserstein_1d(ParticleMeasure([[0.0]]), ParticleMeasure([[1.0], [3.0]]), p=1)
    2.0
    >>> uniform = GridMeasure([1.0, 1.0], 0.0, 1.0)
    >>> round(wasserstein_1d(ParticleMeasure([[0.5]]), uniform) ** 2, 12)  # 1/12
    0.083333333333
    """
    check_pair(mu, nu)
    if mu.dim != 1:
        raise InvalidInputError(
            f"wasserstein_1d takes measures on the line, got {mu.dim} dimensions; use "
            "marginal_wasserstein for one parameter, or wasserstein"
        )
    check_power(p)
    return float(line_cost(Quantiles.of(mu), Quantiles.of(nu), p) ** (1.0 / p))


def marginal_wasserstein(mu: Measure, nu: Measure, axis: int, p: float = 2) -> float:
    """Exact W_p between the laws of one parameter, as `wasserstein_1d`.

    A lower bound of W_p; its sampling error is that of one dimension, N^(−1/2), in any
    number of parameters.

    Parameters
    ----------
    mu, nu : Measure
        In the same dimension.
    axis : int
        Number of the parameter, from 0.
    p : float
        p ≥ 1.

    Raises
    ------
    InvalidInputError
        If dimensions differ, there is no such axis, or p < 1.

    Examples
    --------
    >>> mu, nu = ParticleMeasure([[0.0, 5.0]]), ParticleMeasure([[3.0, 1.0]])
    >>> marginal_wasserstein(mu, nu, axis=0), marginal_wasserstein(mu, nu, axis=1)
    (3.0, 4.0)
    """
    check_pair(mu, nu)
    if not 0 <= as_count("axis", axis, least=0) < mu.dim:
        raise InvalidInputError(f"axis must be below {mu.dim}, got {axis}")
    return wasserstein_1d(_marginal(mu, axis), _marginal(nu, axis), p)


@dataclass(frozen=True, eq=False)
class Quantiles:
    """A measure on the line by its quantile function, linear between levels.

    Attributes
    ----------
    levels : (n,) array
        Values of the distribution function, the last one 1.
    lower : (n,) array
        Quantile just above the previous level.
    slopes : (n,) array
        Growth of the quantile with the level: 0 for an atom.
    """

    levels: Float64Array
    lower: Float64Array
    slopes: Float64Array

    @classmethod
    def of(cls, measure: Measure) -> Quantiles:
        """Of particles, or of a grid whose cells are cut into parts of constant density.

        Examples
        --------
        >>> Quantiles.of(ParticleMeasure([[2.0], [1.0]], [0.25, 0.75])).levels
        array([0.75, 1.  ])
        """
        if isinstance(measure, GridMeasure):
            return cls._of_grid(measure)
        massive = measure.weights > 0.0
        positions, masses = measure.positions[massive, 0], measure.weights[massive]
        return cls.of_atoms(positions.astype(np.float64), masses)

    @classmethod
    def of_atoms(cls, positions: Float64Array, masses: Float64Array) -> Quantiles:
        """Of points with positive masses, in any order."""
        places, levels = distribution(positions, masses)
        return cls(levels, places, np.zeros_like(places))

    @classmethod
    def _of_grid(cls, grid: GridMeasure) -> Quantiles:
        cells = true_masses(grid.density * grid.volume)
        places = np.linspace(-1.0, 1.0, _PARTS + 1)
        uniform, tilted = np.diff(places) / 2.0, np.diff(places**2) / 4.0
        masses = (cells[:, None] * (uniform + tilts(cells)[0][:, None] * tilted)).reshape(-1)
        edges = np.linspace(grid.lower[0], grid.upper[0], len(masses) + 1)
        massive = masses > _EMPTY * masses.mean()
        levels = levels_of(masses[massive])
        rises = np.diff(levels, prepend=0.0)
        widths = np.diff(edges)[massive]
        slopes = np.divide(widths, rises, out=np.zeros_like(rises), where=rises > 0.0)
        return cls(levels, edges[:-1][massive], slopes)


def levels_of(masses: Float64Array) -> Float64Array:
    """Cumulated masses, from 0 to exactly 1; those of equal masses are exact.

    Examples
    --------
    >>> levels_of(np.array([1.0, 1.0, 2.0]))
    array([0.25, 0.5 , 1.  ])
    """
    if np.ptp(masses) == 0.0:
        return np.asarray(np.arange(1, len(masses) + 1) / len(masses))
    levels = np.cumsum(masses)
    levels /= levels[-1]
    return np.asarray(levels)


def distribution(points: Float64Array, masses: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Sorted points, and the value of the distribution function from each on.

    Examples
    --------
    >>> distribution(np.array([3.0, 1.0]), np.array([0.25, 0.75]))
    (array([1., 3.]), array([0.75, 1.  ]))
    """
    if np.ptp(masses) == 0.0:
        return np.sort(points), levels_of(masses)
    order = np.argsort(points)
    return points[order], levels_of(masses[order])


def line_cost(first: Quantiles, second: Quantiles, p: float) -> float:
    """∫_0^1 |F_μ^{-1} − F_ν^{-1}|^p du, the p-th power of W_p."""
    from meanfield.kernels.line import transport_cost

    return float(
        transport_cost(
            first.levels, first.lower, first.slopes,
            second.levels, second.lower, second.slopes, float(p),
        )
    )  # fmt: skip


def _marginal(measure: Measure, axis: int) -> Measure:
    if isinstance(measure, GridMeasure):
        return measure.marginal(axis)
    return ParticleMeasure(measure.positions[:, axis : axis + 1], measure.weights)
