"""Birth and death on a grid, around any scheme of the flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.solvers.grid_field import Attempt, GridField, GridScheme
from meanfield.typing import Float64Array

__all__ = ["Reacting"]


class Reacting:
    """Birth and death for half a step, a step of another scheme, birth and death for half a step.

    ∂_t μ = −β μ (Ψ + τ log μ − ∫ (Ψ + τ log μ) dμ) has, with Ψ frozen, the solution

        log μ_t = e^{−βτt} log μ_0 − (1 − e^{−βτt}) Ψ/τ + const,

    and log μ_t = log μ_0 − βtΨ + const without noise. It keeps the mass and positive
    densities, leaves e^{−Ψ/τ} at rest, and its energy falls for steps of any length. Ψ is
    that of half a substep before (the midpoint rule); of second order in time.

    Parameters
    ----------
    field : GridField
    scheme : GridScheme
        Makes the steps of transport and noise.
    rate : float
        β > 0.

    References
    ----------
    Strang (1968), SIAM J. Numer. Anal. 5, eq. 1.3; Gallouët, Monsaingeon (2017),
    SIAM J. Math. Anal. 49 (splitting of the two metrics).
    """

    def __init__(self, field: GridField, scheme: GridScheme, rate: float) -> None:
        self.field = field
        self._scheme = scheme
        self._rate = rate

    def first_step(self, outputs: Float64Array) -> float:
        """A first step of the scheme in which no mass changes by more than about a factor e."""
        spread = self._rate * float(np.ptp(self.field.potential(outputs)))
        return min(self._scheme.first_step(outputs), 1.0 / spread if spread > 0.0 else np.inf)

    def step(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Make a step; its error is the sum of those of its parts and of the splitting."""
        first = self._react(density, outputs, 0.5 * length)
        moved = self._scheme.step(first.density, first.outputs, length)
        if length > moved.longest or not np.isfinite(moved.error):
            return Attempt(density, outputs, moved.error, longest=moved.longest)
        last = self._react(moved.density, moved.outputs, 0.5 * length)
        parts = (first, moved, last)
        split = self._split_error(density, outputs, *parts)
        return Attempt(
            last.density,
            last.outputs,
            split + sum(part.error for part in parts),
            max(part.feedback for part in parts),
            moved.longest,
        )

    def _split_error(self, density: Float64Array, outputs: Float64Array, *parts: Attempt) -> float:
        """Difference to twice the change by the first half of birth and death, of first order.

        It is seen by the outputs, and relative to 1 plus its size by the penalty ∫V dμ, which
        moves where data do not see the neurons.
        """
        field = self.field
        values = [outputs, *(part.outputs for part in parts)]
        penalties = [self._penalty(each) for each in (density, *(part.density for part in parts))]
        by_outputs = field.size(_asymmetry(values))
        by_penalty = abs(_asymmetry(penalties)) / (1.0 + abs(penalties[-1]))
        return by_outputs + float(by_penalty) * field.scale(outputs)

    def _penalty(self, density: Float64Array) -> float:
        return self.field.volume * float(self.field.cells.confinement @ density.reshape(-1))

    def _react(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Birth and death; the error is the difference to that with Ψ of the start."""
        field = self.field
        with np.errstate(divide="ignore"):
            logarithms = np.log(density)
        potential = field.potential(outputs)
        mass = float(density.sum())
        half, euler = (
            field.outputs(self._reweighted(logarithms, potential, mass, time))
            for time in (0.5 * length, length)
        )
        final = self._reweighted(logarithms, field.potential(half), mass, length)
        reached = field.outputs(final)
        answer = reached - euler
        return Attempt(
            final,
            reached,
            field.size(answer),
            field.feedback(answer, half - outputs, outputs),
        )

    def _reweighted(
        self, logarithms: Float64Array, potential: Float64Array, mass: float, time: float
    ) -> Float64Array:
        """Density after some time with a frozen potential."""
        temperature = self.field.temperature
        exponent = self._rate * temperature * time
        weight = self._rate * time if exponent == 0.0 else -np.expm1(-exponent) / temperature
        changed = np.exp(-exponent) * logarithms - weight * potential
        changed -= changed.max()
        np.exp(changed, out=changed)
        changed *= mass / changed.sum()
        return np.asarray(changed)


def _asymmetry(values: list[Any]) -> Any:
    """What the last of three changes differs by from the first."""
    start, first, moved, last = values
    return (last - moved) - (first - start)
