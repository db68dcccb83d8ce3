"""One input, one output, a piecewise linear activation: exact sums in O(N + n).

σ(z) = c_0 + c_1 z + Σ_q γ_q max(z − τ_q, 0). A neuron with w > 0 is active, at its knot
q, on the data points to the right of t = (τ_q − b)/w, one with w < 0 on those to the
left. Data are sorted once; each particle finds how many points lie before its t, and
adds its line to the bin between them; sums of bins from the left (w ≥ 0) and from the
right (w < 0) are the outputs. The backward pass looks sums of covectors up by the same
bins. No difference of large sums is ever formed, so inactive neurons add exactly 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from meanfield.kernels.compilation import inlined, kernel, part, widest_vectors

__all__ = [
    "accumulate",
    "add_lines",
    "find_bins",
    "tabulate",
    "write_gradients",
    "write_potentials",
]

# Particles whose bins are sought together, in the first-level cache.
_CHUNK = 512


def bits_of(numbers: Any) -> Any:
    """The same memory as integers, and the bits of an integer that are not its sign."""
    raise NotImplementedError("for compiled code")


@inlined(bits_of)
def _bits_of(numbers):
    if numbers.dtype == types.float32:
        return lambda numbers: (numbers.view(np.int32), np.int32(0x7FFFFFFF))
    return lambda numbers: (numbers.view(np.int64), np.int64(0x7FFFFFFFFFFFFFFF))


@part
def _breakpoints(positions, outer, bias, knot, start, inverse_width, top, t, cells, falling):
    """Points x where w x + b crosses a knot, beyond all data if w = 0, and their cells.

    `falling` tells where w < 0.
    """
    widest_vectors()
    number = type(knot)
    last = positions.shape[1] - 1
    limit = number(np.finfo(t.dtype).max)
    for i in range(t.size):
        w = positions[i, outer]
        height = (positions[i, last] if bias else number(0.0)) - knot
        never = -limit if height > number(0.0) else limit
        here = never if w == number(0.0) else -height / w
        here = limit if here > limit else here
        here = -limit if here < -limit else here
        cell = (here - start) * inverse_width
        cell = cell if cell > number(0.0) else number(0.0)
        t[i] = here
        cells[i] = np.int32(top if cell > top else cell)
        falling[i] = np.int32(1) if w < number(0.0) else np.int32(0)


@part
def _include_ties(falling, bits, magnitude):
    """The next larger number where w >= 0: then x <= t is x < t. `bits` are those of t."""
    widest_vectors()
    integer = type(bits[0])
    for i in range(bits.size):
        up = bits[i] + (integer(1) if bits[i] >= 0 else integer(-1))
        up = integer(1) if bits[i] & magnitude == 0 else up
        bits[i] = bits[i] if falling[i] else up


@kernel
def find_bins(positions, outer, bias, knots, points, start, inverse_width, before, steps, bins):
    """Write the bin of every particle and knot into `bins` (q, N).

    `points` are the sorted data, padded with infinity; `before` (M,) tells how many lie
    in cells of equal width before each; `steps` halvings search inside a cell. A bin
    is the number of points before the breakpoint, plus n + 1 if w < 0.
    """
    top = type(start)(before.size - 1)
    count = np.int32(points.size - (1 << steps) + 1)
    t_buffer = np.empty(_CHUNK, points.dtype)
    cell_buffer, falling_buffer = np.empty(_CHUNK, np.int32), np.empty(_CHUNK, np.int32)
    for q in range(knots.size):
        for first in range(0, positions.shape[0], _CHUNK):
            found = bins[q, first : first + _CHUNK]
            size = found.size
            t, cells, falling = t_buffer[:size], cell_buffer[:size], falling_buffer[:size]
            chunk = positions[first : first + _CHUNK]
            _breakpoints(chunk, outer, bias, knots[q], start, inverse_width, top, t, cells, falling)
            _include_ties(falling, *bits_of(t))
            for i in range(size):
                place = before[np.uint32(cells[i])]
                for step in range(steps - 1, -1, -1):
                    stride = np.int32(1) << np.int32(step)
                    # Not a choice, which the processor would have to guess.
                    place += stride * np.int32(points[np.uint32(place + stride - 1)] < t[i])
                found[i] = place + falling[i] * count


@kernel
def add_lines(positions, masses, outer, bias, knots, jumps, constant, slope, bins, lines, totals):
    """Add slope and height of each particle's lines to `lines` (c, 2 (n + 1), 2), float64.

    The c copies, 1 or 2, take turns, so that neighbours seldom wait for the same bin.
    The part c_0 + c_1 z goes to `totals` (2,).
    """
    last = positions.shape[1] - 1
    turn = lines.shape[0] - 1
    for q in range(knots.size):
        for i in range(positions.shape[0]):
            factor = masses[i] * (float(positions[i, 0]) if outer else 1.0) * jumps[q]
            height = (float(positions[i, last]) if bias else 0.0) - knots[q]
            line = lines[i & turn, bins[q, i]]
            line[0] += factor * positions[i, outer]
            line[1] += factor * height
    if constant != 0.0 or slope != 0.0:
        for i in range(positions.shape[0]):
            factor = masses[i] * (float(positions[i, 0]) if outer else 1.0)
            shift = float(positions[i, last]) if bias else 0.0
            totals[0] += factor * slope * positions[i, outer]
            totals[1] += factor * (constant + slope * shift)


@kernel
def accumulate(lines, totals, points, outputs):
    """Write f(x_k) into `outputs` (n,) from the bins of all particles, (2 (n + 1), 2)."""
    n = outputs.size
    # Lines that no point sees add 0, unless one of them is NaN: that must not be lost.
    unseen = 0.0
    for bin_ in (n, n + 1):
        unseen += 0.0 * lines[bin_, 0] + 0.0 * lines[bin_, 1]
    slope, height = totals[0], totals[1] + unseen
    for k in range(n):
        slope += lines[k, 0]
        height += lines[k, 1]
        outputs[k] = slope * points[k] + height
    slope, height = 0.0, 0.0
    for k in range(n - 1, -1, -1):
        slope += lines[n + 2 + k, 0]
        height += lines[n + 2 + k, 1]
        outputs[k] += slope * points[k] + height


@kernel
def tabulate(covector, points, table):
    """Write Σ u_k and Σ u_k x_k over a bin's active points into `table` (2 (n + 1), 2)."""
    n = covector.size
    total, moment = 0.0, 0.0
    table[n] = 0.0
    for k in range(n - 1, -1, -1):
        total += covector[k]
        moment += covector[k] * points[k]
        table[k, 0], table[k, 1] = total, moment
    total, moment = 0.0, 0.0
    table[n + 1] = 0.0
    for k in range(n):
        total += covector[k]
        moment += covector[k] * points[k]
        table[n + 2 + k, 0], table[n + 2 + k, 1] = total, moment


@kernel
def write_gradients(
    positions, outer, bias, knots, jumps, constant, slope, bins, table, sums, gradients
):
    """Write ∇_θ Σ_k u_k Φ(x_k; θ_i) into `gradients` (N, p).

    `sums` is (Σ u_k, Σ u_k x_k) over all data.
    """
    number = type(positions[0, 0])
    last = positions.shape[1] - 1
    flat, moment = number(slope * sums[0]), number(slope * sums[1])
    level = number(constant * sums[0])
    for i in range(positions.shape[0]):
        a = positions[i, 0] if outer else number(1.0)
        w = positions[i, outer]
        b = positions[i, last] if bias else number(0.0)
        by_height, by_inner, by_outer = flat, moment, level + w * moment + b * flat
        for q in range(knots.size):
            bin_ = np.uint32(bins[q, i])
            jump = number(jumps[q])
            u, ux = jump * table[bin_, 0], jump * table[bin_, 1]
            by_height += u
            by_inner += ux
            by_outer += w * ux + (b - number(knots[q])) * u
        if outer:
            gradients[i, 0] = by_outer
        gradients[i, outer] = a * by_inner
        if bias:
            gradients[i, last] = a * by_height


@kernel
def write_potentials(
    positions, outer, bias, knots, jumps, constant, slope, bins, table, sums, potentials
):
    """Write Σ_k u_k Φ(x_k; θ_i) into `potentials` (N,), float64."""
    last = positions.shape[1] - 1
    for i in range(positions.shape[0]):
        w = float(positions[i, outer])
        b = float(positions[i, last]) if bias else 0.0
        total = constant * sums[0] + slope * (w * sums[1] + b * sums[0])
        for q in range(knots.size):
            bin_ = bins[q, i]
            total += jumps[q] * (w * table[bin_, 1] + (b - knots[q]) * table[bin_, 0])
        potentials[i] = (float(positions[i, 0]) if outer else 1.0) * total
