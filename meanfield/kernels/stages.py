"""Sums of stages of Runge–Kutta methods in one sweep over memory."""

from __future__ import annotations

from meanfield.kernels.compilation import kernel

__all__ = ["add_squared_errors", "combine", "subtract_scaled"]


@kernel
def combine(base, coefficients, stages, result):
    """Write base + Σ_i c_i k_i into the flat `result`; `stages` is (s, size).

    Terms are added in order; `result` may be `base` or a stage with coefficient 0.
    """
    for first in range(0, base.size, 1024):
        total = result[first : first + 1024]
        start = base[first : first + 1024]
        for j in range(total.size):
            total[j] = start[j]
        for i in range(coefficients.size):
            if coefficients[i] != 0:
                factor, stage = coefficients[i], stages[i, first : first + 1024]
                for j in range(total.size):
                    total[j] += factor * stage[j]


@kernel
def subtract_scaled(velocity, coefficients, positions):
    """Subtract coefficients (p,) times positions (N, p) from `velocity` (N, p)."""
    for i in range(positions.shape[0]):
        for c in range(positions.shape[1]):
            velocity[i, c] -= coefficients[c] * positions[i, c]


@kernel
def add_squared_errors(before, after, other, absolute, relative, total):
    """Add Σ ((after - other) / (absolute + relative max(|before|, |after|)))² to `total` (1,)."""
    for first in range(0, before.size, 1024):
        last = min(first + 1024, before.size)
        part = 0.0
        for j in range(first, last):
            scale = absolute + relative * max(abs(before[j]), abs(after[j]))
            error = (after[j] - other[j]) / scale
            part += error * error
        total[0] += part
