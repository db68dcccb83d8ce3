"""Where numbers come from: versions, processor, and the sessions in which a run was made."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["append_session", "last_versions", "read_sessions", "versions", "warn_of_changes"]

_PACKAGES = ("meanfield-flow", "numpy", "numba", "scipy", "h5py")
# Bytes that a file has for them.
_ROOM = 4096
# What decides on the bits of a run.
_DECISIVE = ("meanfield-flow", "numpy", "numba", "scipy", "processor")


def versions() -> dict[str, str]:
    """Versions of what computes here, and the kind of processor it is compiled for."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    from llvmlite.binding import get_host_cpu_name

    return {**found, "processor": get_host_cpu_name()}


def warn_of_changes(path: Any, before: Mapping[str, str]) -> None:
    """Warn if a run goes on with other packages, or on another processor, than before.

    Parameters
    ----------
    path : path
        File of the run.
    before : mapping of str to str
        As `versions` gave it.
    """
    now = versions()
    changes = [
        f"{name} {before[name]} (now {now[name]})"
        for name in _DECISIVE
        if name in before and before[name] != now[name]
    ]
    if changes:
        warnings.warn(
            f"{path} was made with {', '.join(changes)}: it goes on, but its last bits may differ "
            "from those of an uninterrupted run",
            stacklevel=3,
        )


def append_session(sessions: Sequence[Mapping[str, Any]], frame: int) -> str:
    """JSON of the sessions in which a run was made, and of one more that starts now.

    Versions are told where they change. Of very many sessions the early ones are dropped,
    but for the first.

    Parameters
    ----------
    sessions : sequence of mapping
        Those before.
    frame : int
        Number of the first frame that the new one makes.

    Examples
    --------
    >>> first = json.loads(append_session([], 0))
    >>> second = json.loads(append_session(first, 7))
    >>> [sorted(session) for session in second]
    [['frame', 'started', 'versions'], ['frame', 'started']]
    """
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    session: dict[str, Any] = {"frame": frame, "started": started}
    if last_versions(sessions) != versions():
        session["versions"] = versions()
    kept = [*sessions, session]
    while len(text := json.dumps(kept)) > _ROOM:
        dropped = kept.pop(1)
        kept[1] = {**dropped, **kept[1]}  # versions that it told hold for the next, too
    return text


def read_sessions(text: str) -> list[dict[str, Any]]:
    """Sessions from their JSON; none if it was torn, for nothing that matters is in it."""
    try:
        found = json.loads(text)
        return [dict(session, frame=int(session["frame"])) for session in found]
    except (ValueError, TypeError, KeyError):
        return []


def last_versions(sessions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Versions in the last of some sessions, empty without any."""
    told = [session["versions"] for session in sessions if "versions" in session]
    return dict(told[-1]) if told else {}
