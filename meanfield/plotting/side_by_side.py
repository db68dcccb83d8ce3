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
from meanfield.plotting.risk import TimeMarker, drawable, scale_risk, scale_time
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
    detailed = layout != "risk" and not together
    places, foot = _places(figure, len(playbacks), detailed)
    clouds = [figure.add_subplot(place[0]) for place in places]
    panels: list[Panel] = [
        MeasurePanel(ax, playback, view, clock, arrows)
        for ax, playback in zip(clouds, playbacks, strict=True)
    ]
    for ax, title, colour in zip(clouds, titles, colours, strict=False):
        ax.set_title(title, color=colour, fontsize=12, fontweight="bold")
    _hide_inner_labels(clouds)
    if detailed:
        details = [figure.add_subplot(place[1]) for place in places]
        panels += [
            detail_panel(ax, layout, playback, view)
            for ax, playback in zip(details, playbacks, strict=True)
        ]
        _hide_inner_labels(details)
    _draw_key(figure, clouds, view)
    return panels + _foot(figure, foot, playbacks, titles, colours, together)


def _places(
    figure: Figure, count: int, detailed: bool
) -> tuple[list[tuple[SubplotSpec, ...]], SubplotSpec]:
    """Where each run has its measure and its detail, and where all have their risks.

    Details are beside the measures of two runs, and below those of more.
    """
    beside = detailed and count == 2
    columns = count if count <= _MOST_COLUMNS else (count + 1) // 2
    rows, deep = -(-count // columns), 1 + (detailed and not beside)
    heights = [1.5 if rows * deep == 1 else 1.0] * (rows * deep) + [1.0 if deep == 1 else 0.8]
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights, hspace=0.04)
    places: list[tuple[SubplotSpec, ...]] = []
    wide = 2 if beside else 1
    for row in range(rows):
        bands = [
            grid[deep * row + band].subgridspec(1, columns * wide, wspace=0.02)
            for band in range(deep)
        ]
        for column in range(min(columns, count - row * columns)):
            if beside:
                places.append((bands[0][2 * column], bands[0][2 * column + 1]))
            else:
                places.append(tuple(band[column] for band in bands))
    return places, grid[len(heights) - 1]


def _hide_inner_labels(axes: Sequence[Axes]) -> None:
    """Leave the labels of vertical axes to the first of each row."""
    for ax in axes:
        place = ax.get_subplotspec()
        if place is not None and not place.is_first_col():
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)


def _draw_key(figure: Figure, clouds: Sequence[Axes], view: View) -> None:
    """Say what colours mean; names in a row stand beside the clock, above the titles."""
    add_key(clouds, view.colouring)
    legend = clouds[-1].get_legend()
    if legend is not None and not view.colouring.label:
        legend.set_loc("upper right")
        legend.set_bbox_to_anchor((0.995, 0.995), figure.transFigure)
        legend.set_in_layout(False)


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
        risk = drawable(run.risk)
        ax.plot(run.times, risk, color=colour, label=title, linewidth=1.8, marker=style)
        panels.append(TimeMarker(ax, run.times, risk, colour))
    scale_risk(ax, [playback.run.risk for playback in playbacks])
    times = np.unique(np.concatenate([playback.run.times for playback in playbacks]))
    scale_time(ax, times)
    ax.set_ylabel(r"risk $R(\mu_t)$")
    ax.legend(loc="best", handlelength=1.2, labelspacing=0.25, fontsize=8.5)
    return panels
