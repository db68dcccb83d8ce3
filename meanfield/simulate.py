"""The loop: from save time to save time, feeding whoever looks."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array, as_number
from meanfield.committing import commit_frame, recorded_names
from meanfield.engines.ensemble import current
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import Measure
from meanfield.observers import Observer
from meanfield.problems import AnyProblem
from meanfield.shared_store import SharedStore
from meanfield.solver import Solver, state_from_arrays, state_to_arrays
from meanfield.storage import HDF5Store, Header, MemoryStore, Store
from meanfield.supports import Support, support_of
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["resume", "simulate"]

# Seconds between two stored solver states, more where these take long to write; a killed
# run repeats at most the time since the last.
_STATE_INTERVAL = 10.0
# Times that writing took between two states: it costs a run a few per cent at most.
_STATE_PAUSE = 20.0


def simulate(
    problem: AnyProblem,
    measure: Measure,
    solver: Solver[Any],
    *,
    t_end: float,
    save_at: Any = None,
    store: str | Path | None = None,
    seed: int = 0,
    observers: Sequence[Observer] = (),
    progress: bool = False,
    force: bool = False,
) -> Trajectory:
    """Let a measure evolve and record it at given times.

    Parameters
    ----------
    problem : Problem or PopulationProblem
    measure : ParticleMeasure or GridMeasure
        μ at time 0. Methods that move particles take a grid as the particles that
        `GridMeasure.to_particles` makes of it.
    solver : Solver
        Method, for example ``ParticleFlow()`` or ``SGD(step=0.01)``.
    t_end : float
        Mean-field time at which the run ends, > 0.
    save_at : (F,) array, optional
        Times of the frames: increasing, within [0, t_end]; 101 equidistant ones by
        default. How many there are does not change the trajectory.
    store : path, optional
        HDF5 file to stream frames to; without it they stay in memory.
    seed : int
        Seed of everything random in the solver.
    observers : sequence of Observer
        Called with each frame; what those with a ``name`` return is recorded.
    progress : bool
        Show a progress bar on standard error.
    force : bool
        Overwrite an existing file.

    Returns
    -------
    Trajectory

    Raises
    ------
    InvalidInputError
        If arguments do not fit together.
    FileError
        If the file exists or cannot be written.
    DivergenceError
        If particles leave the finite numbers; frames made before are kept.

    Examples
    --------
    >>> import numpy as np
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> data = mf.Dataset(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20) ** 2)
    >>> problem = mf.Problem(mf.Neuron(inputs=1, activation="tanh"), data)
    >>> start = mf.ParticleMeasure.gaussian(100, problem.neuron.dim, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=1.0)
    >>> len(run), bool(run.risk[-1] < run.risk[0])
    (101, True)
    """
    times = _save_times(t_end, save_at)
    _check_start(problem, measure, solver)
    as_count("seed", seed, least=0)
    names = recorded_names(observers)
    solver = _resolved(solver, problem, measure)
    _check_ranks(solver, store)
    sink: Store = MemoryStore() if store is None else _file_store()(store, force=force)
    with single_threaded_blas(), _overflow_reported():
        state, support = _started(solver, problem, measure, seed)
        sink.create(
            Header(
                problem=problem,
                solver=solver,
                seed=seed,
                times=times,
                support=support,
                observables=names,
                state=state_to_arrays(state),
            )
        )
        run = _Run(problem, solver, times, sink, tuple(observers), support, state)
        return _record(run, first=0, progress=progress)


def resume(
    path: str | Path, *, observers: Sequence[Observer] = (), progress: bool = False
) -> Trajectory:
    """Continue an unfinished run from its file, to the same bits as if never stopped.

    Parameters
    ----------
    path : path
        File of a run that was interrupted, killed, or failed.
    observers : sequence of Observer
        The same named observers as in the first run.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Trajectory
        The whole run. A run that is complete is returned as it is.

    Raises
    ------
    FileError
        If the file cannot be read, or holds no state to continue from.
    InvalidInputError
        If observers differ from those of the first run.
    """
    trajectory = Trajectory.open(path)
    if trajectory.status == "complete":
        return trajectory
    sink, header, _, index, arrays = _file_store().reopen(path)
    _check_ranks(header.solver, path)
    if recorded_names(observers) != header.observables:
        sink.close()
        raise InvalidInputError(
            f"the run records {', '.join(header.observables) or 'no observables'}, but the "
            f"observers given record {', '.join(recorded_names(observers)) or 'none'}"
        )
    state = state_from_arrays(header.solver.state_type, arrays)
    run = _Run(
        header.problem, header.solver, header.times, sink, tuple(observers), header.support, state
    )
    with single_threaded_blas(), _overflow_reported():
        return _record(run, first=index + 1, progress=progress)


@dataclass(frozen=True, eq=False)
class _Run:
    problem: AnyProblem
    solver: Solver[Any]
    times: Float64Array
    sink: Store
    observers: tuple[Observer, ...]
    support: Support
    state: Any


def _started(
    solver: Solver[Any], problem: AnyProblem, measure: Measure, seed: int
) -> tuple[Any, Support]:
    """State at time 0, and what the measures that the solver makes live on."""
    state, first = solver.advance(problem, solver.start(problem, measure, seed), 0.0)
    changes_masses = getattr(solver, "changes_masses", False)
    return state, support_of(first, changes_masses=changes_masses)


def _record(run: _Run, first: int, progress: bool) -> Trajectory:
    """Make the frames from number `first` on; the state belongs to frame first - 1."""
    observers = run.observers
    with _closing(run.sink), ExitStack() as stack:
        if progress:
            from meanfield.progress import Progress

            observers = (*observers, stack.enter_context(Progress(run.times)))
        due, index, state = clock.monotonic() + _STATE_INTERVAL, first - 1, run.state
        try:
            for index in range(first, len(run.times)):
                time = float(run.times[index])
                state, measure = run.solver.advance(run.problem, state, time)
                commit_frame(run.sink, run.support, observers, run.problem, index, time, measure)
                begun = clock.monotonic()
                if current().decide(index == 0 or begun > due):
                    run.sink.write_state(index, state_to_arrays(state))
                    written = clock.monotonic()
                    due = written + max(_STATE_INTERVAL, _STATE_PAUSE * (written - begun))
        except DivergenceError as error:
            run.sink.finish("failed", str(error))
            raise
        except KeyboardInterrupt:
            run.sink.finish("interrupted", f"stopped by the user after frame {index - 1}")
            raise
        run.sink.write_state(index, state_to_arrays(state))
        run.sink.finish("complete")
    trajectory: Trajectory = run.sink.trajectory()
    return trajectory


def _check_start(problem: AnyProblem, measure: Measure, solver: Solver[Any]) -> None:
    """Raise unless a run can start from the measure; a law is to be placed first."""
    if not isinstance(measure, Measure) and hasattr(measure, "sample") and hasattr(solver, "place"):
        raise InvalidInputError(
            f"simulate starts from a measure, got the law {measure!r}; the solver {solver.name} "
            "makes its own: solver.place(problem, law, particles=None, t_end=…, seed=0)"
        )
    problem.check_measure(measure)


def _resolved(solver: Solver[Any], problem: AnyProblem, measure: Measure) -> Solver[Any]:
    """The solver with what it leaves to be chosen by the problem, so that files say it."""
    resolved = getattr(solver, "resolved", None)
    return resolved(problem, measure) if resolved else solver


def _check_ranks(solver: Solver[Any], path: str | Path | None) -> None:
    """Raise if several ranks share the particles, but the method or the store cannot."""
    if current().size > 1 and not getattr(solver, "collective", False):
        raise InvalidInputError(
            f"the solver {solver.name} runs in one process; start it without mpiexec"
        )
    if current().size > 1 and path is None:
        raise InvalidInputError("several ranks record a run in a file; give it as store")


def _file_store() -> type[HDF5Store] | type[SharedStore]:
    """What writes files: several ranks share one."""
    return HDF5Store if current().size == 1 else SharedStore


def _overflow_reported() -> np.errstate:
    """Silence NumPy about overflow: the loop reports it, with the time and a cure."""
    return np.errstate(over="ignore", invalid="ignore")


@contextmanager
def _closing(sink: Store) -> Iterator[None]:
    try:
        yield
    finally:
        sink.close()


def _save_times(t_end: float, save_at: Any) -> Float64Array:
    end = as_number("t_end", t_end, "positive")
    if save_at is None:
        return np.linspace(0.0, end, 101)
    times = as_finite_array("save_at", save_at, 1).astype(np.float64)
    if (np.diff(times) <= 0.0).any() or times[0] < 0.0 or times[-1] > end * (1.0 + 1e-12):
        raise InvalidInputError(
            f"save_at must increase within [0, t_end = {end:g}], got {times[0]:g} to "
            f"{times[-1]:g}" + (" out of order" if (np.diff(times) <= 0.0).any() else "")
        )
    return times
