"""Checks of what users hand over, each answered by one sentence."""

from __future__ import annotations

import operator
from typing import Any, Literal, TypeVar

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.typing import Array, Float64Array

__all__ = [
    "as_instance",
    "as_columns",
    "as_count",
    "as_finite_array",
    "as_number",
    "as_vector",
    "probability_weights",
]

Kind = TypeVar("Kind")
Sign = Literal["any", "nonnegative", "positive"]


def as_instance(name: str, value: Any, kind: type[Kind]) -> Kind:
    """Return `value` if it is of that kind.

    Raises
    ------
    InvalidInputError
        Otherwise.

    Examples
    --------
    >>> as_instance("neuron", "relu", float)
    Traceback (most recent call last):
    meanfield.errors.InvalidInputError: neuron must be a float, got 'relu'
    """
    if not isinstance(value, kind):
        raise InvalidInputError(f"{name} must be a {kind.__name__}, got {value!r}")
    return value


def as_number(name: str, value: Any, sign: Sign = "any") -> float:
    """Return `value` as a finite float of the required sign.

    Raises
    ------
    InvalidInputError
        If it is not a number, not finite, or of the wrong sign.

    Examples
    --------
    >>> as_number("step", 0.1, "positive")
    0.1
    >>> as_number("step", -1, "positive")
    Traceback (most recent call last):
    meanfield.errors.InvalidInputError: step must be a positive finite number, got -1
    """
    rule = f"a {'' if sign == 'any' else sign + ' '}finite number"
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    bad = (sign == "positive" and number <= 0.0) or (sign == "nonnegative" and number < 0.0)
    if not np.isfinite(number) or bad or isinstance(value, bool | str):
        raise InvalidInputError(f"{name} must be {rule}, got {value!r}")
    return number


def as_count(name: str, value: Any, least: int = 1) -> int:
    """Return `value` as an integer that is at least `least`.

    Raises
    ------
    InvalidInputError
        If it is not an integer or too small.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InvalidInputError(f"{name} must be an integer >= {least}, got {value!r}")
    return number


def as_finite_array(name: str, value: Any, dimensions: int) -> Array:
    """Return `value` as a non-empty finite array with that many axes.

    float32 stays float32; every other kind of number becomes float64. The result is
    a contiguous copy which cannot be written to.

    Raises
    ------
    InvalidInputError
        If it is not numeric, has another number of axes, is empty, or has NaN or
        infinite entries; the message names the first bad row.
    """
    try:
        raw = np.asarray(value)
        if raw.dtype.kind not in "biufO":
            raise TypeError
        kind = np.float32 if raw.dtype == np.float32 else np.float64
        array = np.array(raw, dtype=kind, order="C")
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"{name} must be an array of real numbers") from None
    if array.ndim != dimensions:
        raise InvalidInputError(
            f"{name} must have {dimensions} axes, got an array of shape {array.shape}"
        )
    if array.size == 0:
        raise InvalidInputError(f"{name} must not be empty, got an array of shape {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argmin(finite.reshape(array.shape[0], -1).all(axis=1)))
        raise InvalidInputError(f"{name} must be finite, but row {row} holds {array[row]}")
    array.flags.writeable = False
    return array


def as_columns(name: str, value: Any) -> Float64Array:
    """Return `value` as a finite float64 array of rows; numbers become rows of one column.

    Raises
    ------
    InvalidInputError
        As `as_finite_array`, and for rows of unequal length.

    Examples
    --------
    >>> as_columns("inputs", [1.0, 2.0]).shape
    (2, 1)
    """
    try:
        raw = np.asarray(value)
    except ValueError:
        raise InvalidInputError(f"{name} must be an array, got rows of unequal length") from None
    array = as_finite_array(name, raw[:, None] if raw.ndim == 1 else raw, 2)
    array = np.ascontiguousarray(array, dtype=np.float64)
    array.flags.writeable = False
    return array


def as_vector(name: str, value: Any, size: int) -> Float64Array:
    """Return a number or a sequence of `size` numbers as a vector of length `size`.

    Raises
    ------
    InvalidInputError
        If the length is neither 1 nor `size`, or an entry is not finite.
    """
    values = [value] if np.isscalar(value) else value
    array = as_finite_array(name, values, 1).astype(np.float64)
    if array.size not in (1, size):
        raise InvalidInputError(
            f"{name} must be one number or {size} numbers, got {array.size} of them"
        )
    return np.broadcast_to(array, (size,)).copy()


def probability_weights(name: str, weights: Any, size: int) -> Float64Array:
    """Return weights that sum to 1, uniform for None, or say what is wrong with them.

    Raises
    ------
    InvalidInputError
        If the length is wrong, a weight is negative or not finite, or the sum is
        not 1 to within 1e-6 (smaller deviations are normalised away).
    """
    if weights is None:
        array = np.full(size, 1.0 / size)
    else:
        array = as_finite_array(name, weights, 1).astype(np.float64)
        if array.size != size:
            raise InvalidInputError(f"{name} must have length {size}, got {array.size}")
        if (array < 0.0).any():
            raise InvalidInputError(f"{name} must be >= 0, got {array.min()}")
        total = float(array.sum())
        if abs(total - 1.0) > 1e-6:
            raise InvalidInputError(
                f"{name} must sum to 1, got {total:.9g}; divide them by their sum"
            )
        if abs(total - 1.0) > 1e-12:  # what has been normalised once keeps its bits
            array = array / total
    array.flags.writeable = False
    return array
