"""A run at any time: its measure between frames, and where some particles came from."""

from __future__ import annotations

import numpy as np

from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.plotting.survey import Run, Survey
from meanfield.typing import Float64Array, IntArray

__all__ = ["Playback"]

# Particles of a movie; of more, so many stand for all, to the accuracy of a picture.
_MOST_PARTICLES = 2**16


class Playback:
    """A run to be looked at as it goes on.

    Between frames, particles (and masses) or densities are interpolated linearly; before
    the first and after the last frame the measure rests. Of more than 65536 particles, so
    many are shown, the same ones at all times.

    Parameters
    ----------
    run : Trajectory
    followed : int
        Number of particles whose paths are known.

    Raises
    ------
    InvalidInputError
        If the run has no frames.
    """

    def __init__(self, run: Run, followed: int = 100) -> None:
        self.run = run
        self.survey = Survey.of(run.measures)
        self._cache: dict[int, Measure] = {}
        self._last: tuple[float, Measure] | None = None
        self._choose_particles(run.measures[0], followed)

    @property
    def has_paths(self) -> bool:
        """Whether particles can be followed between frames: not on a grid, nor under noise."""
        if len(self.run.times) == 1 or self.run.problem.temperature > 0.0:
            return False
        return not isinstance(self._frame(0), GridMeasure)

    def measure_at(self, time: float) -> Measure:
        """Measure at any time, linear between the frames of the run."""
        if self._last is None or self._last[0] != time:
            self._last = (time, self._measure_at(time))
        return self._last[1]

    def _measure_at(self, time: float) -> Measure:
        times = self.run.times
        if len(times) == 1:
            return self._frame(0)
        after = int(np.clip(np.searchsorted(times, time), 1, len(times) - 1))
        share = (time - times[after - 1]) / (times[after] - times[after - 1])
        if share >= 1.0:
            return self._frame(after)
        left, right = self._frame(after - 1), self._frame(after)
        return _between(left, right, max(float(share), 0.0))

    def followed_at(self, moments: Float64Array) -> Float64Array:
        """Positions of the followed particles at some times, shape (s, followed, p).

        At the last moment they are exactly where the measure has them.
        """
        known = self.run.times[self.survey.frames]
        after = np.clip(np.searchsorted(known, moments), 1, len(known) - 1)
        share = (moments - known[after - 1]) / (known[after] - known[after - 1])
        share = np.clip(share, 0.0, 1.0)[:, None, None]
        path = self.survey.positions[:, self._followed]
        history: Float64Array = (1.0 - share) * path[after - 1] + share * path[after]
        history[-1] = self.measure_at(float(moments[-1])).positions[self._heads]
        return history

    def _frame(self, index: int) -> Measure:
        if index not in self._cache:
            self._cache = {
                key: value for key, value in self._cache.items() if abs(key - index) <= 1
            }
            self._cache[index] = self._part(self.run.measures[index])
        return self._cache[index]

    def _choose_particles(self, measure: Measure, followed: int) -> None:
        """Which particles have trails, and of very many, which ones stand for all."""
        random, count = np.random.default_rng(0), len(self.survey.rows)
        self._followed = random.choice(count, size=min(followed, count), replace=False)
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


def _between(left: Measure, right: Measure, share: float) -> Measure:
    """Measure between two frames, linear in the particles or in the density."""
    if isinstance(left, GridMeasure) and isinstance(right, GridMeasure):
        density = (1.0 - share) * left.density + share * right.density
        return GridMeasure.trusted(density, left.lower, left.upper)
    positions = (1.0 - share) * left.positions + share * right.positions
    weights = (1.0 - share) * left.weights + share * right.weights
    return ParticleMeasure(positions, weights)
