"""The bytes of one file, for a library that does not survive a write that fails."""

from __future__ import annotations

import errno
import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meanfield.errors import FileError

__all__ = ["DirectFile", "hdf5_in", "is_locked", "put_in_place", "uninterrupted"]

# What some network disks answer to what they cannot do: locks, or two names of a file.
_CANNOT = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EPERM}


class DirectFile(io.FileIO):
    """A file that this process alone writes to, byte for byte as told.

    The HDF5 library crashes when a write fails, be it only at the end of the process. Here a
    failure is remembered instead, later writes are dropped, and `check` tells.

    Parameters
    ----------
    path : path
    make : bool
        Make the file if there is none.

    Raises
    ------
    FileError
        If another process writes to the file.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with DirectFile(Path(folder, "bytes"), make=True) as file:
    ...         written = file.write(b"abc")
    ...         file.check()
    ...         file.is_at(Path(folder, "bytes")), file.is_at(Path(folder, "other"))
    (True, False)
    """

    def __init__(self, path: Path, make: bool = False) -> None:
        self.failure: OSError | None = None
        flag = os.O_CREAT if make else 0
        super().__init__(path, "r+", opener=lambda name, flags: os.open(name, flags | flag, 0o666))
        # The file may be renamed between opening and locking it.
        if not _locked(self.fileno()) or not self.is_at(path):
            super().close()
            raise FileError(f"another process is writing to {path}")

    def write(self, data: Any) -> int:
        """Write all bytes, or remember what went wrong."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.failure is None:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Give the file this size, or remember what went wrong."""
        try:
            if self.failure is None and size != os.fstat(self.fileno()).st_size:
                super().truncate(size)
        except OSError as error:
            self.failure = error
        return size or 0

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, with zeros beyond the end of the file."""
        left = memoryview(buffer).cast("B")
        size = len(left)
        while left:
            count = super().readinto(left)
            if not count:
                left[:] = bytes(len(left))
                break
            left = left[count:]
        return size

    def check(self) -> None:
        """Raise what went wrong.

        Raises
        ------
        OSError
        """
        if self.failure is not None:
            raise self.failure

    def sync(self) -> None:
        """Push the bytes to the disk."""
        os.fsync(self.fileno())

    def reserve(self) -> None:
        """Take the space for all bytes up to the end from the disk now."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.fileno(), 0, os.fstat(self.fileno()).st_size)

    def is_at(self, path: Path) -> bool:
        """Whether it is this file that the path leads to."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self.fileno()))
        except FileNotFoundError:
            return False

    @property
    def is_removed(self) -> bool:
        """Whether no path leads to the file any more."""
        return os.fstat(self.fileno()).st_nlink == 0


def is_locked(path: Path) -> bool:
    """Whether a process writes to the file.

    Examples
    --------
    >>> is_locked(Path("nothing.h5"))
    False
    """
    if not path.is_file():
        return False
    try:
        with io.FileIO(path) as file:
            return not _locked(file.fileno())
    except PermissionError:
        return False


def put_in_place(part: Path, path: Path, force: bool) -> None:
    """Give a file that is ready its name, at once.

    Parameters
    ----------
    part : Path
        Where the file is, in the same folder.
    path : Path
        Where it is to be.
    force : bool
        Whether it may replace a file, unless a process writes to that.

    Raises
    ------
    FileExistsError
        If a file is there that may not be replaced.
    FileError
        If a process writes to it.
    OSError
        If the folder cannot be written.
    """
    if force:
        if is_locked(path):
            raise FileError(f"another process is writing to {path}")
        os.replace(part, path)
    else:
        _rename(part, path)
    if os.name == "posix":
        folder = os.open(path.absolute().parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _rename(part: Path, path: Path) -> None:
    """Rename, but never over another file where the disk can see to it."""
    try:
        os.link(part, path)
    except OSError as error:
        if isinstance(error, FileExistsError) or error.errno not in _CANNOT:
            raise
        if path.exists():
            raise FileExistsError(path) from None
        os.replace(part, path)
    else:
        part.unlink()


def _locked(descriptor: int) -> bool:
    """Lock a file against other writers, as the HDF5 library does; False if one holds it."""
    if os.name != "posix":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    return True


@contextmanager
def hdf5_in(file: DirectFile) -> Iterator[Any]:
    """A new HDF5 file in these bytes, open inside.

    Raises
    ------
    OSError
        If a write failed, whatever the library made of that.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with DirectFile(Path(folder, "new.h5"), make=True) as file:
    ...         with hdf5_in(file) as new:
    ...             new["number"] = 7
    """
    import h5py

    file.truncate(0)
    try:
        with uninterrupted(), h5py.File(file, "w") as new:
            yield new
    except Exception:
        file.check()
        raise
    file.check()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Inside, an interruption by the user waits until the end.

    Examples
    --------
    >>> with uninterrupted():
    ...     pass  # what must not stop half-way
    """
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    late: list[Any] = []
    signal.signal(signal.SIGINT, lambda *given: late.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if late and callable(before):
            before(*late[0])
