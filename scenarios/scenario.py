"""What a scenario is: documented, checked parameters, and how to build an experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import Field, field, fields
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import Sign, as_count, as_number
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.experiment import Experiment
from meanfield.typing import Float64Array

__all__ = [
    "Scenario",
    "choice",
    "count",
    "early_times",
    "frame_times",
    "number",
    "parameter",
    "within",
]

#: Takes the name and value of a parameter; returns the value as stored, or raises.
Check = Callable[[str, Any], Any]


def parameter(default: Any, doc: str, check: Check) -> Any:
    """Field of a scenario: its default, what it means, and what it may be.

    Examples
    --------
    >>> declared = parameter(4, "number of neurons", count())
    >>> declared.default, declared.metadata["doc"]
    (4, 'number of neurons')
    """
    return field(default=default, metadata={"doc": doc, "check": check})


def count(least: int = 1) -> Check:
    """Check for an integer that is at least `least`."""
    return lambda name, value: as_count(name, value, least)


def number(sign: Sign = "any") -> Check:
    """Check for a finite number of a sign."""
    return lambda name, value: as_number(name, value, sign)


def within(low: float, high: float) -> Check:
    """Check for a number in the closed interval [low, high].

    Examples
    --------
    >>> within(0, 1)("fraction", 2)
    Traceback (most recent call last):
    meanfield.errors.InvalidInputError: fraction must be in [0, 1], got 2
    """

    def check(name: str, value: Any) -> float:
        if not low <= as_number(name, value) <= high:
            raise InvalidInputError(f"{name} must be in [{low:g}, {high:g}], got {value!r}")
        return float(value)

    return check


def choice(names: Iterable[str]) -> Check:
    """Check for one of some names; the nearest one is suggested."""

    def check(name: str, value: Any) -> str:
        if value not in names:
            raise unknown_name(name, value, names)
        return str(value)

    return check


class Scenario:
    """Base of scenarios: frozen dataclasses whose fields are made by `parameter`.

    A scenario checks its parameters at construction and builds an `Experiment`. Its
    docstring gains a list of the parameters.

    Attributes
    ----------
    name : str
        Name in the catalogue.
    summary : str
        One line for the catalogue.
    reference : str
        Where the experiment comes from.
    particles : int
        Number N of neurons.
    t_end : float
        Mean-field time at which the run ends.
    frames : int
        Number of saved times, the start included.

    Raises
    ------
    InvalidInputError
        If a parameter has a value that is not allowed; one sentence says which, the
        value, and what is allowed.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    particles: int
    t_end: float
    frames: int

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        declared = {key: value for key, value in vars(cls).items() if isinstance(value, Field)}
        lines = [
            f"    {key} : {_type_name(cls.__annotations__[key])}, default {value.default!r}\n"
            f"        {value.metadata['doc']}."
            for key, value in declared.items()
        ]
        title = "\n\n    Parameters\n    ----------\n"
        cls.__doc__ = (cls.__doc__ or "").rstrip() + title + "\n".join(lines) + "\n    "

    def __post_init__(self) -> None:
        for entry in fields(self):  # type: ignore[arg-type]
            value = entry.metadata["check"](entry.name, getattr(self, entry.name))
            object.__setattr__(self, entry.name, value)

    def build(self) -> Experiment:
        """Experiment with these parameters."""
        raise NotImplementedError(f"the scenario {self.name} does not say how to build")


def _type_name(annotation: Any) -> str:
    return str(getattr(annotation, "__name__", annotation))


def early_times(t_end: float, frames: int) -> Float64Array:
    """Return 0 and frames − 1 geometrically spaced times from t_end / 1000 to t_end.

    Examples
    --------
    >>> early_times(2.0, 3)
    array([0.   , 0.002, 2.   ])
    """
    later = np.geomspace(1e-3 * t_end, t_end, frames - 1)
    later[-1] = t_end
    return np.concatenate([[0.0], later])


def frame_times(t_end: float, frames: int, power: float = 1.0) -> Float64Array:
    """Return the times t_end (i / (frames − 1))^power, i = 0 … frames − 1.

    Powers above 1 look more often at the beginning, where most happens.

    Examples
    --------
    >>> frame_times(8.0, 3, power=2.0)
    array([0., 2., 8.])
    """
    return t_end * np.linspace(0.0, 1.0, frames) ** power
