"""Digests of what this package computes; a script, to be run with any number of threads."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import meanfield as mf
from clouds import cloud
from grid_cases import bumps
from meanfield import distances
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.relaxation import decay_rate
from meanfield.solvers import SGD, BirthDeath, GridFlow, Langevin, ParticleFlow, QuadratureFlow
from solver_cases import CASES, NOISY, PLAIN

EULER = ParticleFlow("euler", step=0.05)
RNG = np.random.default_rng(3)
MANY_POINTS = mf.Dataset(RNG.standard_normal((300, 9)), RNG.standard_normal((300, 2)))
ONE_OUTPUT = mf.Dataset(MANY_POINTS.inputs, MANY_POINTS.targets[:, 0])
FLAT = bumps(temperature=0.0, dim=2)


def of_run(problem, start, solver, t_end=0.2):
    run = mf.simulate(problem, start, solver, t_end=t_end, save_at=[0.0, t_end], seed=7)
    return [run.risk, run.energy, arrays(run.measures[-1])]


def arrays(measure):
    if isinstance(measure, GridMeasure):
        return measure.density
    return [measure.positions, measure.weights]


def of_engines() -> dict[str, Callable[[], Any]]:
    """Large enough for many groups, and for a BLAS that shares its work between threads."""
    found: dict[str, Callable[[], Any]] = {}
    for dtype in ("float32", "float64"):
        for name, neuron, data in (
            ("direct", PLAIN.neuron, PLAIN.data),
            ("sorted", mf.Neuron(1, activation="relu"), PLAIN.data),
            ("tiled", mf.Neuron(9, activation="relu"), ONE_OUTPUT),
            ("tiled-outputs", mf.Neuron(9, 2, activation="tanh"), MANY_POINTS),
        ):
            problem = mf.Problem(neuron, data, ridge=0.1)
            start = Gaussian(neuron.dim).sample(3000, 1, dtype=dtype)
            found[f"{name}-{dtype}"] = lambda p=problem, s=start: of_run(p, s, EULER)
    return found


def of_solvers() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {
        name: lambda case=case: arrays(case.run([0.0, 0.3]).measures[-1])
        for name, case in CASES.items()
    }
    many = Gaussian(1).sample(20_000, 1)
    wide = mf.Problem(mf.Neuron(9, activation="relu"), ONE_OUTPUT, temperature=0.1)
    neurons = Gaussian(wide.neuron.dim).sample(2000, 2)
    found["large-dopri5"] = lambda: of_run(PLAIN, many, ParticleFlow())
    found["large-birth-death"] = lambda: of_run(PLAIN, many, BirthDeath(method="euler", step=0.05))
    found["large-langevin"] = lambda: of_run(wide, neurons, Langevin(0.05, batch_size=40))
    found["large-sgd"] = lambda: of_run(
        mf.Problem(wide.neuron, ONE_OUTPUT), neurons, SGD(0.05, batch_size=100)
    )
    return found


def of_limits() -> dict[str, Callable[[], Any]]:
    law, line = Gaussian(1), mf.Dataset(ONE_OUTPUT.inputs[:, :1], ONE_OUTPUT.targets)
    many = mf.Problem(mf.Neuron(1, outer="fixed"), line, ridge=0.2, temperature=0.1)
    relu = mf.Problem(mf.Neuron(1, activation="relu"), line, ridge=0.1)
    return {
        "placed-panels": lambda: arrays(QuadratureFlow().place(PLAIN, law, None, 1.0, 0)),
        "placed-grid": lambda: of_run(
            FLAT, GridFlow().place(FLAT, Gaussian(2), 900, 0.1, 0), GridFlow(), 0.1
        ),
        "gibbs": lambda: of_gibbs(bumps(temperature=0.1), (400,)),
        "gibbs-plane": lambda: of_gibbs(bumps(temperature=0.1, dim=2), (130, 130)),
        "gibbs-many-points": lambda: of_gibbs(many, (60, 60)),
        "decay": lambda: decay_rate(NOISY, gibbs(NOISY, (300,))).rate,
        "fluctuations": of_fluctuations,
        "mean-field": of_mean_field,
        "gap-relu": lambda: relu.optimality_gap(Gaussian(3).sample(3000, 1)),
        "gap-tanh": lambda: PLAIN.optimality_gap(Gaussian(1).sample(3000, 1)),
        "gap-noise": lambda: many.optimality_gap(
            GridMeasure.from_density(Gaussian(2).density, [-6.0] * 2, [6.0] * 2, (50, 50))
        ),
        "risk-of-many-points": of_many_points,
    }


def gibbs(problem, cells):
    reach = 8.0 * np.ones(len(cells))
    density = Gaussian(len(cells)).density
    return mf.gibbs(problem, GridMeasure.from_density(density, -reach, reach, cells))


def of_gibbs(problem, cells):
    found = gibbs(problem, cells)
    return [found.energy, arrays(found.measure), found.covector]


def of_fluctuations():
    problem = mf.Problem(
        mf.Neuron(2), mf.Dataset(ONE_OUTPUT.inputs[:60, :2], ONE_OUTPUT.targets[:60])
    )
    nodes = Gaussian(4).sample(150, 1, "sobol")
    found = mf.fluctuations(problem, nodes, [0.0, 0.5])
    return [found.function_constant, found.risk_bias]


def of_mean_field():
    run = mf.simulate(PLAIN, Gaussian(1).sample(500, 1), ParticleFlow(), t_end=1.0)
    return mf.MeanField(run).transport(Gaussian(1).sample(5_000, 2).positions, [0.0, 1.0])


def of_many_points():
    inputs = np.random.default_rng(1).standard_normal((40_000, 1))
    problem = mf.Problem(PLAIN.neuron, mf.Dataset(inputs, np.sin(inputs)), loss="huber", ridge=0.1)
    measure = Gaussian(1).sample(40_000, 1)
    return [problem.risk(measure), problem.energy(measure), measure.mean(), measure.covariance()]


def of_distances() -> dict[str, Callable[[], Any]]:
    mu, nu = cloud(1, 3000, weighted=False), cloud(2, 3000)
    small = cloud(3, 400, weighted=False), cloud(4, 400, weighted=False)
    lines = cloud(5, 3000, dim=1), cloud(6, 3000, dim=1)
    wide = cloud(7, 50_000, weighted=False), cloud(8, 50_000, weighted=False)
    return {
        "wasserstein": lambda: distances.wasserstein(*small),
        "wasserstein-1d": lambda: distances.wasserstein_1d(*lines),
        "marginal": lambda: distances.marginal_wasserstein(mu, nu, 1),
        "sliced": lambda: distances.sliced_wasserstein(*wide),
        "energy": lambda: distances.energy(mu, nu),
        "sliced-energy": lambda: distances.sliced_energy(*wide),
        "mmd": lambda: distances.mmd(mu, nu),
        "unbiased-energy": lambda: distances.unbiased_energy(mu, mu),
        "unbiased-mmd": lambda: distances.unbiased_mmd(mu, mu),
        "sinkhorn": lambda: distances.sinkhorn(*small, 0.5),
        "coupling": lambda: distances.coupling(*wide),
        "function": lambda: distances.function(FLAT, *wide),
    }


def digest(value: Any) -> str:
    """Digest of numbers and arrays, nested in lists."""
    if isinstance(value, list | tuple):
        return hashlib.sha256("".join(map(digest, value)).encode()).hexdigest()
    array = np.ascontiguousarray(value)
    return hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()


def digests() -> dict[str, str]:
    tasks = of_engines() | of_solvers() | of_limits() | of_distances()
    return {name: digest(task()) for name, task in tasks.items()}


if __name__ == "__main__":
    json.dump(digests(), sys.stdout)
