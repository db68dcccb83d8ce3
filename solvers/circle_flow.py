"""The noiseless flow of balanced homogeneous neurons as two densities on the circle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_count
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problems import AnyProblem
from meanfield.solver import require_noiseless, settings_to_dict
from meanfield.solvers.conic_flow import require_homogeneous
from meanfield.typing import Float64Array

__all__ = ["CircleFlow", "CircleState"]

_SIGNS = np.array([[1.0], [-1.0]])
# Length of a step over the time in which mass crosses a cell or decays.
_SHARE = 0.4
_FEWEST_CELLS = 8


@dataclass(frozen=True, eq=False)
class CircleState:
    """Densities after a number of steps.

    Attributes
    ----------
    sums : (2, K) array
        ∫ R² dμ over the neurons with a > 0, and with a < 0, of each cell of directions.
    time : float
    steps : int
        Number of steps made.
    """

    sums: Float64Array
    time: float
    steps: int


@dataclass(frozen=True)
class CircleFlow:
    """Flow of balanced neurons a σ(w·x + b), |a| = |(w, b)| = R, with 2 inner parameters.

    What the neurons compute depends on their law only by the densities of directions,
    ν_s = ∫ R² dμ for each sign s of a, which obey, with g(u) = Σ_j u_j σ(u·(x_j, 1)),

        ∂_t ν_s = s div_S(ν_s grad_S g) − 2 (s g + λ) ν_s,     f = α Σ_s s ∫ σ(u·(x, 1)) dν_s,

    by upwind finite volumes with limited slopes and steps of a method of third order.
    Densities stay positive. Frames are 2 K balanced particles of equal mass in the
    directions of the centres of cells: another law of the same ν.

    Parameters
    ----------
    cells : int
        Number K of cells of the circle.

    Raises
    ------
    InvalidInputError
        If there are fewer than 8 cells.

    Notes
    -----
    Of second order in the width of cells while g and ν are smooth. With finitely many data
    grad g jumps at kinks, where neurons gather: there it is of first order (outputs within
    3e-4 with 400 cells on 9 points at t = 2). `ConicFlow` follows single neurons of the same
    flow, from any start and in any dimension.

    References
    ----------
    Chizat, Bach (2020), section 3; Carrillo, Chertock, Huang (2015), for the fluxes.

    Examples
    --------
    >>> CircleFlow(cells=200)
    CircleFlow(cells=200)
    """

    cells: int = 400
    name: ClassVar[str] = "circle"
    state_type: ClassVar[type[CircleState]] = CircleState

    def __post_init__(self) -> None:
        as_count("cells", self.cells, least=_FEWEST_CELLS)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> CircleState:
        """State at time 0: each particle is shared between the two centres next to it.

        Raises
        ------
        InvalidInputError
            If the neuron is not homogeneous with one trained outer weight and 2 inner
            parameters, strengths of the ridge differ, the problem has noise, or a particle is
            not balanced.
        """
        require_noiseless(problem, self.name)
        require_homogeneous(problem, self.name)
        if problem.neuron.dim != 3:
            raise InvalidInputError(
                "the solver circle needs 2 inner parameters, 1 input with bias or 2 without, got "
                f"{problem.neuron.dim - 1}; use the solver conic"
            )
        measure = measure.to_particles()
        positions = measure.positions.astype(np.float64)
        _require_balance(np.abs(positions[:, 0]), np.hypot(positions[:, 1], positions[:, 2]))
        places = np.arctan2(positions[:, 2], positions[:, 1]) / self._width - 0.5
        left, shares = np.floor(places).astype(np.int64), places - np.floor(places)
        sums = np.zeros((2, self.cells))
        row = (positions[:, 0] < 0.0).astype(np.int64)
        masses = measure.weights * positions[:, 0] ** 2
        np.add.at(sums, (row, left % self.cells), (1.0 - shares) * masses)
        np.add.at(sums, (row, (left + 1) % self.cells), shares * masses)
        return CircleState(sums, 0.0, 0)

    def advance(
        self, problem: AnyProblem, state: CircleState, t: float
    ) -> tuple[CircleState, ParticleMeasure]:
        """State after the last step that ends at or before `t`, and the measure at `t`.

        Raises
        ------
        DivergenceError
            If the densities leave the finite numbers.
        """
        while True:
            rate, fastest = self._rate(problem, state.sums)
            longest = _SHARE / fastest if fastest > 0.0 else np.inf
            if np.isfinite(rate).all() and not state.time + longest <= t:
                rest = max(t - state.time, 0.0)
                return state, self._lifted(self._step(problem, state.sums, rate, rest))
            if not np.isfinite(rate).all() or longest < 1e-14 * max(state.time, 1e-3):
                raise DivergenceError(
                    f"the flow left the finite numbers at t = {state.time:.6g}; the solution grows "
                    "beyond all numbers: end the run earlier, add a ridge, or scale the data down",
                    state.time,
                )
            sums = self._step(problem, state.sums, rate, longest)
            state = replace(state, sums=sums, time=state.time + longest, steps=state.steps + 1)

    def _step(
        self, problem: AnyProblem, sums: Float64Array, rate: Float64Array, length: float
    ) -> Float64Array:
        """Sums after a step (Shu, Osher 1988) from ones that change at this rate."""
        first = sums + length * rate
        second = 0.75 * sums + 0.25 * (first + length * self._rate(problem, first)[0])
        third = (sums + 2.0 * (second + length * self._rate(problem, second)[0])) / 3.0
        return np.maximum(third, 0.0)  # stages may be faster than the start

    def _rate(self, problem: AnyProblem, sums: Float64Array) -> tuple[Float64Array, float]:
        """Time derivative of the sums, and the fastest rate at which a cell is left."""
        ridge, width = problem.ridge.outer, self._width
        units = np.vstack([np.hstack([np.full((self.cells, 1), s), self._units]) for s in (1, -1)])
        velocity = problem.velocity_at(units, sums.ravel())[0][: self.cells, 0]
        g = -(velocity + ridge)
        growth = -2.0 * (_SIGNS * g + ridge)
        speed = _SIGNS * (g - np.roll(g, -1)) / width  # through the faces on the right
        half = 0.5 * _limited(sums)
        flux = speed * np.where(speed > 0.0, sums + half, np.roll(sums - half, -1, axis=1))
        change = (np.roll(flux, 1, axis=1) - flux) / width + growth * sums
        return change, float(np.abs(speed).max() / width + np.abs(growth).max())

    def _lifted(self, sums: Float64Array) -> ParticleMeasure:
        """Balanced particles of equal mass."""
        lengths = np.sqrt(sums.size * sums)
        outer = (_SIGNS * lengths).ravel()
        inner = np.vstack([row[:, None] * self._units for row in lengths])
        positions: Any = np.column_stack([outer, inner])
        return ParticleMeasure.trusted(positions, np.full(len(positions), 1.0 / len(positions)))

    @property
    def _width(self) -> float:
        return 2.0 * np.pi / self.cells

    @property
    def _units(self) -> Float64Array:
        """Directions of the centres of cells, (K, 2)."""
        angles = self._width * (np.arange(self.cells) + 0.5)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _limited(sums: Float64Array) -> Float64Array:
    """Differences over a cell: central, and cut where an end of the cell would be negative."""
    ahead = np.roll(sums, -1, axis=1) - sums
    behind = sums - np.roll(sums, 1, axis=1)
    central = 0.5 * (ahead + behind)
    cut = np.minimum(np.minimum(2.0 * np.abs(ahead), 2.0 * np.abs(behind)), np.abs(central))
    cut = np.where(ahead * behind > 0.0, np.sign(central) * cut, 0.0)
    return np.where(2.0 * sums < np.abs(central), cut, central)


def _require_balance(outer: Float64Array, inner: Float64Array) -> None:
    gaps = np.abs(outer - inner)
    worst = int(np.argmax(gaps))
    if gaps[worst] > 1e-6 * max(outer[worst], inner[worst]):
        raise InvalidInputError(
            f"the solver circle needs balanced particles, |a| = |(w, b)|, but particle {worst} has "
            f"{outer[worst]:.6g} and {inner[worst]:.6g}; use meanfield.reductions.balanced, or "
            "the solver conic"
        )
