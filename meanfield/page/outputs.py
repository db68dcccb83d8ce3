"""The learned function for the page: outputs at some points, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.page.packing import pack, rounding
from meanfield.page.thinning import Budget
from meanfield.plotting.function import is_two_valued
from meanfield.plotting.survey import Run, stand_in
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array, IntArray

__all__ = ["Outputs", "Points"]

Kind = Literal["curve", "map", "matrix", "margins", "scatter"]

_CURVE_POINTS, _MAP_SIDE, _MOST_POINTS = 201, 56, 400
_MOST_NEURONS = 2**16  # of more, so many stand for all, as in movies
_MOST_DATA = 300  # points of the data that are drawn
_MOST_OUTPUTS = 10


@dataclass(frozen=True, eq=False)
class Points:
    """Where the learned function is shown.

    Attributes
    ----------
    kind : {"curve", "map", "matrix", "margins", "scatter"}
        A curve for d = 1 and a map for d = 2; for more inputs, points of the data: mean
        outputs by class, outputs of two classes, or outputs against targets.
    inputs : (m, d) array
    targets : (m, k) array or None
        Of points of the data.
    side : int
        Number of points along each side of a map; 0 otherwise.
    """

    kind: Kind
    inputs: Float64Array
    targets: Float64Array | None = None
    side: int = 0

    @classmethod
    def of(cls, problem: AnyProblem, frames: int, budget: Budget) -> Points:
        """Points that suit a problem, as many as the budget allows for so many frames."""
        inputs = problem.data.inputs
        outputs = problem.neuron.outputs
        low, high = inputs.min(axis=0), inputs.max(axis=0)
        if problem.neuron.inputs == 1:
            count = budget.points(frames, outputs, _CURVE_POINTS)
            margin = 0.06 * float(high[0] - low[0]) or 1.0
            return cls("curve", np.linspace(low[0] - margin, high[0] + margin, count)[:, None])
        if problem.neuron.inputs == 2:
            side = int(np.sqrt(budget.points(frames, outputs, _MAP_SIDE**2)))
            margin = 0.12 * float(np.max(high - low)) or 1.0
            corners = zip(low - margin, high + margin, strict=True)
            sides = [np.linspace(least, most, side) for least, most in corners]
            grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
            return cls("map", grid, side=side)
        rows = _spread(len(inputs), budget.points(frames, outputs, _MOST_POINTS))
        kind: Kind = "scatter"
        if problem.loss.name == "cross_entropy":
            kind = "matrix"
        elif is_two_valued(problem):
            kind = "margins"
        return cls(kind, inputs[rows], problem.data.targets[rows])


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs of the network at points, at some frames.

    Attributes
    ----------
    points : Points
    values : (F, m, k) array
    neurons : int
        Number of particles that they are computed from; 0 for all.
    """

    points: Points
    values: Float64Array
    neurons: int = 0

    @classmethod
    def of(
        cls,
        run: Run,
        frames: IntArray,
        budget: Budget,
        known: dict[int, Float64Array] | None = None,
    ) -> Outputs | None:
        """Outputs at frames of a run; None where there are too many outputs to be drawn.

        Parameters
        ----------
        run : Trajectory
        frames : (F,) array
        budget : Budget
        known : dict of int to (m, k) array, optional
            Values that were computed before, by the number of the frame; new ones are
            added. With another number of points they are forgotten.
        """
        problem = run.problem
        if problem.neuron.outputs > _MOST_OUTPUTS:
            return None
        known = {} if known is None else known
        points = Points.of(problem, len(frames), budget)
        if any(len(values) != len(points.inputs) for values in known.values()):
            known.clear()
        for frame in map(int, frames):
            if frame not in known:
                known[frame] = problem.predict(_part(run.measures[frame]), points.inputs)
        values = np.nan_to_num(np.stack([known[int(frame)] for frame in frames]))
        total = len(run.measures[0])
        return cls(points, values, _MOST_NEURONS if total > _MOST_NEURONS else 0)

    def told(self, problem: AnyProblem) -> dict[str, Any]:
        """What the page draws, for JSON."""
        low, high = _bounds(self.values)
        rows = _spread(len(problem.data), _MOST_DATA)
        data = {"inputs": problem.data.inputs[rows], "targets": problem.data.targets[rows]}
        packed = pack(self.values, low, high)
        return {
            "kind": self.points.kind,
            "loss": problem.loss.name,
            "twoValued": is_two_valued(problem),
            "outputs": self.values.shape[2],
            "side": self.points.side,
            "points": pack(self.points.inputs[None]),
            "targets": _short(self.points.targets),
            "values": packed,
            "rounding": float(rounding(packed).max()),
            "data": {name: _short(values) for name, values in data.items()}
            if self.points.targets is None
            else None,
            "dataCount": len(problem.data),
        }


def _part(measure: Measure) -> Measure:
    """The measure, or the particles that stand for it if they are very many."""
    if len(measure) <= _MOST_NEURONS:
        return measure
    if isinstance(measure, GridMeasure):
        return stand_in(measure, _MOST_NEURONS)
    drawn = np.random.default_rng(0).choice(
        len(measure), _MOST_NEURONS, replace=False, shuffle=False
    )
    masses = measure.weights[drawn]
    return ParticleMeasure(measure.positions[drawn], masses / masses.sum())


def _bounds(values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Bounds of each output over all frames but those that exploded."""
    sizes = np.abs(values).max(axis=(1, 2))
    sound = values[sizes <= 30.0 * max(float(np.median(sizes)), 1e-300)]
    return sound.min(axis=(0, 1)), sound.max(axis=(0, 1))


def _spread(count: int, most: int) -> IntArray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _short(values: Float64Array | None) -> list[Any] | None:
    """Six digits of each number, as nested lists."""
    if values is None:
        return None
    return [[float(f"{value:.6g}") for value in row] for row in values]
