"""What the colour of a neuron says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb

from meanfield.plotting.directions import Directions, Subject
from meanfield.plotting.style import BLUE, DIVERGING, MOST_CLASSES, class_colours
from meanfield.typing import Array, Float64Array

__all__ = ["Colouring", "choose_colouring"]


@dataclass(frozen=True, eq=False)
class Colouring:
    """Colours of neurons: one for all, by sign and size, or by class.

    Parameters
    ----------
    label : str
        What the colour says, in words; empty for one colour.
    values : callable or None
        (N, p) array of positions -> (N,) numbers, or class numbers if there are `names`.
    scale : float
        Absolute value at which signed colours saturate.
    names : tuple of str
        Names of classes; empty for signed colours.

    Examples
    --------
    >>> plain = Colouring()
    >>> plain.colours(np.zeros((5, 3))).shape
    (5, 3)
    """

    label: str = ""
    values: Callable[[Float64Array], Float64Array] | None = None
    scale: float = 1.0
    names: tuple[str, ...] = ()

    def colours(self, positions: Array) -> Float64Array:
        """Red, green and blue of each particle, shape (N, 3)."""
        points = np.asarray(positions, dtype=np.float64)
        if self.values is None:
            return np.tile(to_rgb(BLUE), (len(points), 1))
        values = self.values(points)
        if self.names:
            return class_colours(len(self.names))[values.astype(np.int64)]
        return np.asarray(DIVERGING(0.5 + 0.5 * np.clip(values / self.scale, -1.0, 1.0)))[:, :3]

    def order(self, positions: Array) -> Array:
        """Order in which to paint particles: strong colours over pale ones."""
        if self.values is None or self.names:
            return np.arange(len(positions))
        return np.argsort(np.abs(self.values(np.asarray(positions, dtype=np.float64))))


def choose_colouring(subject: Subject, directions: Directions) -> Colouring:
    """Colour by outer weight: its sign and size, or the output that it speaks for most.

    Where the picture shows slopes over kinks, so that the outer weight is seen already,
    colour tells on which side of its kink a neuron is active.
    """
    neuron = subject.neuron
    if directions.name == "kinks":
        return Colouring(
            "",
            lambda positions: (positions[:, -2] > 0.0).astype(np.float64),
            names=("active left", "active right"),
        )
    if neuron is None or neuron.outer_columns == 0 or neuron.outer_columns > MOST_CLASSES:
        return Colouring()
    outer = neuron.outer_columns
    if outer == 1:
        sizes = np.abs(subject.survey.positions[..., 0])
        scale = float(np.quantile(sizes, 0.97)) or 1.0
        return Colouring("outer weight $a$", lambda positions: positions[:, 0], scale)
    return Colouring(
        "output of the\nlargest $|a_c|$",
        lambda positions: np.abs(positions[:, :outer]).argmax(axis=1).astype(np.float64),
        names=tuple(str(number) for number in range(outer)),
    )
