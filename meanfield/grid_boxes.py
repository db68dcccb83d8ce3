"""Boxes of one to three parameters, cut into equal cells, and densities at their centres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_vector
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = [
    "MOST_AXES",
    "box_corners",
    "count_axes",
    "count_cells",
    "in_words",
    "resolved_density",
]

#: Most parameters that a grid covers.
MOST_AXES = 3

# Largest relative change of the integral of a density when cells are halved.
_RESOLVED = 0.01


def count_axes(count: int) -> int:
    """Number of axes, if a grid can have it.

    Raises
    ------
    InvalidInputError
        Otherwise.
    """
    if not 1 <= count <= MOST_AXES:
        raise InvalidInputError(
            f"a grid covers 1 to {MOST_AXES} parameters, got {count}; use particle-flow or "
            "quadrature"
        )
    return count


def box_corners(lower: Any, upper: Any, axes: int) -> tuple[Float64Array, Float64Array]:
    """Corners (p,) of a box with an inside.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    low, high = as_vector("lower", lower, axes), as_vector("upper", upper, axes)
    if (low >= high).any():
        raise InvalidInputError(f"lower must be < upper, got {low} and {high}")
    return low, high


def count_cells(cells: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """Number of cells along each axis.

    Raises
    ------
    InvalidInputError
        If one is below 1, or their number is not that of the axes.

    Examples
    --------
    >>> count_cells(80, 2)
    (80, 80)
    """
    counts = [as_count("cells", count) for count in np.atleast_1d(np.asarray(cells)).tolist()]
    if len(counts) not in (1, axes):
        raise InvalidInputError(f"cells must be one number or {axes}, got {len(counts)}")
    return tuple(counts) if len(counts) == axes else (counts[0],) * axes


def in_words(shape: Sequence[int]) -> str:
    """Numbers of cells, as in ``80 x 60``."""
    return " x ".join(str(size) for size in shape)


def resolved_density(
    function: Callable[[Float64Array], Any],
    lower: Float64Array,
    upper: Float64Array,
    shape: tuple[int, ...],
) -> Float64Array:
    """Values of a function at the centres, divided by its integral.

    Raises
    ------
    InvalidInputError
        If the values are not those of a density, or the integral changes by more than 1 %
        when all cells are halved.
    """
    density = _values(function, lower, upper, shape)
    total = density.sum()
    halved = tuple(2 * size for size in shape)
    finer = _values(function, lower, upper, halved).sum() / 2 ** len(shape)
    if finer == 0.0:
        raise InvalidInputError(
            f"the density is 0 at the centres of all {in_words(shape)} cells, and of halved "
            "ones; use more cells or another box"
        )
    if not abs(total - finer) <= _RESOLVED * finer:
        raise InvalidInputError(
            f"the density is not resolved by the {in_words(shape)} cells: halved ones change "
            f"its integral from {total:.3g} to {finer:.3g}; use more cells or another box"
        )
    return np.asarray(density / (total * np.prod((upper - lower) / shape)))


def _values(
    function: Callable[[Float64Array], Any],
    lower: Float64Array,
    upper: Float64Array,
    shape: tuple[int, ...],
) -> Float64Array:
    """Values of a density at the centres, layer after layer of the first axis."""
    spacing = (upper - lower) / shape
    axes = [
        low + (np.arange(size) + 0.5) * h
        for low, size, h in zip(lower, shape, spacing, strict=True)
    ]
    result, layer = np.empty(shape), max(1, 2**18 // int(np.prod(shape[1:], dtype=int)))
    for first in range(0, shape[0], layer):
        part = slice(first, first + layer)
        points = np.stack(np.meshgrid(axes[0][part], *axes[1:], indexing="ij"), axis=-1)
        try:
            values = np.asarray(function(points.reshape(-1, len(shape))))
        except InvalidInputError as error:
            raise InvalidInputError(
                f"{error}; the box has {len(shape)} axes, as lower, upper and cells say: give one "
                "of them an entry for each parameter, for example cells=(80, 80)"
            ) from None
        if values.shape != (points.size // len(shape),):
            raise InvalidInputError(
                f"a density takes points (M, {len(shape)}) to values (M,), got values of shape "
                f"{values.shape}"
            )
        if not np.isfinite(values).all() or (values < 0.0).any():
            raise InvalidInputError("a density must be finite and >= 0 on the box")
        result[part] = values.reshape(points.shape[:-1])
    return result
