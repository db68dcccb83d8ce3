"""Peers in processes of their own, timed in interleaved rounds and checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import reference
from benchmarks.cases import Case, tolerance
from benchmarks.machine import ForeignCPU, wait_until_quiet

SLOT_SECONDS = 0.25
SLOT_CALLS = 2
# More foreign processor time than this, as a fraction of one core, disturbs a round.
MOST_FOREIGN = 0.05
MOST_REPEATS = 3
_QUIET_SECONDS = 3.0
_LOG = Path("build/benchmarks.log")

#: Seconds of the calls of every variant.
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Peer:
    """How a peer is started.

    Attributes
    ----------
    module : str
        In `benchmarks.peers`.
    arguments : tuple of str
    environment : dict
    """

    module: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        """Interpreter: BENCH_PYTHON_TORCH and so on, else the one that runs the harness."""
        name = self.module.removesuffix("_peer").upper()
        return os.environ.get(f"BENCH_PYTHON_{name}", sys.executable)


_KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "16000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
PEERS = {
    "meanfield": Peer("meanfield_peer"),
    "meanfield-1": Peer("meanfield_peer", (), {"NUMBA_NUM_THREADS": "1"}),
    "torch": Peer("torch_peer"),
    "torch-tuned": Peer("torch_peer", ("tuned",), _KEEP_MEMORY),
    "jax": Peer("jax_peer"),
    "numpy": Peer("numpy_peer"),
}


class PeerError(Exception):
    """A peer could not start or could not do what was asked."""


class Process:
    """A running peer."""

    def __init__(self, peer: Peer, log: Any) -> None:
        self._process = subprocess.Popen(
            [peer.python, "-m", f"benchmarks.peers.{peer.module}", *peer.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, **peer.environment},
        )  # fmt: skip
        self.pid = self._process.pid

    def read(self) -> dict[str, Any]:
        """Next answer; `PeerError` if it is an error or the process has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"ended with status {self._process.wait()}, see {_LOG}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise PeerError(reply["error"])
        return reply

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise PeerError(f"ended with status {self._process.wait()}, see {_LOG}") from None
        return self.read()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Harness:
    """Runs cases with peers.

    Parameters
    ----------
    names : list of str
        Of `PEERS`.
    rounds : int
        Undisturbed rounds to aim at.

    Attributes
    ----------
    versions : dict
        Of what the peers use.
    skipped : dict
        Why a peer does not take part, by its name.
    """

    def __init__(self, names: list[str], rounds: int) -> None:
        self.names, self.rounds = names, rounds
        self.versions: dict[str, str] = {}
        self.skipped: dict[str, str] = {}

    def run(self, cases: list[Case]) -> Iterator[dict[str, Any]]:
        """One row a case."""
        for _, family in groupby(cases, lambda case: case.family):
            with self._start() as processes:
                for case in family:
                    yield self._measure(case, processes)

    @contextmanager
    def _start(self) -> Iterator[dict[str, Process]]:
        _LOG.parent.mkdir(exist_ok=True)
        with _LOG.open("a") as log:
            started = {n: Process(PEERS[n], log) for n in self.names if n not in self.skipped}
            processes = dict(started)
            for name, process in started.items():
                try:
                    self.versions |= process.read()["versions"]
                except PeerError as error:
                    self.skipped[name] = str(error)
                    del processes[name]
            try:
                yield processes
            finally:
                for process in started.values():
                    process.close()

    def _measure(self, case: Case, processes: dict[str, Process]) -> dict[str, Any]:
        row: dict[str, Any] = {"name": case.name, **asdict(case), "errors": {}, "peers": {}}
        for name, process in processes.items():
            try:
                row["peers"] |= _set_up(case, name, process)
            except PeerError as error:
                row["errors"][name] = str(error)
        slots = [(peer["peer"], variant) for variant, peer in row["peers"].items()]
        times, row["clean_rounds"], row["disturbed_rounds"] = self._time(slots, processes)
        for label, seconds in times.items():
            row["peers"][label] |= {"median": median(seconds), "least": min(seconds)}
        return row

    def _time(
        self, slots: list[tuple[str, str]], processes: dict[str, Process]
    ) -> tuple[Times, int, int]:
        """Seconds of all calls, undisturbed if possible, and numbers of rounds of each kind."""
        pids = [os.getpid(), *(process.pid for process in processes.values())]
        clean: list[Times] = []
        disturbed: list[tuple[float, Times]] = []
        most = self.rounds + MOST_REPEATS
        while len(clean) < self.rounds and len(clean) + len(disturbed) < most:
            quiet = wait_until_quiet(_QUIET_SECONDS)
            foreign = ForeignCPU(pids)
            turn = slots if (len(clean) + len(disturbed)) % 2 == 0 else slots[::-1]
            times = {label: _time_slot(label, processes[name]) for name, label in turn}
            share = foreign.share()
            if quiet and share <= MOST_FOREIGN:
                clean.append(times)
            else:
                disturbed.append((share, times))
        return _join(clean, disturbed, self.rounds), len(clean), len(disturbed)


def _time_slot(label: str, process: Process) -> list[float]:
    variant = label.partition(":")[2]
    reply = process.ask("time", variant=variant, seconds=SLOT_SECONDS, calls=SLOT_CALLS)
    return list(reply["times"])


def _join(clean: list[Times], disturbed: list[tuple[float, Times]], rounds: int) -> Times:
    """Calls of the clean rounds, filled up by the least disturbed ones."""
    fill = [times for _, times in sorted(disturbed, key=lambda pair: pair[0])]
    chosen = (clean + fill)[:rounds]
    labels = chosen[0] if chosen else ()
    return {label: [t for times in chosen for t in times[label]] for label in labels}


def _set_up(case: Case, name: str, process: Process) -> dict[str, Any]:
    """Variants of a peer by label, each with its errors against the exact answer."""
    with tempfile.TemporaryDirectory() as folder:
        variants = process.ask("setup", case=asdict(case), folder=folder)["variants"]
        checked = {}
        for variant, reply in variants.items():
            with np.load(reply["path"]) as result:
                verdict = check_result(case, result["outputs"], result["velocities"])
            checked[f"{name}:{variant}"] = {"peer": name, "method": reply["method"], **verdict}
        return checked


def check_result(case: Case, outputs: np.ndarray, velocities: np.ndarray) -> dict[str, Any]:
    """Largest error of outputs, v_a, v_w and v_b relative to their norms, and its verdict."""
    exact_outputs, exact = _exact(replace(case, dtype="float64"))
    errors = [_relative(outputs, exact_outputs)] if exact_outputs.size else []
    columns = (slice(0, 1), slice(1, 1 + case.inputs), slice(1 + case.inputs, None))
    parts = columns if case.biased else columns[:2]
    errors += [_relative(velocities[:, part], exact[:, part]) for part in parts]
    return {"error": max(errors), "agrees": bool(max(errors) <= tolerance(case))}


def _relative(result: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(result - exact) / np.linalg.norm(exact))


@lru_cache(maxsize=1)
def _exact(case: Case) -> tuple[np.ndarray, np.ndarray]:
    return reference.solve(case)
