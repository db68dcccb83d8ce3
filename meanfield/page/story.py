"""All that a page tells of its runs, as a dictionary for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import InvalidInputError
from meanfield.page.cloud import Sample, cloud
from meanfield.page.lens import Lens, lenses
from meanfield.page.memory import Memory
from meanfield.page.neurons import neurons
from meanfield.page.notes import notes
from meanfield.page.outputs import Outputs
from meanfield.page.thinning import Budget
from meanfield.plotting.survey import Run, pace, unrecorded
from meanfield.typing import Array, Float64Array

__all__ = ["MOST_RUNS", "labels_of", "story"]

#: Runs that are shown side by side at most.
MOST_RUNS = 6
_MOST_TIMES = 1000


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # of runs that exploded
def story(
    runs: Sequence[Run],
    *,
    seconds: float = 8.0,
    megabytes: float = 15.0,
    directions: Any = None,
    labels: Sequence[str] | None = None,
    memory: Memory | None = None,
) -> dict[str, Any]:
    """What a page shows of runs.

    Parameters
    ----------
    runs : sequence of Trajectory
        Each with a frame at least.
    seconds : float
        How long it plays at single speed.
    megabytes : float
        About how large the page may be.
    directions : Directions, name of a rule, or pair of parameter names, optional
    labels : sequence of str, optional
        Names of the runs; by default what tells them apart.
    memory : Memory, optional
        What was computed for an earlier page of the same runs.

    Raises
    ------
    InvalidInputError
        If a run has no frames, or there are too many runs.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise InvalidInputError(f"a page shows 1 to {MOST_RUNS} runs, got {len(runs)}")
    as_number("seconds", seconds, "positive")
    budget = Budget(megabytes, len(runs))
    memory = Memory() if memory is None else memory
    seen = lenses(runs, directions, memory)
    paces = [pace(run, lens.survey) for run, lens in zip(runs, seen, strict=True)]
    names = labels_of(runs) if labels is None else list(labels)
    return {
        "seconds": seconds,
        "clock": _clock(runs, paces),
        "runs": [
            {"label": name, **_told(number, run, lens, progress, budget, memory)}
            for number, (name, run, lens, progress) in enumerate(
                zip(names, runs, seen, paces, strict=True)
            )
        ],
    }


def _told(
    number: int,
    run: Run,
    lens: Lens,
    progress: Float64Array,
    budget: Budget,
    memory: Memory,
) -> dict[str, Any]:
    columns = len(lens.limits()) + 1
    sample = Sample.of(run, progress, columns, budget, memory.orders.get(number))
    memory.orders[number] = sample.order
    outputs = Outputs.of(run, sample.frames, budget, memory.outputs.setdefault(number, {}))
    points = None if outputs is None else outputs.points.inputs
    told = {
        "status": run.status,
        "reason": str(getattr(run, "reason", "")),
        "solver": str(run.solver.name),  # type: ignore[attr-defined]
        "times": [float(time) for time in run.times[sample.frames]],
        "frames": len(run.measures),
        "particles": len(run.measures[0]),
        "unrecorded": unrecorded(run),
        "atoms": sample.atoms,
        "shown": sample.positions.shape[1],
        "curves": _curves(run),
        "cloud": cloud(sample, lens),
        "function": None if outputs is None else outputs.told(run.problem),
        "neurons": neurons(run.problem, sample, points, budget),
    }
    return told | {"notes": notes(told, 0 if outputs is None else outputs.neurons)}


def _curves(run: Run) -> dict[str, Any]:
    """Risk and what else was recorded, over time."""
    count = len(run.measures)
    rows = np.unique(np.linspace(0, count - 1, min(count, _MOST_TIMES)).round().astype(int))
    series = {"risk": run.risk}
    series |= {
        name.replace("_", " "): values
        for name, values in run.observables.items()
        if name.endswith("risk") or "accuracy" in name
    }
    return {
        "times": _numbers(run.times[rows]),
        "series": {name: _numbers(np.asarray(values)[rows]) for name, values in series.items()},
    }


def _numbers(values: Array) -> list[float | None]:
    """Seven digits of each number; what is not finite is left out."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]


def _clock(runs: Sequence[Run], paces: Sequence[Float64Array]) -> dict[str, Any]:
    """Times of all runs, and the mean of their paces there, from 0 to 1."""
    times = np.unique(np.concatenate([run.times for run in runs]))
    if len(times) > _MOST_TIMES:
        times = times[np.unique(np.linspace(0, len(times) - 1, _MOST_TIMES).round().astype(int))]
    mean = np.mean(
        [np.interp(times, run.times, each) for run, each in zip(runs, paces, strict=True)], axis=0
    )
    mean = (mean - mean[0]) / ((mean[-1] - mean[0]) or 1.0)
    return {"times": [float(each) for each in times], "pace": _numbers(mean)}


def labels_of(runs: Sequence[Run]) -> list[str]:
    """Names of runs: of their files, or their solvers and numbers of particles."""
    paths: list[Path | None] = [getattr(run, "path", None) for run in runs]
    stems = [path.stem for path in paths if path is not None]
    if len(set(stems)) == len(runs):
        return stems
    names = [f"{run.solver.name}, N = {len(run.measures[0])}" for run in runs]  # type: ignore[attr-defined]
    repeated = len(set(names)) < len(names)
    return [f"{number}: {name}" if repeated else name for number, name in enumerate(names, 1)]
