"""What the command line does with the file of a run: continue it, follow it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from meanfield.errors import InvalidInputError
from meanfield.launcher import launched_rank
from meanfield.safeguards import Stopped, open_run, running

if TYPE_CHECKING:
    from meanfield.trajectory import Trajectory

__all__ = ["check_file_alone", "continue_run", "follow_run", "summarise"]


def check_file_alone(
    source: str, resume: bool, seed: int, force: bool, given: Mapping[str, object]
) -> None:
    """Raise unless a run's own file is named to be continued, with nothing that it holds.

    Parameters
    ----------
    source : str
        Name of the file.
    resume : bool
        Whether it is to be continued.
    seed : int
        0 stands for that of the file.
    force : bool
        Whether files may be overwritten.
    given : mapping of str to object
        Options by name, None where they are not given.

    Raises
    ------
    FileError
        If the file is missing or unreadable.
    InvalidInputError
        If an option is given that cannot be changed.
    """
    if not resume:
        raise InvalidInputError(
            f"{source} is no scenario; if it is a run, meanfield simulate --resume {source} "
            "continues it"
        )
    if force:
        raise InvalidInputError("--resume continues a file and --force replaces it: give one")
    for option, value in given.items():
        if value is not None:
            raise InvalidInputError(
                f"{option} cannot be given when a file is resumed: the run goes on as it began; "
                "only --t-end can be later"
            )
    if seed not in (0, held := open_run(Path(source)).seed):
        raise InvalidInputError(f"{source} was made with --seed {held}, which cannot be changed")


def continue_run(path: Path, t_end: float | None, quiet: bool) -> None:
    """Continue the run of a file, to a later end if one is given, and say what it did.

    Raises
    ------
    FileError, InvalidInputError
        As `meanfield.simulate.resume`.
    Stopped
        If it stops again.
    """
    from meanfield.ranks import shared_run
    from meanfield.simulate import resume

    open_run(path)
    quiet = quiet or launched_rank() > 0
    started = time.monotonic()
    with running(path), shared_run(path):
        done = resume(path, t_end=t_end, progress=not quiet)
    if not quiet:
        summarise(done, path, started)


def summarise(done: Trajectory, path: Path, started: float) -> None:
    """Print what a run did since an instant of the monotonic clock."""
    from meanfield import report

    report.rows(report.output(), report.run_summary(done, path, time.monotonic() - started))


def follow_run(path: Path) -> None:
    """Show how far a run of another process is, until it ends or the user has seen enough.

    Raises
    ------
    Stopped
        If the run ends before its end.
    """
    from meanfield import report
    from meanfield.watching import glances

    console = report.output()
    try:
        last = report.follow(console, glances(path))
    except KeyboardInterrupt:
        return
    resumed = f"resume it with: meanfield simulate --resume {path}"
    if last.status == "abandoned":
        raise Stopped(f"{path} stopped without finishing: no process writes to it; {resumed}")
    if last.status != "complete":
        raise Stopped(f"{path} {last.status}: {last.reason}; {resumed}")
    report.rows(console, open_run(path).describe())
