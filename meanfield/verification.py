"""Whether the frames of a file are those that were written."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meanfield.errors import FileError
from meanfield.frames import FileSource

__all__ = ["Verification", "verify"]

# Damaged frames that are named.
_NAMED = 10


@dataclass(frozen=True)
class Verification:
    """What was compared in a file that is sound.

    Attributes
    ----------
    frames : int
        Committed frames; all were read.
    compared : int
        How many of them have checksums, which are right.
    """

    frames: int
    compared: int

    def __str__(self) -> str:
        if not self.compared:
            return f"{self.frames} frames can be read; they have no checksums"
        rest = self.frames - self.compared
        return f"{self.compared} frames are what was written" + (
            f", {rest} have no checksums" if rest else ""
        )


def verify(path: str | Path) -> Verification:
    """Read every committed frame of a run and compare it with its checksum.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If frames are damaged, or what the file says of its run.

    Examples
    --------
    >>> verify("nothing.h5")
    Traceback (most recent call last):
    meanfield.errors.FileError: there is no file nothing.h5
    """
    source = FileSource(Path(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is damaged is named below
        source.header()
    damaged = set(np.flatnonzero(source.damaged_numbers()).tolist())
    for index in range(source.committed):
        try:
            source.values(index)
        except FileError:
            damaged.add(index)
    if damaged:
        first = ", ".join(map(str, sorted(damaged)[:_NAMED]))
        more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
        raise FileError(
            f"{path} is damaged: its checksums are not those of the frames {first}{more}; "
            f"the other {source.committed - len(damaged)} are what was written"
        )
    return Verification(source.committed, source.summed)
