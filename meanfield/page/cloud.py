"""The cloud of neurons for the page: coordinates, colours and masses of chosen frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.page.lens import Lens
from meanfield.page.packing import pack
from meanfield.page.thinning import Budget, frames_in_pace
from meanfield.page.words import plain
from meanfield.plotting.cloud import MOST_POINTS, point_style
from meanfield.plotting.colouring import Colouring
from meanfield.plotting.style import DIVERGING, class_colours
from meanfield.plotting.survey import Run, stand_in
from meanfield.typing import Array, Float64Array, IntArray

__all__ = ["Sample", "cloud"]

_MOST_DIAMETER = 5.0  # of a point, in units of that of the mean mass
_SHADES = 256
_BEYOND = 1.0  # how many widths of the picture around it are kept


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames and particles of a run that the page shows.

    Attributes
    ----------
    frames : (F,) array
        Numbers of frames of the run.
    positions : (F, N, p) array
    weights : (F, N) array
        Normalised in each frame.
    order : (N,) array
        Numbers of these particles among those that were drawn.
    uniform : bool
        Whether all masses are equal.
    atoms : bool
        Whether the particles stand for the cells of a grid.
    """

    frames: IntArray
    positions: Float64Array
    weights: Float64Array
    order: IntArray
    uniform: bool
    atoms: bool

    @classmethod
    def of(
        cls,
        run: Run,
        progress: Float64Array,
        columns: int,
        budget: Budget,
        order: IntArray | None = None,
    ) -> Sample:
        """Sample of a run, with as many particles and frames as the budget allows.

        Parameters
        ----------
        run : Trajectory
        progress : (number of frames,) array
            Its pace.
        columns : int
            How many numbers of a particle are drawn.
        budget : Budget
        order : (N,) array, optional
            Order of painting; by default that which suits the last frame.
        """
        first = run.measures[0]
        atoms = isinstance(first, GridMeasure)
        total = 5000 if atoms else len(first)
        shown, kept = budget.cloud(total, len(progress), columns)
        frames = frames_in_pace(progress, kept)
        rows = _rows(total, shown)
        positions = np.empty((len(frames), len(rows), first.dim))
        weights = np.empty((len(frames), len(rows)))
        for place, frame in enumerate(frames):
            measure = atoms_of(run.measures[int(frame)], total)
            positions[place], weights[place] = measure.positions[rows], measure.weights[rows]
        if order is None or len(order) != len(rows):
            order = _order(run, positions[-1])
        weights = weights[:, order] / weights.sum(axis=1, keepdims=True)
        uniform = bool(np.ptp(weights) <= 1e-9 * weights.max())
        return cls(frames, positions[:, order], weights, order, uniform, atoms)


def atoms_of(measure: Measure, count: int) -> ParticleMeasure:
    """Particles of a measure; of a grid, so many that move with it."""
    return stand_in(measure, count)


def _rows(total: int, shown: int) -> IntArray:
    """Numbers of the particles that are shown, each with the same chance."""
    if shown >= total:
        return np.arange(total)
    drawn = np.random.default_rng(0).choice(total, shown, replace=False, shuffle=False)
    return np.sort(drawn)


def _order(run: Run, positions: Array) -> IntArray:
    """Order in which to paint: of one outer weight, the largest at the end come last."""
    if run.problem.neuron.outer_columns != 1:
        return np.arange(len(positions))
    return np.argsort(np.abs(positions[:, 0]), kind="stable")


def cloud(sample: Sample, lens: Lens) -> dict[str, Any]:
    """What the page draws of a sample, for JSON."""
    particles = [
        ParticleMeasure.trusted(positions, weights)
        for positions, weights in zip(sample.positions, sample.weights, strict=True)
    ]
    coordinates = np.nan_to_num(np.stack([lens.coordinates(measure) for measure in particles]))
    limits = np.array(lens.limits()[: coordinates.shape[2]])
    low, high = _kept_interval(coordinates, limits)
    count = sample.positions.shape[1]
    diameters = np.sqrt(sample.weights * count)[..., None]
    crowd = float((1.0 / (sample.weights**2).sum(axis=1)).mean())
    area, opacity = _point_style(crowd)
    labels = [plain(label) for label in lens.flat.directions.labels]
    return {
        "coordinates": pack(coordinates, low, high),
        "limits": limits.tolist(),
        "labels": [*labels, *(["density of neurons"] if lens.flat.is_profile else [])],
        "spaceLabels": [plain(label) for label in lens.space_labels],
        "equal": lens.flat.directions.equal,
        "profile": lens.flat.is_profile,
        "colour": _colour(sample, lens.colouring),
        "diameter": None
        if sample.uniform
        else pack(diameters, np.zeros(1), diameters.max(axis=(0, 1))),
        "mostDiameter": _MOST_DIAMETER,
        "radius": float(np.sqrt(area / np.pi) * 96.0 / 72.0),
        "opacity": opacity,
        "outside": [round(lens.flat.outside(measure), 4) for measure in particles]
        if not lens.flat.is_profile
        else None,
    }


def _point_style(count: float) -> tuple[float, float]:
    """Area and opacity as in pictures; beyond 5000 points, so that depth of colour tells."""
    area, opacity = point_style(count)
    crowd = max(count / MOST_POINTS, 1.0)
    return area / crowd**0.25, opacity / crowd**0.5


def _kept_interval(values: Array, limits: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Bounds of what is kept: all of it, but for what is far beyond the picture."""
    width = limits[:, 1] - limits[:, 0]
    low = np.maximum(values.min(axis=(0, 1)), limits[:, 0] - _BEYOND * width)
    high = np.minimum(values.max(axis=(0, 1)), limits[:, 1] + _BEYOND * width)
    return low, np.maximum(high, low)


def _colour(sample: Sample, colouring: Colouring) -> dict[str, Any]:
    """Shades between 0 and 1 with their palette, and what they mean."""
    if colouring.values is None:
        return {"kind": "plain", "palette": [to_hex(colouring.colours(np.zeros((1, 1)))[0])]}
    values = np.stack([colouring.values(frame) for frame in sample.positions])[..., None]
    label = plain(colouring.label)
    if colouring.names:
        count = len(colouring.names)
        palette = [to_hex(colour) for colour in class_colours(count)]
        shades = pack((values + 0.5) / count, np.zeros(1), np.ones(1))
        names = list(colouring.names)
        return {
            "kind": "classes", "palette": palette, "shades": shades, "label": label, "names": names,
        }  # fmt: skip
    shades = pack(0.5 + 0.5 * values / colouring.scale, np.zeros(1), np.ones(1))
    palette = [to_hex(DIVERGING(place)) for place in np.linspace(0.0, 1.0, _SHADES)]
    return {
        "kind": "signed", "palette": palette, "shades": shades, "label": label,
        "scale": colouring.scale,
    }  # fmt: skip
