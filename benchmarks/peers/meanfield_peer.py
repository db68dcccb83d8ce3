"""meanfield, called as a solver calls it; NUMBA_NUM_THREADS sets its threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import meanfield as mf
from benchmarks.cases import SGD_STEP, Case, draw
from benchmarks.peers.serve import Variant, serve
from meanfield.engines.threads import single_threaded_blas
from meanfield.solvers import SGD


def prepare(case: Case) -> dict[str, Variant]:
    data = draw(case)
    start = mf.ParticleMeasure(data.positions.astype(case.dtype))
    neuron = mf.Neuron(case.inputs, activation=case.activation, bias=case.biased)
    if case.kind == "pair":
        problem: Any = mf.PopulationProblem(neuron, mf.ParticleMeasure(data.teacher))
    else:
        problem = mf.Problem(neuron, mf.Dataset(data.inputs, data.targets))
    if case.kind == "sgd":
        return {"meanfield": _descent(case, problem, start)}
    return {"meanfield": Variant(_step(problem, start), _outputs(case), _engine(problem, case))}


def _step(problem: Any, start: mf.ParticleMeasure) -> Callable[[], Any]:
    buffer = np.empty_like(start.positions)
    return lambda: problem.velocity_at(start.positions, start.weights, out=buffer)


def _outputs(case: Case) -> Callable[[Any], Any]:
    """Pairs need no outputs; those of a velocity are at points of their own."""
    return lambda result: (np.empty(0) if case.kind == "pair" else result[1][:, 0], result[0])


def _engine(problem: Any, case: Case) -> str:
    return str(problem.engine_name(case.dtype))


def _descent(case: Case, problem: mf.Problem, start: mf.ParticleMeasure) -> Variant:
    solver = SGD(SGD_STEP, case.batch, replacement=case.batch < case.points)

    def call() -> mf.ParticleMeasure:
        state = solver.start(problem, start, 0)
        return solver.advance(problem, state, SGD_STEP * case.steps)[1]

    def arrays(end: mf.ParticleMeasure) -> tuple[np.ndarray, np.ndarray]:
        return np.empty(0), end.positions - start.positions

    return Variant(call, arrays, "sgd")


if __name__ == "__main__":
    with single_threaded_blas():
        serve(prepare, {"meanfield": mf.__version__})
