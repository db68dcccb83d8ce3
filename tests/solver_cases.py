"""A small run of every solver, in each of the ways in which it makes its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import meanfield as mf
from grid_cases import SCHEMES, bumps
from meanfield.distributions import Teacher
from meanfield.laws import Gaussian
from meanfield.quadrature import quadrature
from meanfield.schedules import Exponential
from meanfield.solvers import (
    SGD,
    BirthDeath,
    CircleFlow,
    ConicFlow,
    GridFlow,
    Langevin,
    OnlineSGD,
    ParticleFlow,
    QuadratureFlow,
)


@dataclass(frozen=True)
class Case:
    """What a run needs."""

    problem: Any
    start: Any
    solver: Any

    def run(self, times, **options):
        return mf.simulate(
            self.problem, self.start, self.solver, t_end=times[-1], save_at=times, seed=7, **options
        )


PLAIN, NOISY = bumps(temperature=0.0), bumps(temperature=0.1)
NEURONS = Gaussian(1, 0.5, 0.6).sample(300, seed=1)
ON_GRID = mf.GridMeasure.from_density(Gaussian(1, 0.5, 0.6).density, -5.0, 5.0, 60)
RELU = mf.Problem(mf.Neuron(1, activation="relu"), PLAIN.data, ridge=0.1)
UNBALANCED = Gaussian(3).sample(100, seed=2)
TEACHER = Teacher(mf.Neuron(1, outer="fixed", bias=False), width=2)

CASES = {
    **{
        f"particle-flow-{solver.method}": Case(PLAIN, NEURONS, solver)
        for solver in (ParticleFlow(), *(ParticleFlow(m, step=0.03) for m in ("euler", "rk4")))
    },
    "quadrature": Case(PLAIN, quadrature(Gaussian(1), "gauss-hermite", 40), QuadratureFlow()),
    "birth-death": Case(PLAIN, NEURONS, BirthDeath(rtol=1e-4)),
    **{
        f"grid-{scheme}": Case(PLAIN if scheme == "muscl" else NOISY, ON_GRID, GridFlow(scheme))
        for scheme in SCHEMES
    },
    "grid-reaction": Case(NOISY, ON_GRID, GridFlow("scharfetter-gummel", reaction=0.5)),
    **{
        f"langevin-{method}": Case(NOISY, NEURONS, Langevin(0.03, method))
        for method in ("leimkuhler-matthews", "heun", "euler-maruyama")
    },
    "langevin-batches": Case(
        NOISY, NEURONS, Langevin(0.03, batch_size=2, schedule=Exponential(1.0, 2.0))
    ),
    "sgd": Case(PLAIN, NEURONS, SGD(0.013, batch_size=2)),
    "sgd-epochs": Case(PLAIN, NEURONS, SGD(0.013, batch_size=2, replacement=False, momentum=0.9)),
    "online-sgd": Case(PLAIN, NEURONS, OnlineSGD(0.013, TEACHER, batch_size=3)),
    "conic": Case(RELU, UNBALANCED, ConicFlow(0.03)),
    "circle": Case(RELU, mf.reductions.balanced(RELU.neuron, UNBALANCED), CircleFlow(cells=40)),
}
