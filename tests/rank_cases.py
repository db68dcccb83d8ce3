"""Runs whose particles several ranks share; a script, so that mpiexec can start it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from meanfield.datasets import Dataset
from meanfield.measures import Gaussian
from meanfield.neurons import Neuron
from meanfield.observers import TestRisk
from meanfield.problem import Problem
from meanfield.ranks import shared_particles
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


class Stop:
    """Observer that interrupts a run, as a user does."""

    def __call__(self, frame):
        if frame.index == 2:
            raise KeyboardInterrupt


def make(folder, name, observers=()):
    learned, solver, dtype, sampling = CASES[name]
    held_out = Dataset(learned.data.inputs[:10] * 1.1, learned.data.targets[:10])
    with shared_particles(PARTICLES, points=24):
        start = Gaussian(learned.neuron.dim).sample(PARTICLES, 3, sampling, dtype)
        simulate(
            learned, start, solver, t_end=0.3, save_at=[0.0, 0.1, 0.12, 0.3],
            store=Path(folder) / f"{name}.h5", observers=(TestRisk(held_out), *observers),
        )  # fmt: skip


def stop(folder, name):
    try:
        make(folder, name, [Stop()])
    except KeyboardInterrupt:
        return
    raise AssertionError("the run was not interrupted")


def proceed(folder, name):
    held_out = CASES[name][0].data
    held_out = Dataset(held_out.inputs[:10] * 1.1, held_out.targets[:10])
    with shared_particles(PARTICLES, points=24):
        resume(Path(folder) / f"{name}.h5", observers=[TestRisk(held_out)])


def run(folder, tasks):
    """Do tasks such as ``make:direct-euler-float64``."""
    for task in tasks:
        verb, _, name = task.partition(":")
        {"make": make, "stop": stop, "proceed": proceed}[verb](folder, name)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
