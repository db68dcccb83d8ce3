"""Runs whose particles several ranks share; a script, so that mpiexec can start it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from meanfield.datasets import Dataset
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.observers import TestRisk
from meanfield.problem import Problem
from meanfield.ranks import shared_particles, shared_run
from meanfield.recording import Recording
from meanfield.simulate import resume, simulate
from meanfield.solvers.particle_flow import ParticleFlow

# On a busy machine a run of some seconds stores states between, where the clock has them.
import_module("meanfield.simulate")._STATE_INTERVAL = float("inf")

PARTICLES = 140_000  # two blocks and a part of a third
EULER = ParticleFlow("euler", step=0.05)
DOPRI5 = ParticleFlow("dopri5", rtol=1e-3, atol=1e-4)


def problem(inputs, activation, outputs=1):
    rng = np.random.default_rng(5)
    points = rng.standard_normal((24, inputs))
    targets = np.sin(points[:, :1]) * np.ones(outputs)
    return Problem(Neuron(inputs, outputs, activation), Dataset(points, targets), ridge=0.01)


# Every engine, both precisions, fixed and adaptive steps.
CASES = {
    "direct-dopri5-float32": (problem(2, "tanh"), DOPRI5, "float32", "iid"),
    "direct-euler-float64": (problem(2, "tanh"), EULER, "float64", "iid"),
    "sorted-dopri5-float64": (problem(1, "relu"), DOPRI5, "float64", "sobol"),
    "sorted-euler-float32": (problem(1, "clipped_linear"), EULER, "float32", "iid"),
    "tiled-euler-float32": (problem(9, "relu"), EULER, "float32", "iid"),
    "tiled-euler-float64": (problem(3, "tanh", outputs=2), EULER, "float64", "iid"),
}


FEW = Recording(particles=9_999, dtype="float32")
SAVED, LATER = [0.0, 0.1, 0.12, 0.3], [0.4, 0.5]


class Stop:
    """Observer that interrupts a run, as a user does."""

    def __call__(self, frame):
        if frame.index == 2:
            raise KeyboardInterrupt


def make(folder, name, suffix="", save_at=SAVED, observers=(), recording=None):
    learned, solver, dtype, sampling = CASES[name]
    held_out = Dataset(learned.data.inputs[:10] * 1.1, learned.data.targets[:10])
    with shared_particles(PARTICLES, points=24):
        start = Gaussian(learned.neuron.dim).sample(PARTICLES, 3, sampling, dtype)
        simulate(
            learned, start, solver, t_end=save_at[-1], save_at=save_at,
            store=Path(folder) / f"{name}{suffix}.h5", observers=(TestRisk(held_out), *observers),
            recording=recording,
        )  # fmt: skip


def part(folder, name):
    make(folder, name, "-part", recording=FEW)


def long(folder, name):
    make(folder, name, "-long", SAVED + LATER)
    make(folder, name, "-long-part", SAVED + LATER, recording=FEW)


def stop(folder, name):
    try:
        make(folder, name, "-stopped", observers=[Stop()])
    except KeyboardInterrupt:
        return
    raise AssertionError("the run was not interrupted")


def proceed(folder, name):
    with shared_run(path := Path(folder) / f"{name}-stopped.h5"):
        resume(path)


def extend(folder, name):
    for suffix in ("", "-part"):
        with shared_run(path := Path(folder) / f"{name}-extended{suffix}.h5"):
            resume(path, save_at=LATER)


VERBS = {
    "make": make,
    "part": part,
    "long": long,
    "stop": stop,
    "proceed": proceed,
    "extend": extend,
}


def run(folder, tasks):
    """Do tasks such as ``make:direct-euler-float64``."""
    for task in tasks:
        verb, _, name = task.partition(":")
        VERBS[verb](folder, name)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
