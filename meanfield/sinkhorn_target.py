"""Many networks against one limit: the Sinkhorn divergence at a large regularisation, fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.distances import sinkhorn
from meanfield.measures import ParticleMeasure
from meanfield.typing import Float64Array

__all__ = ["SinkhornTarget"]

_MOST_SWEEPS = 2000
_TOLERANCE = 1e-9
# Costs in units of ε up to which their exponentials and products are far from underflow.
_MOST_EXPONENT = 300.0


@dataclass(frozen=True, eq=False)
class SinkhornTarget:
    """A limit ν for divergences S_ε(μ, ν) of many measures μ, as `meanfield.distances.sinkhorn`.

    Where costs are at most a few hundred ε, the scalings of Sinkhorn's iteration are products
    with one matrix of exponentials, and need no logarithms; the share of ν is found once.

    Attributes
    ----------
    measure : ParticleMeasure
        ν.
    regularization : float
        ε.
    own : float
        OT_ε(ν, ν).

    Examples
    --------
    >>> nu = ParticleMeasure.gaussian(64, 2, seed=0)
    >>> mu = ParticleMeasure.gaussian(32, 2, seed=1)
    >>> value = SinkhornTarget.of(nu, 1.0).divergence(mu)
    >>> bool(abs(value - sinkhorn(mu, nu, 1.0)) < 1e-6)
    True
    """

    measure: ParticleMeasure
    regularization: float
    own: float

    @classmethod
    def of(cls, measure: ParticleMeasure, regularization: float) -> SinkhornTarget:
        """Prepare a limit."""
        own = _cost(measure, measure, regularization)
        return cls(measure, regularization, np.nan if own is None else own)

    def divergence(self, measure: ParticleMeasure) -> float:
        """S_ε(μ, ν).

        Raises
        ------
        MeanfieldError
            If the iteration does not converge.
        """
        cross = _cost(measure, self.measure, self.regularization)
        own = _cost(measure, measure, self.regularization)
        if cross is None or own is None or not np.isfinite(self.own):
            return sinkhorn(measure, self.measure, self.regularization)
        return cross - 0.5 * (own + self.own)


def _cost(mu: ParticleMeasure, nu: ParticleMeasure, epsilon: float) -> float | None:
    """OT_ε(μ, ν); None where exponentials would not do."""
    x, y = (part.positions.astype(np.float64) for part in (mu, nu))
    centre = y.mean(axis=0)
    x, y = x - centre, y - centre
    squares = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1) - 2.0 * x @ y.T
    exponents = np.maximum(squares, 0.0) / epsilon
    if exponents.max() > _MOST_EXPONENT:
        return None
    kernel = np.exp(-exponents)
    scalings = _scalings(kernel, mu.weights, nu.weights, symmetric=mu is nu)
    if scalings is None:
        return None
    u, v = scalings
    return float(epsilon * (mu.weights @ np.log(u) + nu.weights @ np.log(v)))


def _scalings(
    kernel: Float64Array, a: Float64Array, b: Float64Array, symmetric: bool
) -> tuple[Float64Array, Float64Array] | None:
    """u, v with u K (b v) = 1 and v Kᵀ (a u) = 1; geometric means where both are the same."""
    u, v = np.ones(len(a)), np.ones(len(b))
    for _ in range(_MOST_SWEEPS):
        update = 1.0 / (kernel @ (b * v))
        if np.abs(update / u - 1.0).max() <= _TOLERANCE:
            # One marginal of the pair is exact, so that the dual has no further term.
            return update, v
        if symmetric:
            u = np.sqrt(u * update)
            v = u
        else:
            u = update
            v = 1.0 / (kernel.T @ (a * u))
    return None
