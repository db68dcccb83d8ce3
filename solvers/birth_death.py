"""Birth and death of neurons: the Wasserstein–Fisher–Rao flow of weighted particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import DivergenceError, InvalidInputError, unknown_name
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.solver import settings_to_dict
from meanfield.solvers.tableaus import Tableau, tableaus
from meanfield.stages import combine
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["BirthDeath", "BirthDeathState"]

_METHODS = ("euler", "heun", "rk4")


@dataclass(frozen=True, eq=False)
class BirthDeathState:
    """Particles after a number of steps.

    Attributes
    ----------
    positions : (N, p) array
    logarithms : (N,) array
        log m_i of the masses, whose sum is 1; −∞ for a particle without mass.
    steps : int
        Number of steps made.
    """

    positions: FloatArray
    logarithms: Float64Array
    steps: int


@dataclass(frozen=True)
class BirthDeath:
    """Wasserstein–Fisher–Rao gradient flow of the energy: mass moves, and is born and dies.

    ∂_t μ = α ∇·(μ ∇Ψ) − β μ (Ψ − ∫ Ψ dμ), with Ψ = Ψ(·; μ), by weighted particles:

        dθ_i/dt = −α ∇Ψ(θ_i),     d log m_i/dt = −β (Ψ(θ_i) − Σ_j m_j Ψ(θ_j)),

    so that dF/dt = −α ∫ |∇Ψ|² dμ − β ∫ (Ψ − ∫ Ψ dμ)² dμ. Particles that are worse than
    the average lose mass to those that are better, wherever these are: the flow does not
    have to carry it there. What has no mass at first never gets any.

    Parameters
    ----------
    step : float
        Step in mean-field time.
    transport : float
        α ≥ 0, the rate of motion.
    reaction : float
        β ≥ 0, the rate of birth and death; with 0 it is the flow of `ParticleFlow`.
    method : {"rk4", "heun", "euler"}
        Runge–Kutta method; at a time between two steps a shorter one is taken and dropped.

    Raises
    ------
    InvalidInputError
        For a step that is not positive, negative rates or an unknown method.

    Notes
    -----
    The mean in the second equation is a constant of the particles, which the sum 1 of the
    masses determines: logarithms obey d log m_i/dt = −β Ψ(θ_i), and are normalised whenever
    masses are needed. So masses are positive and sum to 1 at every stage. Masses as
    logarithms never get lost: a particle may recover from a mass that no number holds.

    References
    ----------
    Rotskoff, Jelassi, Bruna, Vanden-Eijnden (2019), ICML, section 3;
    Chizat (2022), Math. Program. 194, section 2; Liero, Mielke, Savaré (2018),
    Invent. Math. 211 (the metric).

    Examples
    --------
    >>> import meanfield as mf
    >>> problem = mf.Problem(mf.Neuron(1, outer="fixed", bias=False), mf.Dataset([[1.0]], [0.5]))
    >>> start = mf.ParticleMeasure([[-1.0], [1.0]])
    >>> run = mf.simulate(problem, start, BirthDeath(step=0.1, transport=0.0), t_end=20.0)
    >>> run.measures[0].weights.tolist(), run.measures[-1].weights.round(3).tolist()
    ([0.5, 0.5], [0.172, 0.828])
    """

    step: float
    transport: float = 1.0
    reaction: float = 1.0
    method: str = "rk4"
    name: ClassVar[str] = "birth-death"
    changes_masses: ClassVar[bool] = True
    state_type: ClassVar[type[BirthDeathState]] = BirthDeathState

    def __post_init__(self) -> None:
        as_number("step", self.step, "positive")
        as_number("transport", self.transport, "nonnegative")
        as_number("reaction", self.reaction, "nonnegative")
        if self.method not in _METHODS:
            raise unknown_name("method", self.method, _METHODS)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> BirthDeathState:
        """State at time 0; the seed is not used, as nothing is random.

        Raises
        ------
        InvalidInputError
            If the problem has noise.
        """
        if problem.temperature > 0.0:
            raise InvalidInputError(
                f"the solver {self.name} needs temperature 0, got {problem.temperature:g}: with "
                "noise, masses change by the logarithm of the density, which particles do not "
                "have; use the solver grid with its setting reaction"
            )
        particles = measure.to_particles()
        with np.errstate(divide="ignore"):
            logarithms = np.log(particles.weights)
        return BirthDeathState(particles.positions.copy(), logarithms, steps=0)

    def advance(
        self, problem: AnyProblem, state: BirthDeathState, t: float
    ) -> tuple[BirthDeathState, ParticleMeasure]:
        """State after the last step that ends at or before `t`, and the measure at `t`.

        Raises
        ------
        DivergenceError
            If particles or masses leave the finite numbers.
        """
        target = int(np.floor(t / self.step * (1.0 + 1e-12) + 1e-9))
        while state.steps < target:
            state = self._step(problem, state, self.step)
        rest = t - state.steps * self.step
        shown = self._step(problem, state, rest) if rest > 1e-9 * self.step else state
        return state, ParticleMeasure.trusted(shown.positions.copy(), _masses(shown.logarithms))

    def _step(self, problem: AnyProblem, state: BirthDeathState, length: float) -> BirthDeathState:
        tableau: Tableau = tableaus[self.method]
        velocities = np.empty((tableau.stages, *state.positions.shape), state.positions.dtype)
        growths = np.empty((tableau.stages, len(state.logarithms)))
        positions, logarithms = state.positions, state.logarithms
        with np.errstate(over="ignore", invalid="ignore"):
            for stage, row in enumerate(tableau.coupling):
                if stage > 0:
                    positions, logarithms = self._moved(
                        state, length, row[:stage], velocities, growths
                    )
                masses = _masses(logarithms)
                growths[stage] = -_potentials(problem, positions, masses, velocities[stage])
            positions, logarithms = self._moved(state, length, tableau.weights, velocities, growths)
            logarithms = _normalised(logarithms)
        if not np.isfinite(positions).all() or np.isnan(logarithms).any():
            raise DivergenceError(
                f"the flow left the finite numbers at t = {state.steps * self.step:.6g}; try a "
                f"smaller step (it is {self.step:g})",
                state.steps * self.step,
            )
        return BirthDeathState(positions, logarithms, state.steps + 1)

    def _moved(
        self,
        state: BirthDeathState,
        length: float,
        coefficients: Float64Array,
        velocities: Array,
        growths: Float64Array,
    ) -> tuple[FloatArray, Float64Array]:
        """Positions and logarithms moved by Σ_i coefficients_i times what stages found."""
        positions = combine(
            state.positions,
            self.transport * length,
            coefficients,
            velocities,
            np.empty_like(state.positions),
        )
        growth = coefficients @ growths[: len(coefficients)]
        return positions, state.logarithms + self.reaction * length * growth

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _potentials(
    problem: AnyProblem, positions: FloatArray, masses: Float64Array, velocities: FloatArray
) -> Float64Array:
    """Ψ at the particles (N,), up to a constant; their velocities −∇Ψ are written."""
    _, outputs = problem.velocity_at(positions, masses, out=velocities)
    if isinstance(problem, Problem):
        return problem.potential_at(positions, problem.covector(outputs))
    if not np.isfinite(positions).all():
        return np.full(len(positions), np.nan)
    return problem.potential(ParticleMeasure.trusted(positions, masses), positions)


def _normalised(logarithms: Float64Array) -> Float64Array:
    """Logarithms of masses with sum 1."""
    shifted = logarithms - logarithms.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _masses(logarithms: Float64Array) -> Float64Array:
    """Masses with sum 1."""
    masses = np.exp(logarithms - logarithms.max())
    return np.asarray(masses / masses.sum())
