"""Where compiled kernels are kept on disk: one directory for each state of the sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite
import numba
from numba.core import config

__all__ = ["kernel_directory", "source_hash"]

#: Suffix of a file that holds a compiled kernel.
SUFFIX = ".kernel"

# Directories of other sources that nobody opened for so long are removed.
_UNUSED_SECONDS = 30 * 24 * 3600.0


@cache
def kernel_directory() -> Path | None:
    """Directory that holds the kernels of these sources, or None if there can be none.

    It is ``meanfield/kernels-<hash>`` in ``NUMBA_CACHE_DIR`` if that is set, in the
    user's directory of caches otherwise. If that cannot be written to and holds nothing,
    it is a private directory among the temporary ones.
    """
    code = source_hash()
    if code is None:
        return None
    for root in _roots():
        directory = root / f"kernels-{code}"
        if _is_writable(directory) or _holds_kernels(directory):
            return directory
    return None


@cache
def source_hash() -> str | None:
    """Hash of all kernel sources and of what compiles them; None without sources.

    Contents count, not times or paths: a second installation of the same sources finds
    the kernels of the first, and an edit of a kernel is noticed by those that call it.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    if not sources:
        return None
    collected = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for source in sources:
        collected.update(source.name.encode())
        collected.update(hashlib.sha256(source.read_bytes()).digest())
    return collected.hexdigest()[:16]


def _roots() -> Iterator[Path]:
    """Directories to try, the best first."""
    chosen = getattr(config, "CACHE_DIR", "")
    caches = Path(chosen).absolute() if chosen else _user_caches()
    if caches is not None:
        yield caches / "meanfield"
    with suppress(OSError):
        yield _private_directory()


def _user_caches() -> Path | None:
    """Where the system wants a user's caches; None for a user without a home."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else None
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(chosen):
        return Path(chosen)
    home = Path(os.path.expanduser("~"))
    if not (home.is_absolute() and home.is_dir()):
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _private_directory() -> Path:
    """Temporary directory of this user; whoever could write to it could run code as us.

    Raises
    ------
    OSError
        If it cannot be made, or belongs to somebody else.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    directory = Path(tempfile.gettempdir()) / f"meanfield-{user}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid"):
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o022:
            raise PermissionError(f"{directory} is not private")
    return directory


def _is_writable(directory: Path) -> bool:
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            _remove_unused(directory.parent)
        os.utime(directory)  # in use today
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK)


def _holds_kernels(directory: Path) -> bool:
    try:
        return any(name.endswith(SUFFIX) for name in os.listdir(directory))
    except OSError:
        return False


def _remove_unused(root: Path) -> None:
    """Remove the directories of other sources that were not used for a month."""
    for directory in root.glob("kernels-*"):
        with suppress(OSError):
            if time.time() - directory.stat().st_mtime > _UNUSED_SECONDS:
                shutil.rmtree(directory, ignore_errors=True)
