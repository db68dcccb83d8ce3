"""Studies that were made up: with the slopes of theory, and quick to make."""

from __future__ import annotations

import numpy as np

from meanfield.quantities import statistics
from meanfield.study import Study

WIDTHS = np.array([16, 64, 256])
SETTINGS = {
    "solver": {"name": "particle-flow"},
    "reference": {"solver": {"name": "particle-flow"}, "particles": 4096},
    "seed": 0,
    "parameters": ["a_0", "w_0"],
    "weights": [0.5, 0.5],
    "notes": ["exact W₁ and W₂ is left out for N = 256: it is computed up to N = 64"],
}


def made_up(seeds=8, gap_sign=1.0, scale=1.0, experiment="toy"):
    """Three widths and two times, with all that a study of the flow may hold."""
    rng = np.random.default_rng(0)
    size = scale * WIDTHS[:, None, None] ** -0.5 * np.array([2.0, 1.0])
    normals = rng.standard_normal((3, seeds, 2))
    samples = {
        "coupling_distance": np.abs(normals) * size * np.array([0.0, 1.0]),
        "function_distance": np.abs(normals) * size,
        "risk_gap": gap_sign * normals**2 * size**2,
        "deviation": np.stack([normals, normals], axis=-1)[..., None] * size[..., None, None],
    }
    for name in statistics:
        for suffix in ("", "_null"):
            scatter = 1.0 + 0.1 * rng.standard_normal((3, seeds, 2))
            samples[name + suffix] = scatter * size
            if name != "sliced_wasserstein":
                samples[name + suffix][:, :, 0] = np.nan
            if name.startswith("wasserstein"):
                samples[name + suffix][2] = np.nan
    for name in ("marginal_wasserstein", "marginal_wasserstein_null"):
        samples[name] = np.repeat(samples["sliced_wasserstein"][..., None], 2, axis=-1)
    predictions = {
        "function_constant": scale**2 * np.array([4.0, 1.5]),
        "coupling_constant": scale**2 * np.array([0.0, 1.0]),
        "covariance": max(scale, 1e-3) ** 2 * np.ones((2, 2)),
    }
    return Study(
        experiment, WIDTHS, np.array([0.0, 1.0]), samples, {"risk": np.ones(2)}, SETTINGS,
        predictions=predictions,
    )  # fmt: skip


def made_up_steps(seeds=8):
    """Three widths and steps of SGD, with mean squares 1/N + 0.5 s."""
    rng = np.random.default_rng(1)
    steps = np.array([0.01, 0.04, 0.16])
    mean = 1.0 / WIDTHS[:, None] + 0.5 * steps
    shape = (3, seeds, 1, 3)
    base = np.abs(rng.standard_normal(shape)) * np.sqrt(mean)[:, None, None]
    samples = {
        "function_distance": base,
        "risk_gap": base**2,
        "sliced_wasserstein": 1.0 + 0.1 * rng.random(shape),
        "sliced_wasserstein_null": 1.0 + 0.1 * rng.random(shape),
    }
    settings = {**SETTINGS, "solver": {"name": "sgd", "step": 0.01}}
    predictions = {"function_constant": np.array([1.0]), "step_constant": np.array([0.5])}
    return Study(
        "toy", WIDTHS, np.array([1.0]), samples, {"risk": np.ones(1)}, settings, steps, predictions
    )
