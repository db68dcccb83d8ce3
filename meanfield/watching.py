"""Looking at a run that another process makes: how far it is, and whether it still goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

from meanfield.errors import FileError
from meanfield.frames import FileSource
from meanfield.wording import duration

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
    risk : float or None
        Risk of the last committed frame.
    remaining : timedelta or None
        About how long the run still takes, once its pace is known.
    """

    status: str
    reason: str
    frames: int
    planned: int
    time: float
    end: float
    risk: float | None
    remaining: timedelta | None

    def __str__(self) -> str:
        parts = [f"{self.frames} of {self.planned} frames"]
        if self.risk is not None:
            parts += [f"t = {self.time:.4g} of {self.end:g}", f"risk {self.risk:.4g}"]
        if self.status == "running" and self.remaining is not None:
            when = (datetime.now() + self.remaining).strftime("%d %b %H:%M:%S")
            left = duration(self.remaining.total_seconds())
            parts.append(f"about {left} left, until {when}")
        return ", ".join(parts)


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
    return Glance(
        status=status,
        reason=source.reason,
        frames=count,
        planned=len(times),
        time=float(times[count - 1]) if count else 0.0,
        end=float(times[-1]),
        risk=float(source.scalars()["risk"][-1]) if count else None,
        remaining=_remaining(source, Path(path)),
    )


def _remaining(source: FileSource, path: Path) -> timedelta | None:
    """Time that is left at the pace of this session, from its start to its last frame."""
    if not source.sessions:
        return None
    first = max(1, source.sessions[-1]["frame"]) - 1
    times, count = source.times, source.committed
    covered = times[count - 1] - times[first] if count > first else 0.0
    if covered <= 0.0:
        return None
    started = datetime.fromisoformat(source.sessions[-1]["started"])
    taken = datetime.fromtimestamp(path.stat().st_mtime, UTC) - started
    return max(taken, timedelta(0)) * float((times[-1] - times[count - 1]) / covered)


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
