"""A comparison cut into tasks: blocks of networks that depend on nothing but the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.datasets import Dataset
from meanfield.errors import DivergenceError, InvalidInputError, MeanfieldError
from meanfield.experiment import Experiment
from meanfield.laws import law_from_dict
from meanfield.limit import Limit, limit_from_run
from meanfield.problems import problem_from_dict
from meanfield.reductions import Reduction
from meanfield.reference import Reference, run_reference
from meanfield.replica import Replica, measure_replica
from meanfield.solver import Solver, solver_from_dict
from meanfield.trajectory import Trajectory
from meanfield.typing import Array, Float64Array

__all__ = ["Failure", "Outcome", "Plan", "Task", "gather", "perform"]


@dataclass(frozen=True)
class Task:
    """A block of networks of one width, trained by one solver.

    Attributes
    ----------
    number : int
        From 1 on; 0 is the reference.
    particles : int
        Width N.
    method : int
        Number of the solver in the plan.
    replicas : tuple of int
        Numbers of the networks among those of the width.
    """

    number: int
    particles: int
    method: int
    replicas: tuple[int, ...]

    @property
    def cost(self) -> int:
        """Neurons of all networks together."""
        return self.particles * len(self.replicas)


@dataclass(frozen=True)
class Failure:
    """Networks that came to no end.

    Attributes
    ----------
    particles, method : int
        As in the task.
    replicas : tuple of int
    reason : str
        In words, of the first of them.
    """

    particles: int
    method: int
    replicas: tuple[int, ...]
    reason: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a task found.

    Attributes
    ----------
    task : Task
    replicas : tuple of int
        The networks that finished.
    samples : mapping of str to (R, T, …) array
        Of those networks; empty if there are none.
    failures : tuple of Failure
        The others.
    """

    task: Task
    replicas: tuple[int, ...]
    samples: Mapping[str, Array]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a study depends on.

    Attributes
    ----------
    experiment : Experiment
    methods : tuple of Solver
        Of the networks; the first is the study's own.
    reference : Reference
    widths : tuple of int
    seeds : int
        Networks of each width and solver.
    times : (T,) array
    projections : int
        Directions of the sliced distance.
    seed : int
        Of the whole study.
    """

    experiment: Experiment
    methods: tuple[Solver[Any], ...]
    reference: Reference
    widths: tuple[int, ...]
    seeds: int
    times: Float64Array
    projections: int
    seed: int

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Blocks that take about as long each as one network of the largest width."""
        found: list[Task] = []
        for method in range(len(self.methods)):
            for width in self.widths:
                size = max(1, round(self.widths[-1] / width))
                for first in range(0, self.seeds, size):
                    block = tuple(range(first, min(first + size, self.seeds)))
                    found.append(Task(len(found) + 1, width, method, block))
        return tuple(found)

    def run_reference(
        self, store: Path | None = None, *, force: bool = False, progress: bool = False
    ) -> Trajectory:
        """Run what stands for the limit: task 0.

        Raises
        ------
        DivergenceError
            If it leaves the finite numbers.
        """
        return run_reference(
            self.experiment.reduced if self.reference.is_reduced else self.experiment,
            self.reference.solver,
            particles=self.reference.particles,
            times=self.times,
            seed=self.seed,
            store=store,
            force=force,
            progress=progress,
        )

    def limit(self, run: Trajectory) -> Limit:
        """The reference, prepared for the networks of this plan."""
        return limit_from_run(
            run, self.experiment, self.times, widths=self.widths, projections=self.projections
        )

    def to_dict(self) -> dict[str, Any]:
        """Dictionary of plain values and arrays, from which `from_dict` rebuilds the plan.

        Raises
        ------
        InvalidInputError
            If the activation is made of Python functions.
        """
        experiment = self.experiment
        if experiment.problem.neuron.activation.functions is not None:
            raise InvalidInputError(
                f"the activation {experiment.problem.neuron.activation.name} is made of Python "
                "functions, which other processes cannot be sent; compare with workers=1 and "
                "without a folder"
            )
        reduction = experiment.reduction if self.reference.is_reduced else None
        return {
            "name": experiment.name,
            "widths": list(self.widths),
            "seeds": self.seeds,
            "times": self.times,
            "frames": experiment.save_at,
            "projections": self.projections,
            "seed": self.seed,
            "problem": experiment.problem.to_dict(),
            "initial": experiment.initial.to_dict(),
            "test": None if experiment.test is None else experiment.test.to_dict(),
            "methods": [method.to_dict() for method in self.methods],
            "reference": {
                "solver": self.reference.solver.to_dict(),
                "particles": self.reference.particles,
                "reason": self.reference.reason,
            },
            "reduction": None if reduction is None else reduction.to_dict(),
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Plan:
        """Plan from the dictionary that `to_dict` makes."""
        methods = tuple(solver_from_dict(method) for method in described["methods"])
        test, reference, reduction = (
            described[name] for name in ("test", "reference", "reduction")
        )
        experiment = Experiment(
            name=described["name"],
            problem=problem_from_dict(described["problem"]),  # type: ignore[arg-type]
            initial=law_from_dict(described["initial"]),
            particles=described["widths"][-1],
            save_at=described["frames"],
            solvers={methods[0].name: methods[0]},
            test=None if test is None else Dataset.from_dict(test),
            reduction=None if reduction is None else Reduction.from_dict(reduction),
        )
        return cls(
            experiment=experiment,
            methods=methods,
            reference=Reference(
                solver_from_dict(reference["solver"]),
                reference["particles"],
                reference["reason"],
                is_reduced=reduction is not None,
            ),
            widths=tuple(described["widths"]),
            seeds=described["seeds"],
            times=described["times"],
            projections=described["projections"],
            seed=described["seed"],
        )


def perform(plan: Plan, limit: Limit, task: Task) -> Outcome:
    """Train and measure the networks of a task; one that diverges does not stop the others.

    A function of its arguments only: the same bits in any order, process or machine of
    the same kind.
    """
    finished, rows, failures = [], [], []
    for number in task.replicas:
        replica = Replica(
            plan.experiment.problem,
            plan.experiment.initial,
            plan.methods[task.method],
            task.particles,
            plan.seed,
            number,
        )
        try:
            rows.append(measure_replica(replica, limit))
            finished.append(number)
        except DivergenceError as error:
            failures.append(Failure(task.particles, task.method, (number,), str(error)))
    samples = {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else {}
    return Outcome(task, tuple(finished), samples, tuple(failures))


def gather(
    plan: Plan, outcomes: Iterable[Outcome]
) -> tuple[tuple[int, ...], dict[str, Array], list[Failure]]:
    """Put together what tasks found.

    A width of which more than half of the networks failed is left out. Where others
    failed, as many networks are taken of every width as finished of each, the first ones.

    Returns
    -------
    widths : tuple of int
    samples : dict of str to (W, S, T, …) array
        With an axis for the methods after that of times, where there are several.
    failures : list of Failure
        One for each width and method that lacks networks.

    Raises
    ------
    MeanfieldError
        If fewer than two widths are left.
    """
    found: dict[tuple[int, int], dict[int, dict[str, Array]]] = {
        (width, method): {} for width in plan.widths for method in range(len(plan.methods))
    }
    failures: list[Failure] = []
    for outcome in outcomes:
        failures += outcome.failures
        place = found[outcome.task.particles, outcome.task.method]
        for row, number in enumerate(outcome.replicas):
            place[number] = {name: values[row] for name, values in outcome.samples.items()}
    methods = range(len(plan.methods))
    least = {width: min(len(found[width, method]) for method in methods) for width in plan.widths}
    widths = tuple(w for w in plan.widths if least[w] >= max(2.0, plan.seeds / 2))
    merged = _merged(plan, failures)
    if len(widths) < 2:
        _refuse(plan, merged)
    count = min(least[width] for width in widths)
    samples = {}
    for name in next(iter(found[widths[0], 0].values())):
        parts = [
            [
                np.stack([rows[number][name] for number in sorted(rows)[:count]])
                for rows in (found[width, method] for width in widths)
            ]
            for method in methods
        ]
        array = np.asarray(parts)
        samples[name] = array[0] if len(methods) == 1 else np.moveaxis(array, 0, 3)
    return widths, samples, merged


def _merged(plan: Plan, failures: Sequence[Failure]) -> list[Failure]:
    """One failure for each width and method."""
    merged: dict[tuple[int, int], Failure] = {}
    for failure in sorted(failures, key=lambda one: (one.particles, one.method, one.replicas)):
        key = failure.particles, failure.method
        before = merged.get(key, replace(failure, replicas=()))
        merged[key] = replace(before, replicas=before.replicas + failure.replicas)
    return list(merged.values())


def _refuse(plan: Plan, failures: Sequence[Failure]) -> None:
    lost = sum(len(failure.replicas) for failure in failures)
    count = len(plan.widths) * plan.seeds * len(plan.methods)
    reason = f"; the first: {failures[0].reason}" if failures else ""
    raise MeanfieldError(
        f"{lost} of {count} networks failed, which leaves fewer than two widths to compare{reason}"
    )
