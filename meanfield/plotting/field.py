"""The density of a grid over the parameters that a picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.grids import GridMeasure
from meanfield.plotting.view import CELLS, Limits, View
from meanfield.typing import Float64Array

__all__ = ["Field"]


@dataclass(frozen=True, eq=False)
class Field:
    """A grid measure, seen along the one or two parameters of a view.

    Parameters
    ----------
    grid : GridMeasure
    view : View
        Whose directions are parameters.
    """

    grid: GridMeasure
    view: View

    @property
    def limits(self) -> Limits:
        """Of the box, along the two axes of the picture."""
        first, second = (
            (float(self.grid.lower[column]), float(self.grid.upper[column]))
            for column in self.view.directions.columns
        )
        return first, second

    def curve(self) -> tuple[Float64Array, Float64Array]:
        """Centres of the cells along the parameter, and the marginal density there."""
        marginal = self.grid.marginal(self.view.directions.columns[0])
        return marginal.axes[0], marginal.density

    def image(self) -> Float64Array:
        """Red, green, blue and opacity of each cell, rows from bottom to top.

        The hue is the mean colour of what lies over a cell; the opacity goes with a power
        0.4 of the mass, in units of the view's ceiling.
        """
        masses = self.grid.weights
        colours = self.view.colouring.colours(self.grid.positions)
        mass = self._projected(masses)
        image = np.empty((*mass.shape, 4))
        for channel in range(3):
            tinted = self._projected(masses * colours[:, channel])
            image[..., channel] = tinted / np.maximum(mass, np.finfo(np.float64).tiny)
        image[..., 3] = (mass * self._density_scale / self.view.ceiling) ** 0.4
        return np.clip(image, 0.0, 1.0)

    def _projected(self, values: Float64Array) -> Float64Array:
        """Sums over the axes that the picture does not show."""
        horizontal, vertical = self.view.directions.columns
        hidden = tuple(set(range(self.grid.dim)) - {horizontal, vertical})
        sums = values.reshape(self.grid.shape).sum(axis=hidden)
        return np.asarray(sums.T if horizontal < vertical else sums)

    @property
    def _density_scale(self) -> float:
        """Area of a cell of the view's density in cells of the grid."""
        spans = [high - low for low, high in self.view.limits]
        columns = list(self.view.directions.columns)
        return float(np.prod(spans) / CELLS**2 / np.prod(self.grid.spacing[columns]))
