"""What a page that is made again and again keeps, so that pictures do not jump."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from meanfield.plotting.directions import Directions
from meanfield.typing import Float64Array, IntArray

__all__ = ["Fit", "Memory"]


@dataclass(frozen=True, eq=False)
class Fit:
    """Coordinates that were chosen for neurons with some parameters.

    Attributes
    ----------
    frames : int
        Number of frames from which they were chosen.
    directions : Directions
        Flat ones.
    space : callable or None
        (N, p) positions -> (N, 3) coordinates.
    labels : tuple of str
    """

    frames: int
    directions: Directions
    space: Callable[[Float64Array], Float64Array] | None
    labels: tuple[str, ...]

    def suits(self, frames: int) -> bool:
        """Whether they stay: they are chosen anew whenever the frames have doubled."""
        return frames < 2 * self.frames


@dataclass(eq=False)
class Memory:
    """What was computed for earlier pages of the same runs.

    Attributes
    ----------
    outputs : dict
        Of each run, by its number: outputs by the number of the frame.
    orders : dict
        Of each run: the order in which its neurons are painted.
    fits : dict
        Coordinates, by the parameters of neurons.
    """

    outputs: dict[int, dict[int, Float64Array]] = field(default_factory=dict)
    orders: dict[int, IntArray] = field(default_factory=dict)
    fits: dict[Any, Fit] = field(default_factory=dict)
