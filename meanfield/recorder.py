"""Recording a training that somebody else's loop makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np

from meanfield.checks import as_finite_array, as_number
from meanfield.committing import commit_frame, recorded_names
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.layout import Header
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.memory_store import MemoryStore
from meanfield.observers import Observer
from meanfield.problems import AnyProblem
from meanfield.solver import settings_to_dict, solvers
from meanfield.storage import HDF5Store, Store
from meanfield.supports import Support, support_of
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["Recorded", "Recorder"]

# Times that differ by less than this fraction of the last save time are the same.
_SLACK = 1e-9


@dataclass(frozen=True)
class Recorded:
    """What stands for the solver of a run that was recorded, not computed.

    Parameters
    ----------
    framework : str
        What made the steps, in words.
    """

    framework: str = "a loop of one's own"
    name: ClassVar[str] = "recorded"

    def carry(
        self, field: MeanField, measure: ParticleMeasure, seed: int, times: Float64Array
    ) -> tuple[ParticleMeasure, ...]:
        """Neurons that start as those of the network and follow the mean field's flow."""
        path: tuple[ParticleMeasure, ...] = solvers["particle-flow"](rtol=1e-6, atol=1e-8).carry(
            field, measure, seed, times
        )
        return path

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


class Recorder:
    """Make a trajectory of a network that a loop of one's own trains.

    Call the recorder with the mean-field time after every step, and before the first one
    with time 0; it reads the network only when a frame is due, at the first call at or
    after each save time, and records the time of that call. Used with ``with``, or ended by
    `finish`; what was recorded is `trajectory`.

    Parameters
    ----------
    read : callable
        Without arguments; returns the network of now as a measure, for example by
        `meanfield.measure_from_arrays`. Numbers, masses and dtype of its particles must
        stay the same.
    problem : Problem or PopulationProblem
        What is learned: its risk is recorded, and comparisons refer to it.
    save_at : (F,) array
        Mean-field times of the frames: increasing, ≥ 0.
    store : path, optional
        HDF5 file to stream frames to; without it they stay in memory. Frames that were
        recorded outlive a crash of the process.
    observers : sequence of Observer
        As in `meanfield.simulate`.
    framework : str
        What trains the network, in words.
    force : bool
        Overwrite an existing file.

    Attributes
    ----------
    trajectory : Trajectory or None
        What was recorded, once it is finished.

    Raises
    ------
    InvalidInputError
        If save times do not increase, or observers share a name.
    FileError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]))
    >>> w = np.array([[0.0], [0.5]])
    >>> with mf.Recorder(lambda: mf.measure_from_arrays(w), problem, [0.0, 0.5, 1.0]) as recorder:
    ...     for step in range(11):
    ...         recorder(0.1 * step)
    ...         w = w + 0.1 * (1.0 - w.mean())  # gradient descent with step 0.1
    >>> recorder.trajectory.times, recorder.trajectory.risk.round(4)
    (array([0. , 0.5, 1. ]), array([0.2812, 0.0981, 0.0342]))
    """

    def __init__(
        self,
        read: Callable[[], Measure],
        problem: AnyProblem,
        save_at: Any,
        *,
        store: str | Path | None = None,
        observers: Sequence[Observer] = (),
        framework: str = Recorded.framework,
        force: bool = False,
    ) -> None:
        if not callable(read):
            raise InvalidInputError(
                f"read must be a function that returns a measure, got {type(read).__name__}; "
                "write lambda: measure"
            )
        self._read, self._problem, self._observers = read, problem, tuple(observers)
        self._save_at = _check_save_times(save_at)
        self._names = recorded_names(observers)
        self._solver = Recorded(str(framework))
        self._sink: Store = MemoryStore() if store is None else HDF5Store(store, force=force)
        self._support: Support | None = None
        self._committed, self._next, self._reached = 0, 0, 0.0
        self.trajectory: Trajectory | None = None

    def __call__(self, time: float) -> None:
        """Record the network as it is now, if a frame is due.

        Parameters
        ----------
        time : float
            Mean-field time, not less than in the call before.

        Raises
        ------
        InvalidInputError
            If time goes back, the recorder is finished, or the measure does not fit.
        DivergenceError
            If the network has left the finite numbers; frames made before are kept.
        """
        moment = as_number("time", time, "nonnegative")
        if self.trajectory is not None:
            raise InvalidInputError("the recorder is finished; make another one for another run")
        if moment < self._reached:
            raise InvalidInputError(
                f"time must not decrease, got {moment:g} after {self._reached:g}"
            )
        self._reached = moment
        if self.is_due(moment):
            try:
                with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
                    self._record(self._snapped(moment))
            except DivergenceError as error:
                self._fail("failed", str(error))
                raise

    def is_due(self, time: float) -> bool:
        """Whether a call with this time would record a frame."""
        return self._due_before(time) > self._next

    def finish(self) -> Trajectory:
        """End the run and return what was recorded; calling it twice is harmless.

        Raises
        ------
        InvalidInputError
            If no frame was recorded.
        """
        if self.trajectory is not None:
            return self.trajectory
        if self._committed == 0:
            raise InvalidInputError(
                "nothing was recorded: call the recorder with the mean-field time, from "
                f"t = {self._save_at[0]:g} on"
            )
        if self._next == len(self._save_at):
            return self._end("complete", "")
        return self._end(
            "interrupted",
            f"training ended at t = {self._reached:g}, before the last save time "
            f"{self._save_at[-1]:g}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
        elif isinstance(error, KeyboardInterrupt):
            self._fail("interrupted", "stopped by the user")
        else:
            self._fail("failed", f"{type(error).__name__}: {error}")

    def _record(self, time: float) -> None:
        measure = self._read()
        self._problem.check_measure(measure)
        if self._support is None:
            self._support = support_of(measure)
            self._sink.create(
                Header(
                    problem=self._problem,
                    solver=self._solver,
                    seed=0,
                    times=self._save_at,
                    support=self._support,
                    observables=self._names,
                )
            )
        support = self._support
        _check_same(support, support_of(measure))
        commit_frame(
            self._sink, support, self._observers, self._problem, self._committed, time, measure
        )
        self._committed += 1
        self._next = self._due_before(time)

    def _fail(self, status: str, reason: str) -> None:
        """End a run that did not end by itself, if it has begun and has not ended."""
        if self._support is not None and self.trajectory is None:
            self._end(status, reason)

    def _end(self, status: str, reason: str) -> Trajectory:
        self._sink.finish(status, reason)
        self._sink.close()
        trajectory: Trajectory = self._sink.trajectory()
        self.trajectory = trajectory
        return trajectory

    def _due_before(self, time: float) -> int:
        """How many save times lie at or before a time."""
        slack = _SLACK * self._save_at[-1]
        return int(np.searchsorted(self._save_at, time + slack, side="right"))

    def _snapped(self, time: float) -> float:
        """The save time that is meant, if rounding alone tells it from the time."""
        nearest = float(self._save_at[self._due_before(time) - 1])
        return nearest if abs(nearest - time) <= _SLACK * self._save_at[-1] else time


def _check_save_times(save_at: Any) -> Float64Array:
    times = as_finite_array("save_at", save_at, 1).astype(np.float64)
    if (np.diff(times) <= 0.0).any() or times[0] < 0.0 or times[-1] == 0.0:
        raise InvalidInputError(
            "save_at must increase from a time >= 0 to one after 0, got "
            + ", ".join(f"{time:g}" for time in times[:5])
            + (", …" if len(times) > 5 else "")
        )
    return times


def _check_same(support: Support, now: Support) -> None:
    """Raise unless frames have the same form."""
    before, after = support.constants, now.constants
    same = support.variables == now.variables and before.keys() == after.keys()
    if same and all(np.array_equal(before[name], after[name]) for name in before):
        return
    raise InvalidInputError(
        f"the network must keep its {len(support)} {support.unit}, their masses and their dtype "
        "through a run; record another run for another network"
    )
