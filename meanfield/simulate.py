"""The loop: from save time to save time, feeding whoever looks."""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array, as_number
from meanfield.committing import all_observers, commit_frame, recorded_names
from meanfield.engines.ensemble import current
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError, FileError, InvalidInputError
from meanfield.extension import extend, later_times
from meanfield.frames import FileSource
from meanfield.guards import EnergyGuard
from meanfield.layout import Header
from meanfield.measures import Measure
from meanfield.memory_store import MemoryStore
from meanfield.observers import Observer
from meanfield.problems import AnyProblem
from meanfield.provenance import warn_of_changes
from meanfield.recording import Recording
from meanfield.shared_store import SharedStore, shared_support
from meanfield.solver import Solver, state_from_arrays, state_to_arrays
from meanfield.storage import HDF5Store, Store
from meanfield.stored_observers import describe_observers
from meanfield.supports import ParticleSupport, Support, support_of
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["resume", "simulate"]

# Seconds between two stored solver states, more where these take long to write; a killed
# run repeats at most the time since the last.
_STATE_INTERVAL = 10.0
# Times that writing took between two states: it costs a run a few per cent at most.
_STATE_PAUSE = 20.0
# Relative difference of a risk to its value elsewhere that rounding explains.
_SAME_RISK = 1e-6


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
    recording: Recording | None = None,
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
    recording : Recording, optional
        What of the particles the frames hold; all of it by default.

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
        state, first = solver.advance(problem, solver.start(problem, measure, seed), 0.0)
        support = _support(solver, first, recording or Recording(), seed)
        sink.create(
            Header(
                problem=problem,
                solver=solver,
                seed=seed,
                times=times,
                support=support,
                observables=names,
                state=state_to_arrays(state),
                recorded=describe_observers(observers),
            )
        )
        run = _Run(problem, solver, times, sink, tuple(observers), support, state)
        return _record(run, first=0, progress=progress)


def resume(
    path: str | Path,
    *,
    t_end: float | None = None,
    save_at: Any = None,
    observers: Sequence[Observer] = (),
    progress: bool = False,
) -> Trajectory:
    """Continue a run from its file, to the same bits as if it had never stopped.

    Parameters
    ----------
    path : path
        File of a run that was interrupted, killed, or failed; or that is to go on to a
        later end than it was made for.
    t_end : float, optional
        Later time at which the run ends. The file gets longer: until a copy of it with room
        for the further frames is complete, it stays what it is.
    save_at : array, optional
        Times of the further frames, after the last one of the file; by default they have
        the distance of its last two.
    observers : sequence of Observer
        Further observers. Of the named ones of the first run those of this package are
        rebuilt from the file; others have to be given again.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Trajectory
        The whole run. A run that is complete is returned as it is.

    Raises
    ------
    FileError
        If the file cannot be read, or holds no state to continue from, or another process
        writes to it.
    InvalidInputError
        If the observers of the first run are lacking, times do not fit, or the state in the
        file has another risk than was recorded: its activation is another function here.

    Warns
    -----
    UserWarning
        If other versions of packages, or another processor, may change the last bits.

    Examples
    --------
    >>> import tempfile
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(1, outer="fixed", bias=False), mf.Dataset([[1.0]], [0.5]))
    >>> start = mf.ParticleMeasure.gaussian(10, 1, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.h5")
    ...     run = mf.simulate(problem, start, ParticleFlow(), t_end=1.0, store=path)
    ...     len(mf.resume(path, t_end=3.0))
    301
    """
    source = FileSource(Path(path))
    header = source.header()
    later = later_times(header.times, t_end, save_at)
    if source.status == "complete" and not len(later):
        return Trajectory.open(path)
    if not hasattr(header.solver, "advance"):
        raise FileError(f"{path} holds no solver state: a loop outside this package made it")
    observers = all_observers(source, header.observables, observers)
    _check_ranks(header.solver, path)
    warn_of_changes(path, source.last_versions)
    if current().largest(float(len(later))):  # no rank looks at the shorter file any more
        current().first(lambda: extend(path, later))
    risk = FileSource(Path(path)).scalars()["risk"]
    sink, header, _, index, arrays = _file_store().reopen(path)
    state = state_from_arrays(header.solver.state_type, arrays)
    run = _Run(
        header.problem, header.solver, header.times, sink, tuple(observers), header.support, state
    )
    with single_threaded_blas(), _overflow_reported():
        run = _checked(run, index, float(risk[index]) if index >= 0 else 0.0)
        return _record(run, first=index + 1, progress=progress)


def _checked(run: _Run, index: int, recorded: float) -> _Run:
    """The run, if its state after frame `index` has the risk that was recorded there."""
    if index < 0 or np.isnan(recorded):  # damaged, and said to be
        return run
    state, measure = run.solver.advance(run.problem, run.state, float(run.times[index]))
    risk = run.problem.risk(measure)
    if not abs(risk - recorded) <= _SAME_RISK * abs(recorded):
        reason = (
            f"frame {index} was recorded with risk {recorded:.9g} and has risk {risk:.9g} here: "
            "its activation, or another function of one's own, is not the same"
        )
        run.sink.finish("interrupted", reason)
        run.sink.close()
        raise InvalidInputError(f"the run cannot go on: {reason}")
    if risk != recorded:
        warnings.warn(
            f"the risk of frame {index} has other last bits here than where it was recorded; "
            "those of the further frames will differ, too",
            stacklevel=3,
        )
    return replace(run, state=state)


@dataclass(frozen=True, eq=False)
class _Run:
    problem: AnyProblem
    solver: Solver[Any]
    times: Float64Array
    sink: Store
    observers: tuple[Observer, ...]
    support: Support
    state: Any


def _support(solver: Solver[Any], first: Measure, recording: Recording, seed: int) -> Support:
    """What the frames of a run from this measure hold."""
    changes_masses = getattr(solver, "changes_masses", False)
    support = shared_support(support_of(first, changes_masses=changes_masses))
    weights = support.weights if isinstance(support, ParticleSupport) else first.weights
    return recording.of(support, weights, seed)


def _record(run: _Run, first: int, progress: bool) -> Trajectory:
    """Make the frames from number `first` on; the state belongs to frame first - 1."""
    with _closing(run.sink), ExitStack() as stack:
        observers: tuple[Observer, ...] = (*run.observers, EnergyGuard(run.solver, run.problem))
        if progress and current().rank == 0:
            from meanfield.progress import Progress

            observers = (*observers, stack.enter_context(Progress(run.times)))
        due, index, state = clock.monotonic() + _STATE_INTERVAL, first - 1, run.state
        try:
            for index in range(first, len(run.times)):
                time = float(run.times[index])
                state, measure = run.solver.advance(run.problem, state, time)
                commit_frame(
                    run.sink, run.support, observers, run.problem, index, time, measure,
                    run.solver, state,
                )  # fmt: skip
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
        except Exception as error:
            run.sink.finish("failed", f"{type(error).__name__}: {error}")
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
