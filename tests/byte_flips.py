"""Files with flipped bytes, tried in processes of their own: the HDF5 library may crash."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np

# Reads one file after the other and says what came of each.
READER = """
import sys, time, warnings
from pathlib import Path
from meanfield.errors import FileError
from meanfield.study import Study
from meanfield.trajectory import Trajectory

def read_run(path):
    run = Trajectory.open(path)
    run.describe()
    for measure in run.measures:
        measure.weights, measure.positions

def read_study(path):
    str(Study.open(path))

warnings.simplefilter("ignore")
read = {"run": read_run, "study": read_study}[sys.argv[1]]
for name in sys.stdin.read().splitlines():
    print(f"begin {name}", flush=True)
    started = time.monotonic()
    try:
        read(Path(name))
        outcome = "sound"
    except FileError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if time.monotonic() - started > 5.0:
        outcome = f"slow ({time.monotonic() - started:.1f} s)"
    print(f"end {outcome}", flush=True)
"""


def damaged(whole: bytes, seed: int) -> bytes:
    """The bytes with some flipped, overwritten, removed or repeated; the seed says how."""
    rng = np.random.default_rng(seed)
    content = bytearray(whole)
    kind = rng.integers(6)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(content)))
        if kind <= 2:
            content[place] ^= 1 << int(rng.integers(8))
        elif kind == 3:
            content[place : place + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, rng.bytes(8)])
        elif kind == 4:
            other = int(rng.integers(len(content)))
            content[place : place + 16] = content[other : other + 16]
        else:
            del content[place : place + int(rng.integers(1, 64))]
    return bytes(content[: int(rng.integers(len(content)))] if rng.random() < 0.05 else content)


def outcomes(
    folder: Path, kind: str, whole: bytes, seeds: range, timeout: float = 120.0
) -> Counter[str]:
    """Count what came of reading damaged files; crashes and hangs are outcomes too."""
    waiting = []
    for seed in seeds:
        path = folder / f"{kind}-{seed}.h5"
        path.write_bytes(damaged(whole, seed))
        waiting.append(str(path))
    found: Counter[str] = Counter()
    while waiting:
        lines, status = _read_all(kind, waiting, timeout)
        ended = [line.removeprefix("end ") for line in lines if line.startswith("end ")]
        for name, outcome in zip(waiting, ended, strict=False):
            found[outcome if outcome in ("sound", "refused") else f"{outcome} [{name}]"] += 1
        if len(ended) < len(waiting):
            found[f"{status} [{waiting[len(ended)]}]"] += 1
        waiting = waiting[len(ended) + 1 :]
    return found


def _read_all(kind: str, names: list[str], timeout: float) -> tuple[list[str], str]:
    """What a process says of the files, and how it ended."""
    command = [sys.executable, "-c", READER, kind]
    try:
        done = subprocess.run(
            command, input="\n".join(names), capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        told = error.stdout or b""
        return (told.decode() if isinstance(told, bytes) else told).splitlines(), "hang"
    return done.stdout.splitlines(), f"exit status {done.returncode}"
