"""Outputs and parameter gradients of a two-layer network, tile by tile.

Notation of the kernels: particle i has an outer weight a_i in R^k and inner
parameters w_i in R^q (the bias is the last of them, and the data carry a column of
ones for it); H = sigma(W X^T) is formed only for a tile of particles and data
points at a time, so memory does not grow with (particles) x (data). Tiles are
visited in a fixed order: the result does not depend on who calls, or in how many
threads. Matrix products go to BLAS (which the caller keeps on one thread).

The forward pass may leave H and sigma'(W X^T) on a tape, tile after tile, for the
backward pass; with an empty tape the backward pass computes them again.
"""

from __future__ import annotations

import numba
import numpy as np

from meanfield.kernels.activations import fill_pairs, fill_values

__all__ = ["add_outputs", "tile_shape", "write_gradients", "write_potentials"]

# A tile of this many numbers and its companions stay in the second-level cache.
_TILE_SIZE = 131072
_MOST_COLUMNS = 512


def tile_shape(points: int) -> tuple[int, int]:
    """(particles, data points) of a tile; a function of the data only."""
    columns = max(1, min(points, _MOST_COLUMNS))
    return max(1, _TILE_SIZE // columns), columns


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _split(positions, masses, outer_columns, outer, inner):
    """Copy a tile of particles into contiguous outer weights (times mass) and inner ones."""
    for i in range(positions.shape[0]):
        if outer_columns == 0:
            outer[i, 0] = masses[i]
        for c in range(outer_columns):
            outer[i, c] = masses[i] * positions[i, c]
        for c in range(inner.shape[1]):
            inner[i, c] = positions[i, outer_columns + c]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def add_outputs(
    positions, masses, outer_columns, inputs, code, parameters,
    rows, columns, scratch, values, slopes, outputs,
):  # fmt: skip
    """Add sum_i m_i Phi(x_j; theta_i) to `outputs` (n, k), float64.

    `scratch` needs rows * columns elements of the dtype of `positions`. The tape
    `values`, `slopes` has N * n elements each, or none.
    """
    particles, points, count = positions.shape[0], inputs.shape[0], outputs.shape[1]
    rows = min(rows, particles)
    outer = np.empty((rows, count), positions.dtype)
    inner = np.empty((rows, inputs.shape[1]), positions.dtype)
    part = np.empty((min(columns, points), count), positions.dtype)
    for first in range(0, particles, rows):
        last = min(first + rows, particles)
        size = last - first
        _split(positions[first:last], masses[first:last], outer_columns, outer, inner)
        for left in range(0, points, columns):
            right = min(left + columns, points)
            start = first * points + size * left
            stop = start + size * (right - left)
            if values.size > 0:
                flat = values[start:stop]
                z = slopes[start:stop].reshape(size, right - left)
                np.dot(inner[:size], inputs[left:right].T, z)
                fill_pairs(code, parameters, slopes[start:stop], flat, slopes[start:stop])
            else:
                flat = scratch[: stop - start]
                z = flat.reshape(size, right - left)
                np.dot(inner[:size], inputs[left:right].T, z)
                fill_values(code, parameters, flat, flat)
            value = flat.reshape(size, right - left)
            np.dot(value.T, outer[:size], part[: right - left])
            for j in range(right - left):
                for c in range(count):
                    outputs[left + j, c] += part[j, c]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _backpropagate(outer, covector, back, slope):
    """slope[i, j] *= sum_c a_ic u_jc."""
    size, width = slope.shape
    if covector.shape[1] == 1:
        for i in range(size):
            factor = outer[i, 0]
            for j in range(width):
                slope[i, j] *= factor * covector[j, 0]
    else:
        np.dot(outer, covector.T, back)
        for i in range(size):
            for j in range(width):
                slope[i, j] *= back[i, j]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def write_gradients(
    positions, outer_columns, inputs, covector, code, parameters,
    rows, columns, scratch, values, slopes, gradients,
):  # fmt: skip
    """Write grad_theta sum_j <u_j, Phi(x_j; theta_i)> into `gradients` (N, p).

    `covector` is u, (n, k); `scratch` needs 3 * rows * columns elements. The tape, if
    it is not empty, is the one that `add_outputs` left; its slopes are used up.
    """
    particles, points, count = positions.shape[0], inputs.shape[0], covector.shape[1]
    rows = min(rows, particles)
    ones = np.ones(rows, positions.dtype)
    outer = np.empty((rows, count), positions.dtype)
    inner = np.empty((rows, inputs.shape[1]), positions.dtype)
    by_outer = np.empty((rows, count), positions.dtype)
    by_inner = np.empty((rows, inputs.shape[1]), positions.dtype)
    for first in range(0, particles, rows):
        last = min(first + rows, particles)
        size = last - first
        _split(positions[first:last], ones, outer_columns, outer, inner)
        gradients[first:last] = 0.0
        for left in range(0, points, columns):
            right = min(left + columns, points)
            cells = size * (right - left)
            back = scratch[2 * cells : 3 * cells].reshape(size, right - left)
            if values.size > 0:
                start = first * points + size * left
                flat_value, flat_slope = (
                    values[start : start + cells],
                    slopes[start : start + cells],
                )
                slope = flat_slope.reshape(size, right - left)
            else:
                flat_value, flat_slope = scratch[cells : 2 * cells], scratch[:cells]
                slope = flat_slope.reshape(size, right - left)
                np.dot(inner[:size], inputs[left:right].T, slope)
                fill_pairs(code, parameters, flat_slope, flat_value, flat_slope)
            value = flat_value.reshape(size, right - left)
            _backpropagate(outer[:size], covector[left:right], back, slope)
            np.dot(slope, inputs[left:right], by_inner[:size])
            gradients[first:last, outer_columns:] += by_inner[:size]
            if outer_columns > 0:
                np.dot(value, covector[left:right], by_outer[:size])
                gradients[first:last, :outer_columns] += by_outer[:size]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def write_potentials(
    positions, outer_columns, inputs, covector, code, parameters, rows, columns, scratch, potentials
):
    """Write sum_j <u_j, Phi(x_j; theta_i)> into `potentials` (N,), float64.

    `scratch` needs rows * columns elements.
    """
    particles, points, count = positions.shape[0], inputs.shape[0], covector.shape[1]
    rows = min(rows, particles)
    ones = np.ones(rows, positions.dtype)
    outer = np.empty((rows, count), positions.dtype)
    inner = np.empty((rows, inputs.shape[1]), positions.dtype)
    part = np.empty((rows, count), positions.dtype)
    for first in range(0, particles, rows):
        last = min(first + rows, particles)
        size = last - first
        _split(positions[first:last], ones, outer_columns, outer, inner)
        potentials[first:last] = 0.0
        for left in range(0, points, columns):
            right = min(left + columns, points)
            flat = scratch[: size * (right - left)]
            z = flat.reshape(size, right - left)
            np.dot(inner[:size], inputs[left:right].T, z)
            fill_values(code, parameters, flat, flat)
            np.dot(z, covector[left:right], part[:size])
            for i in range(size):
                for c in range(count):
                    potentials[first + i] += outer[i, c] * part[i, c]
