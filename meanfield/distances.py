"""Distances between measures, and between the networks that they are.

Each name says which estimator it is: exact transport, sliced, entropic, energy.
Between finite samples, transport distances in more than one dimension measure mostly
the sampling: compare them with the same distance between independent samples.

A grid enters with two Gauss points along each axis of a cell (`GridMeasure.to_particles`),
whose W₂ distance to its density is 0.15 cells along each axis; on the line with sixteen,
whose distance is 0.02 cells.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure, require_measure
from meanfield.problems import AnyProblem
from meanfield.registry import Registry
from meanfield.typing import Float64Array

__all__ = [
    "coupling",
    "distances",
    "energy",
    "function",
    "sinkhorn",
    "sliced_wasserstein",
    "wasserstein",
    "wasserstein_1d",
]

# Exact transport holds a cost matrix of 8 bytes a pair: 200 MB at this size.
_MOST_PAIRS = 5000 * 5000
_MOST_ITERATIONS = 10_000_000
_MOST_SWEEPS = 20_000
_BLOCK = 1024
# Atoms for each cell of a grid on the line.
_LINE_POINTS = 16


def wasserstein(mu: Measure, nu: Measure, p: float = 2) -> float:
    """Exact Wasserstein distance W_p(μ, ν) = (min_π ∫ |x − y|^p dπ(x, y))^(1/p).

    The minimum is over couplings π of μ and ν; the result is the distance, not the
    cost. On the line it is computed by sorting, otherwise by the network simplex.

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
    >>> mu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]])
    >>> nu = ParticleMeasure([[0.0, 3.0], [1.0, 3.0]])
    >>> round(wasserstein(mu, nu), 12)
    3.0
    """
    _check_pair(mu, nu)
    if mu.dim == 1:
        return wasserstein_1d(mu, nu, p)
    if p not in (1, 2):
        raise InvalidInputError(f"p must be 1 or 2 in dimension {mu.dim}, got {p!r}")
    (x, a), (y, b) = _atoms(mu), _atoms(nu)
    if len(a) * len(b) > _MOST_PAIRS:
        raise InvalidInputError(
            f"exact transport between {len(a)} and {len(b)} particles needs more than the "
            f"{_MOST_PAIRS:,} pairs that are allowed; use sliced_wasserstein or energy, or fewer "
            "particles, which a grid can sample"
        )
    ot = _transport_library()
    cost = ot.dist(x, y, metric="euclidean" if p == 1 else "sqeuclidean")
    value, log = ot.emd2(a, b, cost, numItermax=_MOST_ITERATIONS, log=True, return_matrix=False)
    if log["warning"] is not None:
        raise MeanfieldError(
            f"exact transport between {len(a)} and {len(b)} particles did not finish in "
            f"{_MOST_ITERATIONS:,} iterations; use sliced_wasserstein"
        )
    return float(max(value, 0.0) ** (1.0 / p))


def wasserstein_1d(mu: Measure, nu: Measure, p: float = 2) -> float:
    """Exact W_p on the line, (∫_0^1 |F_μ^{-1}(u) − F_ν^{-1}(u)|^p du)^(1/p).

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
    """
    _check_pair(mu, nu)
    if mu.dim != 1:
        raise InvalidInputError(
            f"wasserstein_1d takes measures on the line, got {mu.dim} dimensions"
        )
    _check_power(p)
    (x, a), (y, b) = _atoms(_refined(mu)), _atoms(_refined(nu))
    return float(_line_cost(x[:, 0], a, y[:, 0], b, p) ** (1.0 / p))


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
    >>> mu = ParticleMeasure([[0.0], [1.0]])
    >>> sliced_wasserstein(mu, ParticleMeasure([[2.0], [3.0]]))
    2.0
    """
    _check_pair(mu, nu)
    _check_power(p)
    as_count("projections", projections)
    (x, a), (y, b) = _atoms(mu), _atoms(nu)
    directions = np.random.default_rng(seed).standard_normal((projections, mu.dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    costs = [_line_cost(x @ u, a, y @ u, b, p) for u in directions]
    return float(np.mean(costs) ** (1.0 / p))


def energy(mu: Measure, nu: Measure) -> float:
    """Energy distance (2 E|X − Y| − E|X − X'| − E|Y − Y'|)^(1/2), a metric.

    X, X' ~ μ and Y, Y' ~ ν are independent; expectations are over the particles,
    pairs of a particle with itself included. Memory does not grow with N · M.

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
    >>> round(energy(ParticleMeasure([[0.0]]), ParticleMeasure([[2.0]])), 12)
    2.0
    """
    _check_pair(mu, nu)
    first, second = _atoms(mu), _atoms(nu)
    square = 2.0 * _mean_distance(first, second)
    square -= _mean_distance(first, first) + _mean_distance(second, second)
    return float(np.sqrt(max(square, 0.0)))


def sinkhorn(mu: Measure, nu: Measure, regularization: float | None = None) -> float:
    """Sinkhorn divergence S_ε(μ, ν) = OT_ε(μ, ν) − ½ OT_ε(μ, μ) − ½ OT_ε(ν, ν).

    OT_ε(μ, ν) = min_π ∫ |x − y|² dπ + ε KL(π | μ ⊗ ν). A cost, not its root: it tends
    to W_2² as ε → 0.

    Parameters
    ----------
    mu, nu : Measure
        In the same dimension.
    regularization : float, optional
        ε > 0, in squared units of the parameters; 5 % of the mean squared distance
        between particles of μ and ν by default.

    Raises
    ------
    InvalidInputError
        If dimensions differ, ε is not positive, or there are over 25 million pairs.
    MeanfieldError
        If the iteration does not converge.

    References
    ----------
    J. Feydy et al. (2019), Interpolating between optimal transport and MMD using
    Sinkhorn divergences, AISTATS, eq. 3.

    Examples
    --------
    >>> mu = ParticleMeasure([[0.0], [1.0]])
    >>> round(sinkhorn(mu, ParticleMeasure([[2.0], [3.0]])), 6)
    4.0
    """
    _check_pair(mu, nu)
    first, second = _atoms(mu), _atoms(nu)
    sizes = [len(masses) for _, masses in (first, second)]
    if max(sizes) ** 2 > _MOST_PAIRS:
        raise InvalidInputError(
            f"sinkhorn takes up to {int(_MOST_PAIRS**0.5)} particles, got {sizes[0]} and "
            f"{sizes[1]}; use sliced_wasserstein or energy"
        )
    if regularization is None:
        cost = _transport_library().dist(first[0], second[0])
        regularization = 0.05 * float(first[1] @ cost @ second[1]) or 1.0
    epsilon = as_number("regularization", regularization, "positive")
    cross = _entropic_cost(first, second, epsilon)
    own = _own_entropic_cost(first, epsilon) + _own_entropic_cost(second, epsilon)
    return cross - 0.5 * own


def coupling(mu: Measure, nu: Measure) -> float:
    """Synchronous coupling distance (Σ_i m_i |x_i − y_i|²)^(1/2), particle by particle.

    An upper bound of W_2, and the one without sampling error: use it for particles
    that started at the same positions (Sznitman 1991).

    Parameters
    ----------
    mu, nu : Measure
        With the same number, masses and dimension of particles.

    Raises
    ------
    InvalidInputError
        If numbers, masses or dimensions differ, or a measure is a grid.

    Examples
    --------
    >>> coupling(ParticleMeasure([[0.0], [0.0]]), ParticleMeasure([[1.0], [1.0]]))
    1.0
    """
    _check_pair(mu, nu)
    if not (isinstance(mu, ParticleMeasure) and isinstance(nu, ParticleMeasure)):
        raise InvalidInputError(
            "coupling compares particle by particle, which grids have not; use wasserstein"
        )
    if len(mu) != len(nu) or not np.allclose(mu.weights, nu.weights, rtol=1e-12, atol=0.0):
        raise InvalidInputError(
            f"coupling takes the same number and masses of particles, got {len(mu)} and {len(nu)}; "
            "use wasserstein"
        )
    (x, masses), (y, _) = _atoms(mu), _atoms(nu)
    return float(np.sqrt(masses @ ((x - y) ** 2).sum(axis=1)))


def function(problem: AnyProblem, mu: Measure, nu: Measure, inputs: Any = None) -> float:
    """Root mean square distance of outputs, (Σ_j p_j |f(x_j; μ) − f(x_j; ν)|²)^(1/2).

    Parameters
    ----------
    problem : Problem or PopulationProblem
        Whose neuron makes networks of the measures.
    mu, nu : Measure
    inputs : (m, d) array, optional
        Points with equal weights; by default the data of the problem with theirs.

    Raises
    ------
    InvalidInputError
        If measures or inputs do not fit the neuron.

    Examples
    --------
    >>> from meanfield import Dataset, Neuron, Problem
    >>> neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[2.0]], [0.0]))
    >>> function(problem, ParticleMeasure([[1.0]]), ParticleMeasure([[4.0]]))
    6.0
    """
    points = problem.data.inputs if inputs is None else inputs
    difference = problem.predict(mu, points) - problem.predict(nu, points)
    squares = (difference**2).sum(axis=1)
    mean = squares.mean() if inputs is not None else problem.data.weights @ squares
    return float(np.sqrt(mean))


#: Distances between measures by name.
distances: Registry[Callable[..., float]] = Registry("distance")
for _distance in (wasserstein, sliced_wasserstein, energy, sinkhorn, coupling):
    distances.register(_distance.__name__, _distance)


@cache
def _transport_library() -> Any:
    """POT, told not to import the array libraries that it could also work with."""
    for backend in ("PYTORCH", "JAX", "TENSORFLOW", "CUPY"):
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
    import ot

    return ot


def _check_pair(mu: Measure, nu: Measure) -> None:
    for measure in (mu, nu):
        require_measure("each side of a distance", measure)
    if mu.dim != nu.dim:
        raise InvalidInputError(
            f"the measures must have the same dimension, got {mu.dim} and {nu.dim}"
        )


def _check_power(p: float) -> None:
    if as_number("p", p) < 1.0:
        raise InvalidInputError(f"p must be >= 1, got {p!r}")


def _refined(measure: Measure) -> Measure:
    """A grid on the line as many particles a cell; they cost no more than a sort."""
    return measure.to_particles(_LINE_POINTS) if isinstance(measure, GridMeasure) else measure


def _atoms(measure: Measure) -> tuple[Float64Array, Float64Array]:
    """Positions and masses of the particles that have a mass."""
    particles = measure.to_particles()
    massive = particles.weights > 0.0
    positions = particles.positions[massive].astype(np.float64)
    masses = particles.weights[massive]
    return positions, masses / masses.sum()


def _line_cost(
    x: Float64Array, a: Float64Array, y: Float64Array, b: Float64Array, p: float
) -> float:
    """∫_0^1 |F_μ^{-1} − F_ν^{-1}|^p of masses a at x and b at y."""
    order, other = np.argsort(x), np.argsort(y)
    x, y = x[order], y[other]
    if len(x) == len(y) and np.ptp(a) == 0.0 and np.ptp(b) == 0.0:
        return float(np.mean(np.abs(x - y) ** p))
    below, above = np.cumsum(a[order]), np.cumsum(b[other])
    levels = np.sort(np.concatenate([below[:-1], above[:-1], [1.0]]))
    widths = np.diff(levels, prepend=0.0)
    middle = levels - 0.5 * widths
    i = np.minimum(np.searchsorted(below, middle), len(x) - 1)
    j = np.minimum(np.searchsorted(above, middle), len(y) - 1)
    return float(widths @ np.abs(x[i] - y[j]) ** p)


def _mean_distance(
    first: tuple[Float64Array, Float64Array], second: tuple[Float64Array, Float64Array]
) -> float:
    """E|X − Y| in blocks of rows."""
    from scipy.spatial.distance import cdist

    (x, a), (y, b) = first, second
    blocks = range(0, len(x), _BLOCK)
    return float(sum(a[i : i + _BLOCK] @ cdist(x[i : i + _BLOCK], y) @ b for i in blocks))


def _entropic_cost(
    first: tuple[Float64Array, Float64Array],
    second: tuple[Float64Array, Float64Array],
    epsilon: float,
) -> float:
    """OT_ε as the value of its dual, ⟨f, a⟩ + ⟨g, b⟩ at convergence."""
    ot = _transport_library()
    (x, a), (y, b) = first, second
    cost = ot.dist(x, y)
    _, log = ot.bregman.sinkhorn_log(
        a, b, cost, epsilon, numItermax=_MOST_SWEEPS, stopThr=1e-9, log=True, warn=False
    )
    if not log["err"] or not log["err"][-1] <= 1e-6:
        raise _no_convergence(epsilon)
    # POT's potentials contain log a and log b, which belong to the reference measure.
    f, g = epsilon * (log["log_u"] - np.log(a)), epsilon * (log["log_v"] - np.log(b))
    return float(a @ f + b @ g)


def _own_entropic_cost(measure: tuple[Float64Array, Float64Array], epsilon: float) -> float:
    """OT_ε(μ, μ), whose two potentials are equal.

    Averages of the potential and its update converge in tens of steps where alternating
    updates take thousands (Feydy et al. 2019).
    """
    from scipy.special import logsumexp

    points, masses = measure
    exponents = np.log(masses) - _transport_library().dist(points, points) / epsilon
    potential = np.zeros(len(masses))
    for _ in range(_MOST_SWEEPS):
        update = -logsumexp(exponents + potential, axis=1)
        if np.abs(update - potential).max() <= 1e-9:
            # One marginal of this pair is exact, so that the dual has no further term.
            return float(epsilon * (masses @ (potential + update)))
        potential = 0.5 * (potential + update)
    raise _no_convergence(epsilon)


def _no_convergence(epsilon: float) -> MeanfieldError:
    return MeanfieldError(
        f"sinkhorn did not converge at regularization {epsilon:g}; use a larger one"
    )
