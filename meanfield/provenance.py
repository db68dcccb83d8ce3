"""Where numbers come from: versions, processor, and the sessions in which a run was made."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["append_session", "versions", "warn_of_changes"]

_PACKAGES = ("meanfield-flow", "numpy", "numba", "scipy", "h5py")
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

    Parameters
    ----------
    sessions : sequence of mapping
        Those before.
    frame : int
        Number of the first frame that the new one makes.

    Examples
    --------
    >>> session = json.loads(append_session([], 7))[0]
    >>> session["frame"], sorted(session)
    (7, ['frame', 'started', 'versions'])
    """
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    session = {"frame": frame, "started": started, "versions": versions()}
    return json.dumps([*sessions, session])
