"""Chebyshev series at many points, their transpose, and particles in order of steepness."""

from __future__ import annotations

import numpy as np

from meanfield.kernels.compilation import kernel, reordering_kernel

__all__ = ["add_moments", "add_series", "find_levels", "sort_by_level"]

# Points whose recurrences stay in the first-level cache.
_TILE = 256


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
