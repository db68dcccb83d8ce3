"""Derivatives of outputs and gradients along directions, for linearised flows.

Any number of inputs and outputs, tile by tile: Z = W Xᵀ and its change along V.
"""

from __future__ import annotations

import numpy as np

from meanfield.kernels.activations import jet, value_and_slope
from meanfield.kernels.compilation import kernel
from meanfield.kernels.tiles import add_columns, copy_inner

__all__ = ["add_tangents", "write_hessian_products"]


@kernel
def add_tangents(
    activation, positions, directions, masses, outer, bias, inputs, rows, columns, z, tangents
):
    """Add Σ_i m_i DΦ(x_j; θ_i) v_i to `tangents` (n, k), float64; v is `directions`.

    `outer` is the number of columns of a (0 if it is fixed); `z` needs
    2 * rows * columns elements.
    """
    particles, points, count = positions.shape[0], inputs.shape[0], tangents.shape[1]
    number = type(positions[0, 0])
    last = positions.shape[1] - 1
    inner = np.empty((2, min(rows, particles), inputs.shape[1]), positions.dtype)
    for first in range(0, particles, rows):
        tile, along = positions[first : first + rows], directions[first : first + rows]
        size = tile.shape[0]
        copy_inner(tile, outer, inner[0, :size])
        copy_inner(along, outer, inner[1, :size])
        for left in range(0, points, columns):
            data = inputs[left : left + columns]
            width = data.shape[0]
            here = z[: size * width].reshape(size, width)
            change = z[size * width : 2 * size * width].reshape(size, width)
            np.dot(inner[0, :size], data.T, here)
            np.dot(inner[1, :size], data.T, change)
            for i in range(size):
                shift = tile[i, last] if bias else number(0.0)
                moved = along[i, last] if bias else number(0.0)
                for j in range(width):
                    sigma, slope = value_and_slope(activation, here[i, j] + shift)
                    change[i, j] = slope * (change[i, j] + moved)
                    here[i, j] = sigma
                for c in range(count):
                    a = tile[i, c] if outer else number(1.0)
                    va = along[i, c] if outer else number(0.0)
                    for j in range(width):
                        tangents[left + j, c] += masses[first + i] * (
                            va * here[i, j] + a * change[i, j]
                        )


@kernel
def write_hessian_products(
    activation, positions, directions, outer, bias, inputs, covector, rows, columns, z, products
):
    """Write ∇²_θ (Σ_j <u_j, Φ(x_j; θ_i)>) v_i into `products` (N, p); `z` as above."""
    particles, points, count = positions.shape[0], inputs.shape[0], covector.shape[1]
    number = type(positions[0, 0])
    last, width_inner = positions.shape[1] - 1, inputs.shape[1]
    inner = np.empty((2, min(rows, particles), width_inner), positions.dtype)
    by_inner = np.empty((inner.shape[1], width_inner), positions.dtype)
    products[:] = 0.0
    for first in range(0, particles, rows):
        tile, along = positions[first : first + rows], directions[first : first + rows]
        result = products[first : first + rows]
        size = tile.shape[0]
        copy_inner(tile, outer, inner[0, :size])
        copy_inner(along, outer, inner[1, :size])
        for left in range(0, points, columns):
            data = inputs[left : left + columns]
            width = data.shape[0]
            here = z[: size * width].reshape(size, width)
            change = z[size * width : 2 * size * width].reshape(size, width)
            np.dot(inner[0, :size], data.T, here)
            np.dot(inner[1, :size], data.T, change)
            for i in range(size):
                shift = tile[i, last] if bias else number(0.0)
                moved = along[i, last] if bias else number(0.0)
                for j in range(width):
                    _, slope, curvature = jet(activation, here[i, j] + shift)
                    step = change[i, j] + moved
                    pull, push = number(0.0), number(0.0)
                    for c in range(count):
                        u = covector[left + j, c]
                        pull += u * (tile[i, c] if outer else number(1.0))
                        if outer:
                            push += u * along[i, c]
                            result[i, c] += u * slope * step
                    here[i, j] = push * slope + pull * curvature * step
                    if bias:
                        result[i, last] += here[i, j]
            np.dot(here, data, by_inner[:size])
            add_columns(result, outer, by_inner[:size])
