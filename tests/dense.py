"""Whole (N, n) matrices in float64: what every engine and kernel must agree with.

Next to each sum stands the sum of the absolute values of its terms: rounding is
proportional to that, whatever cancels. A pre-activation z = w·x + b enters with
|w|·|x| + |b|, as its own rounding moves σ(z) by |σ'| times so much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array


@dataclass(frozen=True)
class Sums:
    """Outputs (n, k), gradients (N, p) and potentials (N,), or bounds on their terms."""

    outputs: Float64Array
    gradients: Float64Array
    potentials: Float64Array


def split(neuron: Neuron, positions: Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Outer weights (N, k), inner weights (N, d) and biases (N,), in float64."""
    theta, k = positions.astype(np.float64), neuron.outer_columns
    outer = theta[:, :k] if k else np.ones((len(theta), 1))
    bias = theta[:, -1] if neuron.bias else np.zeros(len(theta))
    return outer, theta[:, k : k + neuron.inputs], bias


def values_and_slopes(neuron: Neuron, z: Float64Array) -> tuple[Float64Array, Float64Array]:
    """σ(z) and σ'(z); the kernels' formulas, which have tests of their own."""
    return neuron.activation(z), neuron.activation.derivative(z)


def _join(neuron: Neuron, *parts: Float64Array) -> Float64Array:
    """Columns of θ from those of a, w and b, without the absent ones."""
    outer, inner, bias = parts
    return np.hstack([outer[:, : neuron.outer_columns], inner, bias[:, : int(neuron.bias)]])


def dense(
    neuron: Neuron, positions: Array, masses: Array, inputs: Array, covector: Array
) -> Sums:
    """The sums, term by term."""
    a, w, b = split(neuron, positions)
    x, u = inputs.astype(np.float64), covector.astype(np.float64)
    value, slope = values_and_slopes(neuron, w @ x.T + b[:, None])
    pull = (a @ u.T) * slope
    gradients = _join(neuron, value @ u, pull @ x, pull.sum(axis=1, keepdims=True))
    outputs = value.T @ (masses[:, None] * a)
    return Sums(outputs, gradients, ((value @ u) * a).sum(axis=1))


def magnitudes(
    neuron: Neuron, positions: Array, masses: Array, inputs: Array, covector: Array
) -> Sums:
    """Sums of the absolute values of the terms and of what their arguments' rounding moves.

    σ moves by |σ'| (|w|·|x| + |b| + 1) times a rounding, and σ' by as much if |σ''| <= 1;
    so slopes count as max(|σ'|, 1).
    """
    a, w, b = (np.abs(part) for part in split(neuron, positions))
    x, u = np.abs(inputs.astype(np.float64)), np.abs(covector.astype(np.float64))
    signed = split(neuron, positions)
    z = signed[1] @ inputs.astype(np.float64).T + signed[2][:, None]
    value, slope = (np.abs(array) for array in values_and_slopes(neuron, z))
    size = w @ x.T + b[:, None] + 1.0
    value, slope = value + slope * size, np.maximum(slope, 1.0) * size
    pull = (a @ u.T) * slope
    gradients = _join(neuron, value @ u, pull @ x, pull.sum(axis=1, keepdims=True))
    outputs = value.T @ (masses[:, None] * a)
    return Sums(outputs, gradients, ((value @ u) * a).sum(axis=1))


def kink_terms(
    neuron: Neuron, positions: Array, inputs: Array, covector: Array, rounding: float
) -> Float64Array:
    """What gradients (N, p) may change by, where a pre-activation rounds across a kink.

    The slope may be that on the other side for every pair whose z is within `rounding`
    times |w|·|x| + |b| + |kink| of a kink: data terms |⟨a, u_j⟩| times the jump.
    """
    a, w, b = split(neuron, positions)
    x, u = inputs.astype(np.float64), covector.astype(np.float64)
    z = w @ x.T + b[:, None]
    size = np.abs(w) @ np.abs(x).T + np.abs(b)[:, None]
    jump = np.zeros_like(z)
    for kink in neuron.activation.kinks:
        near = np.abs(z - kink) <= rounding * (size + abs(kink))
        sides = neuron.activation.derivative([kink, np.nextafter(kink, np.inf)])
        jump += near * abs(sides[1] - sides[0])
    pull = np.abs(a @ u.T) * jump
    nothing = np.zeros((len(z), neuron.outputs))
    return _join(neuron, nothing, pull @ np.abs(x), pull.sum(axis=1, keepdims=True))
