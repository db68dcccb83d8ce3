"""Particles in the mean field with noise, dθ_i = −∇Ψ(θ_i; μ_N) dt + √(2τ) dW_i."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import DivergenceError, unknown_name
from meanfield.measures import Measure, ParticleMeasure
from meanfield.noise import add_noise
from meanfield.problems import AnyProblem
from meanfield.solver import settings_to_dict
from meanfield.stages import combine
from meanfield.typing import Float64Array, FloatArray

__all__ = ["Langevin", "LangevinState"]

_ONE = np.ones(1)


@dataclass(frozen=True, eq=False)
class LangevinState:
    """Particles after a number of steps.

    Attributes
    ----------
    positions : (N, p) array
    stages : (s, N, p) array
        Room for velocities, and for a predicted position.
    masses : (N,) array
    steps : int
        Number of steps made.
    seed : int
        Seed of the noise.
    """

    positions: FloatArray
    stages: FloatArray
    masses: Float64Array
    steps: int
    seed: int


@dataclass(frozen=True)
class Langevin:
    """Interacting Langevin dynamics: the flow of the free energy at temperature τ.

    With ξ_k independent standard normal numbers and v = −∇Ψ, a step of length s is

    - ``"euler-maruyama"``: θ + s v(θ) + √(2τs) ξ_k,
    - ``"heun"``: θ + s/2 (v(θ) + v(θ*)) + √(2τs) ξ_k with θ* the Euler–Maruyama step,
    - ``"leimkuhler-matthews"``: θ + s v(θ) + √(2τs) (ξ_k + ξ_{k+1}) / 2, whose
      stationary measure is wrong by O(s²) only, at the cost of one velocity.

    At time t the measure is that after ⌊t / s⌋ steps. The noise of particle i at step k
    is the same for every method, number of threads and restart.

    Parameters
    ----------
    step : float
        s > 0.
    method : {"leimkuhler-matthews", "heun", "euler-maruyama"}

    Raises
    ------
    InvalidInputError
        For a step that is not positive or an unknown method.

    References
    ----------
    Leimkuhler, Matthews (2013), Appl. Math. Res. Express 2013, eq. 1.7;
    Mei, Montanari, Nguyen (2018), eq. 11.

    Examples
    --------
    >>> Langevin(step=0.01)
    Langevin(step=0.01, method='leimkuhler-matthews')
    """

    step: float
    method: str = "leimkuhler-matthews"
    name: ClassVar[str] = "langevin"
    state_type: ClassVar[type[LangevinState]] = LangevinState

    def __post_init__(self) -> None:
        as_number("step", self.step, "positive")
        if self.method not in _STEPS:
            raise unknown_name("method", self.method, _STEPS)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> LangevinState:
        """State before the first step."""
        measure = measure.to_particles()
        positions = measure.positions.copy()
        stages = np.zeros((_ROOM[self.method], *positions.shape), positions.dtype)
        return LangevinState(positions, stages, measure.weights, 0, seed)

    def advance(
        self, problem: AnyProblem, state: LangevinState, t: float
    ) -> tuple[LangevinState, ParticleMeasure]:
        """State and measure after ⌊t / s⌋ steps."""
        target = int(np.floor(t / self.step * (1.0 + 1e-12) + 1e-9))
        scale = float(np.sqrt(2.0 * problem.temperature * self.step))
        for number in range(state.steps, target):
            _STEPS[self.method](problem, state, self.step, scale, number)
        if not np.isfinite(state.positions).all():
            raise DivergenceError(
                f"Langevin dynamics left the finite numbers before t = {t:.6g}; try a smaller "
                f"step (it is {self.step:g})",
                state.steps * self.step,
            )
        measure = ParticleMeasure(state.positions.copy(), state.masses)
        return replace(state, steps=max(target, state.steps)), measure

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _euler_maruyama(
    problem: AnyProblem, state: LangevinState, step: float, scale: float, number: int
) -> None:
    positions, stages = state.positions, state.stages
    problem.velocity_at(positions, state.masses, out=stages[0])
    combine(positions, step, _ONE, stages, positions)
    add_noise(positions, scale, state.seed, number)


def _leimkuhler_matthews(
    problem: AnyProblem, state: LangevinState, step: float, scale: float, number: int
) -> None:
    _euler_maruyama(problem, state, step, 0.5 * scale, number)
    add_noise(state.positions, 0.5 * scale, state.seed, number + 1)


def _heun(
    problem: AnyProblem, state: LangevinState, step: float, scale: float, number: int
) -> None:
    positions, stages = state.positions, state.stages
    problem.velocity_at(positions, state.masses, out=stages[0])
    add_noise(positions, scale, state.seed, number)
    predicted = combine(positions, step, _ONE, stages, stages[2])
    problem.velocity_at(predicted, state.masses, out=stages[1])
    combine(positions, step, np.array([0.5, 0.5]), stages, positions)


_STEPS: dict[str, Callable[[AnyProblem, LangevinState, float, float, int], None]] = {
    "leimkuhler-matthews": _leimkuhler_matthews,
    "heun": _heun,
    "euler-maruyama": _euler_maruyama,
}

# Arrays (N, p) that a method needs beside the positions.
_ROOM = {"leimkuhler-matthews": 1, "heun": 3, "euler-maruyama": 1}
