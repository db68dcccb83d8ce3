"""Particles in the mean field with noise, dθ_i = −∇Ψ(θ_i; μ_N) dt + √(2τ) dW_i."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.errors import DivergenceError, InvalidInputError, unknown_name
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.noise import add_noise
from meanfield.population import PopulationProblem
from meanfield.problems import AnyProblem
from meanfield.schedules import Schedule, schedule_from_dict
from meanfield.solver import settings_to_dict
from meanfield.solvers.batches import require_points
from meanfield.solvers.drift import Drift, FieldDrift, drift_of
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
    batch_size : int, optional
        Points in a batch, for stochastic gradients (Welling, Teh 2011): in each step v
        comes from the risk of as many points, drawn independently with the probabilities
        of the data's weights, the same for both velocities of a step. All data by default.
    schedule : Schedule or dict, optional
        Temperatures τ(t) for annealing, see `meanfield.schedules`; ξ_k has that at the
        middle of step k. The temperature of the problem, to which recorded energies refer,
        is the final one; without a schedule it holds at all times.

    Raises
    ------
    InvalidInputError
        For a step that is not positive, an unknown method, a batch below 1, or a schedule
        that does not end at the temperature of the problem.

    References
    ----------
    Leimkuhler, Matthews (2013), Appl. Math. Res. Express 2013, eq. 1.7;
    Mei, Montanari, Nguyen (2018), eq. 11; Welling, Teh (2011), ICML.

    Examples
    --------
    >>> from meanfield.schedules import Exponential
    >>> Langevin(step=0.01)
    Langevin(step=0.01, method='leimkuhler-matthews', batch_size=None, schedule=None)
    >>> Langevin(step=0.01, schedule=Exponential(initial=1.0, rate=0.1)).temperature(
    ...     0.0, final=0.02
    ... )
    1.0
    """

    step: float
    method: str = "leimkuhler-matthews"
    batch_size: int | None = None
    schedule: Schedule | None = None
    name: ClassVar[str] = "langevin"
    state_type: ClassVar[type[LangevinState]] = LangevinState

    def __post_init__(self) -> None:
        as_number("step", self.step, "positive")
        if self.method not in _STEPS:
            raise unknown_name("method", self.method, _STEPS)
        if self.batch_size is not None:
            as_count("batch_size", self.batch_size)
        if self.schedule is not None:
            object.__setattr__(self, "schedule", schedule_from_dict(self.schedule))

    def temperature(self, time: float, final: float) -> float:
        """Temperature τ(t) at a time, where `final` is the one of the problem."""
        return final if self.schedule is None else self.schedule.temperature(time, final)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> LangevinState:
        """State before the first step.

        Raises
        ------
        InvalidInputError
            If a population problem is to be learned in batches, or a schedule ends at
            another temperature than that of the problem.
        """
        self.temperature(0.0, problem.temperature)
        if self.batch_size is not None and isinstance(problem, PopulationProblem):
            raise InvalidInputError(
                "batches are taken from data, which a population problem has none of; leave out "
                f"batch_size={self.batch_size}"
            )
        if self.batch_size is not None:
            require_points(problem)
        measure = measure.to_particles()
        positions = measure.positions.copy()
        stages = np.zeros((_ROOM[self.method], *positions.shape), positions.dtype)
        return LangevinState(positions, stages, measure.weights, 0, seed)

    def advance(
        self, problem: AnyProblem, state: LangevinState, t: float
    ) -> tuple[LangevinState, ParticleMeasure]:
        """State and measure after ⌊t / s⌋ steps."""
        drift = drift_of(problem, self.batch_size, state.seed, state.positions.dtype, self.step)
        return self._advance(drift, problem, state, t)

    def carry(
        self, field: MeanField, measure: ParticleMeasure, seed: int, times: Float64Array
    ) -> tuple[ParticleMeasure, ...]:
        """Independent particles with the noise of these, whose drift is that of the mean field.

        Batches, if there are any, are left out: their mean is the drift of all data.
        """
        drift, state = FieldDrift(field, self.step), self.start(field.problem, measure, seed)
        path = []
        for time in times:
            state, there = self._advance(drift, field.problem, state, float(time))
            path.append(there)
        return tuple(path)

    def _advance(
        self, drift: Drift, problem: AnyProblem, state: LangevinState, t: float
    ) -> tuple[LangevinState, ParticleMeasure]:
        target = int(np.floor(t / self.step * (1.0 + 1e-12) + 1e-9))
        for number in range(state.steps, target):
            temperatures = [
                self.temperature((k + 0.5) * self.step, problem.temperature)
                for k in (number, number + 1)
            ]
            drift.load(number, temperatures[0])
            scales = np.sqrt(2.0 * self.step * np.array(temperatures))
            _STEPS[self.method](drift, state, self.step, scales, number)
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
    drift: Drift, state: LangevinState, step: float, scales: Float64Array, number: int
) -> None:
    positions, stages = state.positions, state.stages
    drift.write(positions, state.masses, 0.0, stages[0])
    combine(positions, step, _ONE, stages, positions)
    add_noise(positions, scales[0], state.seed, number)


def _leimkuhler_matthews(
    drift: Drift, state: LangevinState, step: float, scales: Float64Array, number: int
) -> None:
    _euler_maruyama(drift, state, step, 0.5 * scales, number)
    add_noise(state.positions, 0.5 * scales[1], state.seed, number + 1)


def _heun(
    drift: Drift, state: LangevinState, step: float, scales: Float64Array, number: int
) -> None:
    positions, stages = state.positions, state.stages
    drift.write(positions, state.masses, 0.0, stages[0])
    add_noise(positions, scales[0], state.seed, number)
    predicted = combine(positions, step, _ONE, stages, stages[2])
    drift.write(predicted, state.masses, 1.0, stages[1])
    combine(positions, step, np.array([0.5, 0.5]), stages, positions)


_STEPS: dict[str, Callable[[Drift, LangevinState, float, Float64Array, int], None]] = {
    "leimkuhler-matthews": _leimkuhler_matthews,
    "heun": _heun,
    "euler-maruyama": _euler_maruyama,
}

# Arrays (N, p) that a method needs beside the positions.
_ROOM = {"leimkuhler-matthews": 1, "heun": 3, "euler-maruyama": 1}
