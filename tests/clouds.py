"""Random particles for tests of distances."""

from __future__ import annotations

import numpy as np

from meanfield.measures import ParticleMeasure


def cloud(
    seed: int, particles: int | None = None, dim: int = 2, weighted: bool = True, dtype: str = "f8"
) -> ParticleMeasure:
    """Standard normal particles, 1 to 7 by default, of random or equal masses."""
    rng = np.random.default_rng(seed)
    count = particles or int(rng.integers(1, 8))
    weights = rng.random(count) + 0.1 if weighted else np.ones(count)
    positions = rng.standard_normal((count, dim)).astype(dtype)
    return ParticleMeasure(positions, weights / weights.sum())
