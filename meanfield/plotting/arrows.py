"""Arrows of the velocity field by which a measure moves."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from meanfield.errors import InvalidInputError
from meanfield.measures import Measure, ParticleMeasure
from meanfield.plotting.directions import Directions
from meanfield.plotting.playback import Playback
from meanfield.plotting.style import INK
from meanfield.plotting.survey import stand_in
from meanfield.plotting.view import View
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array

__all__ = ["Arrows", "projected_motion", "velocity_of_measure"]

_LATTICE = (17, 13)
_LENGTH = 0.055  # of the arrow of a fast neuron, as a part of the axis
_STAND_INS = 2**12  # particles for a grid
_LOOKS = 9  # moments at which it is asked how fast neurons are
_SMALL = 1e-6  # step along a velocity, relative to the axes, that gives its projection


def velocity_of_measure(problem: AnyProblem, measure: Measure, points: Any) -> Float64Array:
    """Velocity −∇Ψ(θ; μ) at any parameters θ, in the field of a measure, shape (m, p).

    The points join the measure as particles of no mass, which move in its field and leave
    it as it is.

    Parameters
    ----------
    problem : Problem or PopulationProblem
    measure : Measure
    points : (m, p) array

    Examples
    --------
    >>> import meanfield as mf
    >>> problem = mf.Problem(mf.Neuron(1, activation="tanh"), mf.Dataset([[1.0]], [1.0]))
    >>> measure = mf.ParticleMeasure.gaussian(10, 3, seed=0)
    >>> there = velocity_of_measure(problem, measure, measure.positions[:2])
    >>> bool(np.allclose(there, problem.velocity(measure)[:2]))
    True
    """
    sources = stand_in(measure, _STAND_INS)
    where = np.asarray(points, dtype=np.float64)
    positions = np.concatenate([sources.positions.astype(np.float64), where])
    masses = np.concatenate([sources.weights, np.zeros(len(where))])
    velocity = problem.velocity(ParticleMeasure.trusted(positions, masses))
    return np.asarray(velocity[len(sources) :], dtype=np.float64)


def projected_motion(
    directions: Directions, points: Float64Array, velocity: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Coordinates of neurons and how fast these change, (m, 2) each; not finite at a jump."""
    largest = float(np.abs(velocity).max()) or 1.0
    step = _SMALL * float(np.abs(points).max() or 1.0) / largest
    places = directions.project(points)
    with np.errstate(invalid="ignore", over="ignore"):
        motion = (directions.project(points + step * velocity) - places) / step
    return places, np.asarray(motion)


class Arrows:
    """Velocities on axes: on a lattice over two parameters, else at particles, projected.

    The length of an arrow goes with the root of the speed, so that slow motion is seen
    too; the scale is that of the fastest twentieth over the whole run. Noise and the
    diffusion that stands for it are no part of it.

    Parameters
    ----------
    ax : Axes
    view : View
        With two directions.
    playback : Playback

    Raises
    ------
    InvalidInputError
        If there is one direction only.
    """

    def __init__(self, ax: Axes, view: View, playback: Playback) -> None:
        if view.is_profile:
            raise InvalidInputError(
                "arrows need two directions of parameter space, and this measure is shown in one"
            )
        self.view = view
        self.playback = playback
        self._spans = np.ptp(np.asarray(view.limits), axis=1)
        self._lattice = self._points() if sorted(view.directions.columns) == [0, 1] else None
        if self._lattice is not None and playback.run.measures[0].dim != 2:
            self._lattice = None
        times = playback.run.times
        looks = times[np.unique(np.linspace(0, len(times) - 1, _LOOKS).round().astype(int))]
        lengths = [np.linalg.norm(self._arrows(float(time))[1], axis=1) for time in looks]
        self._scale = max(float(np.quantile(each, 0.95)) for each in lengths) or 1.0
        places, _ = self._arrows(float(times[0]))
        zeros = np.zeros(len(places))
        self._quiver = ax.quiver(
            *places.T, zeros, zeros, angles="xy", scale_units="xy", scale=1.0, width=0.0028,
            color=INK, alpha=0.5, zorder=3.5, headwidth=3.6, headlength=4.2, headaxislength=3.8,
        )  # fmt: skip
        ax.set_xlim(*view.limits[0])
        ax.set_ylim(*view.limits[1])

    def draw(self, time: float) -> None:
        """Show the velocities at this time."""
        places, arrows = self._arrows(time)
        sizes = np.linalg.norm(arrows, axis=1, keepdims=True)
        lengths = _LENGTH * np.minimum(np.sqrt(sizes / self._scale), 1.6)
        shown = np.where(sizes > 0.0, arrows / np.where(sizes > 0.0, sizes, 1.0), 0.0)
        shown = shown * lengths * self._spans
        self._quiver.set_offsets(places)
        self._quiver.set_UVC(*shown.T)

    def _points(self) -> Float64Array:
        """Centres of a lattice over the axes."""
        sides = [
            low + (high - low) * (np.arange(count) + 0.5) / count
            for (low, high), count in zip(self.view.limits, _LATTICE, strict=True)
        ]
        return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)

    def _arrows(self, time: float) -> tuple[Float64Array, Float64Array]:
        """Where arrows start, and where they point in units of the axes; (m, 2) each."""
        measure = self.playback.measure_at(time)
        if self._lattice is not None:
            points = self._lattice[:, np.argsort(self.view.directions.columns)]
        else:
            points = stand_in(measure, _STAND_INS).positions.astype(np.float64)
            points = points[:: max(len(points) // 150, 1)]
        velocity = velocity_of_measure(self.playback.run.problem, measure, points)
        places, motion = projected_motion(self.view.directions, points, velocity)
        return places, np.nan_to_num(motion / self._spans, posinf=0.0, neginf=0.0)
