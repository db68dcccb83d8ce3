"""Panels of what a network says at the data, for any number of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from meanfield.measures import Measure
from meanfield.plotting.function import is_two_valued
from meanfield.plotting.style import BLUE, INK, ORANGE, QUIET, SEQUENTIAL
from meanfield.plotting.survey import stand_in
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array, IntArray

__all__ = ["Agreement", "Confusion", "TwoClasses", "outputs_panel"]

_MOST_DATA = 2000
_MOST_WORK = 20_000_000  # pairs of data and neurons for one picture
_BINS = 60
_WRITTEN_CLASSES = 10  # up to so many, cells of a confusion matrix hold numbers


def _sample(problem: AnyProblem, neurons: int) -> tuple[Float64Array, Float64Array]:
    """Data that one picture can afford, evenly through the set."""
    count = len(problem.data)
    most = int(np.clip(_MOST_WORK / neurons, 200, _MOST_DATA))
    rows = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return problem.data.inputs[rows], problem.data.targets[rows]


class _AtData:
    """What the panels share: outputs of a measure at a sample of the data."""

    def __init__(self, ax: Axes, problem: AnyProblem, measure: Measure) -> None:
        self.ax = ax
        self.problem = problem
        self.inputs, self.targets = _sample(problem, len(measure))

    def _outputs(self, measure: Measure) -> Float64Array:
        return self.problem.predict(stand_in(measure, 2**13), self.inputs)


class Confusion(_AtData):
    """Of the data of each class, the share that the network puts into each class.

    Parameters
    ----------
    ax : Axes
    problem : Problem
        With integer labels.
    measure : Measure
        For the size of what is to come.
    """

    floor = 1.0

    def __init__(self, ax: Axes, problem: AnyProblem, measure: Measure) -> None:
        super().__init__(ax, problem, measure)
        count = problem.neuron.outputs
        self._labels: IntArray = self.targets[:, 0].astype(np.int64)
        self._sizes = np.maximum(np.bincount(self._labels, minlength=count), 1)[:, None]
        self._image = ax.imshow(
            np.zeros((count, count)), cmap=SEQUENTIAL, vmin=0.0, vmax=1.0,
            interpolation="nearest", zorder=1.5,
        )  # fmt: skip
        if count <= _WRITTEN_CLASSES:
            ax.set_xticks(range(count), [str(label) for label in range(count)])
            ax.set_yticks(range(count), [str(label) for label in range(count)])
        ax.tick_params(length=0)
        ax.set_xlabel("predicted class")
        ax.set_ylabel("true class")
        ax.spines[:].set_visible(False)
        for line in np.arange(1, count) - 0.5 if count <= _WRITTEN_CLASSES else ():
            ax.axhline(line, color="white", linewidth=1.2, zorder=1.8)
            ax.axvline(line, color="white", linewidth=1.2, zorder=1.8)
        self._title = ax.set_title("", color=INK)
        self._numbers = [
            [ax.text(column, row, "", ha="center", va="center", fontsize=6.0, zorder=2.0)
             for column in range(count)]
            for row in range(count if count <= _WRITTEN_CLASSES else 0)
        ]  # fmt: skip

    def draw(self, measure: Measure) -> None:
        """Show the classes that this measure predicts."""
        predicted = self._outputs(measure).argmax(axis=1)
        counts = np.zeros(self._image.get_array().shape)  # type: ignore[union-attr]
        np.add.at(counts, (self._labels, predicted), 1.0)
        shares = counts / self._sizes
        self._image.set_data(shares**0.6)
        self._title.set_text(f"{(predicted == self._labels).mean():.1%} of the training data right")
        for texts, row in zip(self._numbers, shares, strict=False):
            for text, share in zip(texts, row, strict=True):
                text.set_text(f"{100.0 * share:.0f}" if share >= 0.02 else "")
                text.set_color("white" if share > 0.3 else INK)


class TwoClasses(_AtData):
    """The law of the outputs on either of the classes −1 and +1.

    Parameters
    ----------
    ax : Axes
    problem : Problem
        With labels −1 and +1.
    measure : Measure
        The first of those to come; limits hold the labels, and outputs three times as far.
    """

    floor = 1.5

    def __init__(self, ax: Axes, problem: AnyProblem, measure: Measure) -> None:
        super().__init__(ax, problem, measure)
        reach = 3.0 if problem.loss.name != "logistic" else 8.0
        self._edges = np.linspace(-reach, reach, _BINS + 1)
        self._sides = [self.targets[:, 0] < 0.0, self.targets[:, 0] >= 0.0]
        self._areas: list[Any] = []
        for colour in (BLUE, ORANGE):
            self._areas.append(
                ax.stairs(
                    np.zeros(_BINS), self._edges, color=colour, alpha=0.55, fill=True, zorder=2
                )
            )
        ax.axvline(0.0, color=QUIET, linewidth=0.9, zorder=1)
        ax.set_xlim(-reach, reach)
        ax.set_ylim(0.0, 0.4)
        ax.set_xlabel(r"output $f(x;\,\mu)$")
        ax.set_ylabel("share of the class")
        for place, colour, name in ((0.03, BLUE, "$y = -1$"), (0.97, ORANGE, "$y = +1$")):
            ax.text(place, 0.97, name, color=colour, transform=ax.transAxes, va="top",
                    ha="left" if place < 0.5 else "right")  # fmt: skip
        self._title = ax.set_title("", color=INK)

    def draw(self, measure: Measure) -> None:
        """Show the outputs of this measure."""
        outputs = self._outputs(measure)[:, 0]
        clipped = np.clip(outputs, self._edges[0], self._edges[-1])
        for area, side in zip(self._areas, self._sides, strict=True):
            counts, _ = np.histogram(clipped[side], self._edges)
            area.set_data(counts / max(int(side.sum()), 1))
        right = np.mean((outputs >= 0.0) == self._sides[1])
        self._title.set_text(f"{right:.1%} of the data right")


class Agreement(_AtData):
    """Outputs against targets; where all is learned, they lie on the diagonal.

    Parameters
    ----------
    ax : Axes
    problem : Problem or PopulationProblem
        Whose targets are numbers.
    measure : Measure
        For the size of what is to come.
    """

    floor = 2.0

    def __init__(self, ax: Axes, problem: AnyProblem, measure: Measure) -> None:
        super().__init__(ax, problem, measure)
        low, high = float(self.targets.min()), float(self.targets.max())
        margin = 0.12 * (high - low) or 1.0
        low, high = low - margin, high + margin
        area = float(np.interp(self.targets.size, [30, 1000], [30.0, 10.0]))
        ax.plot([low, high], [low, high], color=QUIET, linewidth=1.0, zorder=1)
        self._points = ax.scatter(
            self.targets, np.zeros(self.targets.shape), area, color=BLUE, alpha=0.5,
            linewidths=0, zorder=3,
        )  # fmt: skip
        ax.set_xlim(low, high)
        ax.set_ylim(low, high)
        ax.set_aspect("equal")
        ax.set_xlabel("target $y$")
        ax.set_ylabel(r"output $f(x;\,\mu)$")

    def draw(self, measure: Measure) -> None:
        """Show the outputs of this measure."""
        outputs = self._outputs(measure)
        self._points.set_offsets(np.column_stack([self.targets.ravel(), outputs.ravel()]))


def outputs_panel(
    ax: Axes, problem: AnyProblem, measure: Measure
) -> Confusion | TwoClasses | Agreement:
    """Panel of outputs at the data that suits the targets."""
    if problem.loss.name == "cross_entropy":
        return Confusion(ax, problem, measure)
    if is_two_valued(problem):
        return TwoClasses(ax, problem, measure)
    return Agreement(ax, problem, measure)
