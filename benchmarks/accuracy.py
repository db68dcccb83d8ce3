"""Accuracy against cost of all solvers on one problem, without and with noise.

``python -m benchmarks.accuracy`` prints the two tables of docs/solvers.md. The error is
that of the outputs at the data (root mean square) at the end, against a reference of much
higher resolution; the time is that of a second run, after compilation.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import numpy as np

import meanfield as mf
from meanfield.laws import Gaussian
from meanfield.measures import Measure
from meanfield.solvers import SGD, GridFlow, Langevin, ParticleFlow, QuadratureFlow

T_END = 2.0
LAW = Gaussian(2, std=1.0)
BOX = 7.0
SEEDS = 5

Row = tuple[str, str, float, float]


def problem(temperature: float) -> mf.Problem:
    """Nine points of a sine, fitted by neurons tanh(w x + b)."""
    x = np.linspace(-1.5, 1.5, 9)
    neuron = mf.Neuron(1, activation="tanh", outer="fixed")
    data = mf.Dataset(x, 0.8 * np.sin(2.0 * x))
    return mf.Problem(neuron, data, ridge=0.2, temperature=temperature)


def solve(task: mf.Problem, start: Measure, solver: Any, seed: int = 0) -> tuple[Any, float]:
    """Outputs at the end, and seconds."""
    begun = time.perf_counter()
    run = mf.simulate(task, start, solver, t_end=T_END, save_at=[0.0, T_END], seed=seed)
    seconds = time.perf_counter() - begun
    return task.outputs(run.measures[-1]), seconds


def row(
    name: str, size: str, task: mf.Problem, exact: Any, starts: list[Measure], solver: Any
) -> Row:
    """Error over all starts, and the median time."""
    solve(task, starts[0], solver)
    found = [solve(task, start, solver, seed) for seed, start in enumerate(starts)]
    squares = [np.mean(np.square(outputs - exact)) for outputs, _ in found]
    seconds = float(np.median([taken for _, taken in found]))
    return name, size, float(np.sqrt(np.mean(squares))), seconds


def drawn(particles: int, sampling: Any) -> list[Measure]:
    """Particles from the initial law, several times."""
    return [LAW.sample(particles, seed, sampling) for seed in range(SEEDS)]


def grid(cells: int) -> list[Measure]:
    """The initial law on cells² cells."""
    return [mf.GridMeasure.from_density(LAW.density, -BOX, BOX, (cells, cells))]


def noiseless() -> list[Row]:
    """Rows of the flow without noise."""
    task = problem(0.0)
    fine = mf.quadrature(LAW, "trapezoid", 40_000)
    exact = solve(task, fine, QuadratureFlow(rtol=1e-12, atol=1e-13))[0]
    rows = []
    for nodes in (100, 400, 1600):
        starts: list[Measure] = [mf.quadrature(LAW, "trapezoid", nodes)]
        size = f"{len(starts[0])} nodes, trapezoid"
        rows.append(row("QuadratureFlow", size, task, exact, starts, QuadratureFlow()))
    for cells in (40, 80, 160, 320):
        size = f"{cells}² cells, MUSCL"
        rows.append(row("GridFlow", size, task, exact, grid(cells), GridFlow("muscl")))
    for particles in (1024, 16_384):
        for sampling in ("sobol", "iid"):
            size = f"{particles} particles, {sampling}"
            starts = drawn(particles, sampling)
            rows.append(row("ParticleFlow", size, task, exact, starts, ParticleFlow()))
    for particles in (1024, 16_384):
        size = f"{particles} neurons, step 0.01, one point a step"
        starts = drawn(particles, "iid")
        rows.append(row("SGD", size, task, exact, starts, SGD(0.01)))
    return rows


def noisy() -> list[Row]:
    """Rows of the flow at temperature 0.1."""
    task = problem(0.1)
    fine = GridFlow("scharfetter-gummel", tolerance=1e-5)
    coarse, finer = (solve(task, grid(cells)[0], fine)[0] for cells in (160, 320))
    exact = finer + (finer - coarse) / 3.0  # both have errors of second order in the cells
    rows = []
    for scheme in ("scharfetter-gummel", "strang", "implicit"):
        for cells in (40, 80, 160):
            size = f"{cells}² cells, {scheme}"
            rows.append(row("GridFlow", size, task, exact, grid(cells), GridFlow(scheme)))
    for particles in (1024, 16_384):
        for method in ("leimkuhler-matthews", "heun", "euler-maruyama"):
            size = f"{particles} particles, {method}, step 0.02"
            starts = drawn(particles, "iid")
            rows.append(row("Langevin", size, task, exact, starts, Langevin(0.02, method)))
    return rows


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| solver | resolution | error of outputs | time |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | {size} | {error:.1e} | {_duration(seconds)} |"
        for name, size, error, seconds in rows
    ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def main() -> int:
    """Print both tables."""
    warnings.simplefilter("error")
    for title, rows in (("Without noise", noiseless), ("Temperature 0.1", noisy)):
        print(f"### {title}\n\n{table(rows())}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
