"""What ends a run that has gone wrong: looked at in every frame, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from meanfield.errors import DivergenceError
from meanfield.observers import Frame
from meanfield.problems import AnyProblem

__all__ = ["EnergyGuard", "advice", "require_finite"]


def advice(solver: Any, time: float) -> str:
    """What may help a run whose numbers are not finite at a time.

    Examples
    --------
    >>> from meanfield.solvers import SGD, ParticleFlow
    >>> advice(SGD(step=0.5), time=2.0)
    'try a smaller step (it is 0.5)'
    >>> advice(ParticleFlow(), time=0.0)
    'no step was made yet: start from smaller parameters, or scale the data down'
    """
    if time == 0.0:
        return "no step was made yet: start from smaller parameters, or scale the data down"
    step = getattr(solver, "step", None)
    if step is not None:
        return f"try a smaller step (it is {step:g})"
    return "the solution itself grows beyond all numbers: end the run earlier, or add a ridge"


def require_finite(solver: Any, time: float, numbers: Mapping[str, float]) -> None:
    """Raise unless all numbers of a frame are finite.

    Parameters
    ----------
    solver : Solver
        What made it.
    time : float
    numbers : mapping of str to float
        Risk and penalty: one of them is not finite where a particle or its square is not.

    Raises
    ------
    DivergenceError
        With advice.

    Examples
    --------
    >>> from meanfield.solvers import SGD
    >>> require_finite(SGD(step=0.5), 2.0, {"risk": float("nan")})
    Traceback (most recent call last):
    meanfield.errors.DivergenceError: the risk is nan at t = 2; try a smaller step (it is 0.5)
    """
    for name, number in numbers.items():
        if not np.isfinite(number):
            raise DivergenceError(
                f"the {name} is {number} at t = {time:.6g}; {advice(solver, time)}", time
            )


class EnergyGuard:
    """Observer that ends a run whose energy rises, where the method promises that it falls.

    Which do is said by their ``energy_rise``; see `meanfield.solver.Solver`. Methods of
    fixed step promise nothing, as gradient descent with long steps does not either, nor do
    those with noise or batches.

    Parameters
    ----------
    solver : Solver
    problem : Problem or PopulationProblem
    """

    def __init__(self, solver: Any, problem: AnyProblem) -> None:
        promise = getattr(solver, "energy_rise", None)
        self._rise = np.inf if promise is None else promise(problem)
        self._last = np.inf

    def __call__(self, frame: Frame) -> None:
        """Compare the energy with that of the frame before.

        Raises
        ------
        DivergenceError
            If it is larger than errors of the method explain.
        """
        allowed = self._rise * (1.0 + abs(self._last)) if np.isfinite(self._last) else np.inf
        if frame.energy > self._last + allowed:
            raise DivergenceError(
                f"the energy rose from {self._last:.6g} to {frame.energy:.6g} at t = "
                f"{frame.time:.6g}, but the flow only lowers it; try tighter tolerances, and "
                "compare the derivative of a custom activation with its values",
                frame.time,
            )
        self._last = frame.energy
