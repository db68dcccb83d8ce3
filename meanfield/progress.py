"""How far a run is: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from meanfield.observers import Frame

__all__ = ["Progress", "StudyProgress", "duration"]

_LINE_INTERVAL = 60.0  # seconds between two lines of a log


def duration(seconds: float) -> str:
    """Return a time span in words.

    Examples
    --------
    >>> duration(3.21), duration(75), duration(7260)
    ('3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """Observer that shows time, risk and the remaining time on standard error.

    On a terminal it is a bar; elsewhere (a log of a cluster) it is one plain line a
    minute, and none for shorter runs.

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
        self._end = float(np.asarray(times)[-1])
        self._bar: Any = None
        self._task: Any = None
        self._started = self._printed = monotonic()
        self._first: float | None = None

    def __enter__(self) -> Self:
        self._started = self._printed = monotonic()
        if sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("", total=self._end, time=0.0, end=self._end, risk="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, frame: Frame) -> None:
        """Show the frame."""
        if self._first is None:
            self._first = frame.time
            if self._bar is not None:
                # What an earlier run did says nothing about the speed of this one.
                self._bar.reset(self._task, completed=frame.time)
        if self._bar is not None:
            self._bar.update(
                self._task, completed=frame.time, time=frame.time, risk=f"risk {frame.risk:.4g}"
            )
        elif monotonic() - self._printed >= _LINE_INTERVAL:
            self._printed = monotonic()
            print(self._line(frame), file=sys.stderr, flush=True)

    def _line(self, frame: Frame) -> str:
        elapsed = monotonic() - self._started
        line = f"t = {frame.time:.4g} of {self._end:g}, risk {frame.risk:.4g}"
        covered = frame.time - (self._first or 0.0)
        if covered > 0.0:
            remaining = elapsed * (self._end - frame.time) / covered
            line += f", {duration(elapsed)} passed, about {duration(remaining)} left"
        return line


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("t = {task.fields[time]:.4g} of {task.fields[end]:g}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[risk]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )


class StudyProgress:
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
        self.processes: int | None = 1
        self._spent = 0.0
        self._left, self._widths = dict(costs), widths
        self._total = sum(costs.values())
        self._speeds: dict[int, float] = {}  # seconds a neuron, by width
        self._shown = shown
        self._bar: Any = None
        self._task: Any = None
        self._started = self._printed = monotonic()

    def __enter__(self) -> Self:
        self._started = self._printed = monotonic()
        if self._shown and sys.stderr.isatty():
            self._bar = _study_bar()
            self._task = self._bar.add_task("", total=self._total, left="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def measured(self, particles: int, neurons: int, seconds: float) -> None:
        """Learn how long so many neurons, in networks of that width, took."""
        self._speeds[particles] = seconds / neurons
        self._show()

    def finished(self, number: int, seconds: float) -> None:
        """Count a task as done, and show what is left."""
        cost = self._left.pop(number)
        self._spent += seconds
        if seconds > 0.0:
            self._speeds[self._widths[number]] = seconds / cost
        self._show()

    def _show(self) -> None:
        done = self._total - sum(self._left.values())
        if self._bar is not None:
            left = self.seconds_left
            words = "" if left is None else f"about {duration(left)} left"
            self._bar.update(self._task, completed=done, left=words)
        elif self._shown and monotonic() - self._printed >= _LINE_INTERVAL:
            self._printed = monotonic()
            print(self._line(done), file=sys.stderr, flush=True)

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

    def _line(self, done: int) -> str:
        line = (
            f"networks: {100 * done // self._total} % done, "
            f"{duration(monotonic() - self._started)} passed"
        )
        left = self.seconds_left
        return line if left is None else f"{line}, about {duration(left)} left"


def _study_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("networks"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        transient=True,
    )
