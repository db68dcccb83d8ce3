"""Pointwise losses and their derivatives in the outputs, chosen by an integer code."""

from __future__ import annotations

import math

from meanfield.kernels.activations import logistic, softplus
from meanfield.kernels.compilation import kernel

__all__ = ["CODES", "fill_loss"]

SQUARED, LOGISTIC, CROSS_ENTROPY, HUBER = 0, 1, 2, 3

#: Integer code of each loss.
CODES = {
    "squared": SQUARED,
    "logistic": LOGISTIC,
    "cross_entropy": CROSS_ENTROPY,
    "huber": HUBER,
}


@kernel
def fill_loss(code, threshold, outputs, targets, values, derivatives):
    """Write l(f_j, y_j) into `values` (n,) and its gradient in f into `derivatives` (n, k)."""
    points, count = outputs.shape
    for j in range(points):
        total = 0.0
        if code == SQUARED:
            for c in range(count):
                residual = outputs[j, c] - targets[j, c]
                total += 0.5 * residual * residual
                derivatives[j, c] = residual
        elif code == LOGISTIC:
            label = targets[j, 0]
            margin = label * outputs[j, 0]
            total = softplus(-margin)
            derivatives[j, 0] = -label * logistic(-margin)[0]
        elif code == CROSS_ENTROPY:
            largest = outputs[j, 0]
            for c in range(1, count):
                largest = max(largest, outputs[j, c])
            normaliser = 0.0
            for c in range(count):
                derivatives[j, c] = math.exp(outputs[j, c] - largest)
                normaliser += derivatives[j, c]
            label_index = int(targets[j, 0])
            total = math.log(normaliser) + (largest - outputs[j, label_index])
            for c in range(count):
                derivatives[j, c] /= normaliser
            derivatives[j, label_index] -= 1.0
        else:
            for c in range(count):
                residual = outputs[j, c] - targets[j, c]
                clipped = min(max(residual, -threshold), threshold)
                total += clipped * (residual - 0.5 * clipped)
                derivatives[j, c] = clipped
        values[j] = total
