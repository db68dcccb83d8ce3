"""How the time of a movie goes through the time of its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from meanfield.distances.line import wasserstein_1d
from meanfield.distances.sliced import sliced_wasserstein
from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.plotting.survey import Run, Survey, pace
from meanfield.registry import Registry
from meanfield.typing import Float64Array

__all__ = ["Clock", "arc_length", "choose_clock", "clocks"]

_LOGARITHMIC_KNOTS = 2000
_LINES = 32  # directions of a sliced distance between two frames


@dataclass(frozen=True, eq=False)
class Clock:
    """Progress of a movie, from 0 to 1, at times of its runs; linear between these.

    Parameters
    ----------
    times : (F,) array
        Increasing.
    progress : (F,) array
        Never decreasing, from 0 to 1.

    Examples
    --------
    >>> Clock(np.array([0.0, 1.0, 9.0]), np.array([0.0, 0.5, 1.0])).moments(5)
    array([0. , 0.5, 1. , 5. , 9. ])
    """

    times: Float64Array
    progress: Float64Array

    def moments(self, count: int) -> Float64Array:
        """Times of that many pictures, equidistant on the clock."""
        if len(self.times) == 1:
            return self.times
        return np.asarray(np.interp(np.linspace(0.0, 1.0, count), self.progress, self.times))

    def before(self, time: float, share: float, count: int) -> Float64Array:
        """Times of that many moments, from a share of the movie before a time until it."""
        now = float(np.interp(time, self.times, self.progress))
        back = np.linspace(max(now - share, 0.0), now, count)
        moments = np.interp(back, self.progress, self.times)
        moments[-1] = time
        return np.asarray(moments)


Rule = Callable[[Sequence[Run], Sequence[Survey]], Clock]

#: Vocabulary of clocks by name; a rule makes one for several runs at once.
clocks: Registry[Rule] = Registry("clock")


def choose_clock(name: str, runs: Sequence[Run], surveys: Sequence[Survey]) -> Clock:
    """The clock of a movie of some runs.

    Parameters
    ----------
    name : str
        ``"pace"`` is the mean of time, way of the particles and change of log risk, each
        scaled to 1 (`meanfield.plotting.survey.pace`). ``"linear"`` and ``"log"`` go with
        mean-field time and its logarithm; the latter starts at the first positive saved
        time. ``"arc-length"`` goes with the length of the path of measures, see
        `arc_length`. Of several runs, the mean is taken.
    runs : sequence of Trajectory
    surveys : sequence of Survey
        Of each run.

    Raises
    ------
    InvalidInputError
        If there is no such clock.
    """
    rule = clocks[name]
    if all(len(run.times) == 1 for run in runs):
        return Clock(np.array([min(float(run.times[0]) for run in runs)]), np.zeros(1))
    return rule(runs, surveys)


def arc_length(run: Run, survey: Survey) -> Float64Array:
    """Length of the path of measures in W₂ up to each frame of a survey, shape (f,).

    Particles that a flow moves are coupled with themselves, by which the sum of
    (∫ |θ' − θ|² dμ)^½ over frames tends to the length of the path as frames are refined. Grids,
    and particles that jump, change their mass or feel noise, are measured by W₂ between
    frames on the line, and by √p times the sliced distance in p > 1 dimensions, which is
    W₂ for shifts.
    """
    if _is_flow(run, survey):
        steps = np.diff(survey.positions, axis=0)
        ways = np.sqrt(np.einsum("fnp,fnp,fn->f", steps, steps, survey.weights[1:]))
    else:
        measures = _measures(run, survey)
        ways = np.array([_distance(a, b) for a, b in zip(measures, measures[1:], strict=False)])
    return np.asarray(np.r_[0.0, np.cumsum(ways)])


def _is_flow(run: Run, survey: Survey) -> bool:
    """Whether particles keep who they are, and move smoothly."""
    settled = np.allclose(survey.weights, survey.weights[0], rtol=1e-9)
    jumps = getattr(getattr(run, "solver", None), "name", "") == "birth-death"
    on_grid = isinstance(run.measures[0], GridMeasure)
    return settled and not jumps and not on_grid and run.problem.temperature == 0.0


def _measures(run: Run, survey: Survey) -> list[Measure]:
    """Frames of a survey; of particles and of grids in several dimensions, its sample."""
    on_line = survey.positions.shape[2] == 1
    if on_line and isinstance(run.measures[0], GridMeasure):
        return [run.measures[int(frame)] for frame in survey.frames]
    return [
        ParticleMeasure.trusted(np.ascontiguousarray(positions), weights)
        for positions, weights in zip(survey.positions, survey.weights, strict=True)
    ]


def _distance(mu: Measure, nu: Measure) -> float:
    if mu.dim == 1:
        return wasserstein_1d(mu, nu)
    return float(np.sqrt(mu.dim)) * sliced_wasserstein(mu, nu, projections=_LINES, seed=0)


def _mean_clock(runs: Sequence[Run], parts: Sequence[Float64Array]) -> Clock:
    """Mean of the progress of runs, each resting before its first and after its last frame."""
    times = np.unique(np.concatenate([run.times for run in runs]))
    shares = [np.interp(times, run.times, part) for run, part in zip(runs, parts, strict=True)]
    progress: Float64Array = np.mean(shares, axis=0)
    return Clock(times, progress / progress[-1]) if progress[-1] > 0.0 else _linear(runs, ())


def _pace(runs: Sequence[Run], surveys: Sequence[Survey]) -> Clock:
    return _mean_clock(runs, [pace(run, each) for run, each in zip(runs, surveys, strict=True)])


def _linear(runs: Sequence[Run], surveys: Sequence[Survey]) -> Clock:
    ends = np.array(
        [min(float(run.times[0]) for run in runs), max(float(run.times[-1]) for run in runs)]
    )
    return Clock(ends, np.array([0.0, 1.0]))


def _log(runs: Sequence[Run], surveys: Sequence[Survey]) -> Clock:
    positive = [run.times[run.times > 0.0] for run in runs]
    first = min(float(times[0]) for times in positive if len(times))
    last = max(float(times[-1]) for times in positive if len(times))
    if first == last:
        return _linear(runs, surveys)
    times = np.geomspace(first, last, _LOGARITHMIC_KNOTS)
    times[[0, -1]] = first, last
    return Clock(times, np.linspace(0.0, 1.0, _LOGARITHMIC_KNOTS))


def _arc_length(runs: Sequence[Run], surveys: Sequence[Survey]) -> Clock:
    parts = []
    for run, survey in zip(runs, surveys, strict=True):
        lengths = arc_length(run, survey)
        total = lengths[-1] if np.isfinite(lengths[-1]) and lengths[-1] > 0.0 else 0.0
        sampled = lengths / total if total else np.zeros(len(lengths))
        parts.append(np.interp(np.arange(len(run.times)), survey.frames, sampled))
    return _mean_clock(runs, parts)


for _name, _rule in (
    ("pace", _pace),
    ("linear", _linear),
    ("log", _log),
    ("arc-length", _arc_length),
):
    clocks.register(_name, _rule)
