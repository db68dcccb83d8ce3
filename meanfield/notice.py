"""Say that kernels are being compiled, while they are: a silent wait looks like a fault."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from numba.core.event import Event, Listener, install_listener

__all__ = ["compilation_announced"]

_KEPT = "compiling kernels once, a few seconds; `meanfield warmup` does it ahead"
_LOST = "compiling kernels, a few seconds"


@contextmanager
def compilation_announced() -> Iterator[None]:
    """Print one line on standard error when the first kernel is compiled, if one is.

    Kernels that are loaded from disk are not worth a line.
    """
    with install_listener("numba:compile", _Announcer()):
        yield


class _Announcer(Listener):
    def __init__(self) -> None:
        self._silent = False

    def on_start(self, event: Event) -> None:
        """Print the line, the first time."""
        if not self._silent:
            self._silent = True
            is_kept = event.data["dispatcher"].stats.cache_path is not None
            print(f"meanfield: {_KEPT if is_kept else _LOST}", file=sys.stderr, flush=True)

    def on_end(self, event: Event) -> None:
        """Nothing to say."""
