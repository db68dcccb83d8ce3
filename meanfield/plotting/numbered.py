"""Movies as numbered pictures, one file each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from meanfield.errors import FileError, InvalidInputError

__all__ = ["check_numbered", "write_numbered"]

_NUMBER = re.compile(r"%0?\d*d")


def check_numbered(path: Path, force: bool) -> Path:
    """Path of numbered pictures, if its name has a place for a number and none is in the way.

    Raises
    ------
    InvalidInputError
        If the name has no place for a number.
    FileError
        If the folder does not exist, or a picture of the series does and `force` is false.

    Examples
    --------
    >>> check_numbered(Path("run-%04d.png"), False).name
    'run-%04d.png'
    """
    if len(_NUMBER.findall(path.name)) != 1 or path.name.count("%") != 1:
        raise InvalidInputError(
            f"{path.name} is one picture, and a movie has many: write {path.stem}-%04d.png for "
            "numbered ones, or plot the run for a single one"
        )
    if not path.parent.is_dir():
        raise FileError(f"no folder {path.parent} to write {path.name} to")
    before = _pictures_on_disk(path)
    if before and not force:
        raise FileError(f"{before[0]} exists already; use force=True (--force) to overwrite it")
    return path


def _pictures_on_disk(path: Path) -> list[Path]:
    """Files whose names are the pattern with a number, in the order of the numbers."""
    before, after = _NUMBER.split(path.name)
    pattern = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    found = {
        each: int(match[1])
        for each in path.parent.iterdir()
        if (match := pattern.fullmatch(each.name)) and each.name == path.name % int(match[1])
    }
    return sorted(found, key=lambda each: found[each])


def write_numbered(path: Path, pictures: Iterable[Any]) -> None:
    """Write pictures number 1, 2, … ; files of an earlier series make room for them.

    Nothing is replaced before the last one is drawn.

    Parameters
    ----------
    path : Path
        With a place for a number.
    pictures : iterable of (height, width, 4) arrays of bytes

    Raises
    ------
    FileError
        If a file cannot be written.
    """
    from tempfile import TemporaryDirectory

    from PIL import Image

    try:
        with TemporaryDirectory(prefix=".meanfield-", dir=path.parent) as partial:
            names = []
            for number, picture in enumerate(pictures, start=1):
                names.append(path.name % number)
                image = Image.fromarray(picture[..., :3].copy())
                image.save(Path(partial, names[-1]), compress_level=4)
            for old in _pictures_on_disk(path):
                old.unlink()
            for name in names:
                Path(partial, name).replace(path.with_name(name))
    except OSError as error:
        raise FileError(f"cannot write {path}: {error}") from error
