"""The side of the pipe where a peer sits: one JSON line in, one JSON line out."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cases import Case


@dataclass(frozen=True)
class Variant:
    """One way in which a peer computes a case.

    Attributes
    ----------
    call : callable
        Does the work once, and returns when it is done.
    arrays : callable
        Turns what a call returned into outputs (n,) and velocities (N, p).
    method : str
        What the peer calls its method, for the report.
    """

    call: Callable[[], Any]
    arrays: Callable[[Any], tuple[Any, Any]]
    method: str = ""


#: Variants by name; none if the peer does not take part in the case.
Prepare = Callable[[Case], dict[str, Variant]]


class _Server:
    def __init__(self, prepare: Prepare) -> None:
        self.prepare = prepare
        self.variants: dict[str, Variant] = {}

    def setup(self, case: dict[str, Any], folder: str) -> dict[str, Any]:
        """Prepare a case and write the result of every variant into a folder."""
        self.variants = {}
        self.variants = self.prepare(Case(**case))
        reply = {}
        for name, variant in self.variants.items():
            outputs, velocities = variant.arrays(variant.call())
            path = os.path.join(folder, f"{name}.npz")
            np.savez(path, outputs=outputs, velocities=velocities)
            reply[name] = {"path": path, "method": variant.method}
        return {"variants": reply}

    def time(self, variant: str, seconds: float, calls: int) -> dict[str, Any]:
        """Seconds of each call of one slot, whose first call is discarded."""
        call = self.variants[variant].call
        call()
        times: list[float] = []
        while sum(times) < seconds or len(times) < calls:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return {"times": times}


def serve(prepare: Prepare, versions: dict[str, str]) -> None:
    """Answer requests until the pipe is closed."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    server = _Server(prepare)
    print(json.dumps({"versions": versions}), file=pipe, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(server, request.pop("do"))(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(reply), file=pipe, flush=True)
