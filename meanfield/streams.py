"""Streams of random rows, and the drawing of particles from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from meanfield.engines.ensemble import BLOCK, current
from meanfield.typing import Float64Array, FloatArray

__all__ = ["Stream", "draw", "normals", "spawned_seeds", "uniforms"]

#: Makes the next rows, (rows, dim).
Stream: TypeAlias = Callable[[int], Float64Array]


def uniforms(dim: int, seed: int, sampling: str) -> Stream:
    """Points of the unit cube: independent ones, or those of a scrambled Sobol sequence.

    Examples
    --------
    >>> stream = uniforms(2, seed=0, sampling="sobol")
    >>> stream(3).shape, stream(1).shape
    ((3, 2), (1, 2))
    """
    generator = np.random.default_rng(seed)
    if sampling == "iid":
        return lambda rows: generator.random((rows, dim))
    from scipy.stats import qmc

    sequence = qmc.Sobol(dim, scramble=True, rng=generator)

    def points(rows: int) -> Float64Array:
        with warnings.catch_warnings():
            # Balance of the points needs a power of two; other counts are merely a bit worse.
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(np.clip(sequence.random(rows), 2.0**-53, 1.0 - 2.0**-53))

    return points


def normals(dim: int, seed: int, sampling: str) -> Stream:
    """Standard normal points, of the same two kinds."""
    if sampling == "iid":
        generator = np.random.default_rng(seed)
        return lambda rows: generator.standard_normal((rows, dim))
    from scipy.special import ndtri

    points = uniforms(dim, seed, sampling)
    return lambda rows: np.asarray(ndtri(points(rows)))


def draw(
    stream: Stream, place: Callable[[Float64Array], Any], particles: int, dim: int, dtype: str
) -> FloatArray:
    """Positions of the particles that this process holds: rows of a stream in their places.

    Processes that share the particles all run through the stream, up to their share.

    Parameters
    ----------
    stream : Stream
    place : callable
        From rows (m, dim) of the stream to positions.
    particles, dim : int
        Number N of all particles, and of their parameters.
    dtype : str
    """
    share = current().share(particles)
    positions = np.empty((share.stop - share.start, dim), dtype)
    for first in range(0, share.stop, BLOCK):
        rows = stream(min(BLOCK, particles - first))
        if first >= share.start:
            positions[first - share.start :][: len(rows)] = place(rows)
    return positions


def spawned_seeds(seed: int, *key: int) -> tuple[int, int, int]:
    """Three independent seeds that follow from a seed and a key.

    Examples
    --------
    >>> spawned_seeds(0, 64, 1) == spawned_seeds(0, 64, 1) != spawned_seeds(0, 64, 2)
    True
    """
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(3, np.uint64)
    first, second, third = (int(value >> np.uint64(1)) for value in state)
    return first, second, third
