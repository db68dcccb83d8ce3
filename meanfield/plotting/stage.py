"""A figure of which only what moves is drawn anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

__all__ = ["Stage"]


class Stage:
    """A figure whose resting parts are drawn once, at its present resolution.

    Axes, labels and curves that rest take far longer to draw than points that move. They
    are kept as an image, onto which everything from a given level of an axes upwards is
    painted for each picture: what moves, and what lies over it.

    Parameters
    ----------
    figure : Figure
        On a canvas of Agg, with a fixed layout.
    floors : dict of Axes to float
        Level (zorder) of the lowest thing that moves, of all axes where something does.
    loose : sequence of Artist
        Parts of the figure itself that move.
    """

    def __init__(
        self, figure: Figure, floors: Mapping[Axes, float], loose: Sequence[Artist] = ()
    ) -> None:
        canvas: Any = figure.canvas
        self._canvas = canvas
        self._floors = dict(floors)
        self._loose = list(loose)
        hidden = [artist for artist in self._moving() if artist.get_visible()]
        # Matplotlib moves titles that are not visible.
        places = [(artist, artist.get_position()) for artist in hidden if isinstance(artist, Text)]
        for artist in hidden:
            artist.set_visible(False)
        canvas.draw()
        self._renderer = canvas.get_renderer()
        self._resting = canvas.copy_from_bbox(figure.bbox)
        for artist in hidden:
            artist.set_visible(True)
        for text, place in places:
            text.set_position(place)

    def picture(self) -> Any:
        """What the figure shows now: bytes of red, green, blue, opacity; (height, width, 4).

        The array is that of the canvas and changes with the next picture.
        """
        self._canvas.restore_region(self._resting)
        for artist in self._moving():
            artist.draw(self._renderer)
        return np.asarray(self._canvas.buffer_rgba())

    def _moving(self) -> Iterator[Artist]:
        """What is painted anew, from below upwards."""
        for ax, floor in self._floors.items():
            over = [artist for artist in ax.get_children() if artist.get_zorder() >= floor]
            yield from sorted(
                (artist for artist in over if artist is not ax.patch), key=Artist.get_zorder
            )
        yield from self._loose
