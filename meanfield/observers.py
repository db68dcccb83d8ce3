"""Observers: what looks at a run while it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from meanfield.datasets import Dataset
from meanfield.measures import Measure
from meanfield.problems import AnyProblem
from meanfield.registry import EntryPointRegistry

__all__ = [
    "Accuracy",
    "Frame",
    "Observer",
    "OptimalityGap",
    "TestRisk",
    "observer_from_dict",
    "observers",
]

#: Vocabulary of kinds of observers, filled by the entry points ``meanfield.observers``.
observers = EntryPointRegistry("meanfield.observers", "kind of observer")


@dataclass(frozen=True, eq=False)
class Frame:
    """One saved instant of a run.

    Attributes
    ----------
    index : int
        Number of the frame, from 0.
    time : float
        Mean-field time.
    measure : Measure
    risk, energy : float
        R and F at this time.
    problem : Problem or PopulationProblem
    step : float or None
        Length of the method's last step, or of its next one, in mean-field time, where it
        makes steps.
    steps : int or None
        Number of steps it has made.
    """

    index: int
    time: float
    measure: Measure
    risk: float
    energy: float
    problem: AnyProblem
    step: float | None = None
    steps: int | None = None


class Observer(Protocol):
    """Any callable that takes a `Frame`.

    If it has an attribute ``name``, what it returns is recorded under that name in
    the trajectory, one number a frame; otherwise what it returns is ignored.

    With a method ``to_dict``, which names its ``kind`` and all that its class method
    ``from_dict`` needs (settings, ``data``, a ``measure``), a file of the run can
    rebuild it when the run is resumed.
    """

    def __call__(self, frame: Frame) -> float | None:
        """Look at a frame."""
        ...


@dataclass(frozen=True)
class TestRisk:
    """Record the risk on held-out data.

    Parameters
    ----------
    data : Dataset
    name : str
        Name of the recorded variable.
    """

    __test__ = False  # not a test case, whatever its name suggests to pytest

    data: Dataset
    name: str = "test_risk"

    def __call__(self, frame: Frame) -> float:
        """Risk of the frame's measure on the data."""
        return frame.problem.risk_on(frame.measure, self.data)

    def to_dict(self) -> dict[str, Any]:
        """Description from which `from_dict` rebuilds the observer."""
        return {"kind": "test-risk", "name": self.name, "data": self.data.to_dict()}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> TestRisk:
        """Observer from the dictionary that `to_dict` makes."""
        return cls(Dataset.from_dict(described["data"]), str(described["name"]))


@dataclass(frozen=True)
class Accuracy:
    """Record the fraction of held-out points that are classified correctly.

    Parameters
    ----------
    data : Dataset
    name : str
        Name of the recorded variable.
    """

    data: Dataset
    name: str = "test_accuracy"

    def __call__(self, frame: Frame) -> float:
        """Accuracy of the frame's measure on the data."""
        return frame.problem.accuracy(frame.measure, self.data)

    def to_dict(self) -> dict[str, Any]:
        """Description from which `from_dict` rebuilds the observer."""
        return {"kind": "accuracy", "name": self.name, "data": self.data.to_dict()}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Accuracy:
        """Observer from the dictionary that `to_dict` makes."""
        return cls(Dataset.from_dict(described["data"]), str(described["name"]))


@dataclass(frozen=True)
class OptimalityGap:
    """Record the certificate of `Problem.optimality_gap`, an upper bound of F(μ) − min F.

    Parameters
    ----------
    name : str
        Name of the recorded variable.
    """

    name: str = "optimality_gap"

    def __call__(self, frame: Frame) -> float:
        """Certificate of the frame's measure."""
        return frame.problem.optimality_gap(frame.measure)

    def to_dict(self) -> dict[str, Any]:
        """Description from which `from_dict` rebuilds the observer."""
        return {"kind": "optimality-gap", "name": self.name}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> OptimalityGap:
        """Observer from the dictionary that `to_dict` makes."""
        return cls(str(described["name"]))


def observer_from_dict(described: Mapping[str, Any]) -> Observer:
    """Observer from the dictionary that its ``to_dict`` makes.

    Raises
    ------
    InvalidInputError
        If the kind is unknown.

    Examples
    --------
    >>> observer_from_dict({"kind": "optimality-gap", "name": "gap"})
    OptimalityGap(name='gap')
    """
    found: Observer = observers[described.get("kind", "")].from_dict(described)
    return found
