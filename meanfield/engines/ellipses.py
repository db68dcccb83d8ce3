"""How many Chebyshev nodes an analytic activation needs on an interval.

On an interval of half-width h with centre c, a particle is g(t) = σ(s t + z), |t| <= 1,
with s = w h and z = w c + b. If g is analytic and at most M on the ellipse with foci ±1
and semi-axes (ρ ± 1/ρ)/2, polynomials of degree p - 1 come within

    2 M ρ^(1-p) / (ρ - 1)

of it (Trefethen 2013, theorem 8.2), and the interpolant at p nodes within 1 + Λ times
that (theorem 15.1), with Λ <= 1 + (2/π) log p at Chebyshev points, at most 6 here with
their rounding. The ellipse lies in the strip |Im| <= s (ρ - 1/ρ)/2 around the real
line, where M is bounded for all z at once; softplus, silu and gelu grow along the line,
but differ by σ(z) - z = σ(-z), and so up to a straight line, which interpolation
reproduces, it is enough to bound them for real parts up to s (ρ + 1/ρ)/2.

References
----------
Trefethen (2013), Approximation Theory and Approximation Practice, theorems 8.2, 15.1
and 15.2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from meanfield.typing import Float64Array

__all__ = ["ANALYTIC", "reaches"]

_Bounds = tuple[Float64Array, Float64Array]

# 2 (1 + Λ).
_FACTOR = 14.0
# Ellipses among which the best bound is taken.
_RHO = 1.0 + np.geomspace(1e-3, 1e3, 800)
# Steepness beyond all limits; a bisection halves it to the last bit of a limit.
_STEEPEST = 1e4
_HALVINGS = 60


def _cosine(angle: Float64Array) -> Float64Array:
    """The cosine up to π/2, where it has its zero; 0 beyond."""
    return np.where(angle < np.pi / 2, np.cos(angle), 0.0)


def _tanh(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|tanh z| <= max(1, tan y) and |tanh' z| = 1 / (sinh² x + cos² y)."""
    slope = -2.0 * np.log(_cosine(imag))
    return 0.5 * slope, slope


def _sigmoid(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|1 + e^-z| >= cos(y/2)."""
    value = -np.log(_cosine(imag / 2))
    return value, 2.0 * value


def _softplus(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|σ(z)| <= ∫ |σ'(t + iy)| dt up to x, with |σ'(t + iy)| <= min(1, e^t) / cos(y/2)."""
    slope = -np.log(_cosine(imag / 2))
    return np.log1p(real) + slope, slope


def _silu(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|z| times the sigmoid s, and s + z s' with |s'| <= e^-|x| / cos²(y/2)."""
    sigmoid = -np.log(_cosine(imag / 2))
    return np.log1p(real + imag) + sigmoid, np.log(2.0 + imag) + 2.0 * sigmoid


def _erf(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|erf(x + iy)| <= 1 + ∫ |erf'(x + it)| dt up to y, with |erf'(x + iy)| <= 1.13 e^(y²)."""
    slope = np.log(1.13) + imag**2
    return np.logaddexp(0.0, np.log(imag) + slope), slope


def _gelu(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|z| P(z) and P + z P' with |P'| <= 0.4 e^(y²/2) and so |P| <= 1 + 0.4 y e^(y²/2)."""
    density = np.log(0.4) + imag**2 / 2
    below = np.logaddexp(0.0, np.log(imag) + density)
    return np.log1p(real + imag) + below, np.logaddexp(below, np.log(1.0 + imag) + density)


def _sin(real: Float64Array, imag: Float64Array) -> _Bounds:
    """|sin(x + iy)| and |cos(x + iy)| are at most e^y."""
    return imag, imag


def _polynomial(real: Float64Array, imag: Float64Array) -> _Bounds:
    """Degree two at most: no error from three nodes on."""
    return np.full_like(imag, -np.inf), np.full_like(imag, -np.inf)


#: Logarithms of bounds on |σ| and |σ'| where |Im z| <= y and, up to a straight line,
#: Re z <= x.
ANALYTIC: dict[str, Callable[[Float64Array, Float64Array], _Bounds]] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "silu": _silu,
    "erf": _erf,
    "gelu": _gelu,
    "sin": _sin,
    "square": _polynomial,
    "linear": _polynomial,
}


@cache
def reaches(activation: str, nodes: tuple[int, ...], tolerance: float) -> Float64Array:
    """Largest steepness |w| h at which p nodes interpolate σ, σ' and t σ' to `tolerance`.

    Parameters
    ----------
    activation : str
        A key of `ANALYTIC`.
    nodes : (L,) tuple of int
        The p.
    tolerance : float
        Largest error of each of the three functions on the interval, for any bias.

    Examples
    --------
    >>> reaches("tanh", (32, 64), 1e-13).round(1)
    array([1. , 2.3])
    """
    degrees = np.array(nodes)[:, None] - 1.0
    low, high = np.zeros(len(nodes)), np.full(len(nodes), _STEEPEST)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        fits = _least_error(activation, middle[:, None], degrees) <= np.log(tolerance)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


def _least_error(activation: str, steepness: Float64Array, degrees: Float64Array) -> Float64Array:
    """Logarithm of the bound for the best ellipse; steepnesses and degrees (L, 1)."""
    wide, high = (_RHO + 1.0 / _RHO) / 2, (_RHO - 1.0 / _RHO) / 2
    with np.errstate(divide="ignore", over="ignore"):
        value, slope = ANALYTIC[activation](steepness * wide, steepness * high)
    largest = np.maximum(value, slope + np.log(wide))
    errors = np.log(_FACTOR) + largest - degrees * np.log(_RHO) - np.log(_RHO - 1.0)
    return np.asarray(errors.min(axis=1))
