"""Sums over all pairs of points of their distance, or of an exponential of it.

Squared distances of one target and a tile of sources are formed coordinate by
coordinate, as sums of squares of differences: those of equal points are exactly 0.
Roots are taken without the instruction for them, which is slower than what it replaces.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from meanfield.kernels.compilation import (
    inline,
    inlined,
    reordering_kernel,
    reordering_part,
    widest_vectors,
)
from meanfield.kernels.elementary import exp, exp_minus

__all__ = ["DISTANCE", "GAUSSIAN", "coupling_sums", "pair_sum"]

DISTANCE, GAUSSIAN = 0, 1

# Bytes of a tile and its squared distances: about the first-level cache.
_TILE_BYTES = 49152
_LEAST_TILE = 256


def _type_guess(typing: Any, x: Any) -> Any:
    """x^(-1/2) to 3.5 %: half of the exponent with its sign changed (Lomont 2003)."""
    double = x == types.float64
    width, magic = (64, 0x5FE6EB50C7B537A9) if double else (32, 0x5F3759DF)
    real = ir.DoubleType() if double else ir.FloatType()

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(width)
        half = builder.lshr(builder.bitcast(arguments[0], integer), ir.Constant(integer, 1))
        return builder.bitcast(builder.sub(ir.Constant(integer, magic), half), real)

    return x(x), generate


_guess: Any = intrinsic(_type_guess)


@inline
def _improved(y, x):
    """Next iterate to x^(-1/2), with the third power of the error."""
    real = type(x)
    error = real(1.0) - (x * y) * y
    return y + y * (error * (real(0.5) + real(0.375) * error))


def _inverse_root(x: Any) -> Any:
    """x^(-1/2) to the root of the rounding: 1e-4 in float32, 1e-12 in float64."""
    raise NotImplementedError("for compiled code")


@inlined(_inverse_root)
def _iterated(x):
    if x == types.float32:
        return lambda x: _improved(_guess(x), x)
    return lambda x: _improved(_improved(_guess(x), x), x)


@inline
def root(x):
    """Square root of x >= 0, to 2 ulp, by a last step that squares the error."""
    y = _inverse_root(x)
    s = x * y
    return s + (type(x)(0.5) * y) * (x - s * s)


@reordering_part
def _add_two(squares, p, q, u, v):
    """Add the squares of the differences of two coordinates from u and v."""
    widest_vectors()
    for j in range(squares.size):
        a, b = p[j] - u, q[j] - v
        squares[j] += a * a + b * b


@reordering_part
def _add_four(squares, p, q, r, s, u, v, w, z):
    """The same for four coordinates: squares are then loaded and stored half as often."""
    widest_vectors()
    for j in range(squares.size):
        a, b, c, d = p[j] - u, q[j] - v, r[j] - w, s[j] - z
        squares[j] += (a * a + b * b) + (c * c + d * d)


@reordering_part
def _set_squares(squares, sources, begin, right, targets, i):
    """Squared distances of target i from the sources `begin` to `right`."""
    squares[:] = 0.0
    k = 0
    while k + 4 <= sources.shape[0]:
        _add_four(
            squares,
            sources[k, begin:right], sources[k + 1, begin:right],
            sources[k + 2, begin:right], sources[k + 3, begin:right],
            targets[k, i], targets[k + 1, i], targets[k + 2, i], targets[k + 3, i],
        )  # fmt: skip
        k += 4
    if k < sources.shape[0]:
        p, q = sources[k, begin:right], sources[k + 1, begin:right]
        _add_two(squares, p, q, targets[k, i], targets[k + 1, i])


@inline
def _tile(sources):
    """Sources of a tile; a function of the number of coordinates and their type only."""
    return max(_LEAST_TILE, _TILE_BYTES // (sources.itemsize * (sources.shape[0] + 1)))


@reordering_part
def _row(code, squares, charges):
    """Sum of charges[j] k_j from the squared distances."""
    widest_vectors()
    total = squares.dtype.type(0.0)
    if code == DISTANCE:
        for j in range(squares.size):
            total += charges[j] * root(squares[j])
    else:
        for j in range(squares.size):
            total += charges[j] * exp_minus(-squares[j])
    return total


@reordering_kernel
def pair_sum(code, targets, masses, sources, charges, first, last, own):
    """Sum of masses[i] charges[j] k(x_i, y_j) over targets `first` to `last`, all sources.

    k is the distance, or exp(-|x - y|^2). If `own`, targets are sources and only pairs
    with i < j count. Points come as (coordinates, n), an even number of coordinates.
    """
    widest_vectors()
    count = sources.shape[1]
    tile = _tile(sources)
    scratch = np.empty(tile, sources.dtype)
    total = 0.0
    for left in range(0, count, tile):
        right = min(left + tile, count)
        for i in range(first, min(last, right) if own else last):
            begin = max(left, i + 1) if own else left
            squares = scratch[: right - begin]
            _set_squares(squares, sources, begin, right, targets, i)
            total += masses[i] * _row(code, squares, charges[begin:right])
    return total


@reordering_part
def _exponential_row(squares, heights, shift):
    """Sum of exp(heights[j] + shift - squares[j])."""
    widest_vectors()
    total = squares.dtype.type(0.0)
    for j in range(squares.size):
        total += exp((heights[j] - squares[j]) + shift)
    return total


@reordering_kernel
def coupling_sums(targets, shifts, sources, heights, first, last, totals):
    """Set totals[i] = sum_j exp(shifts[i] + heights[j] - |x_i - y_j|^2) from `first` to `last`.

    Points come as (coordinates, n), an even number of coordinates.
    """
    count, tile = sources.shape[1], _tile(sources)
    scratch = np.empty(tile, sources.dtype)
    totals[first:last] = 0.0
    for left in range(0, count, tile):
        right = min(left + tile, count)
        squares = scratch[: right - left]
        for i in range(first, last):
            _set_squares(squares, sources, left, right, targets, i)
            totals[i] += _exponential_row(squares, heights[left:right], shifts[i])
