"""Entropic transport: the Sinkhorn divergence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.checks import as_number
from meanfield.distances.atoms import (
    Atoms,
    atoms_of,
    check_pair,
    mean_square_distance,
)
from meanfield.distances.pair_means import columns_of, in_groups
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.measures import Measure
from meanfield.sums import weighted_sum
from meanfield.typing import Float64Array

__all__ = ["sinkhorn"]

_MOST_PARTICLES = 20_000
_MOST_SWEEPS = 20_000
# Mass by which a marginal may be wrong at the end; the cost is wrong by its square.
_TOLERANCE = 1e-8
# Iterations that are mixed, and by how much the error may rise before they are forgotten.
_MIXED, _RISE = 10, 4.0
# Averaged updates at the final regularization, before alternating ones.
_AVERAGED = 20


def sinkhorn(mu: Measure, nu: Measure, regularization: float | None = None) -> float:
    """Sinkhorn divergence S_ε(μ, ν) = OT_ε(μ, ν) − ½ OT_ε(μ, μ) − ½ OT_ε(ν, ν).

    OT_ε(μ, ν) = min_π ∫ |x − y|² dπ + ε KL(π | μ ⊗ ν). A cost, not its root: it tends
    to W_2² as ε → 0. Potentials are found by averaged and alternating updates, while ε
    halves down to its value, in memory that grows with N + M; a sweep costs about 2 ns a
    pair on one core, and the default ε takes 100 sweeps or so, a few hundred between
    measures that almost coincide.

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
        If dimensions differ, ε is not positive, or a side has over 20 000 particles.
    MeanfieldError
        If the iteration does not converge.

    References
    ----------
    J. Feydy et al. (2019), Interpolating between optimal transport and MMD using
    Sinkhorn divergences, AISTATS, eq. 3.

    Examples
    --------
    >>> from meanfield import ParticleMeasure
    >>> mu = ParticleMeasure([[0.0], [1.0]])
    >>> round(sinkhorn(mu, ParticleMeasure([[2.0], [3.0]])), 6)
    4.0
    """
    check_pair(mu, nu)
    first, second = atoms_of(mu), atoms_of(nu)
    sizes = [len(masses) for _, masses in (first, second)]
    if max(sizes) > _MOST_PARTICLES:
        raise InvalidInputError(
            f"sinkhorn takes up to {_MOST_PARTICLES} particles, got {sizes[0]} and "
            f"{sizes[1]}; use sliced_wasserstein, energy or mmd"
        )
    if regularization is None:
        regularization = 0.05 * mean_square_distance(first, second) or 1.0
    epsilon = as_number("regularization", regularization, "positive")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # looked for below
        cross = _entropic_cost(first, second, epsilon)
        own = _own_entropic_cost(first, epsilon) + _own_entropic_cost(second, epsilon)
    return cross - 0.5 * own


def _entropic_cost(first: Atoms, second: Atoms, epsilon: float) -> float:
    """OT_ε as the value of its dual, ⟨f, a⟩ + ⟨g, b⟩ at convergence.

    One marginal of the coupling is exact after the last update, so that there is no more.
    The means are taken out: they add their squared distance to the cost of every coupling.
    """
    means = [weighted_sum(side.masses, side.positions) for side in (first, second)]
    shift = float(((means[0] - means[1]) ** 2).sum())
    first = Atoms(first.positions - means[0], first.masses)
    second = Atoms(second.positions - means[1], second.masses)
    f, g = np.zeros(len(first.masses)), np.zeros(len(second.masses))
    *early, last = _halvings(first, second, epsilon)
    for e in [*early, *[last] * _AVERAGED]:
        pair = _ScaledPair.of(first, second, e)
        rows, columns = pair.rows(f, g), pair.columns(f, g)
        if min(rows.min(), columns.min()) <= 0.0:
            raise _no_convergence(epsilon)
        f -= 0.5 * e * np.log(rows)
        g -= 0.5 * e * np.log(columns)
    pair = _ScaledPair.of(first, second, last)
    mixing = _AndersonMixing(np.sqrt(second.masses))
    for _ in range(_MOST_SWEEPS):
        f -= last * np.log(pair.rows(f, g))
        columns = pair.columns(f, g)
        wrong = weighted_sum(second.masses, np.abs(columns - 1.0))
        if wrong <= _TOLERANCE:
            return shift + float(weighted_sum(first.masses, f) + weighted_sum(second.masses, g))
        change = -last * np.log(columns)  # infinite after too long a step: the next goes back
        if not (np.isfinite(f).all() and (mixing.started or np.isfinite(change).all())):
            break  # costs beyond all numbers
        g = mixing.next(g, change, wrong)
    raise _no_convergence(epsilon)


class _AndersonMixing:
    """Fixed-point iterations g ← g + r(g), mixed with the last ones so that r nearly vanishes.

    Alternating updates take thousands of sweeps where the two sides almost coincide; mixed
    they take tens (Anderson 1965; Walker, Ni 2011). Where the error rises they begin anew.

    Parameters
    ----------
    scales : (M,) array
        Factors of the residuals in the least squares.
    """

    def __init__(self, scales: Float64Array) -> None:
        self._scales = scales
        self._least = np.inf
        self._points: list[Float64Array] = []
        self._residuals: list[Float64Array] = []

    @property
    def started(self) -> bool:
        """Whether there is a point to go back to."""
        return bool(self._points)

    def next(self, point: Float64Array, residual: Float64Array, error: float) -> Float64Array:
        """Where to look next, after a residual at a point and the size of its error."""
        if not error <= _RISE * self._least and self._points:
            point, residual = self._points[-1], self._residuals[-1]
            error, self._points, self._residuals = np.inf, [], []
            self._least = np.inf
        self._least = min(self._least, error)
        self._points = [*self._points, point][-_MIXED:]
        self._residuals = [*self._residuals, residual][-_MIXED:]
        if len(self._points) == 1:
            return point + residual
        steps = np.diff(self._points, axis=0)
        changes = np.diff(self._residuals, axis=0)
        with single_threaded_blas():
            shares = np.linalg.lstsq((changes * self._scales).T, residual * self._scales)[0]
            return np.asarray(point + residual - shares @ (steps + changes))


def _own_entropic_cost(atoms: Atoms, epsilon: float) -> float:
    """OT_ε(μ, μ), whose two potentials are equal.

    Averages of the potential and its update converge in tens of steps where alternating
    updates take thousands (Feydy et al. 2019).
    """
    potential = np.zeros(len(atoms.masses))
    *early, last = _halvings(atoms, atoms, epsilon)
    for e in early:
        potential -= 0.5 * e * np.log(_ScaledPair.of(atoms, atoms, e).rows(potential, potential))
    pair = _ScaledPair.of(atoms, atoms, last)
    for _ in range(_MOST_SWEEPS):
        step = last * np.log(pair.rows(potential, potential))
        if np.abs(step).max() <= 1e-9 * last:
            # With potential and update for the two sides one marginal is exact.
            return float(weighted_sum(atoms.masses, 2.0 * potential - step))
        potential -= 0.5 * step
    raise _no_convergence(epsilon)


def _halvings(first: Atoms, second: Atoms, epsilon: float) -> list[float]:
    """Regularizations from the squared size of both measures, halved down to ε.

    When ε halves, no term of a sum grows beyond the inverse of a mass.
    """
    points = np.concatenate([first.positions, second.positions])
    size = float((np.ptp(points, axis=0) ** 2).sum())
    if not np.isfinite(size / epsilon):
        raise _no_convergence(epsilon)
    count = int(np.ceil(np.log2(max(size / epsilon, 1.0))))
    return [epsilon * 2.0**power for power in range(count, -1, -1)]


@dataclass(frozen=True, eq=False)
class _ScaledPair:
    """Two sides in units of √ε, and logarithms of their masses."""

    epsilon: float
    sides: tuple[Float64Array, Float64Array]
    logarithms: tuple[Float64Array, Float64Array]

    @classmethod
    def of(cls, first: Atoms, second: Atoms, epsilon: float) -> _ScaledPair:
        unit = np.sqrt(epsilon)
        sides = (
            columns_of(first.positions / unit, np.float64),
            columns_of(second.positions / unit, np.float64),
        )
        return cls(epsilon, sides, (np.log(first.masses), np.log(second.masses)))

    def rows(self, f: Float64Array, g: Float64Array) -> Float64Array:
        """Σ_j b_j exp((f_i + g_j − |x_i − y_j|²)/ε): 1 where the first marginal is met."""
        return self._sums(0, 1, f, g)

    def columns(self, f: Float64Array, g: Float64Array) -> Float64Array:
        """Σ_i a_i exp((f_i + g_j − |x_i − y_j|²)/ε): 1 where the second marginal is met."""
        return self._sums(1, 0, g, f)

    def _sums(self, to: int, by: int, shifts: Float64Array, heights: Float64Array) -> Float64Array:
        from meanfield.kernels.distances import coupling_sums

        shifts = shifts / self.epsilon
        heights = heights / self.epsilon + self.logarithms[by]
        totals = np.empty_like(shifts)

        def work(group: int, start: int, stop: int) -> None:
            coupling_sums(self.sides[to], shifts, self.sides[by], heights, start, stop, totals)

        in_groups(len(shifts), work)
        return totals


def _no_convergence(epsilon: float) -> MeanfieldError:
    return MeanfieldError(
        f"sinkhorn did not converge at regularization {epsilon:g}; use a larger one"
    )
