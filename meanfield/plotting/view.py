"""A way to look at a measure that stays the same over a run: axes, colours, limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from meanfield.measures import Measure
from meanfield.neurons import Neuron
from meanfield.plotting.colouring import Colouring, choose_colouring
from meanfield.plotting.directions import Directions, Subject, choose_directions
from meanfield.plotting.survey import Run, Survey
from meanfield.typing import Array, Float64Array

__all__ = ["Limits", "View", "view"]

Limits = tuple[tuple[float, float], tuple[float, float]]

CELLS = 180  # cells of a density picture along each axis
_BLUR = 1.6  # standard deviation of its smoothing, in cells
_FINE_BLUR = 1.1  # the same where cells are finer


@dataclass(frozen=True, eq=False)
class View:
    """Axes, colours and limits with which every measure of a run is drawn.

    Parameters
    ----------
    directions : Directions
        Coordinates of the axes.
    colouring : Colouring
        What colours say.
    limits : ((low, high), (low, high))
        Of the horizontal and the vertical axis.
    ceiling : float
        Density of mass per cell that is painted in full colour.
    """

    directions: Directions
    colouring: Colouring
    limits: Limits
    ceiling: float

    @property
    def is_profile(self) -> bool:
        """Whether there is one direction only, so that the density is drawn as a curve."""
        return len(self.directions.labels) == 1

    def density(
        self, points: Float64Array, masses: Float64Array, fineness: int = 1
    ) -> Float64Array:
        """Smoothed mass for each cell of the picture, rows from bottom to top.

        In two directions the picture can have finer cells, that many in one along each axis,
        and is less smooth then; the mass remains that for a cell of the usual size.
        """
        if self.is_profile:
            counts, _ = np.histogram(points[:, 0], CELLS, self.limits[0], weights=masses)
            return np.asarray(gaussian_filter(counts, 1.5 * _BLUR, mode="constant"))
        cells, inside = np.zeros(len(points), np.int64), np.ones(len(points), dtype=bool)
        count = CELLS * fineness
        for column, (low, high) in zip(points.T[::-1], self.limits[::-1], strict=True):
            inside &= (low <= column) & (column < high)
            part = np.where(inside, (column - low) / (high - low), 0.0)
            cells = count * cells + np.minimum((count * part).astype(np.int64), count - 1)
        counts = np.bincount(cells[inside], masses[inside], count**2).reshape(count, count)
        blur = _BLUR if fineness == 1 else _FINE_BLUR
        return np.asarray(fineness**2 * gaussian_filter(counts, blur, mode="constant"))

    def outside(self, measure: Measure) -> float:
        """Mass of the particles beyond the limits."""
        points = self.directions.project(measure.positions)
        beyond = np.zeros(len(points), dtype=bool)
        for column, (low, high) in zip(points.T, self.limits, strict=False):
            beyond |= ~((low <= column) & (column <= high))
        return float(measure.weights[beyond].sum())


def view(
    run: Run,
    directions: Directions | str | tuple[str, ...] | None = None,
    survey: Survey | None = None,
) -> View:
    """View that suits all frames of a run.

    Limits hold the central 98 % of the particles of each frame, over all frames; frames
    of a run that exploded, where the cloud is more than thirty times as wide as usual,
    do not count.

    Parameters
    ----------
    run : Run
        A trajectory.
    directions : Directions, name of a rule, pair of parameter names, optional
        See `meanfield.plotting.directions.choose_directions`.
    survey : Survey, optional
        Sample of the run if it has been taken already.

    Raises
    ------
    InvalidInputError
        If the run has no frames, or the directions do not suit its neurons.
    """
    survey = Survey.of(run.measures) if survey is None else survey
    return _view(Subject(survey, run.problem.neuron, run.problem.data), directions)


def view_of_measure(
    measure: Measure,
    directions: Directions | str | tuple[str, ...] | None = None,
    neuron: Neuron | None = None,
) -> View:
    """View of a single measure, whose parameters have names if its neuron is given."""
    return _view(Subject(Survey.of([measure]), neuron), directions)


def _view(subject: Subject, wanted: Directions | str | tuple[str, ...] | None) -> View:
    directions = choose_directions(subject, wanted)
    survey = subject.survey
    projected = np.stack([directions.project(frame) for frame in survey.positions])
    limits = _limits(projected, survey.weights, directions)
    colouring = choose_colouring(subject, directions)
    rough = View(directions, colouring, limits, 1.0)
    peaks = [
        rough.density(points, masses).max()
        for points, masses in zip(projected, survey.weights, strict=True)
    ]
    level = float(np.median(peaks)) if not rough.is_profile else _lower_peak(peaks)
    return View(directions, colouring, limits, level or 1.0)


def _lower_peak(peaks: list[float]) -> float:
    """Ceiling of a profile: the highest peak, unless a few frames tower over the rest."""
    return float(min(max(peaks), 3.0 * np.median(peaks)))


def _limits(projected: Float64Array, weights: Float64Array, directions: Directions) -> Limits:
    intervals = []
    for axis in range(2):
        window = directions.windows[axis] if axis < len(directions.windows) else None
        if axis >= projected.shape[2]:
            intervals.append((0.0, 1.0))
        else:
            intervals.append(window or _robust_interval(projected[..., axis], weights))
    if directions.equal:
        half = max(high - low for low, high in intervals) / 2.0
        centres = [(low + high) / 2.0 for low, high in intervals]
        intervals = [(centre - half, centre + half) for centre in centres]
    return intervals[0], intervals[1]


def _quantiles(values: Array, masses: Float64Array) -> tuple[float, float]:
    """Where all but 1 % of the mass on either side lies."""
    if values.size == 0:
        return 0.0, 0.0
    order = np.argsort(values)
    middle = np.cumsum(masses[order]) - 0.5 * masses[order]
    low, high = np.interp((0.01, 0.99), middle / masses.sum(), values[order])
    return float(low), float(high)


def _robust_interval(values: Array, weights: Float64Array) -> tuple[float, float]:
    lows, highs = np.empty(len(values)), np.empty(len(values))
    for row, (frame, masses) in enumerate(zip(values, weights, strict=True)):
        present = (masses > 0.0) & np.isfinite(frame)
        lows[row], highs[row] = _quantiles(frame[present], masses[present])
    spans = np.maximum(np.abs(lows), np.abs(highs))
    sound = spans <= 30.0 * np.median(spans)
    low, high = float(lows[sound].min()), float(highs[sound].max())
    margin = 0.12 * (high - low) or 0.5 * abs(high) or 0.5
    return low - margin, high + margin
