"""Exponential family as straight-line code that LLVM turns into vector instructions.

``math.exp`` and ``math.tanh`` call the C library once per element. The functions
here have no branch and no call, so a loop over them runs in SIMD registers.
Range reduction is Cody and Waite's, ``x = k ln 2 + r`` with ``|r| <= ln 2 / 2``;
the series of ``e^r`` is cut where its remainder is below half an ulp.
"""

from __future__ import annotations

import math
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = ["exp_minus", "expm1_minus", "inline", "log1p_unit", "normal_cdf", "normal_pdf"]

#: Decorator of scalar functions that are inlined into the loops which call them.
#: ``contract`` allows fused multiply-add; reassociation would break the reduction.
inline = numba.njit(
    cache=True, error_model="numpy", forceinline=True, nogil=True, fastmath={"contract"}
)

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
# Adding this constant to |t| < 2**51 rounds t to an integer, found in the low bits.
_ROUND = 6755399441055744.0
# Below this the exponential is taken as 0: e^-640 is 1e-278, and smaller numbers would
# make denormal products, which processors multiply a hundred times more slowly.
_LOWEST = -640.0


@intrinsic
def _power_of_two(typing: Any, rounded: Any) -> Any:
    """2**k from a double that holds k in the low bits of its mantissa."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(64)
        bits = builder.bitcast(arguments[0], integer)
        biased = builder.add(bits, ir.Constant(integer, 1023))
        return builder.bitcast(builder.shl(biased, ir.Constant(integer, 52)), ir.DoubleType())

    return types.float64(types.float64), generate


@inline
def _reduce(x):
    """(e^r - 1, 2^k) with x = k ln 2 + r, for x in [-640, 0]."""
    x = _LOWEST if x < _LOWEST else x
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    return (p * r) * r + r, _power_of_two(shifted)  # type: ignore[call-arg]


@inline
def exp_minus(x):
    """e^x for x <= 0, to 2 ulp; 0 below -640; NaN stays NaN."""
    excess, power = _reduce(x)
    return 0.0 if x < _LOWEST else excess * power + power


@inline
def expm1_minus(x):
    """e^x - 1 for x <= 0, to 3 ulp also where x is tiny."""
    excess, power = _reduce(x)
    return excess * power + (power - 1.0)


@inline
def log1p_unit(x):
    """log(1 + x) for 0 <= x <= 1, as 2 artanh(x / (2 + x))."""
    s = x / (2.0 + x)
    t = s * s
    p = 1.0 / 35.0
    p = p * t + 1.0 / 33.0
    p = p * t + 1.0 / 31.0
    p = p * t + 1.0 / 29.0
    p = p * t + 1.0 / 27.0
    p = p * t + 1.0 / 25.0
    p = p * t + 1.0 / 23.0
    p = p * t + 1.0 / 21.0
    p = p * t + 1.0 / 19.0
    p = p * t + 1.0 / 17.0
    p = p * t + 1.0 / 15.0
    p = p * t + 1.0 / 13.0
    p = p * t + 1.0 / 11.0
    p = p * t + 1.0 / 9.0
    p = p * t + 1.0 / 7.0
    p = p * t + 1.0 / 5.0
    p = p * t + 1.0 / 3.0
    return 2.0 * s + 2.0 * s * (t * p)


@inline
def normal_pdf(x):
    """Standard normal density."""
    return 0.3989422804014327 * exp_minus(-0.5 * x * x)


@inline
def normal_cdf(x):
    """Standard normal distribution function, accurate in the left tail too."""
    return 0.5 * math.erfc(-0.7071067811865476 * x)
