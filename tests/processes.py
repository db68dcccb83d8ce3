"""Processes that begin where everything is imported and compiled."""

from __future__ import annotations

import multiprocessing
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest


@cache
def context() -> Any:
    """Where processes are forked from; they have one thread, as forks keep no others."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["crash_warm"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(Path(__file__).parent))
        environment.setenv("NUMBA_NUM_THREADS", "1")
        finished_in(found, os.getpid)
    return found


def finished(target: Any, *arguments: Any) -> int:
    """Exit code of a process."""
    return finished_in(context(), target, *arguments)


def finished_in(found: Any, target: Any, *arguments: Any) -> int:
    process = found.Process(target=target, args=arguments)
    process.start()
    process.join(120.0)
    if process.is_alive():
        process.kill()
        raise TimeoutError("the process does not end")
    code: int = process.exitcode
    return code
