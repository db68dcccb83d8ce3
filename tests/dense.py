"""Whole (N, n) matrices in float64: what every engine and kernel must agree with.

Beside each sum stands what its rounding is proportional to: the sum of the absolute
values of its terms, where a pre-activation z = w·x + b counts as |w|·|x| + |b|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.activation import Activation
from meanfield.kernels.activations import fill_jets
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array


@dataclass(frozen=True)
class Sums:
    """Outputs (n, k), gradients (N, p) and potentials (N,), or bounds on them."""

    outputs: Float64Array
    gradients: Float64Array
    potentials: Float64Array


def dense(neuron: Neuron, positions: Array, masses: Array, inputs: Array, covector: Array) -> Sums:
    """Σ_i m_i Φ(x_j; θ_i), and Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ with its gradient in θ_i."""
    a, w, b = split(neuron, positions)
    x, u = inputs.astype(np.float64), covector.astype(np.float64)
    z = w @ x.T + b[:, None]
    value, slope = neuron.activation(z), neuron.activation.derivative(z)
    return _sums(neuron, a, masses, x, u, value, slope)


def bounds(
    neuron: Neuron,
    positions: Array,
    masses: Array,
    inputs: Array,
    covector: Array,
    rounding: float,
    crossing: float,
    tiny: float = 0.0,
) -> Sums:
    """Errors that are allowed where every operation rounds.

    Values may be wrong by |σ| + |σ'| (|w|·|x| + |b|) times `rounding`, slopes by
    |σ'| + |σ''| (…) + 1. A sum over several knots rounds on the scale of its steepest
    line, of moderate height.
    A pre-activation within `crossing` times its own scale of a kink, or within `tiny`, where
    products vanish, may take the slope of the other side.
    """
    a, w, b = split(neuron, positions)
    x, u = inputs.astype(np.float64), covector.astype(np.float64)
    value, slope, curvature = jets(neuron.activation, w @ x.T + b[:, None])
    size = np.abs(w) @ np.abs(x).T + np.abs(b)[:, None]
    wrong_value = np.abs(value) + np.abs(slope) * size
    wrong_slope = np.abs(slope) + np.abs(curvature) * size + (not neuron.activation.kinks)
    kinks = neuron.activation.kinks
    if len(kinks) > 1:
        steepest = np.abs(neuron.activation.derivative([*kinks, np.inf])).max()
        wrong_value += steepest * (np.minimum(size, 4.0) + np.abs(kinks).max())
        wrong_slope += steepest
    jump = _jumps(neuron.activation, w @ x.T + b[:, None], size, crossing, tiny)
    wrong_value = rounding * wrong_value + crossing * jump * size
    wrong_slope = rounding * wrong_slope + jump
    return _sums(neuron, np.abs(a), masses, np.abs(x), np.abs(u), wrong_value, wrong_slope)


def split(neuron: Neuron, positions: Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Outer weights (N, k), inner weights (N, d) and biases (N,), in float64."""
    theta, k = positions.astype(np.float64), neuron.outer_columns
    outer = theta[:, :k] if k else np.ones((len(theta), 1))
    bias = theta[:, -1] if neuron.bias else np.zeros(len(theta))
    return outer, theta[:, k : k + neuron.inputs], bias


def jets(activation: Activation, z: Float64Array) -> Float64Array:
    """σ, σ' and σ'' at each z."""
    result = np.empty((3, z.size))
    activation.compiled(fill_jets)(activation.typed, z.ravel(), *result)
    return result.reshape(3, *z.shape)


def _jumps(
    activation: Activation, z: Float64Array, size: Float64Array, crossing: float, tiny: float
) -> Float64Array:
    """How far σ' jumps at a kink that is as near to z as rounding."""
    jump = np.zeros_like(z)
    for kink in activation.kinks:
        near = np.abs(z - kink) <= crossing * (size + abs(kink)) + tiny
        left, right = activation.derivative([kink, np.nextafter(kink, np.inf)])
        jump += near * abs(right - left)
    return jump


def _sums(
    neuron: Neuron,
    outer: Float64Array,
    masses: Array,
    inputs: Float64Array,
    covector: Float64Array,
    value: Float64Array,
    slope: Float64Array,
) -> Sums:
    of_outer, pull = value @ covector, (outer @ covector.T) * slope
    columns = [of_outer[:, : neuron.outer_columns], pull @ inputs]
    if neuron.bias:
        columns.append(pull.sum(axis=1, keepdims=True))
    outputs = value.T @ (masses[:, None] * outer)
    return Sums(outputs, np.hstack(columns), (of_outer * outer).sum(axis=1))
