"""Observers: what looks at a run while it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meanfield.datasets import Dataset
from meanfield.measures import Measure
from meanfield.problems import AnyProblem

__all__ = ["Accuracy", "Frame", "Observer", "OptimalityGap", "TestRisk"]


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
    """

    index: int
    time: float
    measure: Measure
    risk: float
    energy: float
    problem: AnyProblem


class Observer(Protocol):
    """Any callable that takes a `Frame`.

    If it has an attribute ``name``, what it returns is recorded under that name in
    the trajectory, one number a frame; otherwise what it returns is ignored.
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
