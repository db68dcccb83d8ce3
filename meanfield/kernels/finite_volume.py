"""Transport and diffusion of densities on a uniform grid, along one axis at a time.

An array over the cells is seen as (before, n, after): n cells along the axis at hand, and
all axes before and after it in C order. So one code serves any number of axes. No mass
passes the walls.
"""

from __future__ import annotations

import math

from meanfield.kernels.compilation import inline, kernel, widest_vectors
from meanfield.kernels.elementary import exp_minus, expm1_minus

__all__ = ["add_transport", "entropy", "solve_lines", "steepest", "stir", "write_rates"]

# Numbers of an array that stay in the first cache together with those around them.
_BLOCK = 1024


@inline
def _limited(left, here, right):
    """H times the slope: central, or the limited one where half of it exceeds the value.

    Then neither end of the linear density in the cell is negative.
    """
    back, forth = here - left, right - here
    central = 0.5 * (back + forth)
    size = min(2.0 * min(abs(back), abs(forth)), abs(central))
    limited = (size if central > 0.0 else -size) if back * forth > 0.0 else 0.0
    return limited if 0.5 * abs(central) > here else central


@kernel
def add_transport(potential, density, spacing, slopes, fluxes, rate):
    """Add -∂(density · u) along the axis to `rate`, for u = -∂ potential; upwind, 2nd order.

    All arrays are (before, n, after); `slopes` and `fluxes` are room of n · after numbers.
    """
    widest_vectors()
    before, count, stride = density.shape
    size = count * stride
    wheres, masses, changes = potential.reshape(-1), density.reshape(-1), rate.reshape(-1)
    factor = 1.0 / (spacing * spacing)
    slopes[:stride] = 0.0
    slopes[size - stride : size] = 0.0
    for first in range(0, before * size, size):
        where, mass = wheres[first : first + size], masses[first : first + size]
        change = changes[first : first + size]
        for j in range(stride, size - stride):
            slopes[j] = _limited(mass[j - stride], mass[j], mass[j + stride])
        for j in range(size - stride):
            drop = factor * (where[j] - where[j + stride])
            ahead = max(mass[j] + 0.5 * slopes[j], 0.0)
            behind = max(mass[j + stride] - 0.5 * slopes[j + stride], 0.0)
            fluxes[j] = drop * (ahead if drop > 0.0 else behind)
        for j in range(size - stride):
            change[j] -= fluxes[j]
        for j in range(size - stride):
            change[j + stride] += fluxes[j]


@kernel
def entropy(density):
    """Sum of r log r over a flat array of densities r >= 0, with 0 log 0 = 0."""
    total = 0.0
    for first in range(0, density.size, _BLOCK):
        part = 0.0
        for value in density[first : first + _BLOCK]:
            if value > 0.0:
                part += value * math.log(value)
        total += part
    return total


@kernel
def steepest(potential):
    """Largest difference of the potential (before, n, after) between cells along the axis."""
    before, count, stride = potential.shape
    result = 0.0
    for b in range(before):
        values = potential[b].reshape(count * stride)
        for j in range((count - 1) * stride):
            result = max(result, abs(values[j + stride] - values[j]))
    return result


@kernel
def write_rates(potential, temperature, spacing, up, down):
    """Rates at which mass of a cell jumps to the next (`up`) and the last (`down`) cell.

    With B(z) = z / (e^z - 1) and z the difference of potential / temperature to the other
    cell, they are temperature B(z) / spacing² (Scharfetter, Gummel 1969), which leave
    exp(-potential / temperature) at rest; for temperature 0 the upwind ones. All arrays
    are (before, n, after).
    """
    widest_vectors()
    before, count, stride = potential.shape
    size = count * stride
    scale = 1.0 / (spacing * spacing)
    for b in range(before):
        where, rise, fall = (
            potential[b].reshape(size), up[b].reshape(size), down[b].reshape(size)
        )  # fmt: skip
        rise[size - stride :] = 0.0
        fall[:stride] = 0.0
        for j in range(size - stride):
            step = where[j + stride] - where[j]
            drop = abs(step)
            steepness = -drop / temperature
            # For z >= 0, T B(z) = drop e^-z / (1 - e^-z), and B(-z) = B(z) + z.
            exact = drop * exp_minus(steepness) / -expm1_minus(steepness)
            uphill = exact if drop > 1e-8 * temperature else temperature - 0.5 * drop
            downhill = uphill + drop
            rise[j] = scale * (uphill if step > 0.0 else downhill)
            fall[j + stride] = scale * (downhill if step > 0.0 else uphill)


@kernel
def stir(buffers, stay, up, down, strides, pad, weights, sums, begin, end, first, last):
    """Steps number `begin` to `end` of a Markov chain on cells `first` to `last`, and sums.

    Step k takes the masses in ``buffers[k % 2]`` to ``buffers[(k + 1) % 2]``, and adds
    ``weights[s, k + 1]`` times the new ones to ``sums[s]``. Cells are flat, and have `pad`
    zeros on both sides in all arrays but `stay` and `sums`; a neighbour along an axis is
    ``strides`` away.

    Parameters
    ----------
    buffers : (2, L) array
    stay : (M,) array
        Probability to stay.
    up, down : (p, L) arrays
        Probability to jump to the next and to the last cell along each axis.
    """
    widest_vectors()
    for k in range(begin, end):
        for left in range(first, last, _BLOCK):
            size = min(_BLOCK, last - left)
            new = buffers[(k + 1) % 2, pad + left : pad + left + size]
            old, still = buffers[k % 2], stay[left : left + size]
            for j in range(size):
                new[j] = still[j] * old[pad + left + j]
            for a in range(strides.size):
                low, high = pad + left - strides[a], pad + left + strides[a]
                rise, fall = up[a, low : low + size], down[a, high : high + size]
                below, above = old[low : low + size], old[high : high + size]
                for j in range(size):
                    new[j] += rise[j] * below[j] + fall[j] * above[j]
            for s in range(sums.shape[0]):
                weight, total = weights[s, k + 1], sums[s, left : left + size]
                if weight > 0.0:
                    for j in range(size):
                        total[j] += weight * new[j]


@kernel
def solve_lines(up, down, step, pivots, rests, density):
    """Replace `density` by the solution x of x - step · A x = density along each line.

    A is the generator of the jumps along the axis, with the rates `up` and `down` of
    `write_rates`; arrays are (before, n, after), `pivots` and `rests` are room for
    n · after numbers. Columns of the matrix sum to 1, and to `rests` once the cells before
    are eliminated, so that pivots are sums of positive numbers (Grassmann, Taksar, Heyman
    1985): every entry is accurate to n roundings and no mass is lost, however long the step.
    """
    before, count, stride = density.shape
    for b in range(before):
        for c in range(stride):
            rests[c] = 1.0
            pivots[c] = 1.0 + step * up[b, 0, c]
        for i in range(1, count):
            last, here = (i - 1) * stride, i * stride
            for c in range(stride):
                passed = step * up[b, i - 1, c] / pivots[last + c]
                density[b, i, c] += passed * density[b, i - 1, c]
                rests[here + c] = 1.0 + step * down[b, i, c] * (rests[last + c] / pivots[last + c])
                pivots[here + c] = rests[here + c] + step * up[b, i, c]
        for c in range(stride):
            density[b, count - 1, c] /= pivots[(count - 1) * stride + c]
        for i in range(count - 2, -1, -1):
            for c in range(stride):
                inflow = step * down[b, i + 1, c] * density[b, i + 1, c]
                density[b, i, c] = (density[b, i, c] + inflow) / pivots[i * stride + c]
