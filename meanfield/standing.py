"""How far a run is, and how fast it goes, from the frames that it has made."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

__all__ = ["History", "Mark", "Standing"]

# Marks that are kept, of runs of any number of frames: an odd number, so that the last stays
# when every second goes.
_MOST_MARKS = 257
# Seconds over which the pace is taken, or half of all, where that is longer: an adaptive
# method goes slowly at first and fast later.
_WINDOW = 10.0


@dataclass(frozen=True, eq=False)
class Standing:
    """How far a run is; None is what nobody knows yet.

    Attributes
    ----------
    time, end : float
        Mean-field time of the last frame, and of the last of all.
    risks, times : sequences of float
        Risk and time of frames so far, equidistant in their numbers; the last is that of now.
    energy : float or None
    step : float or None
        Length of the method's last step in mean-field time.
    speed, rate : float or None
        Mean-field time, and steps, per second.
    passed, left : float or None
        Seconds since the beginning, and about how many to the end.
    """

    time: float
    end: float
    risks: Sequence[float] = ()
    energy: float | None = None
    step: float | None = None
    speed: float | None = None
    rate: float | None = None
    passed: float | None = None
    left: float | None = None
    times: Sequence[float] = ()

    @property
    def risk(self) -> float | None:
        """Risk of the last frame."""
        return self.risks[-1] if self.risks else None

    @property
    def share(self) -> float:
        """Which part of the mean-field time is done, in [0, 1]."""
        return min(max(self.time / self.end, 0.0), 1.0) if self.end > 0.0 else 1.0


@dataclass(frozen=True)
class Mark:
    """What is remembered of a frame, and when it was made.

    Attributes
    ----------
    clock : float
        Seconds of any clock that only goes on.
    time, risk : float
    steps : int or None
        Steps of the method so far.
    step, energy : float or None
        As in `Standing`.
    """

    clock: float
    time: float
    risk: float
    steps: int | None = None
    step: float | None = None
    energy: float | None = None


class History:
    """The frames of a run so far: a few hundred marks, however many frames there are.

    One thread may add marks while another looks.

    Parameters
    ----------
    end : float
        Mean-field time at which the run ends.

    Examples
    --------
    >>> history = History(end=10.0)
    >>> for second in range(5):
    ...     history.add(Mark(clock=second, time=0.5 * second, risk=1.0, steps=8 * second))
    >>> found = history.standing(now=5.0)
    >>> found.time, found.speed, found.rate, found.left
    (2.0, 0.5, 8.0, 15.0)
    """

    def __init__(self, end: float) -> None:
        self._end = end
        self._marks: list[Mark] = []
        self._count, self._stride = 0, 1
        self._lock = Lock()

    def add(self, mark: Mark) -> None:
        """Remember a frame."""
        with self._lock:
            if self._count and (self._count - 1) % self._stride:
                self._marks[-1] = mark  # the one before was kept only while it was the last
            else:
                self._marks.append(mark)
            self._count += 1
            if len(self._marks) == _MOST_MARKS:
                self._marks = self._marks[::2]
                self._stride *= 2

    def standing(self, now: float, begun: float | None = None) -> Standing:
        """How far the run is.

        Parameters
        ----------
        now : float
            What the clock shows.
        begun : float, optional
            What it showed at the beginning.
        """
        with self._lock:
            marks = list(self._marks)
        passed = None if begun is None else now - begun
        if not marks:
            return Standing(0.0, self._end, passed=passed)
        speed, rate = _paces(marks)
        last = marks[-1]
        return Standing(
            time=last.time,
            end=self._end,
            risks=[mark.risk for mark in marks],
            energy=_finite(last.energy),
            step=last.step,
            speed=speed,
            rate=rate,
            passed=passed,
            left=_seconds_left(self._end, last, speed, now),
            times=[mark.time for mark in marks],
        )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _paces(marks: list[Mark]) -> tuple[float | None, float | None]:
    """Mean-field time and steps per second of late."""
    first, last = marks[0], marks[-1]
    since = min(last.clock - _WINDOW, 0.5 * (first.clock + last.clock))
    before = marks[max(0, bisect_right(marks, since, key=lambda mark: mark.clock) - 1)]
    seconds, covered = last.clock - before.clock, last.time - before.time
    if not (seconds > 0.0 and covered > 0.0):
        return None, None
    if last.steps is None or before.steps is None:
        return covered / seconds, None
    return covered / seconds, (last.steps - before.steps) / seconds


def _seconds_left(end: float, last: Mark, speed: float | None, now: float) -> float | None:
    """Seconds to the end at a speed; None where the next frame has outlasted the estimate."""
    if last.time >= end:
        return 0.0
    if speed is None:
        return None
    left = (end - last.time) / speed - (now - last.clock)
    return left if left > 0.0 else None
