"""Maximum mean discrepancy with Gaussian kernels."""

from __future__ import annotations

import math

from meanfield.checks import as_number
from meanfield.distances.atoms import (
    Atoms,
    atoms_of,
    check_pair,
    mean_square_distance,
)
from meanfield.distances.pair_means import PairMeans, precision, sample_size
from meanfield.measures import Measure
from meanfield.sums import weighted_sum

__all__ = ["mmd", "unbiased_mmd"]


def mmd(mu: Measure, nu: Measure, bandwidth: float | None = None) -> float:
    """Maximum mean discrepancy (E k(X, X') + E k(Y, Y') − 2 E k(X, Y))^(1/2), a metric.

    With the Gaussian kernel k(x, y) = exp(−|x − y|² / 2h²). X, X' ~ μ and Y, Y' ~ ν are
    independent; expectations are over the particles, pairs of a particle with itself
    included (the V-statistic). Time and memory as for `energy`.

    Parameters
    ----------
    mu, nu : Measure
        In the same dimension.
    bandwidth : float, optional
        h > 0, in units of the parameters. By default h² is half the mean squared
        distance between particles of ½(μ + ν); that changes with the measures, so give
        it where values are compared with each other, or the axioms of a metric count.

    Raises
    ------
    InvalidInputError
        If dimensions differ, or the bandwidth is not positive.

    References
    ----------
    A. Gretton et al. (2012), A kernel two-sample test, JMLR 13, eq. 5.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> mu, nu = ParticleMeasure([[0.0]]), ParticleMeasure([[3.0]])
    >>> round(mmd(mu, nu, bandwidth=1.0) ** 2, 6)  # 2 − 2 exp(−9/2)
    1.977782
    """
    check_pair(mu, nu)
    square, _, _ = _square_and_means(mu, nu, bandwidth)
    return math.sqrt(max(square, 0.0))


def unbiased_mmd(mu: Measure, nu: Measure, bandwidth: float | None = None) -> float:
    """Unbiased estimate of the squared discrepancy of the laws of two samples.

    The U-statistic: pairs of a particle with itself do not count. Its mean over iid
    samples is the squared `mmd` of their laws, 0 if these are equal, so that it may be
    negative. A grid is not a sample but its law. Exactly unbiased for a given bandwidth.

    Parameters
    ----------
    mu, nu : Measure
        Two or more particles of equal mass, or a grid, in the same dimension.
    bandwidth : float, optional
        As for `mmd`.

    Returns
    -------
    float
        The square, not its root.

    Raises
    ------
    InvalidInputError
        If dimensions differ, particles are fewer than two or of unequal mass, or the
        bandwidth is not positive.

    References
    ----------
    A. Gretton et al. (2012), A kernel two-sample test, JMLR 13, eq. 3.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> mu = ParticleMeasure([[0.0], [1.0]])
    >>> round(unbiased_mmd(mu, mu, bandwidth=1.0), 6)  # exp(−1/2) − 1
    -0.393469
    """
    check_pair(mu, nu)
    n, m = sample_size(mu), sample_size(nu)
    square, own, other = _square_and_means(mu, nu, bandwidth)
    # Over all pairs a mean is (1 + (n − 1) U) / n, with U over different particles.
    return square - (1.0 - own) / (n - 1.0) - (1.0 - other) / (m - 1.0)


def _square_and_means(
    mu: Measure, nu: Measure, bandwidth: float | None
) -> tuple[float, float, float]:
    """Squared discrepancy, E k(X, X') and E k(Y, Y'), over all pairs."""
    from meanfield.kernels.distances import GAUSSIAN

    first, second = atoms_of(mu), atoms_of(nu)
    if bandwidth is None:
        bandwidth = _mean_scale(first, second)
    h = as_number("bandwidth", bandwidth, "positive")
    means = PairMeans(GAUSSIAN, math.sqrt(2.0) * h, precision(mu, nu))
    own, other = (
        means.within(side) + float(weighted_sum(side.masses, side.masses))
        for side in (first, second)
    )
    return own + other - 2.0 * means.between(first, second), own, other


def _mean_scale(first: Atoms, second: Atoms) -> float:
    """Root of half of E|Z − Z'|² for Z, Z' ~ ½(μ + ν), 1 if there is but one point."""
    own = mean_square_distance(first, first) + mean_square_distance(second, second)
    mean = 0.25 * own + 0.5 * mean_square_distance(first, second)
    return math.sqrt(0.5 * mean) or 1.0
