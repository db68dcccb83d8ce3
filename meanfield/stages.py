"""Sums of stage velocities, on all threads and without fresh memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.engines.threads import add_in_order, cut, sweep
from meanfield.kernels import stages as kernels
from meanfield.kernels.compilation import read_only
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["combine", "scaled_error", "subtract_scaled"]

# Numbers that make a group worth a call.
_LEAST = 2**17


def combine(
    base: FloatArray, step: float, coefficients: Float64Array, stages: Array, out: FloatArray
) -> FloatArray:
    """Write base + step Σ_i c_i k_i into `out`, in the precision of `base`.

    Parameters
    ----------
    base, out : (N, p) arrays
        They may be the same.
    step : float
    coefficients : (s,) array
        The c_i.
    stages : (≥ s, N, p) array
        The k_i.
    """
    factors = (step * coefficients).astype(base.dtype)
    flat, result = read_only(base.reshape(-1)), out.reshape(-1)
    rows = read_only(stages[: len(factors)].reshape(len(factors), -1))
    groups = cut(flat.size, _LEAST)

    def work(g: int, thread: int) -> None:
        kernels.combine(flat[groups[g]], factors, rows[:, groups[g]], result[groups[g]])

    sweep(work, len(groups))
    return out


def subtract_scaled(velocity: FloatArray, coefficients: Array, positions: FloatArray) -> None:
    """Subtract c_j θ_ij from `velocity` (N, p)."""
    groups = cut(len(positions), max(1, _LEAST // positions.shape[1]))
    factors, where = read_only(coefficients), read_only(positions)

    def work(g: int, thread: int) -> None:
        kernels.subtract_scaled(velocity[groups[g]], factors, where[groups[g]])

    sweep(work, len(groups))


def scaled_error(
    before: FloatArray, after: FloatArray, other: FloatArray, absolute: float, relative: float
) -> float:
    """Root mean square of (after − other) / (absolute + relative max(|before|, |after|))."""
    flat: list[Any] = [read_only(array.reshape(-1)) for array in (before, after, other)]
    groups = cut(flat[0].size, _LEAST)
    parts = np.zeros((len(groups), 1))

    def work(g: int, thread: int) -> None:
        kernels.add_squared_errors(
            *(array[groups[g]] for array in flat), absolute, relative, parts[g]
        )

    sweep(work, len(groups))
    return float(np.sqrt(add_in_order(parts)[0] / flat[0].size))
