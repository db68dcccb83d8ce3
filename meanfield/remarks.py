"""What a study says about itself: names, weights, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meanfield.experiment import Experiment
from meanfield.parameter_distances import omissions
from meanfield.reference import Reference
from meanfield.solver import Solver

__all__ = ["remarks"]

# Points up to which their weights are kept with the study.
_MOST_WEIGHTS = 512


def remarks(
    experiment: Experiment,
    solver: Solver[Any],
    reference: Reference,
    widths: Sequence[int],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Settings ``parameters`` (names), ``weights`` of the data and ``notes``, as plain values.

    Parameters
    ----------
    experiment : Experiment
    solver : Solver
        Of the networks.
    reference : Reference
    widths : sequence of int
    notes : sequence of str
        Further ones.
    """
    problem, data = experiment.problem, experiment.problem.data
    found = [*notes, *omissions(widths, problem.neuron.dim)]
    if "sgd" in solver.name:
        found.append(
            "gradient descent with a finite step has an error that does not vanish with N, so that "
            "slopes in N are flatter than those of the flow; several steps separate the two"
        )
    if "sgd" in reference.solver.name:
        found.append(
            "the reference is trained on random data of its own, which no neuron can follow: there "
            "is no coupling distance"
        )
    elif solver.name == "online-sgd" and not reference.is_reduced:
        found.append(
            "networks learn from fresh draws, the reference from the data of the problem, which "
            "are a sample of the same law: distances contain the error of that sample"
        )
    return {
        "parameters": list(problem.neuron.parameter_names),
        "weights": data.weights.tolist() if len(data) <= _MOST_WEIGHTS else None,
        "notes": found,
    }
