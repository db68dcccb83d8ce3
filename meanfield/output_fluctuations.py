"""Gaussian fields of outputs about the limit, by their modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.typing import Float64Array

__all__ = ["OutputFluctuations"]


@dataclass(frozen=True, eq=False, repr=False)
class OutputFluctuations:
    """Gaussian fields of outputs at some points: by width, √N (f_N − f), and by steps.

    Attributes
    ----------
    width_modes, step_modes : tuples of (m, k, r) arrays
        For each time: the field is Σ_b modes[:, :, b] ξ_b with independent standard normal
        ξ_b. That of steps is (f_SGD − f)/√ε, for batches of one point and N = ∞.
    bias : (T, m, k) array
        Limit of N E(f_N − f); NaN for the Huber loss, whose second derivative jumps.
    """

    width_modes: tuple[Float64Array, ...]
    step_modes: tuple[Float64Array, ...]
    bias: Float64Array

    def __repr__(self) -> str:
        times, points, outputs = self.bias.shape
        return f"OutputFluctuations({times} times, {points} points, {outputs} outputs)"

    @property
    def variance(self) -> Float64Array:
        """N times the variance of each output, shape (T, m, k)."""
        return _variances(self.width_modes)

    @property
    def step_variance(self) -> Float64Array:
        """Variance of each output per unit of the step of SGD, shape (T, m, k)."""
        return _variances(self.step_modes)

    def covariance(self, frame: int = -1) -> Float64Array:
        """Covariance of √N (f_N − f) at the time of that number, shape (m k, m k).

        Outputs are in the order of points, and of the k outputs at each.
        """
        return _covariance(self.width_modes[frame])

    def step_covariance(self, frame: int = -1) -> Float64Array:
        """Covariance of (f_SGD − f)/√ε at the time of that number, shape (m k, m k)."""
        return _covariance(self.step_modes[frame])


def _variances(modes: tuple[Float64Array, ...]) -> Float64Array:
    return np.array([np.square(mode).sum(axis=2) for mode in modes])


def _covariance(modes: Float64Array) -> Float64Array:
    flat = modes.reshape(modes.shape[0] * modes.shape[1], modes.shape[2])
    return np.asarray(flat @ flat.T)
