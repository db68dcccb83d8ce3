"""Compiled kernels on disk: numba's cache with files of our own.

numba's files are judged by the source file of the kernel alone: an edit of a function
that it calls from elsewhere goes unnoticed. Its index is read, changed and written back
without a lock: two processes that compile at the same moment can leave an index that
names the code of one for the types of the other. Here the directory is named by all
sources, and each kernel and types have a file of their own, which is replaced as a whole.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache, _CacheLocator
from numba.core.serialize import dumps

from meanfield.kernels.directory import SUFFIX, kernel_directory

__all__ = ["KernelCache", "NullCache"]

_DIGEST_SIZE = hashlib.sha256().digest_size


class _Locator(_CacheLocator):
    """What numba asks for the place of files, with one answer for all kernels."""

    def __init__(self, directory: Path, line: int) -> None:
        self._directory = directory
        self._line = line

    def ensure_cache_path(self) -> None:
        os.makedirs(self._directory, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self._directory)

    def get_source_stamp(self) -> str:
        return self._directory.name

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator | None:
        directory = kernel_directory()
        return None if directory is None else cls(directory, py_func.__code__.co_firstlineno)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [_Locator]


class KernelCache(FunctionCache):
    """Loads and saves what is compiled of one kernel, a Python function."""

    _impl_class = _Implementation

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        # Not where numba may have been told to put files: that is not named by the sources.
        directory = kernel_directory() or Path()
        self._cache_path = str(directory)
        self._cache_file = _Files(directory, self._impl.filename_base)  # type: ignore[assignment]

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save, unless the disk is full or not ours."""
        with suppress(OSError):
            super().save_overload(sig, data)


class _Files:
    """One file for each key; it says which, and whether it is whole."""

    def __init__(self, directory: Path, stem: str) -> None:
        self._directory = directory
        self._stem = stem

    def load(self, key: Any) -> Any:
        """Return what was saved under a key, or None."""
        try:
            content = self._path(key).read_bytes()
            digest, kept = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
            if hashlib.sha256(kept).digest() != digest:
                return None
            found, data = pickle.loads(kept)
        except Exception:  # absent, unreadable, or of classes that are no more: compile anew
            return None
        return data if found == key else None

    def save(self, key: Any, data: Any) -> None:
        """Write a file, or replace it as a whole."""
        kept = dumps((key, data))
        path = self._path(key)
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}")
        try:
            unfinished.write_bytes(hashlib.sha256(kept).digest() + kept)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def flush(self) -> None:
        """Remove all files of the kernel."""
        for path in self._directory.glob(f"{self._stem}.*"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._directory / f"{self._stem}.{name}{SUFFIX}"
