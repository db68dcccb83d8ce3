"""Exact optimal transport in any dimension."""

from __future__ import annotations

import warnings

from meanfield.distances.atoms import Atoms, atoms_of, check_pair
from meanfield.distances.library import transport_library
from meanfield.distances.line import wasserstein_1d
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.measures import Measure

__all__ = ["wasserstein"]

# Costs of 8 bytes a pair: 200 MB at this size, and about 6 s for 5000 particles a side.
_MOST_PAIRS = 5000 * 5000
_MOST_ITERATIONS = 10_000_000


def wasserstein(mu: Measure, nu: Measure, p: float = 2) -> float:
    """Exact Wasserstein distance W_p(μ, ν) = (min_π ∫ |x − y|^p dπ(x, y))^(1/p).

    The minimum is over couplings π of μ and ν; the result is the distance, not the
    cost. On the line it is computed by sorting, otherwise by the network simplex of POT:
    30 ms for 500 particles a side, 0.6 s for 2000, 6 s and 200 MB for 5000, the most.

    In more dimensions a grid enters with two Gauss points along each axis of a cell, W₂ =
    0.15 h along each axis from its density, which bounds the error. Against N particles
    that lie far apart compared with a cell the error is much smaller, of order h²: 0.001
    of 0.445 for N = 50 and a standard normal law of two parameters at h = 0.28; 0.002 of
    0.214 for N = 500. Stochastic semidiscrete solvers were slower at the same accuracy.

    Parameters
    ----------
    mu, nu : Measure
        N and M weighted particles in the same dimension.
    p : float
        1 or 2; on the line any p ≥ 1.

    Raises
    ------
    InvalidInputError
        If dimensions differ, p is not allowed, or N · M is over 25 million pairs.
    MeanfieldError
        If the simplex method does not finish, rather than a wrong number.

    References
    ----------
    N. Bonneel et al. (2011), Displacement interpolation using Lagrangian mass
    transport; R. Flamary et al. (2021), POT, JMLR 22(78).

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> mu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]])
    >>> nu = ParticleMeasure([[0.0, 3.0], [1.0, 3.0]])
    >>> round(wasserstein(mu, nu), 12)
    3.0
    """
    check_pair(mu, nu)
    if mu.dim == 1:
        return wasserstein_1d(mu, nu, p)
    if p not in (1, 2):
        raise InvalidInputError(f"p must be 1 or 2 in dimension {mu.dim}, got {p!r}")
    first, second = atoms_of(mu), atoms_of(nu)
    sizes = len(first.masses), len(second.masses)
    if sizes[0] * sizes[1] > _MOST_PAIRS:
        raise InvalidInputError(
            f"exact transport between {sizes[0]} and {sizes[1]} particles needs more than the "
            f"{_MOST_PAIRS:,} pairs that are allowed; use sliced_wasserstein, sliced_energy or "
            "marginal_wasserstein, or fewer particles, which a grid can sample"
        )
    return float(max(_cost(first, second, p), 0.0) ** (1.0 / p))


def _cost(first: Atoms, second: Atoms, p: float) -> float:
    """min_π Σ π_ij |x_i − y_j|^p; POT returns costs, not their roots."""
    from scipy.spatial.distance import cdist

    (x, a), (y, b) = first, second
    # POT's own squares |x|² + |y|² − 2 x·y do not vanish where x = y.
    costs = cdist(x, y, "euclidean" if p == 1 else "sqeuclidean")
    largest = float(costs.max(initial=0.0))
    if largest == 0.0:
        return 0.0
    costs /= largest  # tolerances of the simplex method are absolute
    ot = transport_library()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what POT warns of is raised below
        value, log = ot.emd2(
            a, b, costs, numItermax=_MOST_ITERATIONS, log=True, return_matrix=False
        )
    if log["warning"] is not None:
        raise MeanfieldError(
            f"exact transport between {len(a)} and {len(b)} particles did not finish in "
            f"{_MOST_ITERATIONS:,} iterations; use sliced_wasserstein"
        )
    return float(value) * largest
