"""The panel of the learned function: a curve over a line, a map over a plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.plotting.smooth_image import as_bytes, show_image
from meanfield.plotting.style import (
    BLUE,
    DIVERGING,
    INK,
    MOST_CLASSES,
    QUIET,
    axes_or_new,
    class_colours,
    in_math,
    theme,
    time_text,
)
from meanfield.plotting.survey import Run, require_frames, stand_in
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array

__all__ = ["Curve", "DecisionMap", "function", "function_panel", "measure_at"]

_SHOWN_POINTS = 600
_MAP_WORK = 8_000_000  # pairs of grid points and neurons for one map
_MOST_CELLS = 2**15  # of a grid; a picture of more is that of so many particles


def probabilities(problem: AnyProblem, outputs: Float64Array) -> Float64Array:
    """What outputs (m, k) mean: class probabilities for labels, else the outputs."""
    if problem.loss.name == "logistic":
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * outputs))
    if problem.loss.name == "cross_entropy":
        shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
    return outputs


def is_two_valued(problem: AnyProblem) -> bool:
    """Whether the targets are the two labels −1 and +1 in one column."""
    targets = problem.data.targets
    labels = np.unique(targets)
    return bool(targets.shape[1] == 1 and labels.tolist() == [-1.0, 1.0])


def _sample_of_data(problem: AnyProblem) -> tuple[Float64Array, Float64Array]:
    """At most 600 points of the data with their targets, evenly through the set."""
    count = len(problem.data)
    rows = np.unique(np.linspace(0, count - 1, min(count, _SHOWN_POINTS)).round().astype(int))
    return problem.data.inputs[rows], problem.data.targets[rows]


def _colours_of_outputs(count: int) -> list[tuple[float, ...]]:
    if count == 1 or count > MOST_CLASSES:
        return [to_rgb(BLUE)] * count
    return [tuple(colour) for colour in class_colours(count)]


def _predict(problem: AnyProblem, measure: Measure, points: Float64Array) -> Float64Array:
    """Outputs of the network; of a fine grid, to the accuracy of a picture."""
    fine = isinstance(measure, GridMeasure) and len(measure) > _MOST_CELLS
    return problem.predict(stand_in(measure, _MOST_CELLS) if fine else measure, points)


class Curve:
    """Learned function of one input with the data, to be redrawn as it changes.

    Parameters
    ----------
    ax : Axes
    problem : Problem or PopulationProblem
        With d = 1.
    """

    floor = 4.0

    def __init__(self, ax: Axes, problem: AnyProblem) -> None:
        self.ax = ax
        self.problem = problem
        inputs = problem.data.inputs[:, 0]
        margin = 0.06 * float(np.ptp(inputs)) or 1.0
        self.points = np.linspace(inputs.min() - margin, inputs.max() + margin, 401)
        self.lines: list[Any] = []
        self._draw_data()
        ax.set_xlim(float(self.points[0]), float(self.points[-1]))
        ax.set_xlabel("input $x$")
        labels = {"logistic": "probability of $+1$", "cross_entropy": "class probability"}
        ax.set_ylabel(labels.get(problem.loss.name, r"output $f(x;\,\mu)$"))

    def values(self, measure: Measure) -> Float64Array:
        """What is drawn of a measure at `points`, shape (401, k)."""
        return self.values_of(self.problem, measure)

    def values_of(self, problem: AnyProblem, measure: Measure) -> Float64Array:
        """The same of a measure of another problem in one input."""
        return probabilities(problem, _predict(problem, measure, self.points[:, None]))

    def draw(self, measure: Measure) -> None:
        """Show the function of this measure instead of what was shown before."""
        values = self.values(measure)
        if not self.lines:
            self.lines = self.add_lines(values)
        for line, column in zip(self.lines, values.T, strict=True):
            line.set_ydata(column)

    def add_lines(self, values: Float64Array, **settings: Any) -> list[Any]:
        """Add curves of k outputs; settings as for ``Axes.plot``."""
        lines = []
        for column, colour in zip(values.T, _colours_of_outputs(values.shape[1]), strict=True):
            full: Any = {"color": colour, "linewidth": 2.6, "zorder": 4} | settings
            lines += self.ax.plot(self.points, column, **full)
        return lines

    def fit_limits(self, several: list[Float64Array]) -> None:
        """Vertical limits that hold the data and these values, unless they run far away."""
        targets = probabilities_of_targets(self.problem)
        low, high = float(targets.min()), float(targets.max())
        room = (high - low) or 1.0
        lowest = min([low, *(float(values.min()) for values in several)])
        highest = max([high, *(float(values.max()) for values in several)])
        low, high = max(lowest, low - 0.8 * room), min(highest, high + 0.8 * room)
        self.ax.set_ylim(low - 0.07 * (high - low or 1.0), high + 0.07 * (high - low or 1.0))

    def _draw_data(self) -> None:
        inputs, targets = _sample_of_data(self.problem)
        heights = probabilities_of_targets(self.problem, targets)
        area = float(np.interp(len(inputs), [20, 600], [26.0, 7.0]))
        for column, colour in zip(heights.T, _colours_of_outputs(heights.shape[1]), strict=True):
            shade = INK if heights.shape[1] == 1 else colour
            self.ax.scatter(
                inputs[:, 0], column, area, color=shade, alpha=0.5, linewidths=0, zorder=3
            )


def probabilities_of_targets(
    problem: AnyProblem, targets: Float64Array | None = None
) -> Float64Array:
    """Targets in the units of `probabilities`, shape (n, k)."""
    targets = problem.data.targets if targets is None else targets
    if problem.loss.name == "logistic":
        return np.asarray(0.5 + 0.5 * targets)
    if problem.loss.name == "cross_entropy":
        return np.asarray(np.eye(problem.neuron.outputs)[targets[:, 0].astype(int)])
    return targets


class DecisionMap:
    """Learned function of two inputs as a map under the data, to be redrawn.

    One output is shown by signed colours with its zero line; several classes by a blend
    of their colours with the weights of their probabilities; of several outputs that are
    numbers, the first is shown.

    Parameters
    ----------
    ax : Axes
    problem : Problem or PopulationProblem
        With d = 2.
    particles : int
        Number of neurons, for the fineness of the map.
    """

    floor = 1.0

    def __init__(self, ax: Axes, problem: AnyProblem, particles: int) -> None:
        self.ax = ax
        self.problem = problem
        low, high = problem.data.inputs.min(axis=0), problem.data.inputs.max(axis=0)
        margin = 0.12 * float(np.max(high - low)) or 1.0
        self.low, self.high = low - margin, high + margin
        self.cells = int(np.clip(np.sqrt(_MAP_WORK / particles), 40, 140))
        sides = [np.linspace(a, b, self.cells) for a, b in zip(self.low, self.high, strict=True)]
        self._sides = sides
        self._grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
        self._image: Any = None
        self._boundary: Any = None
        self._scale = float(np.quantile(np.abs(problem.data.targets), 0.98)) or 1.0
        self._draw_data()
        ax.set_xlim(self.low[0], self.high[0])
        ax.set_ylim(self.low[1], self.high[1])
        ax.set_aspect("equal")
        ax.set_xlabel("input $x_0$")
        ax.set_ylabel("input $x_1$")
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(length=0)

    @property
    def separates(self) -> bool:
        """Whether there is a zero line to draw: one output and labels −1, +1."""
        return is_two_valued(self.problem)

    def draw(self, measure: Measure) -> None:
        """Show the map of this measure instead of what was shown before."""
        outputs = _predict(self.problem, measure, self._grid)
        picture = self._picture(outputs).reshape(self.cells, self.cells, 3)
        if self._image is None:
            half = 0.5 * (self.high - self.low) / (self.cells - 1)
            (left, bottom), (right, top) = self.low - half, self.high + half
            limits = ((float(left), float(right)), (float(bottom), float(top)))
            self._image = show_image(self.ax, as_bytes(picture), limits, 1.0)
        self._image.set_data(as_bytes(picture))
        if self.separates:
            self._draw_boundary(outputs.reshape(self.cells, self.cells))

    def _picture(self, outputs: Float64Array) -> Float64Array:
        """Red, green, blue in [0, 1] of outputs (m, k), pale enough for data on top."""
        values = probabilities(self.problem, outputs)
        if self.problem.loss.name == "cross_entropy" and values.shape[1] <= MOST_CLASSES:
            colours = values @ class_colours(values.shape[1])
        else:
            signed = 2.0 * values[:, 0] - 1.0 if self._is_logistic else values[:, 0] / self._scale
            colours = np.asarray(DIVERGING(0.5 + 0.42 * np.clip(signed, -1.0, 1.0)))[:, :3]
        return np.asarray(np.clip(0.45 + 0.55 * colours, 0.0, 1.0))

    @property
    def _is_logistic(self) -> bool:
        return self.problem.loss.name == "logistic"

    def _draw_boundary(self, outputs: Float64Array) -> None:
        if self._boundary is not None:
            self._boundary.remove()
            self._boundary = None
        if outputs.min() < 0.0 < outputs.max():
            self._boundary = self.ax.contour(
                *self._sides, outputs, [0.0], colors=[INK], linewidths=1.6, zorder=2
            )

    def _draw_data(self) -> None:
        inputs, targets = _sample_of_data(self.problem)
        if self.problem.loss.name == "cross_entropy":
            classes = min(self.problem.neuron.outputs, MOST_CLASSES)
            colours = class_colours(classes)[np.minimum(targets[:, 0].astype(int), classes - 1)]
        else:
            colours = np.asarray(
                DIVERGING(0.5 + 0.45 * np.clip(targets[:, 0] / self._scale, -1, 1))
            )
        area = float(np.interp(len(inputs), [30, 600], [34.0, 13.0]))
        self.ax.scatter(
            inputs[:, 0],
            inputs[:, 1],
            area,
            c=colours,
            edgecolors="white",
            linewidths=0.7,
            zorder=3,
        )


def function_panel(ax: Axes, problem: AnyProblem, particles: int) -> Curve | DecisionMap:
    """Panel of the learned function of one or two inputs.

    Raises
    ------
    InvalidInputError
        If there are more inputs.
    """
    if problem.neuron.inputs == 1:
        return Curve(ax, problem)
    if problem.neuron.inputs == 2:
        return DecisionMap(ax, problem, particles)
    raise InvalidInputError(
        f"a function can be drawn for one or two inputs, but the neuron has "
        f"inputs={problem.neuron.inputs}"
    )


def function(run: Run, index: int = -1, ax: Axes | None = None) -> Axes:
    """Draw the learned function at one frame with the data.

    For one input a curve over the data points; for two inputs a map of the output
    (probabilities, for classification) under them, with the decision boundary f = 0 if
    labels are −1 and +1.

    Parameters
    ----------
    run : Trajectory
    index : int
        Number of the frame; negative ones count from the end.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If there are more than two inputs, or no such frame.
    """
    measure = measure_at(run, index)
    with theme():
        axes = axes_or_new(ax)
        panel = function_panel(axes, run.problem, len(measure))
        panel.draw(measure)
        if isinstance(panel, Curve):
            panel.fit_limits([panel.values(measure)])
        text = in_math(time_text(float(run.times[index]), float(run.times[-1])))
        axes.set_title(text, color=QUIET)
    return axes


def measure_at(run: Run, index: int) -> Measure:
    """The measure of a frame, counted from the end if the number is negative.

    Raises
    ------
    InvalidInputError
        If there is no such frame.
    """
    require_frames(run.measures)
    count = len(run.measures)
    if not -count <= index < count:
        raise InvalidInputError(f"index must be from {-count} to {count - 1}, got {index}")
    return run.measures[index]
