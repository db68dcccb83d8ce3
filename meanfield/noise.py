"""Brownian increments that depend on seed, step and particle only, not on threads."""

from __future__ import annotations

import numpy as np

from meanfield.engines.ensemble import BLOCK, current
from meanfield.engines.threads import cut, sweep
from meanfield.typing import FloatArray

__all__ = ["add_noise"]

# Numbers that make a group worth a call.
_LEAST = 2**16


def add_noise(positions: FloatArray, scale: float, seed: int, step: int) -> None:
    """Add `scale` times independent standard normal numbers to `positions`, in place.

    The numbers are a function of seed, step, particle and coordinate: the same for
    every method and number of threads, so that paths can be compared noise by noise.

    Parameters
    ----------
    positions : (N, p) array
    scale : float
    seed, step : int
        At least 0; each is taken modulo 2^64.

    References
    ----------
    Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.

    Examples
    --------
    >>> once, twice = np.zeros((2, 3)), np.zeros((2, 3))
    >>> add_noise(once, 1.0, seed=0, step=5)
    >>> add_noise(twice, 2.0, seed=0, step=5)
    >>> bool((twice == 2.0 * once).all())
    True
    """
    from meanfield.kernels.noise import add_noise as kernel

    held, width = positions.shape
    groups = cut(held, max(1, min(BLOCK, _LEAST // width)), 2)
    # Other processes may hold the particles before these.
    before = current().share(current().count(held)).start
    numbers = np.uint64(seed % 2**64), np.uint64(step % 2**64)

    def work(g: int, thread: int) -> None:
        flat = positions[groups[g]].reshape(-1)
        kernel(flat, float(scale), *numbers, (before + groups[g].start) * width)

    sweep(work, len(groups))
