"""Several outputs: tiles as for one output, with one more matrix product each way.

Particle i has outer weights a_i in R^k. What a tile keeps for the backward pass is
described in `meanfield.kernels.memory`.
"""

from __future__ import annotations

import numpy as np

from meanfield.kernels.activations import value
from meanfield.kernels.compilation import kernel, part, reordering_part, widest_vectors
from meanfield.kernels.memory import keep, recall
from meanfield.kernels.tiles import add_columns, copy_inner

__all__ = ["add_outputs", "write_gradients", "write_potentials"]


@part
def _outer_weights(positions, masses, outer):
    """Outer weights of a tile times the masses."""
    for i in range(outer.shape[0]):
        for c in range(outer.shape[1]):
            outer[i, c] = masses[i] * positions[i, c]


@part
def _forward_tile(activation, positions, bias, z, kept):
    """Replace z by values in place; fill `kept` if it has room."""
    widest_vectors()
    number = type(z[0, 0])
    last = positions.shape[1] - 1
    for i in range(z.shape[0]):
        shift = positions[i, last] if bias else number(0.0)
        row = z[i]
        if kept.size > 0:
            memory = kept[i]
            for k in range(row.size):
                here = row[k] + shift
                memory[k] = keep(activation, here, memory[k])
                row[k] = value(activation, here)
        else:
            for k in range(row.size):
                row[k] = value(activation, row[k] + shift)


@kernel
def add_outputs(
    activation, positions, masses, count, bias, inputs, rows, columns, z, kept, outputs
):
    """Add Σ_i m_i Φ(x_j; θ_i) to `outputs` (n, k), float64.

    `count` is k; `inputs` is (n, d); `z` needs rows * columns elements; `kept` has N * n elements,
    tile after tile, or none.
    """
    particles, points = positions.shape[0], inputs.shape[0]
    inner_buffer = np.empty((min(rows, particles), inputs.shape[1]), positions.dtype)
    outer_buffer = np.empty((min(rows, particles), count), positions.dtype)
    part_sums = np.empty((min(columns, points), count), positions.dtype)
    keeps = kept.size > 0
    for first in range(0, particles, rows):
        tile = positions[first : first + rows]
        size = tile.shape[0]
        inner, outer = inner_buffer[:size], outer_buffer[:size]
        copy_inner(tile, count, inner)
        _outer_weights(tile, masses[first : first + rows], outer)
        for left in range(0, points, columns):
            data = inputs[left : left + columns]
            width = data.shape[0]
            products = z[: size * width].reshape(size, width)
            np.dot(inner, data.T, products)
            start = first * points + size * left
            memory = kept[start : start + size * width * keeps].reshape(size * keeps, width)
            _forward_tile(activation, tile, bias, products, memory)
            np.dot(products.T, outer, part_sums[:width])
            for j in range(width):
                for c in range(count):
                    outputs[left + j, c] += part_sums[j, c]


@reordering_part
def _backward_tile(activation, kept, changes, values, of_slope):
    """Changes *= σ', values = σ on a tile; row sums of the changes are added to the last."""
    widest_vectors()
    number = type(changes[0, 0])
    for i in range(kept.shape[0]):
        memory, change, heights = kept[i], changes[i], values[i]
        total = number(0.0)
        for k in range(change.size):
            sigma, slope = recall(activation, memory[k], number(0.0))
            pull = change[k] * slope
            total += pull
            change[k] = pull
            heights[k] = sigma
        of_slope[i, 0] += total


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


@kernel
def write_gradients(
    activation, positions, count, bias, inputs, covector, rows, columns, z, memory, taped, gradients
):
    """Write ∇_θ Σ_j <u_j, Φ(x_j; θ_i)> into `gradients` (N, p); `covector` is u (n, k).

    `z` needs 2 * rows * columns elements. `memory` is what `add_outputs` kept if
    `taped`, otherwise room for one tile.
    """
    particles, points = positions.shape[0], inputs.shape[0]
    ones = np.ones(min(rows, particles))
    inner_buffer = np.empty((ones.size, inputs.shape[1]), positions.dtype)
    outer_buffer = np.empty((ones.size, count), positions.dtype)
    by_inner, by_outer = np.empty_like(inner_buffer), np.empty_like(outer_buffer)
    of_slope = np.empty((ones.size, 1), positions.dtype)
    for first in range(0, particles, rows):
        tile, result = positions[first : first + rows], gradients[first : first + rows]
        size = tile.shape[0]
        inner, outer = inner_buffer[:size], outer_buffer[:size]
        _outer_weights(tile, ones, outer)
        copy_inner(tile, count, inner)
        result[:] = 0.0
        of_slope[:] = 0.0
        for left in range(0, points, columns):
            data, pull = inputs[left : left + columns], covector[left : left + columns]
            width = data.shape[0]
            cells = size * width
            changes = z[:cells].reshape(size, width)
            values = z[cells : 2 * cells].reshape(size, width)
            start = (first * points + size * left) * taped
            kept = memory[start : start + cells].reshape(size, width)
            if not taped:
                np.dot(inner, data.T, changes)
                _keep_tile(activation, tile, bias, changes, kept)
            np.dot(outer, pull.T, changes)
            _backward_tile(activation, kept, changes, values, of_slope)
            np.dot(values, pull, by_outer[:size])
            np.dot(changes, data, by_inner[:size])
            add_columns(result, 0, by_outer[:size])
            add_columns(result, count, by_inner[:size])
        if bias:
            add_columns(result, result.shape[1] - 1, of_slope[:size])


@kernel
def write_potentials(
    activation, positions, count, bias, inputs, covector, rows, columns, z, potentials
):
    """Write Σ_j <u_j, Φ(x_j; θ_i)> into `potentials` (N,), float64."""
    particles, points = positions.shape[0], inputs.shape[0]
    inner_buffer = np.empty((min(rows, particles), inputs.shape[1]), positions.dtype)
    part_sums = np.empty((inner_buffer.shape[0], count), positions.dtype)
    nothing = z[:0].reshape(0, columns)
    potentials[:] = 0.0
    for first in range(0, particles, rows):
        tile = positions[first : first + rows]
        size = tile.shape[0]
        copy_inner(tile, count, inner_buffer[:size])
        for left in range(0, points, columns):
            data = inputs[left : left + columns]
            products = z[: size * data.shape[0]].reshape(size, data.shape[0])
            np.dot(inner_buffer[:size], data.T, products)
            _forward_tile(activation, tile, bias, products, nothing)
            np.dot(products, covector[left : left + columns], part_sums[:size])
            for i in range(size):
                for c in range(count):
                    potentials[first + i] += tile[i, c] * part_sums[i, c]
