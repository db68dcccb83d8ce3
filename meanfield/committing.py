"""One frame of a run: measured, observed, written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.frames import FileSource
from meanfield.guards import require_finite
from meanfield.measures import Measure
from meanfield.observers import Frame, Observer
from meanfield.problems import AnyProblem
from meanfield.solver import steps_of
from meanfield.storage import Store
from meanfield.supports import Support

__all__ = ["all_observers", "commit_frame", "recorded_names"]

# Variables of every run, which no observer may be called.
_TAKEN = {"risk", "energy", "time", "position", "weight", "density"}


def commit_frame(
    sink: Store,
    support: Support,
    observers: Sequence[Observer],
    problem: AnyProblem,
    index: int,
    time: float,
    measure: Measure,
    solver: Any = None,
    state: Any = None,
) -> None:
    """Measure risk and energy, ask the observers, and write one frame.

    The state of the solver tells the observers of its steps.

    Raises
    ------
    DivergenceError
        If a number of the frame is not finite, or the frame cannot hold it; with advice for
        the solver that made it.
    """
    risk, penalty = problem.risk(measure), problem.penalty(measure)
    require_finite(solver, time, {"risk": risk, "penalty": penalty})
    try:
        values = support.values(measure)
    except ArithmeticError as error:
        raise DivergenceError(f"at t = {time:.6g}, {error}", time) from None
    noise = problem.temperature * measure.entropy() if problem.temperature > 0.0 else 0.0
    energy = risk + penalty + noise if np.isfinite(noise) else np.nan
    step, steps = steps_of(solver, state)
    frame = Frame(index, time, measure, risk, energy, problem, step, steps)
    scalars = {"risk": risk, "energy": energy}
    for observer in observers:
        value, name = observer(frame), getattr(observer, "name", None)
        if name is not None and value is not None:
            scalars[name] = float(value)
    sink.write_frame(index, time, values, scalars)


def recorded_names(observers: Sequence[Observer]) -> tuple[str, ...]:
    """Names of the observers whose values are recorded.

    Raises
    ------
    InvalidInputError
        If two have the same, or one that every run has.
    """
    names = tuple(str(o.name) for o in observers if hasattr(o, "name"))
    if len(set(names)) < len(names) or _TAKEN & set(names):
        raise InvalidInputError(f"observers need different names of their own, got {names}")
    return names


def all_observers(
    source: FileSource, recorded: Sequence[str], given: Sequence[Observer]
) -> tuple[Observer, ...]:
    """Observers of a run: those given, and from its file the named ones that are not.

    Parameters
    ----------
    source : FileSource
    recorded : sequence of str
        Names that the run records.
    given : sequence of Observer

    Raises
    ------
    InvalidInputError
        If one is lacking that the file does not describe, or one is given that the run
        does not record.
    """
    names = recorded_names(given)
    unnamed = tuple(observer for observer in given if not hasattr(observer, "name"))
    named = dict(zip(names, (o for o in given if hasattr(o, "name")), strict=True))
    known = {**source.observers(), **named}
    lacking = [name for name in recorded if name not in known]
    surplus = [name for name in names if name not in recorded]
    if lacking or surplus:
        raise InvalidInputError(
            f"the run records {', '.join(recorded) or 'no observables'}; "
            + (f"give the observers of {', '.join(lacking)} again" if lacking else "")
            + (f"it cannot record {', '.join(surplus)} as well" if not lacking else "")
        )
    return (*(known[name] for name in recorded), *unnamed)
