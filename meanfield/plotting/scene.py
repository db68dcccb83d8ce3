"""One picture of a movie: measures as they are at a time, and what they have learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meanfield.plotting.clock import choose_clock
from meanfield.plotting.cloud import add_key
from meanfield.plotting.details import Panel, choose_layout, detail_panel, series
from meanfield.plotting.directions import Directions
from meanfield.plotting.measure_panel import MeasurePanel
from meanfield.plotting.playback import Playback
from meanfield.plotting.side_by_side import draw_side_by_side
from meanfield.plotting.stage import Stage
from meanfield.plotting.style import in_math, new_figure, theme, time_text
from meanfield.plotting.survey import Run, Survey
from meanfield.plotting.titles import named_runs
from meanfield.plotting.view import view
from meanfield.typing import Float64Array

__all__ = ["Scene"]

_TRAILS = 100
_ONE, _SEVERAL = (9.6, 5.4), (12.8, 7.2)  # inches


class Scene:
    """Figure of one run or several at a time that can be moved.

    One run has its measure on the left; on the right what it learns, and below that
    what it recorded over time. Several runs stand side by side above their risks.

    Parameters
    ----------
    runs : Trajectory, or sequence or mapping of them
        Keys of a mapping are titles.
    directions : Directions, name of a rule, or pair of parameter names, optional
    layout : {"function", "outputs", "law", "risk"}, optional
        What is shown of each run beside its measure; by default the function for one or
        two inputs, else the outputs at the data.
    clock : str
        See `meanfield.plotting.clock.choose_clock`.
    arrows : bool
        Whether velocities are drawn.
    """

    def __init__(
        self,
        runs: Run | Sequence[Run] | Mapping[str, Run],
        directions: Directions | str | tuple[str, ...] | None = None,
        *,
        layout: str | None = None,
        clock: str = "pace",
        arrows: bool = False,
    ) -> None:
        self.runs, self.titles = named_runs(runs)
        first = self.runs[0]
        self.layout = choose_layout(layout, first.problem)
        self.playbacks = [Playback(run, _TRAILS // len(self.runs)) for run in self.runs]
        surveys = [playback.survey for playback in self.playbacks]
        self.clock = choose_clock(clock, self.runs, surveys)
        self.view = view(first, directions, Survey.joined(surveys))
        self._end = max(float(run.times[-1]) for run in self.runs)
        with theme():
            self.figure = new_figure(*(_ONE if len(self.runs) == 1 else _SEVERAL))
            self.panels = self._draw_one(arrows) if len(self.runs) == 1 else self._several(arrows)
            self.draw(float(self.clock.times[0]))
            self.figure.canvas.draw()
            self.figure.set_layout_engine("none")  # the layout stays as it is from here on

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches; one run has 9.6 by 5.4."""
        return _ONE if len(self.runs) == 1 else _SEVERAL

    def times(self, count: int) -> Float64Array:
        """Times of `count` pictures, equidistant on the clock; one if there is one frame."""
        return self.clock.moments(count)

    def draw(self, time: float) -> None:
        """Move everything to this time."""
        self._heading.set_text(in_math(time_text(time, self._end)))
        for panel in self.panels:
            panel.draw(time)

    def stage(self, dpi: float) -> Stage:
        """The figure at a resolution, in pixels per inch of 9.6 by 5.4 inches."""
        self.figure.set_dpi(dpi * _ONE[0] / self.size[0])
        floors: dict[object, float] = {}
        for panel in self.panels:
            floors[panel.ax] = min(panel.floor, floors.get(panel.ax, panel.floor))
        loose = [self._heading] if len(self.runs) > 1 else []
        return Stage(self.figure, floors, loose)  # type: ignore[arg-type]

    def _draw_one(self, arrows: bool) -> list[Panel]:
        playback = self.playbacks[0]
        columns = self.figure.add_gridspec(1, 2, width_ratios=[1.22, 1.0], wspace=0.05)
        ax = self.figure.add_subplot(columns[0])
        panels: list[Panel] = [MeasurePanel(ax, playback, self.view, self.clock, arrows)]
        self._heading = ax.set_title("", fontsize=17, pad=10)
        add_key(ax, self.view.colouring)
        detailed = self.layout != "risk"
        below = series(playback, self.layout)
        heights = [1.75 if len(below) == 1 else 1.5] * detailed + [1.0] * len(below)
        grid = columns[1].subgridspec(len(heights), 1, height_ratios=heights, hspace=0.06)
        if detailed:
            ax = self.figure.add_subplot(grid[0])
            panels.append(detail_panel(ax, self.layout, playback, self.view))
        for row, draw in enumerate(below, start=int(detailed)):
            panels.append(draw(self.figure.add_subplot(grid[row])))
        for panel in panels[1 + (detailed and self.layout != "law") : -1]:
            panel.ax.set_xlabel("")
            panel.ax.tick_params(labelbottom=False)
        return panels

    def _several(self, arrows: bool) -> list[Panel]:
        self._heading = self.figure.suptitle("", x=0.012, ha="left", fontsize=17)
        return draw_side_by_side(
            self.figure, self.playbacks, self.titles, self.view, self.clock, self.layout, arrows
        )
