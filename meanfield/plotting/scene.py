"""One frame of a movie: the measure on the left, what it learns on the right."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.gridspec import SubplotSpec

from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.plotting.cloud import Cloud, add_key, note_outside, outside_text
from meanfield.plotting.directions import Directions
from meanfield.plotting.energy import energy as plot_energy
from meanfield.plotting.energy import has_free_energy
from meanfield.plotting.evolution import evolution as plot_evolution
from meanfield.plotting.function import Curve, DecisionMap, function_panel
from meanfield.plotting.risk import TimeMarker, accuracy_names
from meanfield.plotting.risk import accuracy as plot_accuracy
from meanfield.plotting.risk import risk as plot_risk
from meanfield.plotting.style import in_math, new_figure, theme, time_text
from meanfield.plotting.survey import Run, Survey, pace
from meanfield.plotting.view import view
from meanfield.typing import Float64Array, IntArray

__all__ = ["Scene"]

# Particles of a movie; of more, so many stand for all, to the accuracy of a picture.
_MOST_PARTICLES = 2**16
_TRAILS = 100
_TRAIL_POINTS = 24
_TRAIL_SHARE = 0.1  # of the story, how far back trails reach


class Scene:
    """Figure of a run at a time that can be moved.

    Between frames of the run, particles (and masses) or densities are interpolated
    linearly, and the function is that of the interpolated measure. Of more than 65536
    particles, so many are shown, the same ones in every frame.

    Parameters
    ----------
    run : Trajectory
    directions : Directions, name of a rule, or pair of parameter names, optional
    """

    def __init__(
        self, run: Run, directions: Directions | str | tuple[str, ...] | None = None
    ) -> None:
        self.run = run
        self.survey = Survey.of(run.measures)
        self.view = view(run, directions, self.survey)
        self.progress = pace(run, self.survey)
        self._cache: dict[int, Measure] = {}
        self._choose_particles(run.measures[0])
        self._markers: list[TimeMarker] = []
        with theme():
            self.figure = new_figure(9.6, 5.4)
            columns = self.figure.add_gridspec(1, 2, width_ratios=[1.22, 1.0], wspace=0.05)
            self._draw_left(self.figure.add_subplot(columns[0]))
            self._draw_right(columns[1])
            self.draw(float(run.times[0]))
            self.figure.canvas.draw()
            self.figure.set_layout_engine("none")  # the layout stays as it is from here on

    def times(self, count: int) -> Float64Array:
        """Times of `count` pictures, equidistant in the pace of the run."""
        return np.interp(np.linspace(0.0, 1.0, count), self.progress, self.run.times)

    def measure_at(self, time: float) -> Measure:
        """Measure at any time of the run, linear between its frames."""
        times = self.run.times
        after = int(np.clip(np.searchsorted(times, time), 1, max(len(times) - 1, 1)))
        if len(times) == 1:
            return self._frame(0)
        left, right = self._frame(after - 1), self._frame(after)
        share = (time - times[after - 1]) / (times[after] - times[after - 1])
        share = float(np.clip(share, 0.0, 1.0))
        return _between(left, right, share)

    def draw(self, time: float) -> None:
        """Move everything to this time."""
        measure = self.measure_at(time)
        self._cloud.draw(measure)
        self._draw_trails(time, measure)
        self._note.set_text(outside_text(self.view.outside(measure)))
        self._clock.set_text(in_math(time_text(time, float(self.run.times[-1]))))
        if self._function is not None:
            self._function.draw(measure)
        for marker in self._markers:
            marker.move(time)

    def _frame(self, index: int) -> Measure:
        if index not in self._cache:
            self._cache = {
                key: value for key, value in self._cache.items() if abs(key - index) <= 1
            }
            self._cache[index] = self._part(self.run.measures[index])
        return self._cache[index]

    def _choose_particles(self, measure: Measure) -> None:
        """Which particles have trails, and of very many, which ones stand for all."""
        random, count = np.random.default_rng(0), len(self.survey.rows)
        self._followed = random.choice(count, size=min(_TRAILS, count), replace=False)
        self._heads = self.survey.rows[self._followed]
        self._shown: IntArray | None = None
        if isinstance(measure, ParticleMeasure) and len(measure) > _MOST_PARTICLES:
            drawn = random.choice(len(measure), _MOST_PARTICLES, replace=False, shuffle=False)
            self._shown = np.union1d(drawn, self._heads)
            self._heads = np.searchsorted(self._shown, self._heads)

    def _part(self, measure: Measure) -> Measure:
        """The measure, or the particles that stand for it."""
        if self._shown is None:
            return measure
        masses = measure.weights[self._shown]
        return ParticleMeasure(measure.positions[self._shown], masses / masses.sum())

    def _draw_left(self, ax: Axes) -> None:
        self._cloud = Cloud(ax, self.view)
        self._note = note_outside(ax, 0.0)
        self._clock = ax.set_title("", fontsize=17, pad=10)
        add_key(ax, self.view.colouring)

    def _draw_right(self, place: SubplotSpec) -> None:
        """The learned function where it can be drawn, and below what changes over time."""
        self._function: Curve | DecisionMap | None = None
        panels = [self._draw_risk]
        if has_free_energy(self.run):
            panels.append(self._draw_energy)
        flat = self.run.problem.neuron.inputs <= 2
        if not flat:
            panels.append(self._draw_accuracy if accuracy_names(self.run) else self._draw_law)
        heights = [1.75 if len(panels) == 1 else 1.5] * flat + [1.0] * len(panels)
        grid = place.subgridspec(len(heights), 1, height_ratios=heights, hspace=0.06)
        if flat:
            self._draw_function(self.figure.add_subplot(grid[0]))
        for row, draw in enumerate(panels, start=int(flat)):
            ax = self.figure.add_subplot(grid[row])
            draw(ax)
            if row + 1 < len(heights):
                ax.set_xlabel("")
                ax.tick_params(labelbottom=False)

    def _draw_function(self, ax: Axes) -> None:
        self._function = function_panel(ax, self.run.problem, len(self._frame(0)))
        if isinstance(self._function, Curve):
            frames = self.survey.frames[:: max(len(self.survey.frames) // 8, 1)]
            curves = [self._function.values(self._frame(int(frame))) for frame in frames]
            self._function.fit_limits(curves)

    def _draw_risk(self, ax: Axes) -> None:
        plot_risk(self.run, ax)
        self._markers.append(TimeMarker(ax, self.run.times, self.run.risk))

    def _draw_energy(self, ax: Axes) -> None:
        plot_energy(self.run, ax)
        self._markers.append(TimeMarker(ax, self.run.times, self.run.energy))

    def _draw_accuracy(self, ax: Axes) -> None:
        plot_accuracy(self.run, ax)
        values = self.run.observables[accuracy_names(self.run)[0]]
        self._markers.append(TimeMarker(ax, self.run.times, values))

    def _draw_law(self, ax: Axes) -> None:
        plot_evolution(self.run, self.view, ax)
        nowhere = np.full(len(self.run.times), np.nan)
        self._markers.append(TimeMarker(ax, self.run.times, nowhere))

    def _draw_trails(self, time: float, measure: Measure) -> None:
        whole = isinstance(measure, GridMeasure)
        if whole or self.view.is_profile or len(self.run.times) == 1:
            return
        now = float(np.interp(time, self.run.times, self.progress))
        back = np.linspace(max(now - _TRAIL_SHARE, 0.0), now, _TRAIL_POINTS)
        moments = np.interp(back, self.progress, self.run.times)
        moments[-1] = time
        history = self._positions_at(moments)
        history[-1] = measure.positions[self._heads]
        flat = self.view.directions.project(history.reshape(-1, history.shape[-1]))
        paths: Any = flat.reshape(_TRAIL_POINTS, len(self._followed), 2).transpose(1, 0, 2)
        self._cloud.draw_trails(list(paths), self.view.colouring.colours(history[-1]))

    def _positions_at(self, moments: Float64Array) -> Float64Array:
        """Positions of the followed particles at some times, shape (s, followed, p)."""
        known = self.run.times[self.survey.frames]
        after = np.clip(np.searchsorted(known, moments), 1, len(known) - 1)
        share = (moments - known[after - 1]) / (known[after] - known[after - 1])
        share = np.clip(share, 0.0, 1.0)[:, None, None]
        path = self.survey.positions[:, self._followed]
        return np.asarray((1.0 - share) * path[after - 1] + share * path[after])


def _between(left: Measure, right: Measure, share: float) -> Measure:
    """Measure between two frames, linear in the particles or in the density."""
    if isinstance(left, GridMeasure) and isinstance(right, GridMeasure):
        density = (1.0 - share) * left.density + share * right.density
        return GridMeasure.trusted(density, left.lower, left.upper)
    positions = (1.0 - share) * left.positions + share * right.positions
    weights = (1.0 - share) * left.weights + share * right.weights
    return ParticleMeasure(positions, weights)
