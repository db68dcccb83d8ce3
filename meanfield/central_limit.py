"""Whether √N (f_N − f) is Gaussian with the covariance that the linearised flow predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array, probability_weights
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["CentralLimit", "central_limit"]

# Directions whose share of the variance is below this are not tested: rounding decides there.
_LEAST_SHARE = 1e-6
_SIGNIFICANT = 0.01


@dataclass(frozen=True)
class CentralLimit:
    """Fluctuations of the outputs against their predicted covariance Σ.

    Attributes
    ----------
    ratio : float
        Mean square of √N (f_N − f) over the trace of Σ, with the weights of the data.
    ratio_error : float
        Its predicted standard error (2 tr Σ² / S)^½ / tr Σ.
    statistic : float
        Sum over seeds and directions of the squared coordinates, each divided by its
        predicted variance.
    degrees : int
        Degrees of freedom: the law of `statistic` is χ² if the prediction holds.
    p_value : float
        Two-sided.
    directions : int
        Number of leading eigenvectors of Σ that are tested.
    seeds : int

    Examples
    --------
    >>> print(CentralLimit(1.04, 0.11, 208.0, 200, 0.67, 4, 50))
    variance 1.04 ± 0.11 of the predicted one; χ² = 208 on 200 degrees (p = 0.67): consistent
    """

    ratio: float
    ratio_error: float
    statistic: float
    degrees: int
    p_value: float
    directions: int
    seeds: int

    @property
    def consistent(self) -> bool:
        """Whether the p-value is above 0.01."""
        return self.p_value > _SIGNIFICANT

    def __str__(self) -> str:
        return (
            f"variance {self.ratio:.2f} ± {self.ratio_error:.2f} of the predicted one; "
            f"χ² = {self.statistic:.0f} on {self.degrees} degrees (p = {self.p_value:.2g}): "
            f"{'consistent' if self.consistent else 'not consistent'}"
        )


def central_limit(
    deviations: Any, covariance: Any, particles: int, *, weights: Any = None, directions: int = 8
) -> CentralLimit:
    """Test √N (f_N − f) over seeds against a normal law of mean 0 and given covariance.

    With p_j the weights of the points and z = √N (f_N − f)_j √p_j, the test takes the
    leading eigenvectors of (√p_j √p_l Σ_jl), in which the coordinates of z divided by the
    predicted standard deviations are independent standard normal numbers: the sum of
    their squares has a χ² law. The mean of f_N is off by O(1/N), that of z by O(N^−½).

    Parameters
    ----------
    deviations : (S, m) array
        f_N − f at m points (times outputs), one row a seed.
    covariance : (m, m) array
        Σ, predicted for √N (f_N − f).
    particles : int
        Width N.
    weights : (m,) array, optional
        p_j, equal by default; they need not sum to 1 over outputs.
    directions : int
        Most eigenvectors to test.

    Returns
    -------
    CentralLimit

    Raises
    ------
    InvalidInputError
        If shapes do not fit, there are fewer than two seeds, or Σ is zero.

    References
    ----------
    Sirignano, Spiliopoulos (2020), Stochastic Process. Appl. 130, theorem 1.5; Chen,
    Rotskoff, Bruna, Vanden-Eijnden (2020), NeurIPS, arXiv 2008.09623.

    Examples
    --------
    >>> normals = np.random.default_rng(0).standard_normal((100, 3))
    >>> found = central_limit(normals / 8.0, np.eye(3), particles=64)
    >>> found.degrees, found.consistent
    (300, True)
    """
    rows = as_finite_array("deviations", deviations, 2).astype(np.float64)
    matrix = as_finite_array("covariance", covariance, 2).astype(np.float64)
    count, points = rows.shape
    if matrix.shape != (points, points):
        raise InvalidInputError(
            f"covariance must have shape ({points}, {points}) for deviations at {points} points, "
            f"got {matrix.shape}"
        )
    if count < 2:
        raise InvalidInputError("a central limit needs at least two seeds, got 1")
    roots = np.sqrt(_masses(weights, points))
    variances, vectors = np.linalg.eigh(roots[:, None] * matrix * roots)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    total = float(variances.sum())
    if not total > 0.0:
        raise InvalidInputError("the predicted covariance is zero: there is nothing to test")
    scaled = math.sqrt(particles) * rows * roots
    tested = min(directions, int((variances > _LEAST_SHARE * total).sum()))
    coordinates = scaled @ vectors[:, :tested]
    statistic = float((coordinates**2 / variances[:tested]).sum())
    return CentralLimit(
        ratio=float((scaled**2).sum() / count / total),
        ratio_error=math.sqrt(2.0 * float((variances**2).sum()) / count) / total,
        statistic=statistic,
        degrees=count * tested,
        p_value=_two_sided(statistic, count * tested),
        directions=tested,
        seeds=count,
    )


def _masses(weights: Any, points: int) -> Float64Array:
    if weights is None:
        return probability_weights("weights", None, points)
    masses = as_finite_array("weights", weights, 1).astype(np.float64)
    if masses.shape != (points,) or (masses < 0.0).any():
        raise InvalidInputError(f"weights must be {points} numbers >= 0")
    return masses


def _two_sided(statistic: float, degrees: int) -> float:
    from scipy.special import chdtr, chdtrc

    tails = float(chdtr(degrees, statistic)), float(chdtrc(degrees, statistic))
    return min(1.0, 2.0 * min(tails))
