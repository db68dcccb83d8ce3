"""Chebyshev series at many points, their transpose, and particles in order of steepness."""

from __future__ import annotations

import numpy as np

from meanfield.kernels.activations import value, value_and_slope
from meanfield.kernels.compilation import (
    kernel,
    reordering_kernel,
    reordering_part,
    widest_vectors,
)

__all__ = [
    "add_moments",
    "add_series",
    "find_levels",
    "pull_gradients",
    "pull_potentials",
    "sort_by_level",
]

# Points whose recurrences stay in the first-level cache.
_TILE = 256
# Particles whose parameters and sums stay there, and numbers that fill four registers.
_BLOCK, _LANES = 512, 64


@kernel
def add_series(coefficients, points, values):
    """Add Σ_j c_j T_j(t_k) to `values` (n,); the number p of coefficients is a multiple of 4.

    Clenshaw's recurrence b_j = c_j + 2t b_{j+1} - b_{j+2}, four steps a visit of memory.
    """
    size = coefficients.size
    room = np.empty((2, _TILE))
    for left in range(0, points.size, _TILE):
        t, total = points[left : left + _TILE], values[left : left + _TILE]
        odd, even = room[0, : t.size], room[1, : t.size]
        odd[:] = 0.0
        even[:] = 0.0
        for j in range(size - 4, -1, -4):
            c0, c1, c2, c3 = coefficients[j : j + 4]
            for k in range(t.size):
                twice = 2.0 * t[k]
                b3 = c3 + (twice * even[k] - odd[k])
                b2 = c2 + (twice * b3 - even[k])
                b1 = c1 + (twice * b2 - b3)
                odd[k] = b1
                even[k] = c0 + (twice * b1 - b2)
        for k in range(t.size):
            total[k] += even[k] - t[k] * odd[k]


@reordering_kernel
def add_moments(points, factors, moments):
    """Add Σ_k u_k T_j(t_k) to `moments` (p,), p even: the transpose of `add_series`."""
    room = np.empty((2, _TILE))
    for left in range(0, points.size, _TILE):
        t, u = points[left : left + _TILE], factors[left : left + _TILE]
        even, odd = room[0, : t.size], room[1, : t.size]
        for k in range(t.size):
            even[k] = u[k]
            odd[k] = t[k] * u[k]
        for j in range(0, moments.size, 2):
            of_even, of_odd = 0.0, 0.0
            for k in range(t.size):
                a, b, twice = even[k], odd[k], 2.0 * t[k]
                of_even += a
                of_odd += b
                a = twice * b - a
                even[k] = a
                odd[k] = twice * a - b
            moments[j] += of_even
            moments[j + 1] += of_odd


@kernel
def find_levels(weights, limits, levels, counts):
    """Number of `limits` that |w_i| exceeds, NaN all of them; `counts` of each number."""
    for i in range(weights.size):
        steepness = abs(weights[i])
        level = 0
        for limit in limits:
            level += not steepness <= limit
        levels[i] = level
    for level in levels:
        counts[level] += 1


@kernel
def sort_by_level(levels, starts, order):
    """Write the particles of level l, in their order, into `order` from `starts[l]` on."""
    place = starts.copy()
    for i in range(levels.size):
        order[place[levels[i]]] = i
        place[levels[i]] += 1


# -- particles at nodes ------------------------------------------------------------------
#
# Nodes are few, so particles fill the SIMD lanes: their parameters are collected, one
# array each, and completed by zeros to a multiple of the widest registers.


@reordering_part
def _collect(positions, members, outer, bias, factors, weights, shifts):
    """Parameters a, w, b of some particles; number of entries with the zeros after them."""
    number = type(positions[0, 0])
    last = positions.shape[1] - 1
    for m in range(members.size):
        i = members[m]
        factors[m] = positions[i, 0] if outer else number(1.0)
        weights[m] = positions[i, outer]
        shifts[m] = positions[i, last] if bias else number(0.0)
    size = members.size + (-members.size) % _LANES
    factors[members.size : size] = 0.0
    weights[members.size : size] = 0.0
    shifts[members.size : size] = 0.0
    return size


@reordering_part
def _pull_values(activation, weights, shifts, x0, x1, u0, u1, of_value):
    """Add u σ(w_i x + b_i) of two nodes."""
    widest_vectors()
    for i in range(weights.size):
        w, b = weights[i], shifts[i]
        of_value[i] += u0 * value(activation, b + w * x0) + u1 * value(activation, b + w * x1)


@reordering_kernel
def pull_potentials(activation, positions, members, outer, bias, nodes, covector, potentials):
    """Write Σ_l u_l Φ(x_l; θ_i) of the particles `members` into `potentials` (N,), float64."""
    room = np.empty((4, _BLOCK), positions.dtype)
    for first in range(0, members.size, _BLOCK):
        block = members[first : first + _BLOCK]
        size = _collect(positions, block, outer, bias, room[0], room[1], room[2])
        weights, shifts, of_value = room[1, :size], room[2, :size], room[3, :size]
        of_value[:] = 0.0
        for j in range(0, nodes.size, 2):
            x0, x1, u0, u1 = nodes[j], nodes[j + 1], covector[j], covector[j + 1]
            _pull_values(activation, weights, shifts, x0, x1, u0, u1, of_value)
        for m in range(block.size):
            potentials[block[m]] = room[0, m] * of_value[m]


@reordering_part
def _pull_pairs(activation, weights, shifts, x0, x1, u0, u1, of_value, of_slope, of_point):
    """Add u σ(z_i), u σ'(z_i) and u σ'(z_i) x of two nodes, with z_i = w_i x + b_i."""
    widest_vectors()
    for i in range(weights.size):
        w, b = weights[i], shifts[i]
        sigma0, slope0 = value_and_slope(activation, b + w * x0)
        sigma1, slope1 = value_and_slope(activation, b + w * x1)
        change0, change1 = u0 * slope0, u1 * slope1
        of_value[i] += u0 * sigma0 + u1 * sigma1
        of_slope[i] += change0 + change1
        of_point[i] += change0 * x0 + change1 * x1


@reordering_kernel
def pull_gradients(activation, positions, members, outer, bias, nodes, covector, gradients):
    """Write ∇_θ Σ_l u_l Φ(x_l; θ_i) of the particles `members` into `gradients` (N, p)."""
    last = positions.shape[1] - 1
    room = np.empty((6, _BLOCK), positions.dtype)
    for first in range(0, members.size, _BLOCK):
        block = members[first : first + _BLOCK]
        size = _collect(positions, block, outer, bias, room[0], room[1], room[2])
        weights, shifts = room[1, :size], room[2, :size]
        of_value, of_slope, of_point = room[3, :size], room[4, :size], room[5, :size]
        room[3:, :size] = 0.0
        for j in range(0, nodes.size, 2):
            x0, x1, u0, u1 = nodes[j], nodes[j + 1], covector[j], covector[j + 1]
            _pull_pairs(activation, weights, shifts, x0, x1, u0, u1, of_value, of_slope, of_point)
        for m in range(block.size):
            i, a = block[m], room[0, m]
            if outer:
                gradients[i, 0] = of_value[m]
            gradients[i, outer] = a * of_point[m]
            if bias:
                gradients[i, last] = a * of_slope[m]
