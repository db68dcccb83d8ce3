"""Which of all particles this process holds, and how sums over all of them are formed.

Particles lie in blocks whose size depends on nothing; processes hold whole consecutive
blocks. Groups, the pieces that threads take, never cross the border of a block. So the
same groups are added in the same order, to the same bits, by any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.typing import Array, Float64Array

__all__ = ["BLOCK", "Ensemble", "block_size", "current", "spread"]

Result = TypeVar("Result")

#: Particles in a block.
BLOCK = 2**16


def block_size(least: int) -> int:
    """Particles in a block whose groups have at least `least`: BLOCK times a power of two.

    Examples
    --------
    >>> block_size(100), block_size(200_000)
    (65536, 262144)
    """
    return BLOCK << (-(-least // BLOCK) - 1).bit_length()


class Ensemble:
    """All particles, in this process.

    Attributes
    ----------
    rank, size : int
        Number of this process, and how many processes share the particles.
    """

    rank = 0
    size = 1

    def share(self, particles: int) -> slice:
        """Which of so many particles this process holds."""
        return slice(0, particles)

    def count(self, held: int) -> int:
        """Number of all particles, where this process holds so many.

        Raises
        ------
        InvalidInputError
            If this process holds another number: they are not its share.
        """
        return held

    def sum(self, parts: Array) -> Float64Array:
        """Sum over the first axis, from first to last, of the parts of all processes."""
        return add_up(parts)

    def largest(self, value: float) -> float:
        """Largest of the values of all processes."""
        return value

    def decide(self, choice: bool) -> bool:
        """The choice of the first process, for what all must do alike."""
        return choice

    def first(self, work: Callable[[], Result]) -> Result:
        """Do work in the first process and give its result to all."""
        return work()


def add_up(parts: Array) -> Float64Array:
    """Sum over the first axis, from first to last: the order in which bits agree."""
    if len(parts) > parts[0].size:  # the same additions, without a call for each
        return np.asarray(np.add.accumulate(parts, axis=0)[-1])
    total: Float64Array = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


class _Current:
    ensemble = Ensemble()


def current() -> Ensemble:
    """The ensemble to which particles belong now."""
    return _Current.ensemble


@contextmanager
def spread(ensemble: Ensemble) -> Iterator[None]:
    """Inside, every array of particles is this process's share of an ensemble.

    Raises
    ------
    InvalidInputError
        If particles are shared already.
    """
    if current().size > 1:
        raise InvalidInputError("particles are shared between processes already")
    _Current.ensemble = ensemble
    try:
        yield
    finally:
        _Current.ensemble = Ensemble()
