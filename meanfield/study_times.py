"""Times of a study, at which networks that move in steps stand exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["common_multiple", "solver_steps", "study_times"]

# Fractions of the end time at which a study looks by default.
_TELLING = (0.0, 0.125, 0.25, 0.5, 1.0)
# Solvers that stand at whole steps only; all others end a step where they are told to.
_IN_STEPS = ("sgd", "online-sgd", "langevin")
# Relative distance up to which given times count as multiples, and up to which they are kept
# as given, since solvers round so much away.
_TOLERANCE, _KEPT = 1e-9, 1e-12
_LARGEST_DENOMINATOR = 10**4


def solver_steps(solvers: Iterable[Any]) -> list[float]:
    """Lengths of the steps of those solvers that stand at whole steps only, each once."""
    return sorted({float(one.step) for one in solvers if one.name in _IN_STEPS})


def common_multiple(steps: Sequence[float]) -> float | None:
    """Shortest time that is a multiple of all steps; None if there is none to speak of.

    Examples
    --------
    >>> common_multiple([0.0125, 0.05, 0.2]), common_multiple([0.2, 0.3])
    (0.2, 0.6)
    >>> common_multiple([0.1, 2**0.5])
    """
    ratios = [Fraction(step / steps[0]).limit_denominator(_LARGEST_DENOMINATOR) for step in steps]
    near = (abs(float(r) * steps[0] - s) <= _KEPT * s for r, s in zip(ratios, steps, strict=True))
    if not all(near):
        return None
    numerator = lcm(*(ratio.numerator for ratio in ratios))
    denominator = gcd(*(ratio.denominator for ratio in ratios))
    # The longest step is closest to the multiple, which so is rounded least.
    return steps[-1] * float(Fraction(numerator, denominator) / ratios[-1])


def study_times(frames: Float64Array, times: Any, steps: Sequence[float]) -> Float64Array:
    """Times at which a study looks.

    Parameters
    ----------
    frames : (F,) array
        Times of the experiment.
    times : array or None
        Those asked for. By default five telling frames, moved to the nearest multiples of the
        steps.
    steps : sequence of float
        Of everything that stands at whole steps only, increasing.

    Raises
    ------
    InvalidInputError
        If times do not increase, or are no multiples of the steps, or the run holds none.

    Examples
    --------
    >>> study_times(np.linspace(0.0, 2.0, 9), None, [0.3])
    array([0. , 0.3, 0.6, 0.9, 1.8])
    """
    end = float(frames[-1])
    unit = _unit(steps, end) if steps else None
    if times is None:
        wanted = np.asarray(_TELLING) * end
        chosen = frames[np.unique(np.abs(frames - wanted[:, None]).argmin(axis=1))]
        return chosen if unit is None else np.unique(_snapped(chosen, unit, end))
    moments = as_finite_array("times", np.atleast_1d(times), 1).astype(np.float64)
    if (np.diff(moments) <= 0.0).any() or moments[0] < 0.0 or moments[-1] > end * (1 + 1e-12):
        raise InvalidInputError(
            f"times must increase within the experiment's [0, {end:g}], got {_words(moments)}"
        )
    if moments[-1] == 0.0:
        raise InvalidInputError("times must hold at least one time after 0")
    if unit is None:
        return moments
    allowed = _snapped(moments, unit, end)
    off = np.abs(allowed - moments) > _TOLERANCE * moments
    if off.any():
        raise InvalidInputError(
            f"times must be multiples of {_origin(steps, unit)}, between which networks do not "
            f"move, got {_words(moments[off])}; the nearest: {_words(np.unique(allowed[off]))}"
        )
    return allowed


def _unit(steps: Sequence[float], end: float) -> float:
    """What all times are multiples of."""
    if steps[-1] > end * (1 + _TOLERANCE):
        raise InvalidInputError(
            f"the step {steps[-1]:g} is longer than the run, which ends at t = {end:g}; take a "
            "shorter step or a later end"
        )
    unit = common_multiple(steps)
    if unit is None or unit > end * (1 + _TOLERANCE):
        raise InvalidInputError(
            f"the steps {_words(steps)} (of networks and reference) have no common multiple up to "
            f"the end of the run, t = {end:g}, where all could be compared; take steps that "
            f"divide each other, such as {steps[0]:g} and {2 * steps[0]:g}"
        )
    return unit


def _snapped(times: Float64Array, unit: float, end: float) -> Float64Array:
    """The nearest multiples within the run, after 0 for times after 0."""
    last = np.floor(end / unit * (1.0 + _TOLERANCE))
    counts = np.clip(np.rint(times / unit), np.where(times > 0.0, 1.0, 0.0), last)
    moved = counts * unit
    return np.where(np.abs(moved - times) <= _KEPT * times, times, moved)


def _origin(steps: Sequence[float], unit: float) -> str:
    if len(steps) == 1:
        return f"the step {unit:g}"
    return f"{unit:g}, the common multiple of the steps {_words(steps)}"


def _words(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:.10g}" for number in numbers)
