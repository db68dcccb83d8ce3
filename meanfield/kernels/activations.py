"""Scalar nonlinearities with two derivatives, chosen by the type of a small tuple.

Each activation is a named tuple of its parameters. Kernels take such a tuple and call
`value`, `value_and_slope` or `jet` on scalars; numba compiles a kernel once for each
activation, precision and shape that is used, with the formula inside its loops.
At a kink the slope is the one from the left, as in PyTorch (relu'(0) = 0).
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

from meanfield.kernels.compilation import inline, inlined, kernel, widest_vectors
from meanfield.kernels.elementary import (
    erf_and_gaussian,
    exp_minus,
    log1p_unit,
    normal_cdf,
    normal_pdf,
    tanh,
)

__all__ = [
    "BUILTIN",
    "custom",
    "fill_jets",
    "fill_pairs",
    "fill_values",
    "jet",
    "register",
    "value",
    "value_and_slope",
]

#: Formula (activation, z) -> (value, slope, curvature) of each type of activation.
_JETS: dict[type, Callable[..., Any]] = {}

#: Type of each built-in activation by name.
BUILTIN: dict[str, type] = {}


def register(kind: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator of the formula (activation, z) -> (value, slope, curvature) of a type."""

    def keep(formula: Callable[..., Any]) -> Callable[..., Any]:
        _JETS[kind] = formula
        return formula

    return keep


def _builtin(name: str, kind: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    BUILTIN[name] = kind
    return register(kind)


def jet(activation: Any, z: Any) -> Any:
    """Value, slope and curvature at a scalar; kernels pay only for what they use."""
    raise NotImplementedError("for compiled code")


@inlined(jet)
def _jet(activation, z):
    return _JETS[activation.instance_class]


@inline
def value(activation, z):
    """σ(z)."""
    return jet(activation, z)[0]


@inline
def value_and_slope(activation, z):
    """σ(z) and σ'(z)."""
    triple = jet(activation, z)
    return triple[0], triple[1]


class Relu(NamedTuple):
    """max(z, 0)."""


@_builtin("relu", Relu)
def _relu(activation, z):
    number = type(z)
    zero, one = number(0.0), number(1.0)
    return (zero if z <= zero else z), (zero if z <= zero else one), zero


class LeakyRelu(NamedTuple):
    """The identity for z > 0, slope * z otherwise."""

    slope: float


@_builtin("leaky_relu", LeakyRelu)
def _leaky_relu(activation, z):
    number = type(z)
    factor = number(1.0) if z > number(0.0) else number(activation.slope)
    return factor * z, factor, number(0.0)


class Tanh(NamedTuple):
    """Hyperbolic tangent."""


@_builtin("tanh", Tanh)
def _tanh(activation, z):
    number = type(z)
    sigma = tanh(z)
    slope = number(1.0) - sigma * sigma
    return sigma, slope, number(-2.0) * sigma * slope


class Erf(NamedTuple):
    """Error function."""


@_builtin("erf", Erf)
def _erf(activation, z):
    number = type(z)
    sigma, bell = erf_and_gaussian(z)
    slope = number(1.1283791670955126) * bell
    return sigma, slope, number(-2.0) * z * slope


class Sigmoid(NamedTuple):
    """1 / (1 + e^{-z})."""


@inline
def logistic(z):
    """The sigmoid of z and of -z, without cancellation on either side."""
    number = type(z)
    zero, one = number(0.0), number(1.0)
    e = exp_minus(-abs(z))
    scale = one / (one + e)
    return (one if z >= zero else e) * scale, (e if z >= zero else one) * scale


@_builtin("sigmoid", Sigmoid)
def _sigmoid(activation, z):
    above, below = logistic(z)
    slope = above * below
    return above, slope, slope * (below - above)


class Softplus(NamedTuple):
    """log(1 + e^z)."""


@inline
def softplus(z):
    """log(1 + e^z) = max(z, 0) + log(1 + e^{-|z|})."""
    zero = type(z)(0.0)
    return (zero if z <= zero else z) + log1p_unit(exp_minus(-abs(z)))


@_builtin("softplus", Softplus)
def _softplus(activation, z):
    above, below = logistic(z)
    return softplus(z), above, above * below


class Gelu(NamedTuple):
    """The product z P(G <= z) for a standard normal G (the exact form, not the tanh one)."""


@_builtin("gelu", Gelu)
def _gelu(activation, z):
    below, density = normal_cdf(z), normal_pdf(z)
    return z * below, below + z * density, (type(z)(2.0) - z * z) * density


class Silu(NamedTuple):
    """The product z sigmoid(z)."""


@_builtin("silu", Silu)
def _silu(activation, z):
    above, below = logistic(z)
    slope = above * below
    return z * above, above + z * slope, slope * (type(z)(2.0) + z * (below - above))


class Sin(NamedTuple):
    """The sine of z."""


@_builtin("sin", Sin)
def _sin(activation, z):
    number = type(z)
    sine = number(math.sin(z))
    return sine, number(math.cos(z)), -sine


class Square(NamedTuple):
    """z^2."""


@_builtin("square", Square)
def _square(activation, z):
    number = type(z)
    return z * z, number(2.0) * z, number(2.0)


class Linear(NamedTuple):
    """The identity."""


@_builtin("linear", Linear)
def _linear(activation, z):
    number = type(z)
    return z, number(1.0), number(0.0)


class ClippedLinear(NamedTuple):
    """`low` up to `start`, `high` from `stop` on, linear between."""

    start: float
    stop: float
    low: float
    high: float


@_builtin("clipped_linear", ClippedLinear)
def _clipped_linear(activation, z):
    number = type(z)
    start, stop = number(activation.start), number(activation.stop)
    low, high = number(activation.low), number(activation.high)
    factor = (high - low) / (stop - start)
    sigma = low + factor * (z - start)
    sigma = low if z <= start else sigma
    sigma = high if z >= stop else sigma
    slope = number(0.0) if z <= start else factor
    slope = number(0.0) if z > stop else slope
    return sigma, slope, number(0.0)


class LinearSpline(NamedTuple):
    """Straight lines with the slope `slopes[q]` between the knots q - 1 and q."""

    knots: tuple[float, ...]
    values: tuple[float, ...]
    slopes: tuple[float, ...]


@_builtin("linear_spline", LinearSpline)
def _linear_spline(activation, z):
    number = type(z)
    knots, values, slopes = activation.knots, activation.values, activation.slopes
    slope = number(slopes[0])
    sigma = number(values[0]) + slope * (z - number(knots[0]))
    for q in range(len(knots)):
        knot, after = number(knots[q]), number(slopes[q + 1])
        line = number(values[q]) + after * (z - knot)
        sigma = sigma if z <= knot else line
        slope = slope if z <= knot else after
    return sigma, slope, number(0.0)


def custom(value: Any, slope: Any, curvature: Any = None) -> Any:
    """Activation of a new type from two or three scalar Python functions."""
    value, slope = inline(value), inline(slope)
    curvature = inline(curvature or _unknown)

    def formula(activation, z):
        number = type(z)
        return number(value(z)), number(slope(z)), number(curvature(z))

    # Compiled symbols are named by the type: each needs a name of its own.
    kind = namedtuple(f"Custom{len(_JETS)}", ())  # type: ignore[misc]
    _JETS[kind] = formula
    return kind()


def _unknown(z):
    return math.nan


@kernel
def fill_values(activation, z, values):
    """Write σ of every element of the flat array `z` into `values`, which may be `z`."""
    widest_vectors()
    for i in range(z.size):
        values[i] = value(activation, z[i])


@kernel
def fill_pairs(activation, z, values, slopes):
    """Write value and slope of every element of `z`; `slopes` may be `z` itself."""
    widest_vectors()
    for i in range(z.size):
        values[i], slopes[i] = value_and_slope(activation, z[i])


@kernel
def fill_jets(activation, z, values, slopes, curvatures):
    """Write value, slope and curvature of every element of `z`."""
    widest_vectors()
    for i in range(z.size):
        values[i], slopes[i], curvatures[i] = jet(activation, z[i])
