"""The noiseless flow of particles, dθ_i/dt = −∇Ψ(θ_i; μ_N), by Runge–Kutta methods."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.population import PopulationProblem
from meanfield.problems import AnyProblem
from meanfield.solver import require_noiseless, settings_to_dict
from meanfield.solvers.tableaus import Tableau, tableaus
from meanfield.solvers.transport import carried
from meanfield.stages import combine, scaled_error, scaled_size
from meanfield.typing import Float64Array, FloatArray

__all__ = ["FlowState", "ParticleFlow"]

# Relative tolerances where the velocity is continuous in θ and where it jumps; absolute ones
# are smaller by this factor.
_SMOOTH, _KINKED, _ABSOLUTE = 1e-6, 1e-3, 1e-2
# In float32: rounding of the sums that are outputs near 0 must not look like an error.
_SINGLE = 1e-4
# Errors of steps between two frames add up to less than this many tolerances.
_MANY_STEPS = 100.0


@dataclass(frozen=True, eq=False)
class FlowState:
    """The last step that was made, and how to make the next.

    Attributes
    ----------
    masses : (N,) array
    time, positions
        End of the last step.
    previous_time, previous_positions, stages
        Start of the last step and its s stage velocities, (s, N, p): what
        interpolation inside the step needs. The last stage of an adaptive method
        is the velocity at the end.
    next_step, last_error : float
        Memory of the step-size controller.
    steps, rejected, evaluations : int
        Counts of accepted steps, rejected steps and velocity evaluations.
    """

    masses: Float64Array
    time: float
    positions: FloatArray
    previous_time: float
    previous_positions: FloatArray
    stages: FloatArray
    next_step: float
    last_error: float
    steps: int
    rejected: int
    evaluations: int


@dataclass(frozen=True)
class ParticleFlow:
    """Wasserstein gradient flow of the energy, carried by weighted particles.

    Explicit Euler with step s is full-batch gradient descent of the network of N
    neurons with learning rate N s. The adaptive method controls the error of the
    particles (root mean square over all coordinates) and of the outputs at the data.

    Parameters
    ----------
    method : {"dopri5", "euler", "heun", "rk4"}
        Adaptive Dormand–Prince 5(4), or a method of fixed step of order 1, 2, 4.
    rtol, atol : float, optional
        Tolerances of the adaptive method for one step, relative and absolute. By default
        1e-6, or 1e-4 for particles of float32, or 1e-3 for activations with kinks on finitely
        many data, and a hundredth of the relative one. Runs record what they used.
    step : float, optional
        Step of the fixed-step methods in mean-field time; they require it.

    Raises
    ------
    InvalidInputError
        For an unknown method, a step that is not positive, or a step given to the
        adaptive method.

    Notes
    -----
    With a kinked activation (ReLU) and finitely many data the velocity jumps in θ: every
    method is then of first order along paths, and the adaptive one finds each jump, with
    ten times the steps for a tenth of the tolerance. At 1e-3 outputs are good to 1e-3 or
    better; for more, ``heun`` with a small step costs less than a tighter tolerance.

    Examples
    --------
    >>> ParticleFlow(), ParticleFlow(method="rk4", step=0.1)
    (ParticleFlow(method='dopri5'), ParticleFlow(method='rk4', step=0.1))
    """

    method: str = "dopri5"
    rtol: float | None = None
    atol: float | None = None
    step: float | None = None
    name: ClassVar[str] = "particle-flow"
    collective: ClassVar[bool] = True
    follows_velocity: ClassVar[bool] = True
    state_type: ClassVar[type[FlowState]] = FlowState

    def __post_init__(self) -> None:
        tableau = tableaus[self.method]
        for name in ("rtol", "atol"):
            if getattr(self, name) is not None:
                as_number(name, getattr(self, name), "positive")
        if tableau.error is None:
            if self.step is None:
                raise InvalidInputError(f"the method {self.method} needs a step, for example 0.1")
            as_number("step", self.step, "positive")
        elif self.step is not None:
            raise InvalidInputError(
                f"the method {self.method} chooses its own steps; leave out step={self.step} "
                "or use euler, heun or rk4"
            )

    def __repr__(self) -> str:
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        words = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return f"{type(self).__name__}({', '.join(words)})"

    @property
    def tableau(self) -> Tableau:
        """Coefficients of the method."""
        return tableaus[self.method]

    def tolerances(self, problem: AnyProblem, dtype: Any = np.float64) -> tuple[float, float]:
        """Relative and absolute tolerance of a step on this problem, for particles of a dtype.

        Examples
        --------
        >>> from meanfield import Dataset, Neuron, Problem
        >>> data = Dataset([[0.0], [1.0]], [1.0, 0.0])
        >>> for activation in ("tanh", "relu"):
        ...     ParticleFlow().tolerances(Problem(Neuron(1, activation=activation), data))
        (1e-06, 1e-08)
        (0.001, 1e-05)
        """
        jumps = problem.neuron.activation.kinks and not isinstance(problem, PopulationProblem)
        rough = _SINGLE if np.dtype(dtype) == np.float32 else _SMOOTH
        rtol = self.rtol or (_KINKED if jumps else rough)
        return rtol, self.atol or _ABSOLUTE * rtol

    def energy_rise(self, problem: AnyProblem) -> float:
        """Relative rise of the energy between frames that errors of adaptive steps explain."""
        return np.inf if self.tableau.error is None else _MANY_STEPS * self.tolerances(problem)[0]

    def resolved(self, problem: AnyProblem, measure: Measure) -> ParticleFlow:
        """The same with the tolerances that the adaptive method takes on this problem."""
        if self.tableau.error is None:
            return self
        rtol, atol = self.tolerances(problem, measure.positions.dtype)
        return replace(self, rtol=rtol, atol=atol)

    def could_be(self, other: Any) -> bool:
        """Whether `other` is this solver, or what its open settings have become."""
        if not isinstance(other, ParticleFlow):
            return False
        mine = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return all(value in (None, getattr(other, name)) for name, value in mine.items())

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> FlowState:
        """State at time 0; the seed is not used, as nothing is random."""
        require_noiseless(problem, self.name)
        measure = measure.to_particles()
        positions = measure.positions.copy()
        stages = np.zeros((self.tableau.stages, *positions.shape), positions.dtype)
        first = self.step
        if first is None:
            problem.velocity_at(positions, measure.weights, out=stages[-1])
            first = _first_step(positions, stages[-1], *self.tolerances(problem, positions.dtype))
        return FlowState(
            masses=measure.weights,
            time=0.0,
            positions=positions,
            previous_time=0.0,
            previous_positions=positions.copy(),
            stages=stages,
            next_step=first,
            last_error=1.0,
            steps=0,
            rejected=0,
            evaluations=int(self.step is None),
        )

    def advance(
        self, problem: AnyProblem, state: FlowState, t: float
    ) -> tuple[FlowState, ParticleMeasure]:
        """State whose last step contains `t`, and the measure at `t` by interpolation."""
        with np.errstate(over="ignore", invalid="ignore"):
            while state.time < t * (1.0 - 1e-13):
                state = self._step(problem, state)
        return state, ParticleMeasure.trusted(self._interpolate(state, t), state.masses)

    def carry(
        self, field: MeanField, measure: ParticleMeasure, seed: int, times: Float64Array
    ) -> tuple[ParticleMeasure, ...]:
        """Neurons in the mean field, to these tolerances whatever the method; see `carried`."""
        return carried(field, measure, times, *self.tolerances(field.problem))

    def _step(self, problem: AnyProblem, state: FlowState) -> FlowState:
        """One attempt at a step, in the memory of the state."""
        tableau, h, adaptive = self.tableau, state.next_step, self.tableau.error is not None
        end = state.time + h if adaptive else (state.steps + 1) * h
        outputs = self._fill_stages(problem, state, h)
        # The old start of a step is not needed any more: its memory takes the new end.
        positions = combine(
            state.positions, h, tableau.weights, state.stages, state.previous_positions
        )
        error, following = 1.0, h
        if adaptive:
            outputs = problem.velocity_at(positions, state.masses, out=state.stages[-1])[1]
            error = self._error(problem, state, h, positions, outputs)
            following = h * _growth(error, state.last_error, tableau.order)
        evaluations = state.evaluations + tableau.stages - adaptive
        _check_step(following, state.time)
        if not error <= 1.0:
            state.stages[-1] = state.stages[0]
            return replace(
                state,
                next_step=following,
                rejected=state.rejected + 1,
                evaluations=evaluations,
            )
        if not np.isfinite(outputs).all():
            raise DivergenceError(
                f"the flow left the finite numbers at t = {state.time:.6g}; try a smaller step "
                f"(it is {h:g}) or the adaptive method dopri5",
                state.time,
            )
        return FlowState(
            masses=state.masses,
            time=end,
            positions=positions,
            previous_time=state.time,
            previous_positions=state.positions,
            stages=state.stages,
            next_step=following,
            last_error=max(error, 1e-4),
            steps=state.steps + 1,
            rejected=state.rejected,
            evaluations=evaluations,
        )

    def _fill_stages(self, problem: AnyProblem, state: FlowState, h: float) -> Float64Array:
        """Fill the stages but the last of an adaptive method; outputs of the first (fixed)."""
        tableau, stages, masses = self.tableau, state.stages, state.masses
        outputs = np.zeros(1)
        if tableau.error is None:
            outputs = problem.velocity_at(state.positions, masses, out=stages[0])[1]
        else:
            stages[0] = stages[-1]
        for i in range(1, tableau.stages - (tableau.error is not None)):
            where = combine(
                state.positions, h, tableau.coupling[i, :i], stages, state.previous_positions
            )
            problem.velocity_at(where, masses, out=stages[i])
        return outputs

    def _error(
        self,
        problem: AnyProblem,
        state: FlowState,
        h: float,
        positions: FloatArray,
        outputs: Float64Array,
    ) -> float:
        """Largest of the scaled errors of particles and of outputs; 1 is acceptable."""
        assert self.tableau.error is not None
        spare = state.stages[self.tableau.spare]
        other = combine(positions, -h, self.tableau.error, state.stages, spare)
        rtol, atol = self.tolerances(problem, positions.dtype)
        of_particles = scaled_error(state.positions, positions, other, atol, rtol)
        if not np.isfinite(of_particles):
            return np.inf
        difference = outputs - problem.outputs_at(other, state.masses)
        scale = atol + rtol * np.abs(outputs)
        return max(of_particles, float(np.sqrt(np.mean(np.square(difference / scale)))))

    def _interpolate(self, state: FlowState, t: float) -> FloatArray:
        length = state.time - state.previous_time
        if length == 0.0 or abs(t - state.time) <= 1e-12 * max(abs(t), length):
            return state.positions.copy()
        fraction = (t - state.previous_time) / length
        table = self.tableau.interpolation
        powers = fraction ** np.arange(1, table.shape[1] + 1)
        return combine(
            state.previous_positions,
            length,
            table @ powers,
            state.stages,
            np.empty_like(state.positions),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _growth(error: float, last_error: float, order: int) -> float:
    """Factor of the next step: proportional-integral control (Gustafsson 1991)."""
    if not np.isfinite(error):
        return 0.2
    if error == 0.0:
        return 5.0
    if error > 1.0:
        return float(max(0.2, 0.9 * error ** (-1.0 / order)))
    return float(np.clip(0.9 * error ** (-0.7 / order) * last_error ** (0.4 / order), 0.2, 5.0))


def _first_step(positions: FloatArray, velocity: FloatArray, rtol: float, atol: float) -> float:
    """A first step over which no particle moves far (Hairer, Nørsett, Wanner, II.4)."""
    size = scaled_size(positions, positions, atol, rtol)
    speed = scaled_size(velocity, positions, atol, rtol)
    return 1e-6 if min(size, speed) < 1e-5 else 0.01 * size / speed


def _check_step(step: float, time: float) -> None:
    if not step >= 1e-14 * max(time, 1e-3):
        raise DivergenceError(
            f"the step size fell to {step:.1e} at t = {time:.6g}: the solution blows up or "
            "jumps there; try looser tolerances, heun with a fixed step, or smaller parameters "
            "at the start",
            time,
        )
