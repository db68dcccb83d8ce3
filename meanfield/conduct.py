"""Carry out a planned study: here, in other processes or on a cluster, and once only."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from meanfield.checks import as_count
from meanfield.engines.threads import thread_count
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.executors import Report, check_scheduler, on_dask, on_processes, share_cores
from meanfield.limit import Limit
from meanfield.plan_text import package_versions
from meanfield.predictions import predict
from meanfield.remarks import remarks
from meanfield.study import Study
from meanfield.study_folder import StudyFolder, run_task
from meanfield.study_progress import Predicting, StudyProgress
from meanfield.tasks import Failure, Outcome, Plan, Task, gather, perform
from meanfield.typing import Float64Array

__all__ = ["carry_out", "carry_out_task", "failures_in_words"]

# Seconds of work from which on it pays to start other processes.
_WORTHWHILE = 5.0


def carry_out(
    plan: Plan,
    *,
    workers: Any = 1,
    folder: str | Path | None = None,
    progress: bool = False,
    keep: Callable[[Study], object] | None = None,
) -> Study:
    """Do what is left of a study and put it together; arguments as in `compare`.

    Parameters
    ----------
    plan : Plan
    workers, folder, progress
        As in `compare`.
    keep : callable, optional
        What is done with the measured study before constants are predicted, which may take
        long: a study without predictions, and a note that says so.

    Raises
    ------
    InvalidInputError
        If the folder holds another study, or there can be no such workers.
    DivergenceError
        If the reference leaves the finite numbers.
    MeanfieldError
        If so many networks failed that there is nothing to compare, or a cluster does not
        answer.
    """
    _check_workers(workers)
    begun = folder is not None and StudyFolder(folder).has_plan
    if isinstance(workers, str) and workers != "local" and not begun:
        check_scheduler(workers)
    if folder is None and workers == 1:
        limit = plan.limit(plan.run_reference(progress=progress))
        with _progress(plan.tasks, progress) as shown:
            outcomes = list(_performed(plan, limit, plan.tasks, shown))
        return _predicted(_measured(plan, limit, outcomes, {}), plan, limit, keep, progress)
    with _folder(folder) as place:
        place.begin(plan)
        limit = plan.limit(place.make_reference(plan, alone=True, progress=progress))
        problems = _do_tasks(plan, limit, place, workers, progress)
        found = [(task, place.read(task)) for task in plan.tasks]
        place.remove_unfinished()
    lost = {task: problems.get(task.number, "its file is gone") for task, one in found if not one}
    study = _measured(plan, limit, [one for _, one in found if one is not None], lost)
    return _predicted(study, plan, limit, keep, progress)


def _check_workers(workers: Any) -> None:
    if isinstance(workers, int):
        as_count("workers", workers)
    elif isinstance(workers, str) and workers != "local" and "://" not in workers:
        raise InvalidInputError(
            "the cluster must be 'local' or the address of a Dask scheduler such as "
            f"tcp://host:8786, got {workers!r}"
        )
    elif isinstance(workers, (float, complex, list, tuple, dict)):
        raise InvalidInputError(
            "workers must be a number of processes, 'local', an address such as "
            f"tcp://host:8786, or a client of Dask, got {workers!r}"
        )


def carry_out_task(plan: Plan, number: int, folder: str | Path) -> None:
    """Do one task of a study, unless it is done: number 0 is the reference.

    Raises
    ------
    InvalidInputError
        If there is no such task, or the folder holds another study.
    MeanfieldError
        If it fails.
    """
    last = len(plan.tasks)
    if not 0 <= number <= last:
        raise InvalidInputError(
            f"this study has the tasks 0 (the reference) to {last}, got task {number}"
        )
    place = StudyFolder(folder)
    place.begin(plan)
    report = run_task(str(folder), number)
    if report["problem"]:
        raise MeanfieldError(f"task {number} failed: {report['problem']}")
    outcome = place.read(plan.tasks[number - 1]) if number else None
    if outcome is not None and outcome.failures:
        raise MeanfieldError(f"task {number}: {failures_in_words(outcome.failures)}")


def failures_in_words(failures: Sequence[Failure]) -> str:
    """One sentence on the networks that failed.

    Examples
    --------
    >>> print(failures_in_words([Failure(64, 0, (3, 4), "it diverged")]))
    2 networks failed: N = 64, seeds 3, 4: it diverged
    """
    count = sum(len(failure.replicas) for failure in failures)
    parts = [
        f"N = {one.particles}, seed{'s' if len(one.replicas) > 1 else ''} "
        f"{', '.join(map(str, one.replicas))}: {one.reason}"
        for one in failures
    ]
    return f"{count} network{'s' if count > 1 else ''} failed: {'; '.join(parts)}"


def _progress(tasks: Sequence[Task], shown: bool) -> StudyProgress:
    costs = {task.number: task.cost for task in tasks}
    return StudyProgress(costs, {task.number: task.particles for task in tasks}, shown)


@contextmanager
def _folder(path: str | Path | None) -> Iterator[StudyFolder]:
    """The folder of the study, or one that lasts as long as it."""
    if path is not None:
        yield StudyFolder(path)
        return
    with tempfile.TemporaryDirectory(prefix="meanfield-study-") as temporary:
        yield StudyFolder(temporary)


def _performed(
    plan: Plan, limit: Limit, tasks: Sequence[Task], progress: StudyProgress
) -> Iterator[Outcome]:
    """Outcomes of tasks that this process does, one after the other."""
    for task in tasks:
        started = monotonic()
        yield perform(plan, limit, task)
        progress.finished(task.number, monotonic() - started)


def _do_tasks(
    plan: Plan, limit: Limit, place: StudyFolder, workers: Any, progress: bool
) -> dict[int, str]:
    """Do what is not on disk yet; what went wrong, by number of the task."""
    # The widest first: none is left for the end, when the others have nothing to do.
    left = sorted(
        (task for task in plan.tasks if place.read(task) is None),
        key=lambda task: (-task.particles, task.number),
    )
    problems: dict[int, str] = {}
    if not left:
        return problems
    with _progress(left, progress) as shown:
        if workers is None or isinstance(workers, int):
            processes, threads = share_cores(len(left), thread_count(), workers)
            if processes == 1 or _is_short(plan, limit, left, shown):
                for outcome in _performed(plan, limit, left, shown):
                    place.write(outcome)
                return problems
            shown.processes = processes
            reports = on_processes(place.path, _numbers(left), processes, threads)
        else:
            shown.processes = None
            reports = on_dask(place.path, _numbers(left), workers)
        for report in reports:
            _take(report, problems, shown)
    return problems


def _numbers(tasks: Sequence[Task]) -> list[int]:
    return [task.number for task in tasks]


def _take(report: Report, problems: dict[int, str], progress: StudyProgress) -> None:
    if report.problem:
        problems[report.number] = report.problem
    progress.finished(report.number, report.seconds)


def _is_short(plan: Plan, limit: Limit, tasks: Sequence[Task], progress: StudyProgress) -> bool:
    """Whether this process will be done before others would have started.

    One narrow network tells. It is trained here first in any case, so that kernels are
    compiled once and not by all processes at the same time.
    """
    narrow = min(tasks, key=lambda task: task.particles)
    trial = replace(narrow, replicas=narrow.replicas[:1])
    started = monotonic()
    perform(plan, limit, trial)
    seconds = monotonic() - started
    progress.measured(narrow.particles, narrow.particles, seconds)
    return seconds * sum(task.cost for task in tasks) / narrow.particles < _WORTHWHILE


def _measured(
    plan: Plan, limit: Limit, outcomes: Sequence[Outcome], lost: dict[Task, str]
) -> Study:
    """Put a study together, without predictions; tell of what is missing."""
    missing = [
        Outcome(task, (), {}, (Failure(task.particles, task.method, task.replicas, reason),))
        for task, reason in lost.items()
    ]
    widths, samples, failures = gather(plan, [*outcomes, *missing])
    if failures:
        left_out = [width for width in plan.widths if width not in widths]
        without = f"; N = {', '.join(map(str, left_out))} is left out" if left_out else ""
        warnings.warn(failures_in_words(failures) + without, stacklevel=3)
    several = len(plan.methods) > 1
    return Study(
        experiment=plan.experiment.name,
        particles=np.array(widths),
        times=plan.times,
        samples=samples,
        reference=_expected(limit),
        settings=_settings(plan, limit, failures),
        steps=np.array([method.step for method in plan.methods]) if several else None,  # type: ignore[attr-defined]
    )


def _predicted(
    study: Study,
    plan: Plan,
    limit: Limit,
    keep: Callable[[Study], object] | None,
    progress: bool,
) -> Study:
    """The study with predicted constants, and what is to be known of them."""
    if keep is not None:
        keep(_noted(study, ["constants are still to be predicted: the same command does it"]))
    with Predicting(progress) as shown:
        shown.announce()
        predictions, notes = predict(
            plan.experiment, plan.methods[0], plan.times, plan.seed, last=limit.measures[-1]
        )
    return replace(_noted(study, notes), predictions=predictions)


def _noted(study: Study, notes: Sequence[str]) -> Study:
    return replace(study, settings={**study.settings, "notes": [*notes, *study.notes]})


def _expected(limit: Limit) -> dict[str, Float64Array]:
    """What a network of infinite width reaches."""
    if limit.test_accuracy is None:
        return {"risk": limit.risk}
    return {"risk": limit.risk, "test_accuracy": limit.test_accuracy}


def _settings(plan: Plan, limit: Limit, failures: Sequence[Failure]) -> dict[str, Any]:
    """Description of the study in the types of JSON, so that a file gives back the same."""
    problem = plan.experiment.problem
    described = {key: part for key, part in problem.to_dict().items() if key != "data"}
    reference = plan.reference
    settings: dict[str, Any] = {
        "problem": {**described, "data": repr(problem.data)},
        "initial": plan.experiment.initial.to_dict(),
        "solver": plan.methods[0].to_dict(),
        "reference": {
            "solver": reference.solver.to_dict(),
            "particles": limit.particles,
            "reason": reference.reason,
        },
        "projections": plan.projections,
        "seed": plan.seed,
        **remarks(
            plan.experiment,
            plan.methods[0],
            reference,
            plan.widths,
            limit.notes,
        ),
        "versions": package_versions(),
    }
    if failures:
        settings["failures"] = [vars(failure) for failure in failures]
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=lambda value: value.tolist()))
    return plain
