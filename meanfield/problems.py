"""The kinds of learning problems, and how a described one is rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.reduced import ReducedProblem
from meanfield.registry import Registry

__all__ = ["AnyProblem", "problem_from_dict", "problems"]

#: A learning problem of any kind: what solvers, stores and pictures take.
AnyProblem: TypeAlias = Problem | PopulationProblem

#: Vocabulary of kinds of problems.
problems: Registry[type[Problem] | type[PopulationProblem]] = Registry("kind of problem")
problems.register("data", Problem)
problems.register(PopulationProblem.kind, PopulationProblem)
problems.register(ReducedProblem.kind, ReducedProblem)


def problem_from_dict(described: Mapping[str, Any]) -> AnyProblem:
    """Problem from the dictionary that its ``to_dict`` makes.

    Without a ``"kind"`` it is a problem on data.

    Raises
    ------
    InvalidInputError
        If the kind or a setting is unknown.
    """
    return problems[described.get("kind", "data")].from_dict(described)
