"""Small runs to draw: an explicit Euler scheme on the velocity, no solver needed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from meanfield.datasets import Dataset
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem


def euler(problem, measure, step=0.1, frames=11, every=2):
    """Run with `frames` frames, one each `every` steps."""
    measures = [measure]
    for _ in range(frames - 1):
        positions = measures[-1].positions
        for _ in range(every):
            now = ParticleMeasure(positions, measure.weights)
            positions = positions + step * problem.velocity(now)
        measures.append(ParticleMeasure(positions, measure.weights))
    risk = np.array([problem.risk(each) for each in measures])
    return SimpleNamespace(
        times=step * every * np.arange(frames),
        risk=risk,
        energy=risk,
        observables={},
        measures=measures,
        problem=problem,
        status="complete",
        solver=SimpleNamespace(name="particle-flow"),
    )


def on_the_line(particles=40, activation="relu", loss="squared"):
    inputs = np.linspace(-1.0, 1.0, 12)
    targets = np.sign(inputs) if loss == "logistic" else np.abs(inputs)
    problem = Problem(Neuron(1, activation=activation), Dataset(inputs, targets), loss=loss)
    return euler(problem, ParticleMeasure.gaussian(particles, 3, seed=0))


def on_the_plane(particles=40, classes=2, activation="tanh"):
    random = np.random.default_rng(0)
    inputs = random.standard_normal((30, 2))
    if classes == 2:
        data, loss, outputs = Dataset(inputs, np.sign(inputs[:, 0])), "logistic", 1
    else:
        data, loss, outputs = Dataset(inputs, np.arange(30) % classes), "cross_entropy", classes
    problem = Problem(Neuron(2, outputs, activation=activation), data, loss=loss)
    return euler(problem, ParticleMeasure.gaussian(particles, problem.neuron.dim, seed=1))


def in_many_dimensions(particles=30):
    random = np.random.default_rng(0)
    data = Dataset(random.standard_normal((40, 8)), np.arange(40) % 4)
    problem = Problem(Neuron(8, 4, activation="relu"), data, loss="cross_entropy")
    run = euler(problem, ParticleMeasure.gaussian(particles, problem.neuron.dim, seed=1))
    run.observables = {
        "test_risk": 1.1 * run.risk,
        "test_accuracy": np.linspace(0.25, 0.75, len(run.times)),
    }
    return run


def of_one_parameter(particles=50):
    data = Dataset([[-1.0], [0.5], [1.0]], [-0.8, 0.4, 0.8])
    problem = Problem(Neuron(1, activation="tanh", outer="fixed", bias=False), data)
    return euler(problem, ParticleMeasure.gaussian(particles, 1, seed=1))


def on_a_grid(neuron, cells, frames=4, spread=0.5):
    """Run of a Gaussian density that moves off at unit speed along every parameter."""
    x = np.linspace(-1.0, 1.0, 8)
    problem = Problem(neuron, Dataset(np.stack([x] * neuron.inputs, axis=1), np.sin(2.0 * x)))
    times, corner = np.linspace(0.0, 1.0, frames), np.full(neuron.dim, 4.0)
    measures = [
        GridMeasure.from_density(Gaussian(neuron.dim, t, spread).density, -corner, corner, cells)
        for t in times
    ]
    risk = np.array([problem.risk(each) for each in measures])
    return SimpleNamespace(
        times=times,
        risk=risk,
        energy=risk,
        observables={},
        measures=measures,
        problem=problem,
        status="complete",
        solver=SimpleNamespace(name="grid"),
    )


def shorten(run, frames):
    """The same run with its first frames only."""
    first = slice(0, frames)
    return SimpleNamespace(
        **vars(run)
        | {
            "times": run.times[first],
            "risk": run.risk[first],
            "energy": run.energy[first],
            "measures": run.measures[first],
            "observables": {name: values[first] for name, values in run.observables.items()},
        }
    )
