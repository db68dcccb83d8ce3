"""NumPy and SciPy as one would write the formulas on whole arrays."""

from __future__ import annotations

import numpy as np
import scipy
from scipy.special import erf

from benchmarks.cases import SGD_STEP, Case, batches, draw
from benchmarks.peers.serve import Variant, serve


def step(
    activation: str, inputs: np.ndarray, targets: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (n, 1) and velocities (N, p); the inputs have a column of ones."""
    outer, inner = positions[:, :1], positions[:, 1:]
    z = inner @ inputs.T
    if activation == "relu":
        value, slope = np.maximum(z, 0), (z > 0).astype(z.dtype)
    elif activation == "tanh":
        value = np.tanh(z)
        slope = 1 - value * value
    else:
        value, slope = erf(z), z.dtype.type(2 / np.sqrt(np.pi)) * np.exp(-z * z)
    outputs = value.T @ outer / len(positions)
    residuals = (targets - outputs) / len(inputs)
    return outputs, np.hstack([value @ residuals, (slope * (outer @ residuals.T)) @ inputs])


def prepare(case: Case) -> dict[str, Variant]:
    if case.kind not in ("step", "sgd"):
        return {}
    inputs, targets, positions, _ = draw(case).typed(case.dtype)
    inputs = np.hstack([inputs, np.ones_like(targets)])
    if case.kind == "step":
        return {
            "numpy": Variant(
                lambda: step(case.activation, inputs, targets, positions),
                lambda result: (result[0][:, 0], result[1]),
            )
        }

    def descend() -> np.ndarray:
        moving = positions.copy()
        for batch in batches(case):
            moving += SGD_STEP * step(case.activation, inputs[batch], targets[batch], moving)[1]
        return moving

    return {"numpy": Variant(descend, lambda end: (np.empty(0), end - positions))}


if __name__ == "__main__":
    serve(prepare, {"numpy": np.__version__, "scipy": scipy.__version__})
