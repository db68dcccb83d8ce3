"""How far a run is, or a study: a dashboard on a terminal, a line a minute in a log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.display import Shown
from meanfield.standing import History, Mark, Standing

if TYPE_CHECKING:
    from rich.text import Text

    from meanfield.observers import Frame

__all__ = ["Progress", "StudyProgress"]


class Progress(Shown):
    """Observer that shows how far a run is, how fast it goes, and its risk and energy.

    On a terminal it is a dashboard, for runs of more than half a second; elsewhere (a log of
    a cluster) it is one plain line a minute, and none for shorter runs. It goes to standard
    error.

    Parameters
    ----------
    times : (F,) array
        Times of the frames.

    Examples
    --------
    >>> with Progress(np.linspace(0, 1, 3)) as progress:
    ...     pass  # simulate(..., observers=[progress])
    """

    def __init__(self, times: Any) -> None:
        super().__init__()
        self._history = History(float(np.asarray(times)[-1]))

    def __call__(self, frame: Frame) -> None:
        """Show the frame."""
        self._history.add(Mark(monotonic(), frame.time, frame.risk, frame.steps), frame)
        self._changed()

    @property
    def standing(self) -> Standing:
        """How far the run is now."""
        return self._history.standing(monotonic(), self._started)

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        from meanfield.dashboard import run_picture

        return run_picture(self.standing, width, ascii_only)

    def line(self) -> str:
        """What a log says now."""
        from meanfield.dashboard import in_one_line

        return in_one_line(self.standing)


class StudyProgress(Shown):
    """How far a study is: networks that finished, weighted by their cost, and what is left.

    On a terminal it is a bar; elsewhere one plain line a minute, and none for shorter studies.

    Parameters
    ----------
    costs : mapping of int to int
        Cost of every task that is to be done, in neurons, by its number.
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
    ...     progress.seconds_left
    2.0
    """

    def __init__(
        self, costs: Mapping[int, int], widths: Mapping[int, int], shown: bool = True
    ) -> None:
        super().__init__(shown)
        self.processes: int | None = 1
        self._spent = 0.0
        self._left, self._widths = dict(costs), widths
        self._total = sum(costs.values())
        self._speeds: dict[int, float] = {}  # seconds a neuron, by width

    def measured(self, particles: int, neurons: int, seconds: float) -> None:
        """Learn how long so many neurons, in networks of that width, took."""
        self._speeds[particles] = seconds / neurons
        self._changed()

    def finished(self, number: int, seconds: float) -> None:
        """Count a task as done, and show what is left."""
        cost = self._left.pop(number)
        self._spent += seconds
        if seconds > 0.0:
            self._speeds[self._widths[number]] = seconds / cost
        self._changed()

    @property
    def seconds_left(self) -> float | None:
        """Estimate, from the last task of the same or the nearest width; None at the start."""
        if not self._speeds:
            return None
        work = 0.0
        for number, cost in self._left.items():
            width = self._widths[number]
            nearest = min(self._speeds, key=lambda known: abs(math.log(known / width)))
            work += cost * self._speeds[nearest]
        at_once = self._spent / max(monotonic() - self._started, 1e-9)
        processes = at_once if self.processes is None else self.processes
        return work / max(1, min(processes, len(self._left)))

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        from meanfield.dashboard import study_picture

        return study_picture(self._share, self._passed, self.seconds_left, width, ascii_only)

    def line(self) -> str:
        """What a log says now."""
        from meanfield.dashboard import passed_and_left

        done = f"networks: {int(100 * self._share)} % done"
        return ", ".join([done, *passed_and_left(self._passed, self.seconds_left)])

    @property
    def _share(self) -> float:
        return 1.0 - sum(self._left.values()) / self._total if self._total else 1.0

    @property
    def _passed(self) -> float:
        return monotonic() - self._started
