"""Curves through recorded values: piecewise cubics, their slopes, and how far they may be off."""

from __future__ import annotations

import numpy as np

from meanfield.typing import Float64Array, IntArray

__all__ = ["cubic", "cubic_error", "difference_slopes", "thinned_miss"]

# Values from which a slope is estimated: of order 4.
_STENCIL = 5


def cubic(
    times: Float64Array, values: Float64Array, slopes: Float64Array, left: int, t: float
) -> Float64Array:
    """Hermite's cubic between the values with numbers `left` and `left + 1`, at time `t`.

    Parameters
    ----------
    times : (F,) array
        Increasing.
    values, slopes : (F, …) arrays
    left : int
    t : float

    Examples
    --------
    >>> times = np.array([0.0, 2.0])
    >>> float(cubic(times, times**3, 3 * times**2, 0, 1.0))
    1.0
    """
    length = times[left + 1] - times[left]
    s = (t - times[left]) / length
    before, after = (1.0 + 2.0 * s) * (1.0 - s) ** 2, s**2 * (3.0 - 2.0 * s)
    start, end = s * (1.0 - s) ** 2 * length, s**2 * (s - 1.0) * length
    return np.asarray(
        before * values[left]
        + after * values[left + 1]
        + start * slopes[left]
        + end * slopes[left + 1]
    )


def cubic_error(times: Float64Array, values: Float64Array, slopes: Float64Array) -> float:
    """Estimated largest error of the cubics, for slopes without error; of order 4.

    The cubic over two intervals h₁, h₂ misses the value between them by E = |f⁗| h₁² h₂²/24;
    that of one interval h is off by at most |f⁗| h⁴/384.

    Parameters
    ----------
    times : (F,) array
        At least 3 times.
    values, slopes : (F, …) arrays
    """
    lengths, largest = np.diff(times), 0.0
    for middle in range(1, len(times) - 1):
        ends = slice(middle - 1, middle + 2, 2)
        guess = cubic(times[ends], values[ends], slopes[ends], 0, float(times[middle]))
        first, second = lengths[middle - 1 : middle + 1]
        fourth = 24.0 * float(np.abs(guess - values[middle]).max()) / (first * second) ** 2
        largest = max(largest, fourth * max(first, second) ** 4 / 384.0)
    return largest


def thinned_miss(times: Float64Array, values: Float64Array) -> float:
    """How far cubics through every second value, and slopes from those, miss the others.

    Parameters
    ----------
    times : (F,) array
        At least 3 times.
    values : (F, …) array
    """
    some, kept = times[::2], values[::2]
    slopes = difference_slopes(some, kept)
    misses = [
        np.abs(cubic(some, kept, slopes, i, float(times[2 * i + 1])) - values[2 * i + 1]).max()
        for i in range(len(some) - 1)
    ]
    return float(max(misses))


def difference_slopes(times: Float64Array, values: Float64Array) -> Float64Array:
    """Slopes at the times from the values at the five nearest ones, of order 4.

    They are those of the polynomial through these values; with fewer times through all.

    Parameters
    ----------
    times : (F,) array
        Increasing; at least 2.
    values : (F, …) array

    Examples
    --------
    >>> times = np.array([0.0, 1.0, 3.0, 4.0, 5.0, 7.0])
    >>> np.allclose(difference_slopes(times, times**4), 4 * times**3)
    True
    """
    count = len(times)
    width = min(_STENCIL, count)
    own = np.arange(count)
    first = np.clip(own - width // 2, 0, count - width)
    nearest = first[:, None] + np.arange(width)
    weights = _derivative_weights(times[nearest], own - first)
    slopes = np.zeros_like(values)
    for column in range(width):
        shape = (count, *(1 for _ in values.shape[1:]))
        slopes += weights[:, column].reshape(shape) * values[nearest[:, column]]
    return slopes


def _derivative_weights(points: Float64Array, own: IntArray) -> Float64Array:
    """Weights (F, w) that give the derivative at number `own` of each row of points (F, w)."""
    rows, width = np.arange(len(points)), points.shape[1]
    here = points[rows, own]
    weights = np.zeros_like(points)
    for j in range(width):
        others = [m for m in range(width) if m != j]
        for skipped in others:
            factors = [
                (here - points[:, m]) / (points[:, j] - points[:, m])
                for m in others
                if m != skipped
            ]
            product = np.prod(factors, axis=0) if factors else 1.0
            weights[:, j] += product / (points[:, j] - points[:, skipped])
    return weights
