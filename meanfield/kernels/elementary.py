"""Elementary functions as straight-line code that LLVM turns into vector instructions.

``math.exp``, ``math.tanh`` and ``math.erf`` call the C library once per element. The
functions here have no branch and no call, so a loop over them runs in SIMD registers;
each works in the precision of its argument. Errors are in units in the last place
(ulp) of the result, on the whole range of arguments, as the tests measure:

=====================  =========  =========  ==========================================
function               float64    float32    below or beyond
=====================  =========  =========  ==========================================
exp                    2 ulp      2 ulp      0 where e^x is not a normal number; inf
exp_minus              2 ulp      2 ulp      0 below -640 (-70)
expm1_minus            3 ulp      3 ulp
tanh                   4 ulp      4 ulp
erf                    3 ulp      4 ulp
gaussian, normal_pdf   4 ulp      4 ulp      0 where the exponent is below -640 (-70)
normal_cdf             6 ulp      6 ulp      0 likewise
log1p_unit             3 ulp      3 ulp
log_unit               2 ulp
=====================  =========  =========  ==========================================

Range reduction is Cody and Waite's, ``x = k ln 2 + r`` with ``|r| <= ln 2 / 2``. The
polynomials interpolate at Chebyshev points, fitted with 60 digits. Results are cut to
0 before they become so small that products with them are denormal numbers, which
processors multiply a hundred times more slowly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from meanfield.kernels.compilation import inline, inlined

__all__ = [
    "as_double",
    "erf_and_gaussian",
    "exp",
    "exp_minus",
    "expm1_minus",
    "gaussian",
    "log1p_unit",
    "log_unit",
    "normal_cdf",
    "normal_pdf",
    "polynomial",
    "tanh",
]

# (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2.
_EXP_DOUBLE = (
    0.5000000000000001,
    0.16666666666666669,
    0.041666666666624164,
    0.008333333333330065,
    0.0013888888917196719,
    0.00019841269863040545,
    2.4801521322368692e-05,
    2.7557268480310024e-06,
    2.7620075879983367e-07,
    2.5100375832561234e-08,
)
_EXP_SINGLE = (
    0.5000000013457727,
    0.16666666681614256,
    0.04166646500604005,
    0.008333310934448869,
    0.0013933641031986701,
    0.00019890980869750327,
)

# erf(x) / x as a polynomial in x^2, for |x| <= 1/2.
_ERF_DOUBLE = (
    1.1283791670955126,
    -0.37612638903183476,
    0.11283791670925353,
    -0.026866170632887928,
    0.00522397737302147,
    -0.0008548297753674966,
    0.00012053335124353741,
    -1.4845849259707869e-05,
    1.4725865480556744e-06,
)
_ERF_SINGLE = (
    1.1283791656017914,
    -0.37612609007469805,
    0.11282831428465862,
    -0.026757732735015517,
    0.004719082567218814,
)

# e^{x^2} erfc(x) (1 + c x) as a polynomial in t = (1 - c x) / (1 + c x), for x >= 0.
_SCALE_DOUBLE, _SCALE_SINGLE = 0.25, 0.4
_ERFCX_DOUBLE = (
    0.27399891525012277,
    0.2441371822702206,
    0.19330217556630902,
    0.13521345782829913,
    0.08271289696952584,
    0.04350273431022892,
    0.01909537872675216,
    0.006592513332237497,
    0.0015280139205287892,
    7.023973429856785e-05,
    -0.00011376321237614941,
    -4.4203271189030627e-05,
    -9.086395096334298e-07,
    4.715370443874183e-06,
    1.1732609504621648e-06,
    -3.562393191996899e-07,
    -2.1111037937825012e-07,
    1.8994401397942223e-08,
    3.0779019362582555e-08,
    -2.0691180371406995e-10,
    -3.880516092789004e-09,
    -6.617950581671243e-11,
    3.130423894685947e-10,
)
_ERFCX_SINGLE = (
    0.4216127281222872,
    0.3218607736466057,
    0.18156569989817042,
    0.06849976745672201,
    0.011343546843800652,
    -0.003353155286118666,
    -0.0019213820432691649,
    0.0001654415198644956,
    0.00026648831811152605,
    -1.0746236645486562e-05,
    -2.9168582508964654e-05,
)

# (artanh(s) / s - 1) / s^2 as a polynomial in s^2, for s <= 1/3.
_ARTANH_DOUBLE = (
    0.33333333333333487,
    0.19999999999780063,
    0.14285714338330496,
    0.11111106278964857,
    0.09091130554209872,
    0.07686637438179002,
    0.0675117123587855,
    0.05161334635249541,
    0.08435350330548605,
)
_ARTANH_SINGLE = (
    0.33333320168349617,
    0.20003780322455603,
    0.1411830990265524,
    0.13425749011418575,
)


# -- what differs between the precisions -------------------------------------------------


def polynomial(coefficients: Any, x: Any) -> Any:
    """Sum of c_i x^i in the precision of x, unrolled; `coefficients` is a tuple."""
    raise NotImplementedError("for compiled code")


@inlined(polynomial)
def _polynomial(coefficients, x):
    if len(coefficients) == 1:
        return lambda coefficients, x: type(x)(coefficients[0])
    if len(coefficients) < 5:
        return lambda coefficients, x: (
            type(x)(coefficients[0]) + x * polynomial(coefficients[1:], x)
        )

    def four(coefficients, x):
        # Each further function takes longer to compile than the terms in it.
        number = type(x)
        rest = number(coefficients[3]) + x * polynomial(coefficients[4:], x)
        rest = number(coefficients[2]) + x * rest
        return number(coefficients[0]) + x * (number(coefficients[1]) + x * rest)

    return four


def _choice(double: Any, single: Any) -> Any:
    """A stub that returns `double` or `single`, by the type of its argument."""

    def stub(like: Any) -> Any:
        raise NotImplementedError("for compiled code")

    @inlined(stub)
    def _stub(like):
        if like == types.float32:
            return lambda like: single
        return lambda like: double

    return stub


_exp_coefficients = _choice(_EXP_DOUBLE, _EXP_SINGLE)
_erf_coefficients = _choice(_ERF_DOUBLE, _ERF_SINGLE)
_erfcx_coefficients = _choice(_ERFCX_DOUBLE, _ERFCX_SINGLE)
_erfcx_scale = _choice(_SCALE_DOUBLE, _SCALE_SINGLE)
_artanh_coefficients = _choice(_ARTANH_DOUBLE, _ARTANH_SINGLE)
# ln 2 in two parts, the first short enough that its products with integers are exact.
_ln2_high = _choice(6.93147180369123816490e-01, 0.693359375)
_ln2_low = _choice(1.90821492927058770002e-10, -2.12194440054690583e-4)
# Adding this rounds a small number to an integer, found in the low bits.
_rounder = _choice(6755399441055744.0, 12582912.0)
# Logarithms of the least and largest normal numbers, and where small factors are cut.
_least = _choice(-708.3964185322641, -87.3365447505)
_largest = _choice(709.782712893384, 88.7228390520)
_cut = _choice(-640.0, -70.0)


def _type_power_of_two(typing: Any, rounded: Any) -> Any:
    """2**k from a number that holds k in the low bits of its mantissa."""
    double = rounded == types.float64
    width, shift, bias = (64, 52, 1023) if double else (32, 23, 127)
    real = ir.DoubleType() if double else ir.FloatType()

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(width)
        bits = builder.bitcast(arguments[0], integer)
        biased = builder.add(bits, ir.Constant(integer, bias))
        return builder.bitcast(builder.shl(biased, ir.Constant(integer, shift)), real)

    return rounded(rounded), generate


_power_of_two: Any = intrinsic(_type_power_of_two)


def _type_fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """A b + c with one rounding."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, b, c), generate


_fused: Any = intrinsic(_type_fused)


def _type_as_bits(typing: Any, x: Any) -> Any:
    """The 64 bits of a double."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


def _type_as_double(typing: Any, bits: Any) -> Any:
    """The double with these 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


as_bits: Any = intrinsic(_type_as_bits)
as_double: Any = intrinsic(_type_as_double)


# -- exponentials ------------------------------------------------------------------------


@inline
def _reduce(x):
    """(e^r - 1, k + rounder) with x = k ln 2 + r, for x between the two logarithms."""
    number = type(x)
    shifted = x * number(1.4426950408889634) + number(_rounder(x))
    k = shifted - number(_rounder(x))
    r = (x - k * number(_ln2_high(x))) - k * number(_ln2_low(x))
    return polynomial(_exp_coefficients(x), r) * r * r + r, shifted


@inline
def exp(x):
    """e^x."""
    number = type(x)
    zero, one, two = number(0.0), number(1.0), number(2.0)
    low, high = number(_least(x)), number(_largest(x))
    inside = low if x < low else x
    inside = high if inside > high else inside
    excess, shifted = _reduce(inside)
    # Half of the largest power of two, as it is itself not a finite number.
    half = _power_of_two(shifted - (one if x > zero else zero))
    result = (excess * half + half) * (two if x > zero else one)
    result = zero if x < low else result
    return number(math.inf) if x > high else result


@inline
def exp_minus(x):
    """e^x for x <= 0, and 0 where that is tiny."""
    number = type(x)
    low = number(_cut(x))
    excess, shifted = _reduce(low if x < low else x)
    power = _power_of_two(shifted)
    return number(0.0) if x < low else excess * power + power


@inline
def expm1_minus(x):
    """e^x - 1 for x <= 0, accurate also where x is tiny."""
    number = type(x)
    low = number(_cut(x))
    excess, shifted = _reduce(low if x < low else x)
    power = _power_of_two(shifted)
    return excess * power + (power - number(1.0))


@inline
def tanh(x):
    """Hyperbolic tangent, -m / (2 + m) with m = e^{-2|x|} - 1, made odd in x."""
    number = type(x)
    m = expm1_minus(number(-2.0) * abs(x))
    return math.copysign(m / (number(2.0) + m), x)


@inline
def log1p_unit(x):
    """log(1 + x) for 0 <= x <= 1, as 2 artanh(x / (2 + x))."""
    number = type(x)
    s = x / (number(2.0) + x)
    t = s * s
    return number(2.0) * (s + s * (t * polynomial(_artanh_coefficients(x), t)))


@inline
def log_unit(x):
    """log(x) for a normal double 0 < x <= 1."""
    bits = as_bits(x)
    mantissa = as_double((bits & np.uint64(0xFFFFFFFFFFFFF)) | np.uint64(0x3FF0000000000000))
    exponent = float(np.int64(bits >> np.uint64(52)) - np.int64(1023))
    above = mantissa > 1.4142135623730951
    exponent = exponent + 1.0 if above else exponent
    mantissa = 0.5 * mantissa if above else mantissa
    s = (mantissa - 1.0) / (mantissa + 1.0)
    t = s * s
    small = 2.0 * (s + s * (t * polynomial(_ARTANH_DOUBLE, t)))
    return exponent * 6.93147180369123816490e-01 + (small + exponent * 1.90821492927058770002e-10)


# -- the error function ------------------------------------------------------------------


@inline
def _bell(x, factor):
    """e^{-factor x^2} for a power of two, with the rounding error of x^2 put right."""
    number = type(x)
    # Beyond, the result is 0 already, and the square could overflow.
    y = abs(x)
    y = number(64.0) if y > number(64.0) else y
    square = y * y
    rounding = _fused(y, y, -square)
    result = exp_minus(-factor * square)
    return result - result * (factor * rounding)


@inline
def gaussian(x):
    """e^{-x^2}; 0 where that is tiny."""
    return _bell(x, type(x)(1.0))


@inline
def _scaled_erfc(x):
    """e^{x^2} erfc(x) for x >= 0."""
    number = type(x)
    scale = number(_erfcx_scale(x))
    u = number(1.0) / (number(1.0) + scale * x)
    return u * polynomial(_erfcx_coefficients(x), (number(1.0) - scale * x) * u)


@inline
def erf_and_gaussian(x):
    """erf(x) and e^{-x^2}."""
    number = type(x)
    y = abs(x)
    y = number(64.0) if y > number(64.0) else y
    bell = gaussian(y)
    far = math.copysign(number(1.0) - bell * _scaled_erfc(y), x)
    near = x * polynomial(_erf_coefficients(x), y * y)
    return (near if y < number(0.5) else far), bell


@inline
def normal_pdf(x):
    """Standard normal density."""
    number = type(x)
    return number(0.3989422804014327) * _bell(x, number(0.5))


@inline
def normal_cdf(x):
    """Standard normal distribution function, accurate in the left tail too."""
    number = type(x)
    y = number(0.7071067811865476) * abs(x)
    y = number(64.0) if y > number(64.0) else y
    tail = number(0.5) * _bell(x, number(0.5)) * _scaled_erfc(y)
    return tail if x < number(0.0) else number(1.0) - tail
