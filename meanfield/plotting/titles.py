"""What tells runs apart, in a word or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.plotting.survey import Run

__all__ = ["MOST_RUNS", "named_runs"]

MOST_RUNS = 8


def named_runs(runs: Run | Sequence[Run] | Mapping[str, Run]) -> tuple[list[Run], list[str]]:
    """Runs with their titles: the keys of a mapping, else in what the runs differ.

    A single run has an empty title.

    Raises
    ------
    InvalidInputError
        If there is none, more than eight, or their neurons differ.
    """
    if isinstance(runs, Mapping):
        found, titles = list(runs.values()), [str(title) for title in runs]
    elif isinstance(runs, Sequence):
        found, titles = list(runs), []
    else:
        found, titles = [runs], [""]
    if not 1 <= len(found) <= MOST_RUNS:
        raise InvalidInputError(f"a movie shows 1 to {MOST_RUNS} runs, got {len(found)}")
    if any(len(run.measures) == 0 for run in found):
        raise InvalidInputError("the run has no frames yet, so there is nothing to show")
    names = [run.problem.neuron.parameter_names for run in found]
    for each in names[1:]:
        if each != names[0]:
            raise InvalidInputError(
                "runs side by side must have neurons of the same parameters, got "
                f"{_listed(names[0])} and {_listed(each)}"
            )
    return found, titles or _titles(found)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{len(names)} of them"


def _titles(runs: Sequence[Run]) -> list[str]:
    """Solver and size where these differ, and of what else differs as much as is needed."""
    if len(runs) == 1:
        return [""]
    main = [_parts(runs, fact) for fact in (_solver, _size)]
    titles = [", ".join(filter(None, parts)) for parts in zip(*main, strict=True)]
    for fact in (_scale, _temperature, _ridge, _seed, _stem):
        if len(set(titles)) == len(titles):
            break
        parts = _parts(runs, fact)
        titles = [", ".join(filter(None, pair)) for pair in zip(titles, parts, strict=True)]
    if len(set(titles)) < len(titles):
        titles = [f"{title or 'run'} ({number})" for number, title in enumerate(titles, start=1)]
    return titles


def _parts(runs: Sequence[Run], fact: Callable[[Run], str]) -> list[str]:
    """A fact of each run, or nothing where all agree."""
    parts = [fact(run) for run in runs]
    return parts if len(set(parts)) > 1 else [""] * len(parts)


def _solver(run: Run) -> str:
    return str(getattr(getattr(run, "solver", None), "name", ""))


def _size(run: Run) -> str:
    measure = run.measures[0]
    if isinstance(measure, GridMeasure):
        return " × ".join(str(count) for count in measure.shape) + " cells"
    return f"N = {len(measure)}"


def _scale(run: Run) -> str:
    return f"α = {_number(run.problem, 'scale')}"


def _temperature(run: Run) -> str:
    return f"τ = {_number(run.problem, 'temperature')}"


def _ridge(run: Run) -> str:
    ridge = run.problem.ridge
    return f"ridge {ridge.outer:g}" + (f", {ridge.inner:g}" if ridge.inner != ridge.outer else "")


def _number(problem: Any, name: str) -> str:
    return f"{getattr(problem, name, 1.0):g}"


def _seed(run: Run) -> str:
    return f"seed {getattr(run, 'seed', 0)}"


def _stem(run: Run) -> str:
    path = getattr(run, "path", None)
    return Path(path).stem.replace("$", r"\$") if path else ""  # no formula
