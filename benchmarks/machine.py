"""The machine: what it is, and what else it is doing."""

from __future__ import annotations

import os
import time
from pathlib import Path

_PROC = Path("/proc")


def processor() -> str:
    """Name of the processor and number of its cores at hand."""
    lines = (_PROC / "cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'}, {len(os.sched_getaffinity(0))} cores"


def blas_kernel() -> str:
    """OpenBLAS version, the kernel it chose, and what the environment asks for."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    found = [p for p in threadpool_info() if p["user_api"] == "blas"]
    described = [f"{p['internal_api']} {p['version']} {p.get('architecture', '')}" for p in found]
    asked = os.environ.get("OPENBLAS_CORETYPE", "unset")
    return f"{', '.join(sorted(set(described)))}; OPENBLAS_CORETYPE {asked}"


def wait_until_quiet(seconds: float) -> bool:
    """Wait until nothing but this process runs, at most for a while; whether it is so."""
    end = time.monotonic() + seconds
    while _running() > 1:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _running() -> int:
    return int((_PROC / "loadavg").read_text().split()[3].split("/")[0])


class ForeignCPU:
    """Seconds of processor time that go to others than a set of processes."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids
        self._start = self._clocks()

    def share(self) -> float:
        """Foreign time since the start as a fraction of one core's time."""
        now = self._clocks()
        elapsed, busy, ours = (b - a for a, b in zip(self._start, now, strict=True))
        return max(0.0, busy - ours) / max(elapsed, 1e-9)

    def _clocks(self) -> tuple[float, float, float]:
        """Wall time, busy time of all cores, and time of the processes, in seconds."""
        ticks = os.sysconf("SC_CLK_TCK")
        user, nice, system, _, _, *interrupts = map(
            int, (_PROC / "stat").read_text().splitlines()[0].split()[1:9]
        )
        ours = 0
        for pid in self._pids:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ours += int(fields[11]) + int(fields[12])
        busy = user + nice + system + sum(interrupts)
        return time.monotonic(), busy / ticks, ours / ticks
