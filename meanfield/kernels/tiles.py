"""Many inputs, one output: matrix products on tiles that fit in the cache.

Particle i has an outer weight a_i, inner weights w_i and a bias b_i. For a tile of
particles and data points the pre-activations Z = W Xᵀ come from BLAS (which the caller
keeps on one thread); one sweep over the tile adds the bias, applies the activation,
adds up the outputs and keeps what the backward pass needs. Nothing of the size
(particles) × (data) is formed unless the caller provides the room to keep it.
"""

from __future__ import annotations

import numpy as np

from meanfield.kernels.activations import value
from meanfield.kernels.compilation import part, reordering_kernel, reordering_part, widest_vectors
from meanfield.kernels.memory import keep, recall

__all__ = ["add_columns", "add_outputs", "copy_inner", "write_gradients", "write_potentials"]


@part
def copy_inner(positions, outer, inner):
    """Inner weights of a tile, contiguous."""
    for i in range(inner.shape[0]):
        for c in range(inner.shape[1]):
            inner[i, c] = positions[i, outer + c]


@part
def add_columns(target, first, terms):
    """Add to the columns of `target` from number `first` on; slices take seconds to compile."""
    for i in range(terms.shape[0]):
        for c in range(terms.shape[1]):
            target[i, first + c] += terms[i, c]


@reordering_part
def _forward_tile(activation, positions, masses, outer, bias, z, kept, sums):
    """Add the outputs of a tile to `sums`; fill `kept` if it has room."""
    widest_vectors()
    number = type(z[0, 0])
    last = positions.shape[1] - 1
    for i in range(z.shape[0]):
        factor = number(masses[i] * positions[i, 0]) if outer else number(masses[i])
        shift = positions[i, last] if bias else number(0.0)
        row = z[i]
        if kept.size > 0:
            memory = kept[i]
            for k in range(row.size):
                here = row[k] + shift
                sums[k] += factor * value(activation, here)
                memory[k] = keep(activation, here, memory[k])
        else:
            for k in range(row.size):
                sums[k] += factor * value(activation, row[k] + shift)


@reordering_kernel
def add_outputs(
    activation, positions, masses, outer, bias, inputs, rows, columns, z, kept, outputs
):
    """Add Σ_i m_i Φ(x_k; θ_i) to `outputs` (n, 1), float64.

    `outer` and `bias` are the numbers (0 or 1) of columns for a and b; `inputs` is
    (n, d); `z` needs rows * columns elements; `kept` has N * n elements, tile after
    tile, or none.
    """
    particles, points = positions.shape[0], inputs.shape[0]
    inner_buffer = np.empty((min(rows, particles), inputs.shape[1]), positions.dtype)
    part_sums = np.empty(min(columns, points), positions.dtype)
    for first in range(0, particles, rows):
        tile = positions[first : first + rows]
        size = tile.shape[0]
        inner = inner_buffer[:size]
        copy_inner(tile, outer, inner)
        for left in range(0, points, columns):
            data = inputs[left : left + columns]
            width = data.shape[0]
            products = z[: size * width].reshape(size, width)
            np.dot(inner, data.T, products)
            start = first * points + size * left
            memory = kept[start : start + size * width * (kept.size > 0)]
            memory = memory.reshape(size * (kept.size > 0), width)
            sums = part_sums[:width]
            sums[:] = 0.0
            _forward_tile(
                activation, tile, masses[first : first + rows], outer, bias, products, memory, sums
            )
            for k in range(width):
                outputs[left + k, 0] += sums[k]


@reordering_part
def _backward_tile(activation, kept, covector, changes, of_value, of_slope):
    """Changes = u σ' on a tile; row sums of u σ and u σ' are added to the last two."""
    widest_vectors()
    number = type(changes[0, 0])
    for i in range(kept.shape[0]):
        memory, change = kept[i], changes[i]
        value_sum, slope_sum = number(0.0), number(0.0)
        for k in range(change.size):
            sigma, slope = recall(activation, memory[k], number(0.0))
            pull = covector[k] * slope
            value_sum += covector[k] * sigma
            slope_sum += pull
            change[k] = pull
        of_value[i] += value_sum
        of_slope[i] += slope_sum


@part
def _keep_tile(activation, positions, bias, z, kept):
    """Fill `kept` from the products of a tile."""
    widest_vectors()
    number = type(z[0, 0])
    last = positions.shape[1] - 1
    for i in range(z.shape[0]):
        shift = positions[i, last] if bias else number(0.0)
        row, memory = z[i], kept[i]
        for k in range(row.size):
            memory[k] = keep(activation, row[k] + shift, memory[k])


@reordering_part
def _write_rows(positions, outer, bias, by_inner, of_value, of_slope, homogeneous, gradients):
    """Gradients of a tile from its sums; Euler's identity gives σ = z σ' if homogeneous."""
    number = type(by_inner[0, 0])
    last = positions.shape[1] - 1
    for i in range(positions.shape[0]):
        factor = positions[i, 0] if outer else number(1.0)
        if outer and homogeneous:
            total = positions[i, last] * of_slope[i] if bias else number(0.0)
            for c in range(by_inner.shape[1]):
                total += positions[i, outer + c] * by_inner[i, c]
            gradients[i, 0] = total
        elif outer:
            gradients[i, 0] = of_value[i]
        for c in range(by_inner.shape[1]):
            gradients[i, outer + c] = factor * by_inner[i, c]
        if bias:
            gradients[i, last] = factor * of_slope[i]


@reordering_kernel
def write_gradients(
    activation, positions, outer, bias, inputs, covector, rows, columns, z, memory, taped, gradients
):
    """Write ∇_θ Σ_k u_k Φ(x_k; θ_i) into `gradients` (N, p); `covector` is u (n, 1).

    `memory` is what `add_outputs` kept if `taped`, otherwise room for one tile.
    """
    particles, points = positions.shape[0], inputs.shape[0]
    pull = covector.reshape(points)
    number = positions.dtype
    homogeneous = memory.itemsize == 1
    size = min(rows, particles)
    inner_buffer = np.empty((size, inputs.shape[1]), number)
    total_buffer, part_buffer = np.empty_like(inner_buffer), np.empty_like(inner_buffer)
    sums = np.empty((2, size), number)
    for first in range(0, particles, rows):
        tile = positions[first : first + rows]
        size = tile.shape[0]
        total, part_sums = total_buffer[:size], part_buffer[:size]
        sums[:] = 0.0
        if not taped:
            copy_inner(tile, outer, inner_buffer[:size])
        for left in range(0, points, columns):
            data = inputs[left : left + columns]
            width = data.shape[0]
            changes = z[: size * width].reshape(size, width)
            start = (first * points + size * left) * taped
            kept = memory[start : start + size * width].reshape(size, width)
            if not taped:
                np.dot(inner_buffer[:size], data.T, changes)
                _keep_tile(activation, tile, bias, changes, kept)
            _backward_tile(activation, kept, pull[left : left + columns], changes, sums[0], sums[1])
            if left == 0:
                np.dot(changes, data, total)
            else:
                np.dot(changes, data, part_sums)
                add_columns(total, 0, part_sums)
        _write_rows(
            tile, outer, bias, total, sums[0], sums[1], homogeneous,
            gradients[first : first + rows],
        )  # fmt: skip


@reordering_kernel
def write_potentials(
    activation, positions, outer, bias, inputs, covector, rows, columns, z, potentials
):
    """Write Σ_k u_k Φ(x_k; θ_i) into `potentials` (N,), float64."""
    widest_vectors()
    number = type(positions[0, 0])
    particles, last = positions.shape[0], positions.shape[1] - 1
    flat = covector.reshape(covector.size)
    inner_buffer = np.empty((min(rows, particles), inputs.shape[1]), positions.dtype)
    potentials[:] = 0.0
    for first in range(0, particles, rows):
        tile = positions[first : first + rows]
        size = tile.shape[0]
        copy_inner(tile, outer, inner_buffer[:size])
        for left in range(0, inputs.shape[0], columns):
            data = inputs[left : left + columns]
            pull = flat[left : left + columns]
            products = z[: size * data.shape[0]].reshape(size, data.shape[0])
            np.dot(inner_buffer[:size], data.T, products)
            for i in range(size):
                shift = tile[i, last] if bias else number(0.0)
                row, total = products[i], number(0.0)
                for k in range(row.size):
                    total += pull[k] * value(activation, row[k] + shift)
                potentials[first + i] += (tile[i, 0] if outer else number(1.0)) * total
