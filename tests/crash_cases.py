"""Runs of every kind that are killed, starved or robbed in processes of their own."""

from __future__ import annotations

import os
import signal
import sys

import h5py
import numpy as np

import meanfield.storage
import meanfield.trajectory
from meanfield.cli import run
from meanfield.datasets import Dataset
from meanfield.direct_file import DirectFile
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.simulate import resume as go_on
from meanfield.simulate import simulate as run_all
from meanfield.solvers import (
    SGD,
    BirthDeath,
    GridFlow,
    Langevin,
    ParticleFlow,
    QuadratureFlow,
)

LOOP = sys.modules["meanfield.simulate"]
TIMES = np.linspace(0.0, 1.0, 21)
DATA = Dataset([[-1.0], [0.3], [1.0]], [0.5, -0.2, 1.0])
SCALAR = Neuron(1, activation="tanh", outer="fixed", bias=False)
QUIET, NOISY = Problem(SCALAR, DATA), Problem(SCALAR, DATA, ridge=0.5, temperature=0.3)
START = ParticleMeasure.gaussian(20, 1, seed=0)


def on_grid(problem):
    return GridFlow().place(problem, Gaussian(1), 40, 1.0, 0)


CASES = {
    "particle-flow": lambda: (QUIET, START, ParticleFlow(rtol=1e-10)),
    "sgd": lambda: (QUIET, START, SGD(0.02, batch_size=2, replacement=False, momentum=0.5)),
    "langevin": lambda: (NOISY, START, Langevin(0.02)),
    "grid": lambda: (NOISY, on_grid(NOISY), GridFlow("scharfetter-gummel")),
    "quadrature": lambda: (QUIET, Gaussian(1).sample(16, 0, "sobol"), QuadratureFlow("sobol")),
    "birth-death": lambda: (QUIET, START, BirthDeath()),
}


class Suicide(DirectFile):
    """A file whose writer is killed in the middle of a certain write."""

    left = 0

    def write(self, data):
        Suicide.left -= 1
        if Suicide.left == 0:
            super().write(memoryview(data).cast("B")[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(data)

    def sync(self):
        """A kill of a process, unlike a power cut, loses nothing of what is not synced."""


def count_writes(name, path):
    """Make the run, whole; files beside it tell its duration and how many writes it took."""
    begun = path.with_suffix(".begun")
    _before("prepare", None, lambda: begun.write_text(""))
    simulate(name, path, kill_at=-1)
    path.with_suffix(".writes").write_text(str(-1 - Suicide.left))


def simulate(name, path, kill_at=0):
    """Make a run that keeps its state after every frame, up to a number of writes."""
    meanfield.storage.DirectFile, Suicide.left = Suicide, kill_at
    often()
    problem, start, solver = CASES[name]()
    run_all(problem, start, solver, t_end=1.0, save_at=TIMES, store=path)


def resume(path):
    """Go on with a run."""
    often()
    go_on(path)


def often():
    LOOP._STATE_INTERVAL = LOOP._STATE_PAUSE = 0.0


def command(arguments, errors, moment=None, at=0, action=lambda: None):
    """Run the command line with its errors in a file; do something before a certain commit."""
    handle = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 2)
    if moment is not None:
        _before(moment, at, action)
    raise SystemExit(run(arguments))


def _before(moment, at, action):
    kept = getattr(meanfield.storage.HDF5Store, moment)

    def changed(self, *given):
        if at in (None, given[0]):
            action()
        return kept(self, *given)

    setattr(meanfield.storage.HDF5Store, moment, changed)


assert h5py  # imported once, before processes are forked
