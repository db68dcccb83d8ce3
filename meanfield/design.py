"""The design of a comparison: steps beside widths, and what a study remembers of itself."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.parameter_distances import omissions
from meanfield.problem import Problem
from meanfield.reference import Reference
from meanfield.solver import Solver
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["methods_of", "study_settings", "together"]

# Points up to which their weights are kept with the study.
_MOST_WEIGHTS = 512


def methods_of(
    solver: Solver[Any], steps: Sequence[float] | None
) -> tuple[Float64Array | None, list[Solver[Any]]]:
    """Steps, increasing, and the solver with each; the solver alone without several steps.

    Raises
    ------
    InvalidInputError
        If there are fewer than two steps, one is not positive or given twice, or the
        solver is not SGD.

    Examples
    --------
    >>> from meanfield.solvers import SGD
    >>> lengths, methods = methods_of(SGD(step=0.1, batch_size=5), (0.1, 0.05))
    >>> lengths, methods[0]
    (array([0.05, 0.1 ]), SGD(step=0.05, batch_size=5, replacement=True, momentum=0.0))
    """
    if steps is None:
        return None, [solver]
    if "sgd" not in solver.name:
        raise InvalidInputError(
            f"steps are those of gradient descent, but the solver is {solver.name}; "
            "use solver='sgd'"
        )
    lengths = sorted(as_number("steps", step, "positive") for step in np.atleast_1d(steps))
    if len(lengths) < 2 or any(first == second for first, second in pairwise(lengths)):
        raise InvalidInputError(
            "steps must be at least two different numbers, got "
            + (", ".join(f"{length:g}" for length in lengths) or "none")
        )
    methods: list[Any] = [replace(solver, step=length) for length in lengths]  # type: ignore[type-var]
    return np.array(lengths), methods


def together(parts: Sequence[Mapping[str, Float64Array]]) -> dict[str, Float64Array]:
    """Samples (W, S, T, …) of each step as one array, with the steps after the times."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.stack([part[name] for part in parts], axis=3) for name in parts[0]}


def study_settings(
    experiment: Experiment,
    solver: Solver[Any],
    reference: Reference,
    run: Trajectory,
    *,
    widths: Sequence[int],
    projections: int,
    seed: int,
    notes: Sequence[str],
) -> dict[str, Any]:
    """What a study remembers of how it was made, and what it leaves out."""
    problem, data = experiment.problem, experiment.problem.data
    return {
        "problem": _described(problem),
        "initial": experiment.initial.to_dict(),
        "solver": solver.to_dict(),
        "reference": {
            "solver": run.solver.to_dict(),
            "particles": run.particles,
            "reason": reference.reason,
        },
        "projections": projections,
        "seed": seed,
        "parameters": list(problem.neuron.parameter_names),
        "weights": data.weights.tolist() if len(data) <= _MOST_WEIGHTS else None,
        "notes": [*notes, *omissions(widths, problem.neuron.dim), *_cautions(solver)],
        "versions": _versions(),
    }


def _cautions(solver: Solver[Any]) -> list[str]:
    if solver.name != "online-sgd":
        return []
    return [
        "networks learn from fresh draws, the reference from the data of the problem, which are "
        "a sample of the same law: distances contain the error of that sample"
    ]


def _described(problem: Problem) -> dict[str, Any]:
    described = {key: part for key, part in problem.to_dict().items() if key != "data"}
    return {**described, "data": repr(problem.data)}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "numpy": np.__version__}
    try:
        found["meanfield-flow"] = version("meanfield-flow")
    except PackageNotFoundError:
        found["meanfield-flow"] = "unknown"
    return found
