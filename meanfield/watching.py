"""Looking at a run that another process makes: how far it is, and whether it still goes on."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

from meanfield.dashboard import in_one_line
from meanfield.errors import FileError
from meanfield.frames import FileSource
from meanfield.standing import Standing

__all__ = ["Glance", "glance", "glances", "is_being_written"]

# A run takes hold of its file a moment after it appears: who sees no writer looks again.
_SECOND_LOOK = 0.2
# Looks at a file that seems damaged: its writer may be in the middle of a word.
_PATIENCE = 5


@dataclass(frozen=True)
class Glance:
    """How far a run is.

    Attributes
    ----------
    status : {"running", "abandoned", "complete", "interrupted", "failed"}
        That of the file; abandoned if it says running, but no process writes to it.
    reason : str
        Why it ended so, if it did.
    frames, planned : int
        Number of committed frames, and of those to be made.
    time, end : float
        Mean-field time of the last committed frame, and of the last of all.
    remaining : timedelta or None
        About how long the run still takes, once its pace is known.
    passed : timedelta or None
        How long it has run since it began, or was last resumed.
    risks : tuple of float
        Risk at the committed frames.
    created : str
        When the file was made; another time is that of another run.
    energy, step : float or None
        Energy of the last committed frame, and step of the method, where they are known.
    """

    status: str
    reason: str
    frames: int
    planned: int
    time: float
    end: float
    remaining: timedelta | None = None
    passed: timedelta | None = None
    risks: tuple[float, ...] = ()
    energy: float | None = None
    step: float | None = None
    created: str = ""

    @property
    def risk(self) -> float | None:
        """Risk of the last committed frame."""
        return self.risks[-1] if self.risks else None

    @property
    def standing(self) -> Standing:
        """The same as what pictures of runs show."""
        left = None if self.remaining is None else self.remaining.total_seconds()
        return Standing(
            time=self.time,
            end=self.end,
            risks=self.risks,
            energy=self.energy,
            step=self.step,
            speed=(self.end - self.time) / left if left else None,
            passed=None if self.passed is None else self.passed.total_seconds(),
            left=left,
        )

    def __str__(self) -> str:
        running = self.status == "running"
        shown = self.standing if running else replace(self.standing, passed=None, left=None)
        parts = [f"{self.frames} of {self.planned} frames"]
        return ", ".join(parts if self.risk is None else [*parts, in_one_line(shown)])


def is_being_written(path: str | Path) -> bool | None:
    """Whether a process has a trajectory file open for writing; None if nobody can tell.

    Writers hold a lock, which the system takes from a process that dies.

    Parameters
    ----------
    path : path

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     is_being_written(file.name)
    False
    """
    found = _is_locked(Path(path))
    if found is False:
        sleep(_SECOND_LOOK)
        found = _is_locked(Path(path))
    return found


def _is_locked(path: Path) -> bool | None:
    try:
        import fcntl
    except ModuleNotFoundError:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    finally:
        os.close(descriptor)
    return False


def glance(path: str | Path) -> Glance:
    """How far the run in a file is now.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If the file is missing or unreadable.
    """
    source = FileSource(Path(path))
    status = source.status
    if status == "running" and is_being_written(path) is False:
        source = FileSource(Path(path))  # it may have come to its end just now
        status = "abandoned" if source.status == "running" else source.status
    count, times = source.committed, source.times
    scalars = source.scalars() if count else {}
    energy = float(scalars["energy"][-1]) if count else math.nan
    passed, remaining = _clocks(source, Path(path))
    return Glance(
        status=status,
        reason=source.reason,
        frames=count,
        planned=len(times),
        time=float(times[count - 1]) if count else 0.0,
        end=float(times[-1]),
        remaining=remaining,
        passed=passed,
        risks=tuple(scalars["risk"].tolist()) if count else (),
        energy=energy if math.isfinite(energy) else None,
        step=source.step,
        created=source.created,
    )


def _clocks(source: FileSource, path: Path) -> tuple[timedelta | None, timedelta | None]:
    """Time since this session began, and what is left at its pace so far."""
    if not source.sessions:
        return None, None
    started = datetime.fromisoformat(source.sessions[-1]["started"])
    written, now = datetime.fromtimestamp(path.stat().st_mtime, UTC), datetime.now(UTC)
    passed = max(now - started, timedelta(0))
    first = max(1, source.sessions[-1]["frame"]) - 1
    times, count = source.times, source.committed
    covered = times[count - 1] - times[first] if count > first else 0.0
    if covered <= 0.0:
        return passed, None
    taken = max(written - started, timedelta(0))
    left = taken * float((times[-1] - times[count - 1]) / covered)
    left -= min(left, max(now - written, timedelta(0)))
    return passed, left or None


def glances(path: str | Path, interval: float = 1.0) -> Iterator[Glance]:
    """Look at a run again and again until it ends; the last glance is of its end.

    Parameters
    ----------
    path : path
    interval : float
        Seconds between two looks.

    Raises
    ------
    FileError
        If the file is missing or unreadable.
    """
    failures = 0
    while True:
        try:
            found = glance(path)
        except FileError:
            failures += 1
            if failures >= _PATIENCE or not Path(path).is_file():
                raise
        else:
            failures = 0
            yield found
            if found.status != "running":
                return
        sleep(interval)
