"""What is checked before a run of the command line, and caught while it goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from meanfield.errors import DivergenceError, FileError, InvalidInputError

if TYPE_CHECKING:
    from meanfield.recording import Recording
    from meanfield.trajectory import Trajectory

__all__ = [
    "Stopped",
    "check_output",
    "data_file",
    "frame_recording",
    "is_study",
    "open_run",
    "running",
    "tidied",
]

_FAILURE, _INTERRUPTED, _TERMINATED = 1, 130, 143


class Stopped(Exception):
    """A run that did not come to its end; the message says what can be done.

    Attributes
    ----------
    status : int
        Exit status of the command.
    """

    def __init__(self, message: str, status: int = _FAILURE) -> None:
        super().__init__(message)
        self.status = status


def data_file(path: Path) -> Path:
    """Path of a file to write data to, if its suffix is that of HDF5.

    Raises
    ------
    InvalidInputError
        If the suffix is another one.
    """
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise InvalidInputError(f"{path} must end in .h5, so that it is known as an HDF5 file")
    return path


def frame_recording(particles: int | None, dtype: str | None) -> Recording:
    """What the frames of a run are to hold.

    Raises
    ------
    InvalidInputError
        If the number is below 1 or the precision unknown.
    """
    from meanfield.recording import Recording

    if particles is not None and particles < 1:
        raise InvalidInputError(f"--frame-particles must be >= 1, got {particles}")
    return Recording(particles, dtype)  # type: ignore[arg-type]


def check_output(path: Path, force: bool, kinds: tuple[str, ...] = ()) -> Path:
    """Path of a file that can be written; asked before anything is computed.

    Parameters
    ----------
    path : Path
    force : bool
        Whether an existing file may be overwritten.
    kinds : tuple of str
        Suffixes that are allowed; any if empty.

    Raises
    ------
    InvalidInputError
        If the suffix is another one.
    FileError
        If something is in the way.

    Examples
    --------
    >>> check_output(Path("run.jpeg"), False, (".png", ".pdf"))
    Traceback (most recent call last):
    meanfield.errors.InvalidInputError: run.jpeg must end in .png, .pdf
    """
    folder = path.absolute().parent
    if kinds and path.suffix.lower() not in kinds:
        raise InvalidInputError(f"{path} must end in {', '.join(kinds)}")
    if not os.path.isdir(folder):
        raise FileError(f"there is no folder {folder} to write {path.name} to")
    if os.path.isdir(path):
        raise FileError(f"{path} is a folder, not a file")
    try:
        exists = path.exists()
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None
    if exists and not os.path.isfile(path):
        raise FileError(f"{path} is a device or a pipe, not a file")
    if exists and not force:
        raise FileError(f"{path} exists already; use --force to overwrite it")
    if not os.access(folder, os.W_OK):
        raise FileError(f"the folder {folder} is not writable")
    return path


def open_run(path: Path) -> Trajectory:
    """Open a trajectory.

    Raises
    ------
    FileError
        If the file is missing, unreadable, or a comparison of widths.
    """
    from meanfield.trajectory import Trajectory

    if is_study(path):
        raise FileError(f"{path} is a comparison of widths, not a run; see meanfield plot {path}")
    return Trajectory.open(path)


def is_study(path: Path) -> bool:
    """Whether a file holds a comparison of widths.

    Raises
    ------
    FileError
        If the file is missing or is no HDF5 file.
    """
    from meanfield.inspection import inspected, text

    if path.suffix == ".toml" and os.path.isfile(path):
        raise FileError(
            f"{path} describes a run and holds none; make it by meanfield simulate {path}"
        )
    with inspected(path, "HDF5 file") as file:
        return "format" in file.attrs and text(file, "format") == "meanfield-study"


@contextmanager
def running(path: Path | None) -> Iterator[None]:
    """Turn what goes wrong inside into a failed run: it is no mistake in the call.

    Parameters
    ----------
    path : Path or None
        File that keeps what was done, if there is one.

    Raises
    ------
    Stopped
        For an interruption, a divergence, or a file that gave out.
    """
    kept = f"; {path} holds what was done, and --resume continues it" if path else ""
    try:
        yield
    except KeyboardInterrupt:
        kept = kept if path is not None and path.exists() else ""
        raise Stopped(f"interrupted{kept}", _INTERRUPTED) from None
    except FileError as error:
        raise Stopped(str(error)) from None
    except DivergenceError as error:
        kept = f"; {path} holds the frames before" if path is not None and path.exists() else ""
        raise Stopped(f"{error}{kept}") from None


@contextmanager
def tidied() -> Iterator[None]:
    """Let a termination end what is inside as an error does, so that it clears up behind it.

    Raises
    ------
    Stopped
        For the signal SIGTERM, by which schedulers and `kill` end a process.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped("terminated", _TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
