"""Schedules: how the temperature falls to that of the problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from meanfield.checks import as_finite_array, as_number
from meanfield.errors import InvalidInputError
from meanfield.registry import Registry, from_settings

__all__ = [
    "Exponential",
    "Logarithmic",
    "PiecewiseLinear",
    "Schedule",
    "schedule_from_dict",
    "schedules",
]


class Schedule(Protocol):
    """Temperatures τ(t) ≥ 0 in time, towards that of the problem."""

    @property
    def name(self) -> str:
        """Name in the vocabulary."""
        ...

    def temperature(self, time: float, final: float) -> float:
        """Temperature τ(t) at a time, where `final` is the one of the problem."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `schedule_from_dict` rebuilds the schedule."""
        ...


@dataclass(frozen=True)
class Exponential:
    """τ(t) = τ + (initial − τ) e^{−rate t}, where τ is the temperature of the problem.

    Parameters
    ----------
    initial : float
        Temperature ≥ 0 at time 0.
    rate : float
        Rate > 0 of the approach.

    Raises
    ------
    InvalidInputError
        If a number has the wrong sign.

    Examples
    --------
    >>> round(Exponential(initial=1.0, rate=0.5).temperature(2.0, final=0.0), 6)
    0.367879
    """

    initial: float
    rate: float
    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        as_number("initial temperature", self.initial, "nonnegative")
        as_number("rate of the schedule", self.rate, "positive")

    def temperature(self, time: float, final: float) -> float:
        """Temperature at a time."""
        return final + (self.initial - final) * float(np.exp(-self.rate * time))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `schedule_from_dict` rebuilds the schedule."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Logarithmic:
    """τ(t) = τ + (initial − τ) / log(e + t / time), where τ is the temperature of the problem.

    So slow a fall is what convergence to a global minimum needs in general.

    Parameters
    ----------
    initial : float
        Temperature ≥ 0 at time 0.
    time : float
        Time > 0 after which the fall begins to slow down.

    Raises
    ------
    InvalidInputError
        If a number has the wrong sign.

    References
    ----------
    S. Geman, C.-R. Hwang (1986), Diffusions for global optimization; L. Chizat (2022),
    Mean-field Langevin dynamics: exponential convergence and annealing, TMLR, section 4.

    Examples
    --------
    >>> Logarithmic(initial=1.0, time=10.0).temperature(0.0, final=0.1)
    1.0
    """

    initial: float
    time: float = 1.0
    name: ClassVar[str] = "logarithmic"

    def __post_init__(self) -> None:
        as_number("initial temperature", self.initial, "nonnegative")
        as_number("time of the schedule", self.time, "positive")

    def temperature(self, time: float, final: float) -> float:
        """Temperature at a time."""
        return final + (self.initial - final) / float(np.log(np.e + time / self.time))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `schedule_from_dict` rebuilds the schedule."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class PiecewiseLinear:
    """τ(t) linear between given points, and constant before the first and after the last.

    Parameters
    ----------
    times : (m,) sequence
        Increasing.
    temperatures : (m,) sequence
        Each ≥ 0; the last is that of the problem.

    Raises
    ------
    InvalidInputError
        If times do not increase, lengths differ, or a temperature is negative;
        `temperature` raises it if the last one is not that of the problem.

    Examples
    --------
    >>> PiecewiseLinear([0.0, 10.0], [1.0, 0.0]).temperature(2.5, final=0.0)
    0.75
    """

    times: tuple[float, ...]
    temperatures: tuple[float, ...]
    name: ClassVar[str] = "piecewise-linear"

    def __post_init__(self) -> None:
        times, heights = (
            as_finite_array(f"{key} of the schedule", getattr(self, key), 1)
            for key in ("times", "temperatures")
        )
        if len(times) != len(heights) or (np.diff(times) <= 0.0).any() or heights.min() < 0.0:
            raise InvalidInputError(
                "a schedule needs increasing times with one temperature >= 0 each, got "
                f"times {_listed(self.times)} and temperatures {_listed(self.temperatures)}"
            )
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "temperatures", tuple(heights.tolist()))

    def temperature(self, time: float, final: float) -> float:
        """Temperature at a time."""
        if self.temperatures[-1] != final:
            raise InvalidInputError(
                f"the last temperature of the schedule is {self.temperatures[-1]:g}, but the "
                f"problem has {final:g}; let both be the same"
            )
        return float(np.interp(time, self.times, self.temperatures))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `schedule_from_dict` rebuilds the schedule."""
        return {
            "name": self.name,
            "times": list(self.times),
            "temperatures": list(self.temperatures),
        }


def _listed(values: Sequence[float]) -> list[float]:
    return [float(value) for value in values]


#: Vocabulary of schedules by name.
schedules: Registry[type[Exponential] | type[Logarithmic] | type[PiecewiseLinear]] = Registry(
    "schedule"
)
for _schedule in (Exponential, Logarithmic, PiecewiseLinear):
    schedules.register(_schedule.name, _schedule)


def schedule_from_dict(described: Mapping[str, Any] | Schedule) -> Schedule:
    """Schedule from the dictionary that its ``to_dict`` makes, or itself.

    Raises
    ------
    InvalidInputError
        If the name or a setting is unknown, or a setting is missing.

    Examples
    --------
    >>> schedule_from_dict({"name": "exponential", "initial": 1.0, "rate": 0.1})
    Exponential(initial=1.0, rate=0.1)
    """
    if not isinstance(described, Mapping):
        if not isinstance(described, (Exponential, Logarithmic, PiecewiseLinear)):
            raise InvalidInputError(
                "schedule must be a dictionary with a name, Exponential, Logarithmic or "
                f"PiecewiseLinear, got {described!r}"
            )
        return described
    kind = schedules[described.get("name", "")]
    return from_settings(kind, "schedule", described)  # type: ignore[no-any-return]
