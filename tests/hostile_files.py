"""Small sound files, ways to damage them, and processes that read what is damaged."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np

from meanfield.datasets import Dataset
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.storage import HDF5Store, Header
from meanfield.supports import GridSupport, ParticleSupport, ReweightedSupport
from studies import made_up

TIMES = np.linspace(0.0, 1.0, 4)
DATA = Dataset([[0.0], [1.0]], [1.0, 2.0])
MASSES = np.array([0.2, 0.3, 0.5])
POINTS = np.random.default_rng(0).standard_normal((4, 3, 2))
# What the measures of a run live on, with the frames.
CLOUDS = {
    "particles": (ParticleSupport(MASSES, 2), {"position": POINTS}),
    "masses": (ReweightedSupport(3, 2), {"position": POINTS, "weight": np.tile(MASSES, (4, 1))}),
    "grid": (
        GridSupport((2, 2), np.zeros(2), np.ones(2)),
        {"density": np.tile([[0.5, 1.5], [1.0, 1.0]], (4, 1, 1))},
    ),
}
KINDS = (*CLOUDS, "study")


def write_sound(path, kind="particles"):
    """Write a run of four frames, or a study, and return its path."""
    if kind == "study":
        return made_up(seeds=3).save(path)
    support, frames = CLOUDS[kind]
    problem = Problem(Neuron(1, activation="relu", bias=False), DATA)
    state = {"count": 0, "array": np.zeros(3)}
    solver = ParticleFlow(method="euler", step=0.1)
    store = HDF5Store(path)
    store.create(Header(problem, solver, 3, TIMES, support, ("test_risk",), state))
    for index, time in enumerate(TIMES):
        frame = {name: values[index] for name, values in frames.items()}
        store.write_frame(index, time, frame, {"risk": 1.0, "energy": 2.0, "test_risk": 3.0})
    store.write_state(3, state)
    store.finish("complete")
    store.close()
    return path


# Reads one file after the other, and says what came of each: of one that is read, a digest of
# its contents; of one whose numbers are damaged and read as nan, that this was told.
READER = """
import faulthandler, hashlib, json, sys, warnings
import numpy as np
from meanfield.errors import FileError
from meanfield.study import Study
from meanfield.trajectory import Trajectory

def read(name):
    if "study" in name:
        str(Study.open(name))
        return ""
    run = Trajectory.open(name)
    run.describe()
    found = hashlib.sha256(repr((run.solver, run.seed, run.problem)).encode())
    found.update(run.problem.data.inputs.tobytes() + run.problem.data.targets.tobytes())
    for values in (run.times, run.risk, run.energy, *run.observables.values()):
        found.update(values.tobytes())
    for measure in run.measures:
        found.update(measure.positions.tobytes() + measure.weights.tobytes())
    return found.hexdigest()

for name in sys.stdin.read().splitlines():
    faulthandler.dump_traceback_later(60.0, exit=True)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            outcome = "sound " + read(name)
        if any("are damaged" in str(warning.message) for warning in told):
            outcome = "told"
    except FileError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    print(outcome, flush=True)
"""
#: What may come of a damaged file: its contents are unharmed, or it says that they are not.
HONEST = {"sound", "told", "refused"}


def damaged(whole, seed):
    """The bytes with some flipped, overwritten, moved, removed or cut off: the seed says how."""
    rng = np.random.default_rng(seed)
    content = bytearray(whole)
    kind = rng.integers(7)
    for _ in range(int(rng.integers(1, 5))):
        place, other = (int(rng.integers(len(content))) for _ in range(2))
        if kind <= 2:
            content[place] ^= 1 << int(rng.integers(8))
        elif kind == 3:
            content[place : place + 8] = (b"\xff" * 8, b"\0" * 8, rng.bytes(8))[rng.integers(3)]
        elif kind == 4:
            content[place : place + 16] = content[other : other + 16]
        elif kind == 5:
            del content[place : place + int(rng.integers(1, 64))]
        else:
            del content[max(place, 1) :]
    return bytes(content)


def outcomes(folder, seeds):
    """What comes of reading damaged files of each kind: counts of `HONEST` outcomes, and others.

    They are read in processes of their own, because the HDF5 library may crash or hang.
    """
    waiting = [write_sound(folder / f"{kind}.h5", kind) for kind in KINDS]
    sound = {}
    for kind, whole in zip(KINDS, [path.read_bytes() for path in waiting], strict=True):
        for seed in seeds:
            path = folder / f"{kind}-{seed}.h5"
            path.write_bytes(damaged(whole, seed))
            waiting.append(path)
    found = Counter()
    while waiting:
        done = subprocess.run(
            [sys.executable, "-c", READER],
            input="\n".join(map(str, waiting)),
            capture_output=True,
            text=True,
        )
        told = done.stdout.splitlines()
        if len(told) < len(waiting):
            hangs = "Timeout (" in done.stderr
            told.append("hangs" if hangs else f"ends the process ({done.returncode})")
        for path, outcome in zip(waiting, told, strict=False):
            kind = path.stem.split("-")[0]
            if outcome.startswith("sound"):
                same = sound.setdefault(kind, outcome) == outcome  # that of the sound file is first
                outcome = "sound" if same else "read as if it were sound"
            found[outcome if outcome in HONEST else f"{path.name}: {outcome}"] += 1
        waiting = waiting[len(told) :]
    return found
