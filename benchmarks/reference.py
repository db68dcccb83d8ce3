"""The exact answer: dense sums in float64, in blocks, by formulas of their own."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from benchmarks.cases import SGD_STEP, Case, Data, batches, draw

_BLOCK_PAIRS = 2**23


def solve(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (n,) and velocities (N, p); for pairs and descent the outputs are empty.

    The velocities of descent are displacements after all steps of a call.
    """
    data = draw(case)
    if case.kind == "pair":
        return np.empty(0), _pair_velocities(case, data)
    if case.kind == "sgd":
        return np.empty(0), _displacements(case, data)
    return _step(case.activation, data.inputs, data.targets, data.positions)


def _activate(activation: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if activation == "relu":
        return np.maximum(z, 0.0), (z > 0.0).astype(float)
    if activation == "tanh":
        value = np.tanh(z)
        return value, 1.0 - value * value
    return erf(z), 2.0 / np.sqrt(np.pi) * np.exp(-z * z)


def _step(
    activation: str, inputs: np.ndarray, targets: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and velocities of Φ = a σ(w·x + b) with the squared loss."""
    extended = np.hstack([inputs, np.ones((len(inputs), 1))])
    rows = max(1, _BLOCK_PAIRS // len(inputs))
    blocks = [slice(first, first + rows) for first in range(0, len(positions), rows)]
    outputs = np.zeros(len(inputs))
    for block in blocks:
        outer, inner = positions[block, 0], positions[block, 1:]
        outputs += outer @ _activate(activation, inner @ extended.T)[0]
    outputs /= len(positions)
    residuals = (targets[:, 0] - outputs) / len(inputs)
    velocities = np.empty_like(positions)
    for block in blocks:
        outer, inner = positions[block, 0], positions[block, 1:]
        value, slope = _activate(activation, inner @ extended.T)
        velocities[block, 0] = value @ residuals
        velocities[block, 1:] = outer[:, None] * (slope @ (residuals[:, None] * extended))
    return outputs, velocities


def _displacements(case: Case, data: Data) -> np.ndarray:
    positions = data.positions.copy()
    for batch in batches(case):
        _, velocities = _step(case.activation, data.inputs[batch], data.targets[batch], positions)
        positions += SGD_STEP * velocities
    return positions - data.positions


def _pair_velocities(case: Case, data: Data) -> np.ndarray:
    """−∇ of Σ_j q_j K(θ, θ_j) for the signed measure q of particles minus teacher."""
    positions, teacher = data.positions, data.teacher
    sources = np.vstack([positions, teacher])
    masses = np.repeat([1.0 / len(positions), -1.0 / len(teacher)], [len(positions), len(teacher)])
    charges = masses * sources[:, 0]
    derivatives = _erf_pairs if case.activation == "erf" else _relu_pairs
    rows = max(1, _BLOCK_PAIRS // len(sources))
    velocities = np.empty_like(positions)
    for first in range(0, len(positions), rows):
        block = slice(first, first + rows)
        values, slopes = derivatives(positions[block, 1:], sources[:, 1:], charges)
        velocities[block, 0] = -values
        velocities[block, 1:] = -positions[block, :1] * slopes
    return velocities


def _erf_pairs(
    targets: np.ndarray, sources: np.ndarray, charges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """K = (2/π) arcsin g with g = 2 w·w' / √((1 + 2|w|²)(1 + 2|w'|²)), and ∂_w K, summed."""
    lengths = 1.0 + 2.0 * np.square(targets).sum(axis=1)
    roots = np.sqrt(1.0 + 2.0 * np.square(sources).sum(axis=1))
    g = 2.0 * (targets @ sources.T) / (np.sqrt(lengths)[:, None] * roots)
    values = 2.0 / np.pi * (np.arcsin(g) @ charges)
    weights = 2.0 / np.pi * charges / np.sqrt(1.0 - g * g)
    slopes = (2.0 * weights / (np.sqrt(lengths)[:, None] * roots)) @ sources
    slopes -= (2.0 * (weights * g).sum(axis=1) / lengths)[:, None] * targets
    return values, slopes


def _relu_pairs(
    targets: np.ndarray, sources: np.ndarray, charges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """K = |w||w'| (sin φ + (π − φ) cos φ) / 2π and ∂_w K (Cho, Saul 2009), summed."""
    lengths, others = np.linalg.norm(targets, axis=1), np.linalg.norm(sources, axis=1)
    cosine = np.clip(targets @ sources.T / (lengths[:, None] * others), -1.0, 1.0)
    sine, rest = np.sqrt(1.0 - cosine * cosine), np.pi - np.arccos(cosine)
    weights = charges * others / (2.0 * np.pi)
    values = lengths * ((sine + rest * cosine) @ weights)
    slopes = (sine @ weights / lengths)[:, None] * targets
    slopes += (rest * (charges / (2.0 * np.pi))) @ sources
    return values, slopes
