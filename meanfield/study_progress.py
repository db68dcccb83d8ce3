"""How far a comparison of widths is: which part of it, how many networks, how long still."""

from __future__ import annotations

import math
from collections.abc import Mapping
from heapq import heapify, heapreplace
from time import monotonic
from typing import TYPE_CHECKING

from meanfield.display import Shown

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Predicting", "StudyProgress"]

# The seconds of a network grow with its width to a power between these.
_LEAST_POWER, _MOST_POWER = 0.0, 2.0


class StudyProgress(Shown):
    """How far a study is: networks that finished, weighted by their cost, and what is left.

    On a terminal it is a bar, and in a notebook a card; elsewhere one plain line a minute, and
    none for shorter studies.

    Parameters
    ----------
    costs : mapping of int to int
        Cost of every task that is to be done, in neurons, by its number; in the order in which
        they are begun.
    widths : mapping of int to int
        Width of its networks.
    shown : bool
        Whether anything is shown.

    Attributes
    ----------
    processes : int or None
        How many tasks are done at the same time; None if only experience tells.

    Examples
    --------
    >>> with StudyProgress({1: 64, 2: 32}, {1: 64, 2: 32}, shown=False) as progress:
    ...     progress.processes = 1
    ...     progress.finished(1, seconds=4.0)
    ...     round(progress.seconds_left)
    2
    """

    def __init__(
        self, costs: Mapping[int, int], widths: Mapping[int, int], shown: bool = True
    ) -> None:
        super().__init__(shown)
        self.processes: int | None = 1
        self._widths = widths
        self._costs = dict(costs)
        # These are replaced and never changed: a thread that draws may look at any time.
        self._left = self._costs
        self._known: dict[int, tuple[float, int]] = {}  # seconds and neurons, by width
        self._last: float | None = None

    def measured(self, particles: int, neurons: int, seconds: float) -> None:
        """Learn how long so many neurons, in networks of that width, took."""
        spent, learned = self._known.get(particles, (0.0, 0))
        self._known = {**self._known, particles: (spent + seconds, learned + neurons)}
        self._last = monotonic()
        self._changed()

    def finished(self, number: int, seconds: float) -> None:
        """Count a task as done, and show what is left."""
        cost = self._left[number]
        self._left = {other: left for other, left in self._left.items() if other != number}
        if seconds > 0.0:
            self.measured(self._widths[number], cost, seconds)
        else:
            self._changed()

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the tasks so far; None where it has been outlasted, or at the start."""
        left, known = self._left, self._known
        if not known or self._last is None:
            return None
        speeds = {width: spent / neurons for width, (spent, neurons) in known.items()}
        seconds = [cost * _speed(speeds, self._widths[number]) for number, cost in left.items()]
        remaining = _span(seconds, self._at_once()) - (monotonic() - self._last)
        return remaining if remaining > 0.0 or not left else None

    def _at_once(self) -> int:
        if self.processes is not None:
            return self.processes
        spent = sum(seconds for seconds, _ in self._known.values())
        return max(1, round(spent / max(self._passed, 1e-9)))

    def html(self) -> str:
        """What a notebook shows now."""
        from meanfield.dashboard import ending, passed_and_left
        from meanfield.notebook import card, meter

        words = ", ".join(passed_and_left(self._passed, self.seconds_left))
        rows = [("networks", self._count), ("clock", words), *ending(self.error)]
        return meter(self._share) + card("Comparison", rows)

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        from meanfield.dashboard import passed_and_left, study_picture

        words = [self._count, *passed_and_left(self._passed, self.seconds_left)]
        return study_picture(self._share, words, width, ascii_only)

    def line(self) -> str:
        """What a log says now."""
        from meanfield.dashboard import passed_and_left

        done = f"networks: {self._count}, {int(100 * self._share)} % done"
        return ", ".join([done, *passed_and_left(self._passed, self.seconds_left)])

    @property
    def _count(self) -> str:
        """How many networks there are, and have finished."""
        left, all_of_them = (
            sum(cost // self._widths[number] for number, cost in costs.items())
            for costs in (self._left, self._costs)
        )
        return f"{all_of_them - left} of {all_of_them}"

    @property
    def _share(self) -> float:
        total = sum(self._costs.values())
        return 1.0 - sum(self._left.values()) / total if total else 1.0

    @property
    def _passed(self) -> float:
        return monotonic() - self._started


def _speed(speeds: Mapping[int, float], width: int) -> float:
    """Seconds a neuron in networks of a width: a power of it between the two nearest known ones.

    Examples
    --------
    >>> round(_speed({10: 1.0, 1000: 0.1}, 100), 4)
    0.3162
    >>> _speed({10: 2.0}, 100)
    2.0
    """
    near = sorted(speeds, key=lambda known: abs(math.log(known / width)))[:2]
    nearest = near[0]
    if len(near) == 1 or nearest == width:
        return speeds[nearest]
    power = math.log(speeds[near[1]] / speeds[nearest]) / math.log(near[1] / nearest)
    power = min(max(power, _LEAST_POWER - 1.0), _MOST_POWER - 1.0)
    return float(speeds[nearest] * (width / nearest) ** power)


def _span(seconds: list[float], processes: int) -> float:
    """Seconds until all tasks are done, where each goes to the first process that is free.

    Examples
    --------
    >>> _span([10.0, 2.0, 2.0], processes=2)
    10.0
    """
    busy = [0.0] * max(1, min(processes, len(seconds)))
    heapify(busy)
    for one in seconds:
        heapreplace(busy, busy[0] + one)
    return max(busy)


class Predicting(Shown):
    """That all networks are done and their constants are being predicted: the last part."""

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        from meanfield.dashboard import words_picture

        return words_picture(self.line(), width)

    def html(self) -> str:
        """What a notebook shows now."""
        from meanfield.notebook import card

        return card("Comparison", [("networks", "all done"), ("now", "predicting constants")])

    def line(self) -> str:
        """What a log says now."""
        from meanfield.dashboard import passed_and_left

        passed = monotonic() - self._started
        words = passed_and_left(passed, None) if passed >= 1.0 else []
        return ", ".join(["networks: all done; constants are being predicted", *words])
