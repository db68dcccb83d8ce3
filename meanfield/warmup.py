"""Compile ahead: small runs of every kind, so that later ones start at once."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import numpy as np

from meanfield.activations import activations
from meanfield.compare import compare
from meanfield.datasets import Dataset
from meanfield.experiment import Experiment, scenarios
from meanfield.kernels.compilation import tally
from meanfield.kernels.directory import kernel_directory
from meanfield.laws import Gaussian
from meanfield.measures import Measure, ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.solver import solver_from_dict
from meanfield.source import named_experiment

__all__ = ["Warmth", "warm_up"]

# Inputs of neurons: loops over data are compiled for each small number of inputs, matrix
# products for any larger one.
_INPUTS = (1, 2, 16)
_DTYPES = ("float32", "float64")
_PARTICLES = 16
_WIDTHS = (4, 8)
_SHORT = 1e-6

#: Runs something small; a function that other processes can be sent.
Rehearsal: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Warmth:
    """What was compiled.

    Attributes
    ----------
    compiled, loaded : int
        Kernels (one for each type of their arguments) that were compiled now, and that
        were on disk already.
    seconds : float
        How long that took.
    directory : Path or None
        Where they are kept.
    """

    compiled: int
    loaded: int
    seconds: float
    directory: Path | None


def warm_up(sources: Sequence[str] = (), processes: int = 1, progress: bool = False) -> Warmth:
    """Compile what runs of some sources need.

    Parameters
    ----------
    sources : sequence of str
        Names of scenarios or paths of TOML files. Without any: every scenario, and
        every activation with 1, 2 and many inputs in both precisions.
    processes : int
        How many processes share the work.
    progress : bool
        Show a progress bar on standard error, if that is a terminal.

    Returns
    -------
    Warmth

    Raises
    ------
    InvalidInputError
        If a name is unknown, or a file does not describe an experiment.
    FileError
        If a file cannot be read.

    Examples
    --------
    >>> warm_up(["relu-1d"])  # doctest: +ELLIPSIS
    Warmth(compiled=..., loaded=..., seconds=..., directory=...)
    """
    started = monotonic()
    for source in sources:
        named_experiment(source, None, {})  # a mistake is found before the work begins
    rehearsals = _rehearsals(sources)
    processes = min(processes, len(rehearsals))
    counts = map(_counted, rehearsals) if processes == 1 else _shared(rehearsals, processes)
    found = list(_shown(counts, len(rehearsals), progress))
    compiled, loaded = (sum(numbers) for numbers in zip(*found, strict=True))
    return Warmth(compiled, loaded, monotonic() - started, kernel_directory())


def _rehearsals(sources: Sequence[str]) -> list[Rehearsal]:
    chosen: list[Rehearsal] = [partial(_rehearse_source, name) for name in sources or scenarios]
    if not sources:
        chosen += [
            partial(_rehearse_activation, name, inputs, dtype)
            for name in activations
            for inputs in _INPUTS
            for dtype in _DTYPES
        ]
    return chosen


def _rehearse_source(source: str) -> None:
    experiment = named_experiment(source, None, {}).build()
    for name, solver in experiment.solvers.items():
        count = None if hasattr(solver, "place") else _PARTICLES
        only = replace(experiment, solvers={name: solver})
        _rehearse(only, only.start(count, solver=name))
    if "particle-flow" in experiment.solvers and isinstance(experiment.problem, Problem):
        times = np.array([0.0, _SHORT])
        flow = {"particle-flow": experiment.solvers["particle-flow"]}
        compare(replace(experiment, save_at=times, solvers=flow), _WIDTHS, 2, reference=_PARTICLES)


def _rehearse_activation(name: str, inputs: int, dtype: str) -> None:
    neuron = Neuron(inputs, activation=activations[name])
    data = Dataset(np.linspace(-1.0, 1.0, 8 * inputs).reshape(8, inputs), np.linspace(-1.0, 1.0, 8))
    law = Gaussian(neuron.dim)
    flow = solver_from_dict({"name": "particle-flow"})
    sgd = solver_from_dict({"name": "sgd", "step": _SHORT})
    experiment = Experiment(
        name, Problem(neuron, data), law, _PARTICLES, np.array([0.0, _SHORT]),
        {flow.name: flow, sgd.name: sgd},
    )  # fmt: skip
    positions = law.sample(_PARTICLES, seed=0).positions.astype(dtype)
    _rehearse(experiment, ParticleMeasure(positions))


def _rehearse(experiment: Experiment, measure: Measure) -> None:
    """One step of every solver, with all that is recorded of it."""
    problem = experiment.problem
    problem.potential(measure, measure.positions)
    for solver in experiment.solvers.values():
        end = getattr(solver, "step", None) or _SHORT
        simulate(
            problem, measure, solver, t_end=end, save_at=[0.0, end],
            observers=experiment.observers(),
        )  # fmt: skip


def _counted(rehearsal: Rehearsal) -> tuple[int, int]:
    """How many kernels a rehearsal compiles and loads."""
    compiled, loaded = tally()
    rehearsal()
    now_compiled, now_loaded = tally()
    return now_compiled - compiled, now_loaded - loaded


def _shared(rehearsals: Sequence[Rehearsal], processes: int) -> Iterator[tuple[int, int]]:
    """Counts of the rehearsals, made in other processes, in the order they end."""
    with ProcessPoolExecutor(
        processes,
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),  # this process alone answers an interrupt
    ) as pool:
        futures = [pool.submit(_counted, rehearsal) for rehearsal in rehearsals]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _shown(counts: Iterable[Any], total: int, progress: bool) -> Iterable[Any]:
    """The same, with a bar that moves."""
    if not progress:
        return counts
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        counts, "compiling", total, console=console, disable=not console.is_terminal, transient=True
    )
