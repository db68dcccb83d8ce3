"""Birth and death of neurons: the Wasserstein–Fisher–Rao flow of weighted particles."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import InvalidInputError
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.solver import settings_to_dict
from meanfield.solvers.particle_flow import FlowState, ParticleFlow
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["BirthDeath"]


@dataclass(frozen=True, kw_only=True)
class BirthDeath:
    """Wasserstein–Fisher–Rao gradient flow of the energy: mass moves, and is born and dies.

    ∂_t μ = α ∇·(μ ∇Ψ) − β μ (Ψ − ∫ Ψ dμ), with Ψ = Ψ(·; μ), by weighted particles:

        dθ_i/dt = −α ∇Ψ(θ_i),     d log m_i/dt = −β (Ψ(θ_i) − Σ_j m_j Ψ(θ_j)),

    so that dF/dt = −α ∫ |∇Ψ|² dμ − β ∫ (Ψ − ∫ Ψ dμ)² dμ. Particles that are worse than
    the average lose mass to those that are better, wherever these are: the flow does not
    have to carry it there. What has no mass at first never gets any.

    Parameters
    ----------
    transport : float
        α ≥ 0, the rate of motion.
    reaction : float
        β ≥ 0, the rate of birth and death; with 0 it is the flow of `ParticleFlow`.
    method : {"dopri5", "euler", "heun", "rk4"}
        As for `ParticleFlow`, of which each particle has log m_i as one more coordinate.
    rtol, atol : float, optional
        Tolerances of the adaptive method, by default those of `ParticleFlow`.
    step : float, optional
        Step of the methods of fixed step in mean-field time; they require it.

    Raises
    ------
    InvalidInputError
        For negative rates, or what `ParticleFlow` raises.

    Notes
    -----
    What is followed is log(m_i / m_i(0)), and masses are normalised whenever they are
    needed: they are positive and sum to 1 at every stage, and a particle may recover from
    a mass that no number holds.

    Masses of finitely many particles come to lie on a few of them. A few heavy neurons with
    large weights are stiff: prefer the adaptive method.

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
    >>> run = mf.simulate(problem, start, BirthDeath(transport=0.0), t_end=20.0)
    >>> run.measures[0].weights.tolist(), run.measures[-1].weights.round(3).tolist()
    ([0.5, 0.5], [0.172, 0.828])
    """

    transport: float = 1.0
    reaction: float = 1.0
    method: str = "dopri5"
    rtol: float | None = None
    atol: float | None = None
    step: float | None = None
    name: ClassVar[str] = "birth-death"
    changes_masses: ClassVar[bool] = True
    state_type: ClassVar[type[FlowState]] = FlowState

    def __post_init__(self) -> None:
        as_number("transport", self.transport, "nonnegative")
        as_number("reaction", self.reaction, "nonnegative")
        ParticleFlow(self.method, self.rtol, self.atol, self.step)

    def resolved(self, problem: AnyProblem, measure: Measure) -> BirthDeath:
        """The same with the tolerances that the adaptive method takes on this problem."""
        flow = ParticleFlow(self.method, self.rtol, self.atol, self.step)
        flow = flow.resolved(problem, measure)
        return replace(self, rtol=flow.rtol, atol=flow.atol)

    def could_be(self, other: Any) -> bool:
        """Whether `other` is this solver, or what its open settings have become."""
        if not isinstance(other, BirthDeath):
            return False
        mine = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return all(value in (None, getattr(other, name)) for name, value in mine.items())

    def energy_rise(self, problem: AnyProblem) -> float:
        """Relative rise of the energy between frames that errors of steps explain."""
        return self.flow(problem).energy_rise(problem)

    def flow(self, problem: AnyProblem, dtype: Any = np.float64) -> ParticleFlow:
        """How particles, with their logarithms, are moved."""
        flow = ParticleFlow(self.method, self.rtol, self.atol, self.step)
        return ParticleFlow(self.method, *flow.tolerances(problem, dtype), self.step)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> FlowState:
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
        extended: Any = np.pad(particles.positions, ((0, 0), (0, 1)))
        start = ParticleMeasure.trusted(extended, particles.weights)
        return self.flow(problem).start(self._reweighted(problem), start, seed)

    def advance(
        self, problem: AnyProblem, state: FlowState, t: float
    ) -> tuple[FlowState, ParticleMeasure]:
        """State whose last step contains `t`, and the measure at `t` by interpolation.

        Raises
        ------
        DivergenceError
            If particles leave the finite numbers.
        """
        state, shown = self.flow(problem).advance(self._reweighted(problem), state, t)
        positions, masses = _split(shown.positions, shown.weights)
        return state, ParticleMeasure.trusted(positions, masses)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)

    def _reweighted(self, problem: AnyProblem) -> Any:
        return _Reweighted(problem, self.transport, self.reaction)


class _Reweighted:
    """A problem of which each particle has log(m / m(0)) as its last coordinate."""

    def __init__(self, problem: AnyProblem, transport: float, reaction: float) -> None:
        self._problem = problem
        self._transport, self._reaction = transport, reaction
        self.neuron = problem.neuron
        self.temperature = problem.temperature

    def outputs_at(self, extended: FloatArray, masses: Float64Array) -> Float64Array:
        """Outputs of extended particles (N, p + 1) with initial masses (N,)."""
        return self._problem.outputs_at(*_split(extended, masses))

    def velocity_at(
        self, extended: FloatArray, masses: Float64Array, out: FloatArray
    ) -> tuple[FloatArray, Float64Array]:
        """Velocities (N, p + 1), written into `out`, and outputs."""
        positions, now = _split(extended, masses)
        velocity, outputs = self._problem.velocity_at(positions, now)
        potential = _potentials(self._problem, positions, now, outputs)
        out[:, :-1] = self._transport * velocity
        out[:, -1] = self._reaction * (now @ potential - potential)
        return out, outputs


def _split(extended: Array, masses: Float64Array) -> tuple[FloatArray, Float64Array]:
    """Positions (N, p) and masses (N,) of extended particles; the masses sum to 1."""
    with np.errstate(divide="ignore"):
        logarithms = np.log(masses) + extended[:, -1]
    weights = np.exp(logarithms - logarithms.max())
    return np.ascontiguousarray(extended[:, :-1]), np.asarray(weights / weights.sum())


def _potentials(
    problem: AnyProblem, positions: FloatArray, masses: Float64Array, outputs: Float64Array
) -> Float64Array:
    """Ψ at the particles of a measure with these outputs, (N,)."""
    if isinstance(problem, Problem):
        return problem.potential_at(positions, problem.covector(outputs))
    if not np.isfinite(positions).all():
        return np.full(len(positions), np.nan)
    return problem.potential(ParticleMeasure.trusted(positions, masses), positions)
