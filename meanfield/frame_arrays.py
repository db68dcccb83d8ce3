"""The form of the arrays of a frame: their axes, shapes and kinds of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meanfield.typing import Array

__all__ = ["Axis", "Variable"]


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of the arrays of a frame.

    Attributes
    ----------
    name : str
    size : int
    values : sequence of str or array, optional
        Coordinates along it, if it has any.
    """

    name: str
    size: int
    values: Sequence[str] | Array | None = None


@dataclass(frozen=True)
class Variable:
    """The form of an array that every frame has.

    Attributes
    ----------
    shape : tuple of int
        Sizes of its axes, which are the first ones of `Support.axes`.
    dtype : str
        Kind of its numbers.
    """

    shape: tuple[int, ...]
    dtype: str = "float64"

    @property
    def size(self) -> int:
        """Bytes of the array, of any size."""
        return int(np.prod(self.shape, dtype=object)) * np.dtype(self.dtype).itemsize
