"""One frame of a run: measured, observed, written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import Measure
from meanfield.observers import Frame, Observer
from meanfield.problems import AnyProblem
from meanfield.storage import Store
from meanfield.supports import Support

__all__ = ["commit_frame", "recorded_names"]

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
) -> None:
    """Measure risk and energy, ask the observers, and write one frame.

    Raises
    ------
    DivergenceError
        If the risk or the penalty is not finite.
    """
    risk, penalty = problem.risk(measure), problem.penalty(measure)
    noise = problem.temperature * measure.entropy() if problem.temperature > 0.0 else 0.0
    energy = risk + penalty + noise if np.isfinite(noise) else np.nan
    for what, number in (("risk", risk), ("penalty", penalty)):
        if not np.isfinite(number):
            raise DivergenceError(
                f"the {what} is {number} at t = {time:.6g}; try a smaller step", time
            )
    frame = Frame(index, time, measure, risk, energy, problem)
    scalars = {"risk": risk, "energy": energy}
    for observer in observers:
        value, name = observer(frame), getattr(observer, "name", None)
        if name is not None and value is not None:
            scalars[name] = float(value)
    sink.write_frame(index, time, support.values(measure), scalars)


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
