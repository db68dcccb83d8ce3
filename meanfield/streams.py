"""Streams of random rows, and the drawing of particles from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from meanfield.checks import as_count
from meanfield.engines.ensemble import BLOCK, current
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.typing import Float64Array, FloatArray

__all__ = ["Sampling", "Stream", "check_draw", "draw", "normals", "spawned_seeds", "uniforms"]

# What no memory of any machine holds; below that it is asked whether this one does.
_MOST_PARTICLES = 2**50

#: Independent rows, or those of a scrambled Sobol sequence.
Sampling: TypeAlias = Literal["iid", "sobol"]

#: Makes the next rows, (rows, dim).
Stream: TypeAlias = Callable[[int], Float64Array]


def uniforms(dim: int, seed: int, sampling: Sampling) -> Stream:
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


def normals(dim: int, seed: int, sampling: Sampling) -> Stream:
    """Standard normal points, of the same two kinds."""
    if sampling == "iid":
        generator = np.random.default_rng(seed)
        return lambda rows: generator.standard_normal((rows, dim))
    from scipy.special import ndtri

    points = uniforms(dim, seed, sampling)
    return lambda rows: np.asarray(ndtri(points(rows)))


def check_draw(particles: int, seed: int, sampling: str, dtype: Any) -> str:
    """The name of the dtype, which may come as NumPy's own type.

    Raises
    ------
    InvalidInputError
        If the number is below 1 or beyond any memory, or the sampling or dtype is unknown.
    """
    if as_count("particles", particles) > _MOST_PARTICLES:
        raise InvalidInputError(f"no memory holds {particles:.3g} particles")
    as_count("seed", seed, least=0)
    if sampling not in ("iid", "sobol"):
        raise unknown_name("sampling", sampling, ("iid", "sobol"))
    name = str(getattr(dtype, "__name__", dtype))
    if name not in ("float32", "float64"):
        raise unknown_name("dtype", name, ("float32", "float64"))
    return name


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
