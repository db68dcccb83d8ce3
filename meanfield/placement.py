"""Where the neurons of a start lie: rows of random numbers, each put in its place.

Everything here is a function of arrays and numbers; the laws are in `meanfield.laws`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from meanfield.checks import as_count, as_finite_array, as_number, as_vector
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = [
    "Entries",
    "as_points",
    "check_box",
    "check_gaussian",
    "check_sphere",
    "place_in_box",
    "place_normally",
    "place_on_sphere",
]

#: One number for all parameters, or a tuple with one for each.
Entries: TypeAlias = float | tuple[float, ...]


def check_gaussian(dim: int, mean: Any, std: Any) -> tuple[int, Entries, Entries]:
    """Dimension, mean and standard deviations of a normal law, in their final form.

    Raises
    ------
    InvalidInputError
        For a wrong length or a negative standard deviation.

    Examples
    --------
    >>> check_gaussian(2, 0, [1, 2])
    (2, 0.0, (1.0, 2.0))
    """
    dim = as_count("dim", dim)
    mean, std = _entries("mean", mean, dim), _entries("std", std, dim)
    if np.min(std) < 0.0:
        raise InvalidInputError(f"std must be >= 0, got {std}")
    return dim, mean, std


def check_sphere(dim: int, radius: float) -> tuple[int, float]:
    """Dimension and radius of a sphere.

    Raises
    ------
    InvalidInputError
        If the radius is not positive.
    """
    return as_count("dim", dim), as_number("radius", radius, "positive")


def check_box(dim: int, lower: Any, upper: Any) -> tuple[int, Entries, Entries]:
    """Dimension and corners of a box, in their final form.

    Raises
    ------
    InvalidInputError
        For a wrong length, or if a lower corner is above its upper one.
    """
    dim = as_count("dim", dim)
    lower, upper = _entries("lower", lower, dim), _entries("upper", upper, dim)
    if np.any(np.asarray(lower) > np.asarray(upper)):
        raise InvalidInputError(f"lower must be <= upper, got {lower} and {upper}")
    return dim, lower, upper


def place_normally(rows: Float64Array, mean: Entries, std: Entries) -> Float64Array:
    """Points with the law N(mean, diag(std²)) of standard normal rows (m, p)."""
    return np.asarray(mean + np.asarray(std) * rows)


def place_on_sphere(rows: Float64Array, radius: float) -> Float64Array:
    """Points uniform on the sphere of a radius, of standard normal rows (m, p).

    Examples
    --------
    >>> place_on_sphere(np.array([[3.0, 4.0]]), 10.0)
    array([[6., 8.]])
    """
    return np.asarray(radius * (rows / np.linalg.norm(rows, axis=1, keepdims=True)))


def place_in_box(rows: Float64Array, lower: Entries, upper: Entries) -> Float64Array:
    """Points uniform in a box, of rows (m, p) uniform in the unit cube."""
    corner = np.asarray(lower)
    return np.asarray(corner + (np.asarray(upper) - corner) * rows)


def as_points(points: Any, dim: int) -> Float64Array:
    """Points (M, p) at which a density is asked for.

    Raises
    ------
    InvalidInputError
        If the array is of another shape, or not finite.
    """
    array = as_finite_array("points", points, 2).astype(np.float64)
    if array.shape[1] != dim:
        raise InvalidInputError(f"points must have {dim} columns, got {array.shape[1]}")
    return array


def _entries(name: str, value: Any, dim: int) -> Entries:
    if np.isscalar(value) or getattr(value, "ndim", 1) == 0:
        return as_number(name, value)
    return tuple(float(entry) for entry in as_vector(name, value, dim))
