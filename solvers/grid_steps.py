"""Steps of a scheme on a grid whose lengths follow errors, and by which no energy rises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from meanfield.errors import DivergenceError
from meanfield.grids import GridMeasure
from meanfield.solvers.grid_field import Attempt, GridField, GridScheme
from meanfield.typing import Float64Array

__all__ = ["GridState", "GridSteps"]

# The free energy may rise by so much, relative to 1 + its size: rounding of long sums.
_ROUNDING = 1e-12
# Share of the longest step of a scheme that is made, as the next one may be shorter.
_MARGIN = 0.9
# Times closer than this, relatively, are the same.
_SAME = 1e-13


@dataclass(frozen=True, eq=False)
class GridState:
    """The density after the last step that was made, and how to make the next.

    Attributes
    ----------
    density : array of p axes
    lower, upper : (p,) arrays
        Corners of the box.
    outputs : (n, k) array
        Outputs of the density at the data.
    energy : float
        Its free energy.
    time : float
    next_step, last_error : float
        Memory of the step-size controller.
    steps, rejected : int
        Counts of accepted and rejected steps.
    warned : int
        Whether mass at a wall was reported, 0 or 1.
    """

    density: Float64Array
    lower: Float64Array
    upper: Float64Array
    outputs: Float64Array
    energy: float
    time: float
    next_step: float
    last_error: float
    steps: int
    rejected: int
    warned: int


class GridSteps:
    """A sequence of steps, which depends on the scheme and its settings only.

    Parameters
    ----------
    field : GridField
    scheme : GridScheme
    tolerance : float
        Error of the outputs in a step, relative to the output scale plus their size.
    step : float, optional
        Length of the steps in place of those that follow from the tolerance.
    """

    def __init__(
        self, field: GridField, scheme: GridScheme, tolerance: float, step: float | None
    ) -> None:
        self.field = field
        self._scheme = scheme
        self._tolerance = tolerance
        self._step = step
        self._found: tuple[GridState, GridState] | None = None

    def start(self, grid: GridMeasure) -> GridState:
        """State at time 0."""
        density = np.array(grid.density)
        outputs = self.field.outputs(density)
        first = self._step
        if first is None:  # without velocities any step is short
            first = min(self._scheme.first_step(outputs), 1.0)
        return GridState(
            density=density,
            lower=np.array(grid.lower),
            upper=np.array(grid.upper),
            outputs=outputs,
            energy=self.field.energy(density, outputs),
            time=0.0,
            next_step=first,
            last_error=1.0,
            steps=0,
            rejected=0,
            warned=0,
        )

    def reach(self, state: GridState, t: float) -> tuple[GridState, GridState]:
        """The last state of the sequence at or before `t`, and a state at `t`.

        Between two states a shorter step is made. Where it would come to a lower energy
        than the step of the sequence, that step's end is shown, so that energies of all
        that is ever shown fall.

        Raises
        ------
        DivergenceError
            If no step is short enough.
        """
        while state.time < t * (1.0 - _SAME):
            ahead = self._ahead(state)
            if ahead.time > t * (1.0 + _SAME):
                shown = state
                while shown.time < t * (1.0 - _SAME):
                    shown = self._attempt(shown, min(shown.next_step, t - shown.time))
                return state, max(shown, ahead, key=lambda reached: reached.energy)
            state = ahead
        return state, state

    def _ahead(self, state: GridState) -> GridState:
        """The state after the next step of the sequence."""
        if self._found is None or self._found[0] is not state:
            ahead = state
            while ahead.steps == state.steps:
                _check_step(ahead.next_step, ahead)
                ahead = self._attempt(ahead, ahead.next_step)
            self._found = (state, ahead)
        return self._found[1]

    def _attempt(self, state: GridState, length: float) -> GridState:
        """The state after a step, or the same with a shorter next step if it was rejected."""
        attempt = self._scheme.step(state.density, state.outputs, length)
        error = self._error(attempt) if length <= attempt.longest else np.inf
        following = self._following(state, attempt, length, error)
        if error <= 1.0:
            energy = self.field.energy(attempt.density, attempt.outputs)
            if energy <= state.energy + _ROUNDING * (1.0 + abs(state.energy)):
                return replace(
                    state,
                    density=attempt.density,
                    outputs=attempt.outputs,
                    energy=energy,
                    time=state.time + length,
                    next_step=following,
                    last_error=max(error, 1e-4),
                    steps=state.steps + 1,
                )
            following = 0.5 * length
        _check_step(following, state)
        return replace(state, next_step=following, rejected=state.rejected + 1)

    def _error(self, attempt: Attempt) -> float:
        """Error of a step; 1 is acceptable."""
        if not np.isfinite(attempt.error):
            return np.inf
        if self._step is not None:
            return 0.0
        scaled = attempt.error / (self._tolerance * self.field.scale(attempt.outputs))
        return max(scaled, attempt.feedback**2)

    def _following(self, state: GridState, attempt: Attempt, length: float, error: float) -> float:
        """Length of the next step, or of the next attempt at this one."""
        longest = _MARGIN * attempt.longest
        if length > attempt.longest:
            return longest
        if self._step is not None:
            return min(self._step, longest, 2.0 * length if error <= 1.0 else 0.5 * length)
        if not error <= 1.0:
            return float(length * max(0.2, 0.9 / np.sqrt(error)))
        # Proportional-integral control (Gustafsson 1991), errors of second order.
        growth = 5.0 if error == 0.0 else 0.9 * error**-0.35 * state.last_error**0.2
        return float(min(length * np.clip(growth, 0.2, 5.0), longest))


def _check_step(step: float, state: GridState) -> None:
    if not step >= 1e-14 * max(state.time, 1e-3):
        raise DivergenceError(
            f"the step size fell to {step:.1e} at t = {state.time:.6g}: the flow is too fast "
            f"there, its energy would rise from {state.energy:.6g}, or outputs are not finite; "
            "try another scheme or more cells, or scale the data down",
            state.time,
        )
