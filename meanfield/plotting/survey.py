"""What all pictures of a run share: a sample of its frames, and the pace of its story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array, IntArray

__all__ = [
    "Run",
    "Survey",
    "pace",
    "represented",
    "require_frames",
    "spread",
    "stand_in",
    "telling_frames",
    "unrecorded",
]

_MOST_FRAMES = 128
_MOST_PARTICLES = 3000
_MOST_NUMBERS = 20_000_000


@runtime_checkable
class Run(Protocol):
    """What pictures need of a trajectory."""

    @property
    def times(self) -> Float64Array:
        """Times of the frames, shape (F,)."""
        ...

    @property
    def risk(self) -> Float64Array:
        """Risk of the frames, shape (F,)."""
        ...

    @property
    def energy(self) -> Float64Array:
        """Energy of the frames, shape (F,); NaN where it is infinite."""
        ...

    @property
    def observables(self) -> Mapping[str, Float64Array]:
        """Further recorded variables by name, each of shape (F,)."""
        ...

    @property
    def measures(self) -> Sequence[Measure]:
        """Measures of the frames."""
        ...

    @property
    def problem(self) -> AnyProblem:
        """The learning problem."""
        ...

    @property
    def status(self) -> str:
        """Whether the run is complete, running, interrupted or failed."""
        ...


@dataclass(frozen=True, eq=False)
class Survey:
    """A sample of a run: at most 128 frames of at most 3000 particles, always the same ones.

    Of a grid, they are Sobol points carried to its density in each frame.

    Attributes
    ----------
    frames : (f,) array
        Numbers of the sampled frames, with the first and the last.
    rows : (n,) array
        Numbers of the sampled particles.
    positions : (f, n, p) array
    weights : (f, n) array
        Masses of the sampled particles, normalised in each frame.
    """

    frames: IntArray
    rows: IntArray
    positions: Float64Array
    weights: Float64Array

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> Survey:
        """Sample measures.

        Raises
        ------
        InvalidInputError
            If there is none.
        """
        require_frames(measures)
        frames = spread(len(measures), _MOST_FRAMES)
        first = stand_in(measures[0], _MOST_PARTICLES)
        room = _MOST_NUMBERS // (len(frames) * first.dim)
        rows = spread(len(first), min(_MOST_PARTICLES, max(room, 100)))
        positions = np.empty((len(frames), len(rows), first.dim))
        weights = np.empty((len(frames), len(rows)))
        for row, frame in enumerate(frames):
            measure = stand_in(measures[int(frame)], _MOST_PARTICLES)
            positions[row] = measure.positions[rows]
            weights[row] = measure.weights[rows]
        totals = weights.sum(axis=1, keepdims=True)
        return cls(frames, rows, positions, weights / np.where(totals > 0.0, totals, 1.0))

    @classmethod
    def joined(cls, surveys: Sequence[Survey]) -> Survey:
        """The sample of several runs as if they were one: for views that suit all of them.

        Frames of each are spread over the frames of the longest; each run has the same
        mass, and as many particles less as there are more runs.
        """
        if len(surveys) == 1:
            return surveys[0]
        frames = np.arange(max(len(survey.frames) for survey in surveys))
        positions, weights = [], []
        for survey in surveys:
            last = len(survey.frames) - 1
            rows = np.linspace(0, last, len(frames)).round().astype(np.int64)
            positions.append(survey.positions[rows][:, :: len(surveys)])
            masses = survey.weights[rows][:, :: len(surveys)]
            totals = masses.sum(axis=1, keepdims=True)
            weights.append(masses / np.where(totals > 0.0, totals, 1.0) / len(surveys))
        together = np.concatenate(positions, axis=1)
        every = np.arange(together.shape[1])
        return cls(frames, every, together, np.concatenate(weights, axis=1))

    @property
    def displacement(self) -> Float64Array:
        """Way of each particle from the first frame, shape (f, n, p)."""
        return np.asarray(self.positions - self.positions[0])


def require_frames(measures: Sequence[Measure]) -> None:
    """Raise unless there is a frame to show.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    if len(measures) == 0:
        raise InvalidInputError("the run has no frames yet, so there is nothing to show")


def stand_in(measure: Measure, particles: int) -> ParticleMeasure:
    """Particles to show for a measure: its own, or that many from a grid.

    One sequence of points of the unit cube is carried to every density, axis after axis,
    so that each particle moves with the measure.
    """
    if isinstance(measure, GridMeasure):
        return measure.sample(particles, seed=0, sampling="sobol")
    return measure.to_particles()


def represented(measure: Measure, most: int) -> Measure:
    """The measure, or, of more than `most` particles or cells, that many equal ones for it.

    Particles are taken at equidistant levels of their masses summed up.
    """
    if len(measure) <= most:
        return measure
    if isinstance(measure, GridMeasure):
        return stand_in(measure, most)
    sums = np.cumsum(measure.weights)
    rows = np.searchsorted(sums, sums[-1] * (np.arange(most) + 0.5) / most)
    return ParticleMeasure(measure.positions[rows])


def spread(count: int, most: int) -> IntArray:
    """At most `most` of the numbers 0 to count − 1, evenly, with the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def unrecorded(run: Run) -> int:
    """How many neurons of the run its frames do not hold: then pictures are of a part only."""
    held = len(run.measures[0])
    return int(getattr(run, "particles", held)) - held


def pace(run: Run, survey: Survey) -> Float64Array:
    """Progress of the story from 0 at the first frame to 1 at the last, shape (F,).

    The mean of three quantities that grow with time, each scaled to end at 1: time
    itself, the way that the particles have gone (root mean square), and the total
    variation of log risk. So a picture series or a movie that is equidistant in the pace
    dwells on what is fast early on, and does not stand still later.
    """
    count = len(run.measures)
    index = np.arange(count)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        steps = np.diff(survey.positions, axis=0)
        ways = np.sqrt(np.einsum("fnp,fnp,fn->f", steps, steps, survey.weights[1:]))
        falls = np.abs(np.diff(np.log(np.maximum(run.risk[:count], 1e-300))))
    way = np.interp(index, survey.frames, np.r_[0.0, np.cumsum(ways)])
    parts = (run.times[:count] - run.times[0], way, np.r_[0.0, np.cumsum(falls)])
    usable = [part / part[-1] for part in parts if np.isfinite(part).all() and part[-1] > 0.0]
    return np.asarray(np.mean(usable, axis=0)) if usable else np.linspace(0.0, 1.0, count)


def telling_frames(run: Run, survey: Survey, count: int = 4) -> tuple[int, ...]:
    """Numbers of at most `count` different frames, equidistant in the `pace`.

    The first and the last frame are always among them.
    """
    progress: Any = pace(run, survey)
    wanted = np.linspace(0.0, 1.0, count)
    nearest = {int(np.argmin(np.abs(progress - level))) for level in wanted[1:-1]}
    return tuple(sorted({0, len(progress) - 1} | nearest))
