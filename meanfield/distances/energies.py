"""Energy distance: of measures, unbiased from samples, and by lines at large sizes."""

from __future__ import annotations

import math

import numpy as np

from meanfield.distances.atoms import Atoms, atoms_of, check_pair
from meanfield.distances.line import distribution
from meanfield.distances.pair_means import PairMeans, precision, sample_size
from meanfield.distances.sliced import mean_over_lines
from meanfield.measures import Measure
from meanfield.sums import weighted_sum
from meanfield.typing import Float64Array

__all__ = ["energy", "sliced_energy", "unbiased_energy"]


def energy(mu: Measure, nu: Measure) -> float:
    """Energy distance (2 E|X − Y| − E|X − X'| − E|Y − Y'|)^(1/2), a metric.

    X, X' ~ μ and Y, Y' ~ ν are independent; expectations are over the particles, pairs
    of a particle with itself included (the V-statistic). On the line it is
    (2 ∫ (F_μ − F_ν)² dx)^(1/2) by sorting; otherwise a sum over (N + M)² / 2 pairs,
    about 0.6 ns each on one core (0.3 ns if both measures are float32, whose result is
    then right to 1e-4 of their size), in memory that grows with N + M.

    Parameters
    ----------
    mu, nu : Measure
        In the same dimension.

    Raises
    ------
    InvalidInputError
        If dimensions differ.

    References
    ----------
    G. Székely, M. Rizzo (2013), Energy statistics, J. Stat. Plan. Inference 143.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> round(energy(ParticleMeasure([[0.0]]), ParticleMeasure([[2.0]])), 12)
    2.0
    """
    check_pair(mu, nu)
    square, _, _ = _square_and_spreads(mu, nu)
    return math.sqrt(max(square, 0.0))


def unbiased_energy(mu: Measure, nu: Measure) -> float:
    """Unbiased estimate of the squared energy distance of the laws of two samples.

    The U-statistic: pairs of a particle with itself do not count. Its mean over iid
    samples is the squared distance of their laws, 0 if these are equal, so that it may
    be negative; where the square of `energy` has the mean of
    (E|X − X'|/N + E|Y − Y'|/M) in addition.
    A grid is not a sample but its law.

    Parameters
    ----------
    mu, nu : Measure
        Two or more particles of equal mass, or a grid, in the same dimension.

    Returns
    -------
    float
        The square, not its root.

    Raises
    ------
    InvalidInputError
        If dimensions differ, or particles are fewer than two or of unequal mass.

    References
    ----------
    G. Székely, M. Rizzo (2013), Energy statistics, J. Stat. Plan. Inference 143.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> mu = ParticleMeasure([[0.0], [1.0]])
    >>> unbiased_energy(mu, mu), unbiased_energy(mu, ParticleMeasure([[5.0], [6.0]]))
    (-1.0, 8.0)
    """
    check_pair(mu, nu)
    n, m = sample_size(mu), sample_size(nu)
    square, spread, other = _square_and_spreads(mu, nu)
    return square - spread / (n - 1.0) - other / (m - 1.0)


def sliced_energy(mu: Measure, nu: Measure, *, projections: int = 128, seed: int = 0) -> float:
    """Energy distance by sorting along random directions, for any number of particles.

    |x| is √π Γ((p + 1)/2) / Γ(p/2) times the mean of |u·x| over unit vectors u in R^p, so
    that the squared energy distance is that constant times its mean along lines: with
    more directions it tends to `energy`, in O((N + M) log(N + M)) for each.

    Parameters
    ----------
    mu, nu : Measure
        In the same dimension.
    projections : int
        Number of directions, uniform on the sphere; the relative error of the square is
        of order projections^(−1/2).
    seed : int
        Seed of the directions: the same seed compares measures along the same ones.

    Raises
    ------
    InvalidInputError
        If dimensions differ, or there is no projection.

    References
    ----------
    C. Huang, X. Huo (2022), A statistically and numerically efficient independence test
    based on random projections and distance covariance, Front. Appl. Math. Stat. 7,
    lemma 3.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> sliced_energy(ParticleMeasure([[0.0]]), ParticleMeasure([[2.0]]))
    2.0
    """
    check_pair(mu, nu)
    mean = mean_over_lines(_line_square, atoms_of(mu), atoms_of(nu), projections, seed)
    half = 0.5 * mu.dim
    constant = math.exp(0.5 * math.log(math.pi) + math.lgamma(half + 0.5) - math.lgamma(half))
    return math.sqrt(constant * mean if mu.dim > 1 else mean)


def _square_and_spreads(mu: Measure, nu: Measure) -> tuple[float, float, float]:
    """Squared energy distance, E|X − X'| and E|Y − Y'|, over all pairs."""
    from meanfield.kernels.distances import DISTANCE

    first, second = atoms_of(mu), atoms_of(nu)
    if mu.dim == 1:
        lines = [distribution(side.positions[:, 0], side.masses) for side in (first, second)]
        return _line_square(*lines[0], *lines[1]), _line_spread(*lines[0]), _line_spread(*lines[1])
    unit = _size(first, second)
    means = PairMeans(DISTANCE, unit, precision(mu, nu))
    spreads = means.within(first), means.within(second)
    square = 2.0 * means.between(first, second) - spreads[0] - spreads[1]
    return unit * square, unit * spreads[0], unit * spreads[1]


def _size(first: Atoms, second: Atoms) -> float:
    """Largest coordinate from the mean of the first, 1 if there is but one point."""
    centre = weighted_sum(first.masses, first.positions)
    return max(float(np.abs(side.positions - centre).max()) for side in (first, second)) or 1.0


def _line_square(
    x: Float64Array, below: Float64Array, y: Float64Array, above: Float64Array
) -> float:
    """Squared energy distance on the line, 2 ∫ (F_μ − F_ν)² dx, of distributions."""
    from meanfield.kernels.line import area_between

    return 2.0 * float(area_between(x, below, y, above))


def _line_spread(points: Float64Array, levels: Float64Array) -> float:
    """E|X − X'| = 2 ∫ F (1 − F) dx on the line, of a distribution."""
    return float(2.0 * weighted_sum(np.diff(points), levels[:-1] * (1.0 - levels[:-1])))
