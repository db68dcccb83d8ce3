"""The noiseless flow of homogeneous neurons, in parameters that keep their balance exactly."""

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
from meanfield.typing import Float64Array, FloatArray

__all__ = ["ConicFlow", "ConicState", "require_homogeneous"]

_METHODS = ("euler", "heun", "rk4")


@dataclass(frozen=True, eq=False)
class ConicState:
    """Neurons after a number of steps.

    Attributes
    ----------
    vectors : (N, q) array
        Where |w| ≥ |a| (w with the bias), the direction u = w/|w|; else w/√(a² − |w|²).
    rises, falls : (N,) arrays
        Where |w| ≥ |a|, log(|w| + a) and log(|w| − a), −∞ if balanced; else both are
        log √(a² − |w|²).
    signs : (N,) array
        0 where |w| ≥ |a|, else the sign of a.
    masses : (N,) array
    steps : int
        Number of steps made.
    """

    vectors: FloatArray
    rises: Float64Array
    falls: Float64Array
    signs: Float64Array
    masses: Float64Array
    steps: int


@dataclass(frozen=True)
class ConicFlow:
    """Flow of neurons a σ(w·x + b) with σ(cz) = c σ(z), where a² − |(w, b)|² is kept exactly.

    With R = |(w, b)|, u = (w, b)/R and g(u) = Σ_j u_j σ(u·(x_j, 1)) of the covector u_j,

        du/dt = −(a/R) grad_S g(u),     d log(R ± a) / dt = ∓g(u) − λ,

    so that a² − R² falls by e^{−2λt}, whatever the steps. Balanced neurons, a = ±R, move on
    the sphere and grow: the projection ν_s of R² μ is transported,
    ∂_t ν_s = s div_S(ν_s grad_S g) − 2 (s g + λ) ν_s, and the sign s of a is kept. Where
    |a| < R, a crosses 0 smoothly, on the hyperbola of its neuron. Where |a| > R, it is w
    that may come to 0: there w = √(a² − R²) z, and dz/dt = −s √(1 + |z|²) ∇g(z). Frames are
    ordinary particles.

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
    order along paths. It jumps at w = 0, too, where a neuron with |a| > R may be held (it
    then oscillates there by a step) and leaves in a direction that rounding decides, as in
    the particle flow; w = 0 at the start stays.

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
            the ridge differ, or the problem has noise.
        """
        require_noiseless(problem, self.name)
        require_homogeneous(problem, self.name)
        measure = measure.to_particles()
        return _state(measure.positions, measure.weights)

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
        velocities: list[_Velocity] = []
        stage = state
        for row in tableau.coupling:
            if velocities:
                stage = _moved(state, length * row, velocities)
            velocities.append(_velocity(problem, stage))
        after = _moved(state, length * tableau.weights, velocities)
        logarithms = np.stack([after.rises, after.falls])
        if not np.isfinite(after.vectors).all() or np.isnan(logarithms).any():
            raise DivergenceError(
                f"the flow left the finite numbers at t = {state.steps * self.step:.6g}; try a "
                f"smaller step (it is {self.step:g})",
                state.steps * self.step,
            )
        return replace(after, steps=state.steps + 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _state(positions: FloatArray, masses: Float64Array) -> ConicState:
    """State of ordinary particles; what rounding puts next to the balance is balanced."""
    outer, inner = positions[:, 0].astype(np.float64), positions[:, 1:]
    lengths, sizes = np.linalg.norm(inner.astype(np.float64), axis=1), np.abs(outer)
    rounding = 4.0 * float(np.finfo(inner.dtype).eps)
    sizes = np.where(np.abs(sizes - lengths) <= rounding * lengths, lengths, sizes)
    apart = sizes > lengths
    units = np.where(apart, np.sqrt(np.abs(sizes - lengths)) * np.sqrt(sizes + lengths), lengths)
    with np.errstate(divide="ignore"):
        near, far = np.log(sizes + lengths), np.log(np.abs(lengths - sizes))
        labels = np.log(np.where(apart, units, 1.0))
    vectors = np.zeros_like(inner)
    vectors[:, 0] = ~apart
    np.divide(inner, units[:, None], out=vectors, where=units[:, None] > 0.0, casting="same_kind")
    return ConicState(
        vectors=vectors,
        rises=np.where(apart, labels, np.where(outer < 0.0, far, near)),
        falls=np.where(apart, labels, np.where(outer < 0.0, near, far)),
        signs=np.where(apart, np.sign(outer), 0.0),
        masses=masses,
        steps=0,
    )


#: Velocities of vectors, rises and falls.
_Velocity = tuple[FloatArray, Float64Array, Float64Array]


def _parts(state: ConicState) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Outer weights a, and the factors and lengths of the vectors in w = factor · vector."""
    apart = state.signs != 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        rise, fall = np.exp(state.rises), np.exp(state.falls)
        lengths = np.linalg.norm(state.vectors.astype(np.float64), axis=1)
        outer = np.where(apart, state.signs * rise * np.hypot(1.0, lengths), 0.5 * (rise - fall))
        return outer, np.where(apart, rise, 0.5 * (rise + fall)), lengths


def _velocity(problem: AnyProblem, state: ConicState) -> _Velocity:
    """Velocities from those of neurons (±1, vector), which do not overflow."""
    outer, factors, lengths = _parts(state)
    apart, ridge = state.signs != 0.0, problem.ridge.outer
    signs = np.where(outer < 0.0, -1.0, 1.0)
    vectors = state.vectors
    units = np.hstack([signs[:, None].astype(vectors.dtype), vectors])
    with np.errstate(over="ignore", invalid="ignore"):
        velocity = problem.velocity_at(units, state.masses * np.abs(outer) * factors)[0]
        # tanh is a/R, of balanced neurons ±1; a neuron that is 0 has any direction.
        shares = np.abs(np.tanh(0.5 * (state.rises - state.falls)))
    growth = velocity[:, 0] + ridge * signs  # −g
    inner = velocity[:, 1:]
    radial = np.einsum("ij,ij->i", inner, vectors)
    radial = np.where(apart, -ridge, radial)[:, None].astype(vectors.dtype)
    speeds = np.where(apart, np.hypot(1.0, lengths), np.nan_to_num(shares, nan=1.0))
    turn = speeds[:, None].astype(vectors.dtype) * (inner - radial * vectors)
    return turn, np.where(apart, 0.0, growth) - ridge, -np.where(apart, 0.0, growth) - ridge


def _moved(state: ConicState, factors: Float64Array, velocities: list[_Velocity]) -> ConicState:
    """The state moved by Σ_i factors_i velocities_i, with directions of length 1."""
    vectors, rises, falls = state.vectors.copy(), state.rises.copy(), state.falls.copy()
    for factor, (turn, rise, fall) in zip(factors, velocities, strict=False):
        vectors += vectors.dtype.type(factor) * turn
        rises += factor * rise
        falls += factor * fall
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(state.signs[:, None] != 0.0, vectors.dtype.type(1.0), lengths)
    return replace(state, vectors=vectors, rises=rises, falls=falls)


def _lifted(state: ConicState) -> ParticleMeasure:
    """Ordinary particles (a, w)."""
    outer, factors, _ = _parts(state)
    positions = np.empty((len(outer), state.vectors.shape[1] + 1), state.vectors.dtype)
    positions[:, 0] = outer
    positions[:, 1:] = factors[:, None] * state.vectors
    return ParticleMeasure.trusted(positions, state.masses)


def require_homogeneous(problem: AnyProblem, name: str) -> None:
    """Raise unless neurons keep a² − |w|²: for solvers of this name.

    Raises
    ------
    InvalidInputError
        If the neuron is not homogeneous with one trained outer weight, or strengths of the
        ridge differ.
    """
    neuron, ridge = problem.neuron, problem.ridge
    if neuron.activation.homogeneity != 1.0 or neuron.outer_columns != 1:
        raise InvalidInputError(
            f"the solver {name} needs neurons a σ(w·x + b) with one trained outer weight and a "
            "homogeneous activation such as relu or leaky_relu, got the activation "
            f"{neuron.activation.name} with outer={neuron.outer!r} and {neuron.outputs} outputs; "
            "use the solver particle-flow"
        )
    if ridge.outer != ridge.inner:
        raise InvalidInputError(
            f"the solver {name} needs equal ridge strengths, got {ridge.outer:g} (outer) and "
            f"{ridge.inner:g} (inner); use the solver particle-flow"
        )
