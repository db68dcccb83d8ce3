"""What a movie shows beside the measure: the function, the outputs, the law, the risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes

from meanfield.errors import InvalidInputError, unknown_name
from meanfield.plotting.energy import energy as plot_energy
from meanfield.plotting.energy import has_free_energy
from meanfield.plotting.evolution import evolution as plot_evolution
from meanfield.plotting.function import Curve, function_panel
from meanfield.plotting.outputs import outputs_panel
from meanfield.plotting.playback import Playback
from meanfield.plotting.risk import TimeMarker, accuracy_names
from meanfield.plotting.risk import accuracy as plot_accuracy
from meanfield.plotting.risk import risk as plot_risk
from meanfield.plotting.view import View
from meanfield.problems import AnyProblem

__all__ = ["LAYOUTS", "Panel", "choose_layout", "detail_panel", "function_limits", "series"]

#: What can be shown beside the measure and the risk.
LAYOUTS = ("function", "outputs", "law", "risk")
_LOOKS = 9  # moments of a run by which limits are chosen


class Panel(Protocol):
    """Axes on which something moves."""

    ax: Axes
    floor: float

    def draw(self, time: float) -> None:
        """Move to this time."""
        ...


class _Moved:
    """A panel of a measure, at the times of a run."""

    def __init__(self, panel: Any, playback: Playback) -> None:
        self.ax: Axes = panel.ax
        self.floor = float(panel.floor)
        self._panel, self._playback = panel, playback

    def draw(self, time: float) -> None:
        """Move to this time."""
        self._panel.draw(self._playback.measure_at(time))


def choose_layout(wanted: str | None, problem: AnyProblem) -> str:
    """Name of a layout: what was wanted, or what suits the problem.

    Raises
    ------
    InvalidInputError
        If there is none of that name, or the function has too many inputs to be drawn.
    """
    inputs = problem.neuron.inputs
    if wanted is None:
        return "function" if inputs <= 2 else "outputs"
    if wanted not in LAYOUTS:
        raise unknown_name("layout", wanted, LAYOUTS)
    if wanted == "function" and inputs > 2:
        raise InvalidInputError(
            f"a function can be drawn for one or two inputs, and these neurons have {inputs}; "
            "the layouts outputs, law and risk are for any number"
        )
    return wanted


def detail_panel(ax: Axes, layout: str, playback: Playback, view: View) -> Panel:
    """Draw what a layout shows beside the measure; every layout but ``"risk"``."""
    run = playback.run
    if layout == "law":
        plot_evolution(run, view, ax)
        return TimeMarker(ax, run.times, np.full(len(run.times), np.nan))
    first = playback.measure_at(float(run.times[0]))
    if layout == "outputs":
        return _Moved(outputs_panel(ax, run.problem, first), playback)
    panel = function_panel(ax, run.problem, len(first))
    if isinstance(panel, Curve):
        function_limits(panel, [playback])
    return _Moved(panel, playback)


def function_limits(curve: Curve, playbacks: Sequence[Playback]) -> None:
    """Limits that hold the functions of runs at some of their times."""
    several = []
    for playback in playbacks:
        times = playback.run.times
        looks = np.unique(np.linspace(0, len(times) - 1, _LOOKS).round().astype(int))
        several += [
            curve.values_of(playback.run.problem, playback.measure_at(float(time)))
            for time in times[looks]
        ]
    curve.fit_limits(several)


def series(playback: Playback, layout: str) -> list[Callable[[Axes], Panel]]:
    """What a run recorded over time, as panels to be drawn below each other."""
    run = playback.run

    def draw_risk(ax: Axes) -> Panel:
        plot_risk(run, ax)
        return TimeMarker(ax, run.times, run.risk)

    def draw_energy(ax: Axes) -> Panel:
        plot_energy(run, ax)
        return TimeMarker(ax, run.times, run.energy)

    def draw_accuracy(ax: Axes) -> Panel:
        plot_accuracy(run, ax)
        return TimeMarker(ax, run.times, run.observables[accuracy_names(run)[0]])

    panels: list[Callable[[Axes], Panel]] = [draw_risk]
    if has_free_energy(run):
        panels.append(draw_energy)
    if accuracy_names(run) and layout in ("risk", "law"):
        panels.append(draw_accuracy)
    return panels
