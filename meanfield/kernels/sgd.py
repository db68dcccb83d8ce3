"""Stochastic gradient descent: the loop over steps, compiled.

Particles lie in tiles (g, p, C): C particles side by side fill the SIMD lanes, also for
a batch of one point. A tile's last particles may be padding of mass 0.
"""

from __future__ import annotations

import numpy as np

from meanfield.kernels.activations import value_and_slope
from meanfield.kernels.compilation import part, reordering_kernel, reordering_part, widest_vectors
from meanfield.kernels.losses import fill_loss

__all__ = ["sgd_steps"]

# From so many points and inputs on, BLAS multiplies faster than the loops here.
_LEAST_POINTS, _LEAST_INPUTS = 4, 8


@part
def _uses_blas(points, inputs):
    return points >= _LEAST_POINTS and inputs >= _LEAST_INPUTS


@reordering_part
def _pre_activations(inner, inputs, z):
    """Z = X W for inner weights (d, C) and inputs (B, d)."""
    widest_vectors()
    if _uses_blas(inputs.shape[0], inputs.shape[1]):
        np.dot(inputs, inner, z)
        return
    z[:] = 0.0
    for b in range(z.shape[0]):
        here = z[b]
        for j in range(inner.shape[0]):
            x, weights = inputs[b, j], inner[j]
            for i in range(here.size):
                here[i] += x * weights[i]


@reordering_part
def _forward(activation, tile, masses, outer, bias, inputs, values, slopes, outputs):
    """Add the outputs of a tile to `outputs` (B, k); keep values and slopes (B, C)."""
    widest_vectors()
    last = tile.shape[0] - 1
    number = type(tile[0, 0])
    _pre_activations(tile[outer : outer + inputs.shape[1]], inputs, slopes)
    for b in range(inputs.shape[0]):
        here, sigma = slopes[b], values[b]
        if bias:
            shift = tile[last]
            for i in range(here.size):
                sigma[i], here[i] = value_and_slope(activation, here[i] + shift[i])
        else:
            for i in range(here.size):
                sigma[i], here[i] = value_and_slope(activation, here[i])
        for c in range(outputs.shape[1]):
            total = number(0.0)
            if outer:
                weights = tile[c]
                for i in range(sigma.size):
                    total += masses[i] * weights[i] * sigma[i]
            else:
                for i in range(sigma.size):
                    total += masses[i] * sigma[i]
            outputs[b, c] += total


@reordering_part
def _backward(tile, outer, bias, inputs, covector, values, slopes, pulls, gradient):
    """Write the gradient (p, C) of a tile; `covector` is (B, k), `pulls` room for (C,).

    `slopes` are used up.
    """
    widest_vectors()
    last, width = tile.shape[0] - 1, inputs.shape[1]
    gradient[:] = 0.0
    for b in range(inputs.shape[0]):
        slope, sigma = slopes[b], values[b]
        if outer:
            pulls[:] = 0.0
            for c in range(outer):
                u, weights = covector[b, c], tile[c]
                for i in range(pulls.size):
                    pulls[i] += u * weights[i]
            for i in range(slope.size):
                slope[i] *= pulls[i]
        else:
            u = covector[b, 0]
            for i in range(slope.size):
                slope[i] *= u
        for c in range(outer):
            u, row = covector[b, c], gradient[c]
            for i in range(sigma.size):
                row[i] += u * sigma[i]
        if bias:
            row = gradient[last]
            for i in range(slope.size):
                row[i] += slope[i]
    by_inner = gradient[outer : outer + width]
    if _uses_blas(inputs.shape[0], width):
        np.dot(inputs.T, slopes, by_inner)
        return
    for b in range(inputs.shape[0]):
        slope = slopes[b]
        for j in range(width):
            x, row = inputs[b, j], by_inner[j]
            for i in range(slope.size):
                row[i] += x * slope[i]


@part
def _update(tile, momentum_tile, gradient, step, momentum, ridge):
    """θ ← θ − s v with v ← β v + ∇Ψ, in place."""
    widest_vectors()
    number = type(tile[0, 0])
    for c in range(tile.shape[0]):
        row, force, strength = tile[c], gradient[c], number(ridge[c])
        if momentum > 0.0:
            velocity, decay = momentum_tile[c], number(momentum)
            for i in range(row.size):
                velocity[i] = force[i] + strength * row[i] + decay * velocity[i]
                row[i] -= number(step) * velocity[i]
        else:
            for i in range(row.size):
                row[i] -= number(step) * (force[i] + strength * row[i])


@reordering_kernel
def sgd_steps(
    activation, tiles, momenta, masses, outer, bias, inputs, targets, factors,
    step, momentum, ridge, scale, loss_code, loss_threshold, values, slopes, outputs,
):  # fmt: skip
    """Make one gradient step a mini-batch, in place.

    `inputs` (steps, B, d) and `targets` (steps, B, t) hold one batch a step, `factors`
    (steps, B) the weight of each point in its batch. `masses` is (g, C); `ridge` (p,)
    has one coefficient a parameter; `momenta` is used only if `momentum` > 0. `values`
    and `slopes` are room for (g, B, C) numbers, `outputs` for (B, k).
    """
    batch = inputs.shape[1]
    losses = np.empty(batch, np.float64)
    derivatives = np.empty_like(outputs)
    covector = np.empty(outputs.shape, tiles.dtype)
    gradient = np.empty(tiles.shape[1:], tiles.dtype)
    pulls = np.empty(tiles.shape[2], tiles.dtype)
    for s in range(inputs.shape[0]):
        outputs[:] = 0.0
        for g in range(tiles.shape[0]):
            _forward(
                activation, tiles[g], masses[g], outer, bias, inputs[s],
                values[g], slopes[g], outputs,
            )  # fmt: skip
        outputs *= scale
        fill_loss(loss_code, loss_threshold, outputs, targets[s], losses, derivatives)
        for b in range(batch):
            for c in range(outputs.shape[1]):
                covector[b, c] = factors[s, b] * derivatives[b, c] / scale
        for g in range(tiles.shape[0]):
            _backward(
                tiles[g], outer, bias, inputs[s], covector, values[g], slopes[g], pulls, gradient
            )
            _update(tiles[g], momenta[g], gradient, step, momentum, ridge)
