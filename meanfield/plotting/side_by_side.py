"""The figure of several runs side by side, on a common clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from meanfield.plotting.clock import Clock
from meanfield.plotting.cloud import add_key
from meanfield.plotting.details import Panel, detail_panel, function_limits
from meanfield.plotting.function import Curve
from meanfield.plotting.measure_panel import MeasurePanel
from meanfield.plotting.playback import Playback
from meanfield.plotting.risk import TimeMarker, scale_risk, scale_time
from meanfield.plotting.style import MOST_CLASSES, class_colours
from meanfield.plotting.view import View

__all__ = ["draw_side_by_side"]

_MOST_COLUMNS = 4
_ORDER = (0, 2, 4, 1, 5, 9, 6, 8)  # of the colours of classes, such that neighbours differ most


class FunctionsTogether:
    """Functions of one input of several runs, with the data.

    Parameters
    ----------
    ax : Axes
    playbacks : sequence of Playback
    colours : sequence of colour
        Of each run.
    """

    floor = 4.0

    def __init__(self, ax: Axes, playbacks: Sequence[Playback], colours: Sequence[Any]) -> None:
        self.ax = ax
        self.playbacks = playbacks
        self._curve = Curve(ax, playbacks[0].run.problem)
        function_limits(self._curve, playbacks)
        self._lines = [
            self._curve.add_lines(self._values(playback, 0.0), color=colour, linewidth=2.0)
            for playback, colour in zip(playbacks, colours, strict=False)
        ]

    def draw(self, time: float) -> None:
        """Move to this time."""
        for playback, lines in zip(self.playbacks, self._lines, strict=True):
            for line, column in zip(lines, self._values(playback, time).T, strict=True):
                line.set_ydata(column)

    def _values(self, playback: Playback, time: float) -> Any:
        return self._curve.values_of(playback.run.problem, playback.measure_at(time))


def draw_side_by_side(
    figure: Figure,
    playbacks: Sequence[Playback],
    titles: Sequence[str],
    view: View,
    clock: Clock,
    layout: str,
    arrows: bool,
) -> list[Panel]:
    """Draw a panel for each run, and below what tells about all of them.

    Measures have the same axes, limits and colours. Below them are decision maps, outputs
    or laws of each run, if the layout says so; functions of one input are drawn together,
    beside the risks.

    Returns
    -------
    list of Panel
    """
    colours = [tuple(class_colours(MOST_CLASSES)[number]) for number in _ORDER]
    together = layout == "function" and playbacks[0].run.problem.neuron.inputs == 1
    below = layout != "risk" and not together
    columns = len(playbacks) if len(playbacks) <= _MOST_COLUMNS else (len(playbacks) + 1) // 2
    rows = -(-len(playbacks) // columns)
    heights = [1.0 + 0.5 * (rows == 1)] * rows + [1.1] * (rows * below) + [1.0]
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights, hspace=0.04)
    panels: list[Panel] = []
    clouds: list[Axes] = []
    for row in range(rows):
        part = slice(row * columns, (row + 1) * columns)
        places = grid[row * (1 + below)].subgridspec(1, columns, wspace=0.02)
        axes = [figure.add_subplot(places[column]) for column in range(len(playbacks[part]))]
        clouds += axes
        panels += _clouds(axes, playbacks[part], view, clock, arrows)
        for ax, title, colour in zip(axes, titles[part], colours[part], strict=False):
            ax.set_title(title, color=colour, fontsize=12, fontweight="bold")
        if below:
            places = grid[row * (1 + below) + 1].subgridspec(1, columns, wspace=0.02)
            axes = [figure.add_subplot(places[column]) for column in range(len(axes))]
            panels += [
                detail_panel(ax, layout, playback, view)
                for ax, playback in zip(axes, playbacks[part], strict=True)
            ]
            _hide_inner_labels(axes)
    _draw_key(figure, clouds, view)
    return panels + _foot(figure, grid[len(heights) - 1], playbacks, titles, colours, together)


def _clouds(
    axes: Sequence[Axes], playbacks: Sequence[Playback], view: View, clock: Clock, arrows: bool
) -> list[Panel]:
    panels: list[Panel] = [
        MeasurePanel(ax, playback, view, clock, arrows)
        for ax, playback in zip(axes, playbacks, strict=True)
    ]
    _hide_inner_labels(axes)
    return panels


def _draw_key(figure: Figure, clouds: Sequence[Axes], view: View) -> None:
    """Say what colours mean; names in a row stand beside the clock, above the titles."""
    add_key(clouds, view.colouring)
    legend = clouds[-1].get_legend()
    if legend is not None and not view.colouring.label:
        legend.set_loc("upper right")
        legend.set_bbox_to_anchor((0.995, 0.995), figure.transFigure)
        legend.set_in_layout(False)


def _hide_inner_labels(axes: Sequence[Axes]) -> None:
    for ax in axes[1:]:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)


def _foot(
    figure: Figure,
    place: SubplotSpec,
    playbacks: Sequence[Playback],
    titles: Sequence[str],
    colours: Sequence[Any],
    together: bool,
) -> list[Panel]:
    """The risks of all, and beside them the functions of one input."""
    places = place.subgridspec(1, 1 + together, wspace=0.03)
    panels: list[Panel] = []
    if together:
        panels.append(FunctionsTogether(figure.add_subplot(places[0]), playbacks, colours))
    ax = figure.add_subplot(places[int(together)])
    for playback, title, colour in zip(playbacks, titles, colours, strict=False):
        run = playback.run
        style = "o" if len(run.times) == 1 else ""
        ax.plot(run.times, run.risk, color=colour, label=title, linewidth=1.8, marker=style)
        panels.append(TimeMarker(ax, run.times, run.risk, colour))
    scale_risk(ax, [playback.run.risk for playback in playbacks])
    times = np.unique(np.concatenate([playback.run.times for playback in playbacks]))
    scale_time(ax, times)
    ax.set_ylabel(r"risk $R(\mu_t)$")
    ax.legend(loc="best", handlelength=1.2, labelspacing=0.25, fontsize=8.5)
    return panels
