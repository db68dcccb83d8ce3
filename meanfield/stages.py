"""Sums of stage velocities, on all threads and without fresh memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from meanfield.engines.ensemble import BLOCK, current
from meanfield.engines.threads import add_in_order, cut, sweep
from meanfield.kernels import stages as kernels
from meanfield.kernels.compilation import read_only
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = [
    "combine",
    "mean_squares",
    "mean_values",
    "scaled_error",
    "scaled_size",
    "subtract_scaled",
]

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
    groups = _numbers(base)

    def work(g: int, thread: int) -> None:
        kernels.combine(flat[groups[g]], factors, rows[:, groups[g]], result[groups[g]])

    sweep(work, len(groups))
    return out


def subtract_scaled(velocity: FloatArray, coefficients: Array, positions: FloatArray) -> None:
    """Subtract c_j θ_ij from `velocity` (N, p)."""
    groups = _rows(positions)
    factors, where = read_only(coefficients), read_only(positions)

    def work(g: int, thread: int) -> None:
        kernels.subtract_scaled(velocity[groups[g]], factors, where[groups[g]])

    sweep(work, len(groups))


def scaled_error(
    before: FloatArray, after: FloatArray, other: FloatArray, absolute: float, relative: float
) -> float:
    """Root mean square of (after − other) / (absolute + relative max(|before|, |after|))."""
    flat: list[Any] = [read_only(array.reshape(-1)) for array in (before, after, other)]
    groups = _numbers(before)
    parts = np.zeros((len(groups), 1))

    def work(g: int, thread: int) -> None:
        kernels.add_squared_errors(
            *(array[groups[g]] for array in flat), absolute, relative, parts[g]
        )

    sweep(work, len(groups))
    return _root_mean(parts, before)


def scaled_size(
    values: FloatArray, positions: FloatArray, absolute: float, relative: float
) -> float:
    """Root mean square of values / (absolute + relative |positions|), arrays of (N, p)."""
    groups = _rows(positions)
    parts = np.zeros((len(groups), 1))

    def work(g: int, thread: int) -> None:
        scale = absolute + relative * np.abs(positions[groups[g]])
        parts[g] = np.sum(np.square(values[groups[g]] / scale, dtype=np.float64))

    sweep(work, len(groups))
    return _root_mean(parts, positions)


def mean_squares(positions: FloatArray, masses: Float64Array) -> Float64Array:
    """Σ_i m_i θ_ij², shape (p,)."""
    groups = _rows(positions)
    parts = np.zeros((len(groups), positions.shape[1]))

    def work(g: int, thread: int) -> None:
        squares = np.square(positions[groups[g]], dtype=np.float64)
        parts[g] = np.einsum("i,ij->j", masses[groups[g]], squares)

    sweep(work, len(groups))
    return add_in_order(parts)


def mean_values(
    function: Callable[[FloatArray], Float64Array], positions: FloatArray, masses: Float64Array
) -> float:
    """Σ_i m_i g(θ_i) of a function from positions (m, p) to values (m,)."""
    groups = _rows(positions)
    parts = np.zeros((len(groups), 1))

    def work(g: int, thread: int) -> None:
        parts[g] = masses[groups[g]] @ function(positions[groups[g]])

    sweep(work, len(groups))
    return float(add_in_order(parts)[0])


def _root_mean(parts: Float64Array, positions: FloatArray) -> float:
    """Root of the sum of the parts over the number of all entries of all positions."""
    entries = current().count(len(positions)) * positions.shape[1]
    return float(np.sqrt(add_in_order(parts)[0] / entries))


def _rows(positions: FloatArray) -> list[slice]:
    """Groups of particles."""
    return cut(len(positions), min(BLOCK, max(1, _LEAST // positions.shape[1])))


def _numbers(positions: FloatArray) -> list[slice]:
    """Groups of the numbers of particles, row after row."""
    width = positions.shape[1]
    return [slice(group.start * width, group.stop * width) for group in _rows(positions)]
