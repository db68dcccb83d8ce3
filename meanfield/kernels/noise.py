"""Normal random numbers that are functions of a counter: any one without its forerunners.

Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011) turns seed, step and number into 128
random bits; the Box–Muller transform turns them into two normal numbers. Results do
not depend on the order or the thread in which numbers are drawn.
"""

from __future__ import annotations

import math

import numpy as np

from meanfield.kernels.compilation import inline, kernel, part, widest_vectors
from meanfield.kernels.elementary import as_double, log_unit, polynomial

__all__ = ["add_noise"]

_PAIRS = 512
_LOW = np.uint64(0xFFFFFFFF)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_BITS = np.uint64(32)
# sin(x) / x and cos(x) as polynomials in x^2, for |x| <= pi / 4.
_SINE = (
    1.0,
    -0.16666666666666666,
    0.008333333333333166,
    -0.00019841269841201856,
    2.7557319210152756e-06,
    -2.5051882036286165e-08,
    1.605211746687773e-10,
    -7.580479200402387e-13,
)
_COSINE = (
    1.0,
    -0.5,
    0.041666666666666664,
    -0.0013888888888887398,
    2.4801587298767041e-05,
    -2.755731727234489e-07,
    2.0876146382232963e-09,
    -1.138263981623609e-11,
)


@inline
def _philox(number, step, seed):
    """128 random bits as two 64-bit integers."""
    x0, x1 = number & _LOW, number >> _BITS
    x2, x3 = step & _LOW, step >> _BITS
    key0, key1 = seed & _LOW, seed >> _BITS
    for _ in range(10):
        product0, product1 = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
        x0, x1, x2, x3 = (
            (product1 >> _BITS) ^ x1 ^ key0,
            product1 & _LOW,
            (product0 >> _BITS) ^ x3 ^ key1,
            product0 & _LOW,
        )
        key0, key1 = (key0 + _WEYL[0]) & _LOW, (key1 + _WEYL[1]) & _LOW
    return (x0 << _BITS) | x1, (x2 << _BITS) | x3


@inline
def _unit(bits):
    """A multiple of 2^-52 in [0, 1) from the upper 52 bits."""
    return as_double((bits >> np.uint64(12)) | np.uint64(0x3FF0000000000000)) - 1.0


@inline
def _box_muller(bits0, bits1):
    """Two independent standard normal numbers."""
    radius = math.sqrt(-2.0 * log_unit(1.0 - _unit(bits0)))
    turn = _unit(bits1)
    quarter = math.floor(4.0 * turn + 0.5)
    angle = 6.283185307179586 * (turn - 0.25 * quarter)
    square = angle * angle
    sine, cosine = angle * polynomial(_SINE, square), polynomial(_COSINE, square)
    odd = (quarter == 1.0) | (quarter == 3.0)
    first, second = (sine if odd else cosine), (cosine if odd else sine)
    first = -first if (quarter == 1.0) | (quarter == 2.0) else first
    second = -second if (quarter == 2.0) | (quarter == 3.0) else second
    return radius * first, radius * second


@part
def _fill(seed, step, first, even, odd):
    """Normal numbers of the pairs from number `first` on."""
    widest_vectors()
    for j in range(even.size):
        bits0, bits1 = _philox(first + np.uint64(j), step, seed)
        even[j], odd[j] = _box_muller(bits0, bits1)


@kernel
def add_noise(flat, scale, seed, step, first):
    """Add `scale` times standard normal numbers to `flat`.

    Element j gets number `first` + j of step `step`; `first` is even. `seed` and `step`
    are unsigned 64-bit integers.
    """
    even, odd = np.empty(_PAIRS), np.empty(_PAIRS)
    for start in range(0, flat.size, 2 * _PAIRS):
        part = flat[start : start + 2 * _PAIRS]
        _fill(seed, step, np.uint64(first + start) >> np.uint64(1), even, odd)
        for j in range(part.size // 2):
            part[2 * j] += scale * even[j]
            part[2 * j + 1] += scale * odd[j]
        if part.size % 2 == 1:
            part[part.size - 1] += scale * even[part.size // 2]
