"""Few inputs, one output: sums over data in registers, nothing stored between passes.

The inputs come as a tuple of d contiguous arrays, one for each coordinate, so that
the compiler sees d and unrolls over it; data points fill the SIMD lanes. Forming
w·x anew costs less than to keep it in memory. Particles are taken in blocks, whose
sums are added in float64 in a fixed order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.kernels.activations import value, value_and_slope
from meanfield.kernels.compilation import (
    REORDERING_OPTIONS,
    inlined,
    reordering_kernel,
    reordering_part,
)

__all__ = ["add_outputs", "write_gradients", "write_potentials"]

# Particles whose sums stay in the precision of the particles.
_BLOCK = 512
# Data points whose coordinates and sums stay in the first-level cache.
_TILE = 2048


# -- tuples of known length, unrolled while compiling ------------------------------------


def row(matrix: Any, i: Any, column: Any, like: Any) -> Any:
    """(matrix[i, column], matrix[i, column + 1], …), as many as `like` has entries."""
    raise NotImplementedError("for compiled code")


@inlined(row, REORDERING_OPTIONS)
def _row(matrix, i, column, like):
    if len(like) == 1:
        return lambda matrix, i, column, like: (matrix[i, column],)
    return lambda matrix, i, column, like: (
        (matrix[i, column], *row(matrix, i, column + 1, like[1:]))
    )


def dot(weights: Any, points: Any, k: Any) -> Any:
    """w·x_k."""
    raise NotImplementedError("for compiled code")


@inlined(dot, REORDERING_OPTIONS)
def _dot(weights, points, k):
    if len(weights) == 1:
        return lambda weights, points, k: weights[0] * points[0][k]
    return lambda weights, points, k: weights[0] * points[0][k] + dot(weights[1:], points[1:], k)


def plus(sums: Any, factor: Any, points: Any, k: Any) -> Any:
    """Sums + factor * x_k."""
    raise NotImplementedError("for compiled code")


@inlined(plus, REORDERING_OPTIONS)
def _plus(sums, factor, points, k):
    if len(sums) == 1:
        return lambda sums, factor, points, k: (sums[0] + factor * points[0][k],)
    return lambda sums, factor, points, k: (
        (sums[0] + factor * points[0][k], *plus(sums[1:], factor, points[1:], k))
    )


def part_of(points: Any, left: Any, right: Any) -> Any:
    """The points from number `left` to `right`."""
    raise NotImplementedError("for compiled code")


@inlined(part_of, REORDERING_OPTIONS)
def _part_of(points, left, right):
    if len(points) == 1:
        return lambda points, left, right: (points[0][left:right],)
    return lambda points, left, right: (points[0][left:right], *part_of(points[1:], left, right))


def zeros(like: Any) -> Any:
    """A tuple of zeros, as many as `like` has entries and of their type."""
    raise NotImplementedError("for compiled code")


@inlined(zeros, REORDERING_OPTIONS)
def _zeros(like):
    if len(like) == 1:
        return lambda like: (type(like[0])(0.0),)
    return lambda like: (type(like[0])(0.0), *zeros(like[1:]))


def add_row(target: Any, i: Any, column: Any, sums: Any, factor: Any) -> Any:
    """Add factor * sums to target[i, column:]."""
    raise NotImplementedError("for compiled code")


@inlined(add_row, REORDERING_OPTIONS)
def _add_tuple(target, i, column, sums, factor):
    if len(sums) == 1:

        def last(target, i, column, sums, factor):
            target[i, column] += factor * sums[0]

        return last

    def each(target, i, column, sums, factor):
        target[i, column] += factor * sums[0]
        add_row(target, i, column + 1, sums[1:], factor)

    return each


# -- outputs -----------------------------------------------------------------------------


@reordering_part
def _particle(positions, i, outer, bias, points):
    """Outer weight, inner weights and bias of a particle."""
    number = type(positions[0, 0])
    factor = positions[i, 0] if outer else number(1.0)
    shift = positions[i, positions.shape[1] - 1] if bias else number(0.0)
    return factor, row(positions, i, outer, points), shift


@reordering_part
def _add_block(activation, positions, masses, outer, bias, points, sums):
    """Add the outputs of a block of particles, four at a time, to `sums` (n,)."""
    size = positions.shape[0]
    number = type(positions[0, 0])
    whole = size - size % 4
    for i in range(0, whole, 4):
        a0, w0, b0 = _particle(positions, i, outer, bias, points)
        a1, w1, b1 = _particle(positions, i + 1, outer, bias, points)
        a2, w2, b2 = _particle(positions, i + 2, outer, bias, points)
        a3, w3, b3 = _particle(positions, i + 3, outer, bias, points)
        a0, a1 = number(a0 * masses[i]), number(a1 * masses[i + 1])
        a2, a3 = number(a2 * masses[i + 2]), number(a3 * masses[i + 3])
        for k in range(sums.size):
            sums[k] += (
                a0 * value(activation, b0 + dot(w0, points, k))
                + a1 * value(activation, b1 + dot(w1, points, k))
                + a2 * value(activation, b2 + dot(w2, points, k))
                + a3 * value(activation, b3 + dot(w3, points, k))
            )
    for i in range(whole, size):
        a0, w0, b0 = _particle(positions, i, outer, bias, points)
        a0 = number(a0 * masses[i])
        for k in range(sums.size):
            sums[k] += a0 * value(activation, b0 + dot(w0, points, k))


@reordering_kernel
def add_outputs(activation, positions, masses, outer, bias, points, outputs):
    """Add Σ_i m_i Φ(x_k; θ_i) to `outputs` (n,), float64.

    `outer` and `bias` are the numbers (0 or 1) of columns for a and b.
    """
    part = np.empty(min(_TILE, outputs.size), positions.dtype)
    for first in range(0, positions.shape[0], _BLOCK):
        block = positions[first : first + _BLOCK]
        weights = masses[first : first + _BLOCK]
        for left in range(0, outputs.size, _TILE):
            right = min(left + _TILE, outputs.size)
            sums = part[: right - left]
            sums[:] = 0.0
            _add_block(activation, block, weights, outer, bias, part_of(points, left, right), sums)
            total = outputs[left:right]
            for k in range(sums.size):
                total[k] += sums[k]


# -- gradients ---------------------------------------------------------------------------


@reordering_part
def _moments(activation, weights, shift, points, covector):
    """Σ_k u_k σ(z_k), Σ_k u_k σ'(z_k) and Σ_k u_k σ'(z_k) x_k."""
    number = type(shift)
    of_value, of_slope, of_points = number(0.0), number(0.0), zeros(weights)
    for k in range(covector.size):
        sigma, slope = value_and_slope(activation, shift + dot(weights, points, k))
        change = covector[k] * slope
        of_value += covector[k] * sigma
        of_slope += change
        of_points = plus(of_points, change, points, k)
    return of_value, of_slope, of_points


@reordering_kernel
def write_gradients(activation, positions, outer, bias, points, covector, gradients):
    """Write ∇_θ Σ_k u_k Φ(x_k; θ_i) into `gradients` (N, p); `covector` is u (n,)."""
    for first in range(0, positions.shape[0], _BLOCK):
        block = positions[first : first + _BLOCK]
        result = gradients[first : first + _BLOCK]
        result[:] = 0.0
        for left in range(0, covector.size, _TILE):
            tile = part_of(points, left, left + _TILE)
            pull = covector[left : left + _TILE]
            for i in range(block.shape[0]):
                a, w, b = _particle(block, i, outer, bias, tile)
                of_value, of_slope, of_points = _moments(activation, w, b, tile, pull)
                _add_row(result, i, outer, bias, of_value, a * of_slope, a, of_points)


@reordering_part
def _add_row(target, i, outer, bias, of_outer, of_bias, factor, of_inner):
    """Add entries for a, b and w (times `factor`) to row i."""
    if outer:
        target[i, 0] += of_outer
    add_row(target, i, outer, of_inner, factor)
    if bias:
        target[i, target.shape[1] - 1] += of_bias


@reordering_kernel
def write_potentials(activation, positions, outer, bias, points, covector, potentials):
    """Write Σ_k u_k Φ(x_k; θ_i) into `potentials` (N,), float64."""
    for first in range(0, positions.shape[0], _BLOCK):
        block = positions[first : first + _BLOCK]
        result = potentials[first : first + _BLOCK]
        result[:] = 0.0
        for left in range(0, covector.size, _TILE):
            tile = part_of(points, left, left + _TILE)
            pull = covector[left : left + _TILE]
            for i in range(block.shape[0]):
                a, w, b = _particle(block, i, outer, bias, tile)
                result[i] += a * _moments(activation, w, b, tile, pull)[0]
