"""Stochastic gradient descent: the loop over steps, compiled."""

from __future__ import annotations

import numba
import numpy as np

from meanfield.kernels.losses import fill_loss
from meanfield.kernels.two_layer import add_outputs, write_gradients

__all__ = ["sgd_steps"]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def sgd_steps(
    positions,
    momenta,
    masses,
    outer_columns,
    inputs,
    targets,
    factors,
    step,
    momentum,
    ridge,
    scale,
    code,
    parameters,
    loss_code,
    loss_threshold,
    count,
    rows,
    columns,
    scratch,
    values,
    slopes,
):
    """Make one gradient step a mini-batch, in place.

    `inputs` (steps, batch, q) and `targets` (steps, batch, t) hold one batch a step,
    `factors` (steps, batch) the weight of each point in its batch. `ridge` (p,) has
    one coefficient a parameter; `momenta` is used only if `momentum` > 0. The tape
    `values`, `slopes` has N * batch elements each, or none.
    """
    steps, batch = inputs.shape[0], inputs.shape[1]
    outputs = np.empty((batch, count), np.float64)
    losses = np.empty(batch, np.float64)
    derivatives = np.empty((batch, count), np.float64)
    covector = np.empty((batch, count), positions.dtype)
    gradients = np.empty_like(positions)
    for s in range(steps):
        outputs[:] = 0.0
        add_outputs(
            positions, masses, outer_columns, inputs[s], code, parameters,
            rows, columns, scratch, values, slopes, outputs,
        )  # fmt: skip
        outputs *= scale
        fill_loss(loss_code, loss_threshold, outputs, targets[s], losses, derivatives)
        for j in range(batch):
            for c in range(count):
                covector[j, c] = factors[s, j] * derivatives[j, c] / scale
        write_gradients(
            positions, outer_columns, inputs[s], covector, code, parameters,
            rows, columns, scratch, values, slopes, gradients,
        )  # fmt: skip
        for i in range(positions.shape[0]):
            for c in range(positions.shape[1]):
                force = gradients[i, c] + ridge[c] * positions[i, c]
                if momentum > 0.0:
                    force += momentum * momenta[i, c]
                    momenta[i, c] = force
                positions[i, c] -= step * force
