"""The noiseless flow of balanced homogeneous neurons: directions that move and grow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import DivergenceError, InvalidInputError, unknown_name
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problems import AnyProblem
from meanfield.solver import require_noiseless, settings_to_dict
from meanfield.solvers.tableaus import Tableau, tableaus
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["ConicFlow", "ConicState"]

_METHODS = ("euler", "heun", "rk4")


@dataclass(frozen=True, eq=False)
class ConicState:
    """Neurons after a number of steps.

    Attributes
    ----------
    directions : (N, q) array
        Unit vectors u of the inner weights and the bias.
    logarithms : (N,) array
        log R² of the squared lengths; −∞ for a neuron that is 0.
    signs : (N,) array
        s = ±1 of the outer weights.
    masses : (N,) array
    steps : int
        Number of steps made.
    """

    directions: FloatArray
    logarithms: Float64Array
    signs: Float64Array
    masses: Float64Array
    steps: int


@dataclass(frozen=True)
class ConicFlow:
    """Flow of neurons a σ(w·x + b) with σ(cz) = c σ(z), as particles on a sphere.

    A neuron with |a| = |(w, b)| = R keeps this balance, and the sign s of a. Its direction
    u = (w, b) / R and its size obey, with g(u) = Σ_j u_j σ(u·(x_j, 1)) of the covector u_j,

        du/dt = −s grad_S g(u),     d log R² / dt = −2 (s g(u) + λ),

    so that the projection ν_s of R² μ on the sphere is transported and grows:
    ∂_t ν_s = s div_S(ν_s grad_S g) − 2 (s g + λ) ν_s. Frames are ordinary particles
    (s R, R u), exactly balanced at all times.

    Parameters
    ----------
    step : float
        Step in mean-field time.
    method : {"rk4", "heun", "euler"}
        Runge–Kutta method; at a time between two steps a shorter one is taken and dropped.

    Raises
    ------
    InvalidInputError
        For a step that is not positive or an unknown method.

    Notes
    -----
    On finitely many data the velocity of relu jumps in u: every method is then of first
    order along paths.

    References
    ----------
    Chizat, Bach (2018), section 2; Chizat, Bach (2020), section 3.

    Examples
    --------
    >>> ConicFlow(step=0.1)
    ConicFlow(step=0.1, method='rk4')
    """

    step: float = 0.05
    method: str = "rk4"
    name: ClassVar[str] = "conic"
    follows_velocity: ClassVar[bool] = True
    state_type: ClassVar[type[ConicState]] = ConicState

    def __post_init__(self) -> None:
        as_number("step", self.step, "positive")
        if self.method not in _METHODS:
            raise unknown_name("method", self.method, _METHODS)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> ConicState:
        """State at time 0; the seed is not used, as nothing is random.

        Raises
        ------
        InvalidInputError
            If the neuron is not homogeneous with one trained outer weight, strengths of
            the ridge differ, the problem has noise, or a particle is not balanced.
        """
        require_noiseless(problem, self.name)
        _require_homogeneous(problem)
        measure = measure.to_particles()
        outer, inner = measure.positions[:, 0], measure.positions[:, 1:]
        lengths = np.linalg.norm(inner.astype(np.float64), axis=1)
        _require_balance(np.abs(outer, dtype=np.float64), lengths)
        with np.errstate(divide="ignore"):
            logarithms = 2.0 * np.log(lengths)
        directions = np.zeros_like(inner)
        directions[:, 0] = 1.0
        np.divide(inner, lengths[:, None], out=directions, where=lengths[:, None] > 0.0,
                  casting="same_kind")  # fmt: skip
        signs = np.where(outer < 0.0, -1.0, 1.0)
        return ConicState(directions, logarithms, signs, measure.weights, 0)

    def advance(
        self, problem: AnyProblem, state: ConicState, t: float
    ) -> tuple[ConicState, ParticleMeasure]:
        """State after ⌊t / step⌋ steps, and the measure at `t`."""
        target = int(np.floor(t / self.step * (1.0 + 1e-12) + 1e-9))
        while state.steps < target:
            state = self._step(problem, state, self.step)
        rest = t - state.steps * self.step
        shown = self._step(problem, state, rest) if rest > 1e-9 * self.step else state
        return state, _lifted(shown)

    def _step(self, problem: AnyProblem, state: ConicState, length: float) -> ConicState:
        tableau: Tableau = tableaus[self.method]
        turns: list[FloatArray] = []
        growths: list[Float64Array] = []
        stage = state
        for row in tableau.coupling:
            if turns:
                stage = _moved(state, length * row, turns, growths)
            turn, growth = _velocities(problem, stage)
            turns.append(turn)
            growths.append(growth)
        after = _moved(state, length * tableau.weights, turns, growths)
        if not np.isfinite(after.directions).all() or np.isnan(after.logarithms).any():
            raise DivergenceError(
                f"the flow left the finite numbers at t = {state.steps * self.step:.6g}; try a "
                f"smaller step (it is {self.step:g})",
                state.steps * self.step,
            )
        return replace(after, steps=state.steps + 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _velocities(problem: AnyProblem, state: ConicState) -> tuple[FloatArray, Float64Array]:
    """Velocities of directions and of logarithms, from those of neurons of length 1."""
    directions = state.directions
    units = np.hstack([state.signs[:, None].astype(directions.dtype), directions])
    with np.errstate(over="ignore", invalid="ignore"):
        masses = state.masses * np.exp(state.logarithms)
        velocity = problem.velocity_at(units, masses)[0]
    inner = velocity[:, 1:]
    radial = np.einsum("ij,ij->i", inner, directions)
    growth = 2.0 * state.signs * velocity[:, 0]
    return inner - radial[:, None] * directions, growth


def _moved(
    state: ConicState,
    factors: Float64Array,
    turns: list[FloatArray],
    growths: list[Float64Array],
) -> ConicState:
    """The state moved by Σ_i factors_i velocities_i, with directions of length 1."""
    directions = state.directions.copy()
    logarithms = state.logarithms.copy()
    for factor, turn, growth in zip(factors, turns, growths, strict=False):
        directions += directions.dtype.type(factor) * turn
        logarithms += factor * growth
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return replace(state, directions=directions, logarithms=logarithms)


def _lifted(state: ConicState) -> ParticleMeasure:
    """Ordinary particles (s R, R u)."""
    lengths = np.exp(0.5 * state.logarithms)[:, None]
    units = np.hstack([state.signs[:, None], state.directions])
    positions: Array = (units * lengths).astype(state.directions.dtype)
    return ParticleMeasure(positions, state.masses)


def _require_homogeneous(problem: AnyProblem) -> None:
    neuron, ridge = problem.neuron, problem.ridge
    if neuron.activation.homogeneity != 1.0 or neuron.outer_columns != 1:
        raise InvalidInputError(
            "the solver conic needs neurons a σ(w·x + b) with one trained outer weight and a "
            "homogeneous activation such as relu or leaky_relu, got the activation "
            f"{neuron.activation.name} with outer={neuron.outer!r} and {neuron.outputs} outputs; "
            "use the solver particle-flow"
        )
    if ridge.outer != ridge.inner:
        raise InvalidInputError(
            f"the solver conic needs equal ridge strengths, got {ridge.outer:g} (outer) and "
            f"{ridge.inner:g} (inner); use the solver particle-flow"
        )


def _require_balance(outer: Float64Array, inner: Float64Array) -> None:
    gaps = np.abs(outer - inner)
    worst = int(np.argmax(gaps))
    if gaps[worst] > 1e-6 * max(outer[worst], inner[worst]):
        raise InvalidInputError(
            f"the solver conic needs balanced particles, |a| = |(w, b)|, but particle {worst} has "
            f"{outer[worst]:.6g} and {inner[worst]:.6g}; use meanfield.reductions.balanced, or "
            "the solver particle-flow"
        )
