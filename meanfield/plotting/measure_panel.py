"""The panel of a movie in which the measure moves."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from meanfield.plotting.arrows import Arrows
from meanfield.plotting.clock import Clock
from meanfield.plotting.cloud import Cloud, note_outside, outside_text
from meanfield.plotting.playback import Playback
from meanfield.plotting.view import View

__all__ = ["MeasurePanel"]

_TRAIL_POINTS = 25
_TRAIL_SHARE = 0.1  # of the movie, how far back trails reach


class MeasurePanel:
    """The measure of a run with the trails of some particles, to be moved in time.

    Parameters
    ----------
    ax : Axes
    playback : Playback
    view : View
    clock : Clock
    arrows : bool
        Whether velocities are drawn.
    """

    floor = 1.0

    def __init__(
        self, ax: Axes, playback: Playback, view: View, clock: Clock, arrows: bool = False
    ) -> None:
        self.ax = ax
        self.playback = playback
        self.view = view
        self.clock = clock
        self._cloud = Cloud(ax, view)
        self._note = note_outside(ax, 0.0)
        self._arrows = Arrows(ax, view, playback) if arrows else None

    def draw(self, time: float) -> None:
        """Move to this time."""
        measure = self.playback.measure_at(time)
        self._cloud.draw(measure)
        self._note.set_text(outside_text(self.view.outside(measure)))
        if self.playback.has_paths and not self.view.is_profile:
            self._draw_trails(time)
        if self._arrows is not None:
            self._arrows.draw(time)

    def _draw_trails(self, time: float) -> None:
        moments = self.clock.before(time, _TRAIL_SHARE, _TRAIL_POINTS)
        history = self.playback.followed_at(moments)
        flat = self.view.directions.project(history.reshape(-1, history.shape[-1]))
        paths = flat.reshape(_TRAIL_POINTS, -1, 2).transpose(1, 0, 2)
        colours = self.view.colouring.colours(history[-1])
        self._cloud.draw_trails(np.ascontiguousarray(paths), colours)
