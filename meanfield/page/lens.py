"""How the page looks at a measure: flat and in space, with limits for all runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meanfield.measures import ParticleMeasure
from meanfield.page.memory import Fit, Memory
from meanfield.plotting.colouring import Colouring
from meanfield.plotting.directions import Directions
from meanfield.plotting.survey import Run, Survey
from meanfield.plotting.view import View, view
from meanfield.typing import Array, Float64Array

__all__ = ["Lens", "lenses"]

Interval = tuple[float, float]

_SAMPLES = 20_000  # displacements from which a third direction is found


@dataclass(frozen=True, eq=False)
class Lens:
    """Flat and spatial coordinates of neurons.

    Parameters
    ----------
    flat : View
        Axes of the flat picture, with limits and colours.
    space : callable or None
        (N, p) positions -> (N, 3) coordinates; None where p < 3.
    space_labels : tuple of str
    space_limits : tuple of three intervals
    survey : Survey
        Sample of the run for which it was made.
    """

    flat: View
    space: Callable[[Float64Array], Float64Array] | None
    space_labels: tuple[str, ...]
    space_limits: tuple[Interval, ...]
    survey: Survey

    @property
    def colouring(self) -> Colouring:
        """What colours say."""
        return self.flat.colouring

    def coordinates(self, measure: ParticleMeasure) -> Float64Array:
        """Flat coordinates (x, y), and three more in space if it has them, (N, 2 or 5).

        With one direction only, the height of a particle is a share of the density there,
        the same one at all times: so particles fill the area under the density.
        """
        points = self.flat.directions.project(measure.positions)
        if self.flat.is_profile:
            points = np.column_stack([points, self._heights(points, measure.weights)])
        if self.space is None:
            return points
        return np.column_stack([points, self.space(np.asarray(measure.positions, np.float64))])

    def _heights(self, points: Float64Array, weights: Float64Array) -> Float64Array:
        low, high = self.flat.limits[0]
        profile = self.flat.density(points, weights)
        width = (high - low) / len(profile)
        centres = low + width * (np.arange(len(profile)) + 0.5)
        shares = (np.arange(len(points)) * 0.6180339887498949 + 0.5) % 1.0
        return np.asarray(np.interp(points[:, 0], centres, profile / width) * shares)

    def limits(self) -> list[Interval]:
        """Limits of all coordinates, of the flat ones first."""
        flat = list(self.flat.limits)
        if self.flat.is_profile:
            low, high = flat[0]
            cells = len(self.flat.density(np.empty((0, 1)), np.empty(0)))
            flat[1] = (0.0, 1.12 * self.flat.ceiling * cells / (high - low))
        return flat + list(self.space_limits)


def lenses(runs: Sequence[Run], directions: Any, memory: Memory) -> list[Lens]:
    """One lens for each run; runs of neurons with the same parameters share theirs.

    Parameters
    ----------
    runs : sequence of Trajectory
    directions : Directions, name of a rule, pair of parameter names, or None
    memory : Memory
        Coordinates that were chosen before; new ones are added.
    """
    groups: dict[Any, list[tuple[int, Lens]]] = {}
    for number, run in enumerate(runs):
        key = (run.problem.neuron.parameter_names, run.problem.neuron.activation.name)
        group = groups.setdefault(key, [])
        survey = Survey.of(run.measures)
        fit = memory.fits.get(key)
        if fit is None or not (group or fit.suits(len(run.measures))):
            chosen = view(run, directions, survey).directions
            fit = Fit(len(run.measures), chosen, *_space(run, chosen, survey))
            memory.fits[key] = fit
        seen = view(run, fit.directions, survey)
        if group:
            seen = replace(seen, colouring=group[0][1].colouring)
        limits = () if fit.space is None else _space_limits(fit.space, survey)
        group.append((number, Lens(seen, fit.space, fit.labels, limits, survey)))
    shared = [(number, lens) for group in groups.values() for number, lens in _joined(group)]
    return [lens for _, lens in sorted(shared, key=lambda pair: pair[0])]


def _joined(group: list[tuple[int, Lens]]) -> list[tuple[int, Lens]]:
    """The same lenses with limits that hold all of them."""
    flat: Any = [_hull([lens.flat.limits[axis] for _, lens in group]) for axis in (0, 1)]
    deep = [_hull(each) for each in zip(*(lens.space_limits for _, lens in group), strict=True)]
    ceiling = max(lens.flat.ceiling for _, lens in group)
    return [
        (
            number,
            replace(
                lens,
                flat=replace(lens.flat, limits=tuple(flat), ceiling=ceiling),
                space_limits=tuple(deep),
            ),
        )
        for number, lens in group
    ]


def _hull(intervals: Sequence[Interval]) -> Interval:
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _space(
    run: Run, flat: Directions, survey: Survey
) -> tuple[Callable[[Float64Array], Float64Array] | None, tuple[str, ...]]:
    """Three coordinates that suit the flat ones, and their labels."""
    names = run.problem.neuron.parameter_names
    if len(names) < 3:
        return None, ()
    if len(names) == 3:
        return lambda positions: positions, tuple(_symbol(name, names) for name in names)
    if flat.name == "weights":
        return lambda positions: np.column_stack([flat.project(positions), positions[:, 0]]), (
            *flat.labels,
            _symbol(names[0], names),
        )
    return _further_directions(flat, survey)


def _further_directions(
    flat: Directions, survey: Survey
) -> tuple[Callable[[Float64Array], Float64Array], tuple[str, ...]]:
    """The flat directions and those, up to three, in which most of what they leave out moves.

    What is left out is the part of the displacements that no linear function of the flat
    coordinates explains.
    """
    every = max(survey.positions[..., 0].size // _SAMPLES, 1)
    moved = survey.displacement if survey.displacement.any() else survey.positions
    rows = moved.reshape(-1, moved.shape[2])[::every]
    plane = np.nan_to_num(flat.project(rows), posinf=0.0, neginf=0.0)
    roots = np.sqrt(survey.weights).reshape(-1, 1)[::every]
    rows = roots * (rows / (np.abs(rows).max() or 1.0))
    plane = roots * (plane / (np.abs(plane).max() or 1.0))
    rest = rows - plane @ np.linalg.lstsq(plane, rows, rcond=None)[0]
    known = len(flat.labels)
    axes = np.linalg.eigh(rest.T @ rest)[1][:, : known - 4 : -1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(3 - known)])
    labels = (*flat.labels, *(f"direction {number}" for number in range(known + 1, 4)))
    return lambda positions: np.column_stack([flat.project(positions), positions @ axes]), labels


def _symbol(name: str, names: tuple[str, ...]) -> str:
    letter, _, _ = name.partition("_")
    alone = [other.partition("_")[0] for other in names].count(letter) == 1
    words = {"a": "outer weight ", "w": "inner weight ", "b": "bias "}
    return words.get(letter, "") + (f"${letter}$" if alone else f"${name}$")


def _space_limits(
    space: Callable[[Float64Array], Float64Array], survey: Survey
) -> tuple[Interval, ...]:
    coordinates = np.stack([space(frame) for frame in survey.positions])
    return tuple(central_interval(coordinates[..., axis]) for axis in range(3))


def central_interval(values: Array) -> Interval:
    """Interval of the central 98 % of each frame (F, N), over all but those that exploded."""
    lows, highs = np.quantile(values, (0.01, 0.99), axis=1)
    spans = np.maximum(np.abs(lows), np.abs(highs))
    sound = spans <= 30.0 * np.median(spans)
    low, high = float(lows[sound].min()), float(highs[sound].max())
    margin = 0.1 * (high - low) or 0.5 * abs(high) or 0.5
    return low - margin, high + margin
