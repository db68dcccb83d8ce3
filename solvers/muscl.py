"""Noiseless transport on a grid: upwind finite volumes of second order."""

from __future__ import annotations

import numpy as np

from meanfield.kernels.finite_volume import add_transport, steepest
from meanfield.solvers.grid_field import Attempt, GridField
from meanfield.typing import Float64Array

__all__ = ["Muscl"]

# Share of the step up to which no density can become negative.
_SHARE = 0.98


class Muscl:
    """The flow of ∂_t μ = ∇·(μ ∇Ψ(·; μ)) by piecewise linear densities, upwind.

    Face velocities are differences of Ψ; slopes are central, limited only where the
    linear density would become negative. Strongly stable Runge–Kutta steps of order 3,
    not split by axes, keep it positive up to Σ_axes 2 max|u| dt / h = 1.

    References
    ----------
    Carrillo, Chertock, Huang (2015), Commun. Comput. Phys. 17, eqs. 2.2–2.9;
    Gottlieb, Shu, Tadmor (2001), SIAM Rev. 43, eq. 4.2.
    """

    def __init__(self, field: GridField) -> None:
        self.field = field
        count = int(np.prod(field.shape))
        self._slopes, self._fluxes = np.empty(count), np.empty(count)
        self._rate = np.empty(field.shape)

    def first_step(self, outputs: Float64Array) -> float:
        """Half the longest step at these outputs."""
        return 0.5 * self.longest(self.field.potential(outputs))

    def longest(self, potential: Float64Array) -> float:
        """Longest step of forward Euler that keeps densities positive."""
        field = self.field
        rate = sum(
            2.0 * steepest(field.along(potential, axis)) / field.spacing[axis] ** 2
            for axis in range(len(field.shape))
        )
        return _SHARE / rate if rate > 0.0 else np.inf

    def step(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Make a step; its error is the difference to the embedded method of order 2."""
        first, first_outputs, longest = self._euler(density, outputs, length)
        if length > longest:
            return Attempt(density, outputs, longest=longest)
        second, _, bound = self._euler(first, first_outputs, length)
        second = 0.75 * density + 0.25 * second
        second_outputs = self.field.outputs(second)
        longest = min(longest, bound)
        third, _, bound = self._euler(second, second_outputs, length)
        longest = min(longest, bound)
        if length > longest:
            return Attempt(density, outputs, longest=longest)
        third = (density + 2.0 * third) / 3.0
        final = self.field.outputs(third)
        # The average of Euler's first two steps, 2 second - density, is of order 2.
        error = self.field.size(final - 2.0 * second_outputs + outputs)
        answer, change = 2.0 * (final - first_outputs), first_outputs - outputs
        return Attempt(third, final, error, self.field.feedback(answer, change, outputs), longest)

    def _euler(
        self, density: Float64Array, outputs: Float64Array, length: float
    ) -> tuple[Float64Array, Float64Array, float]:
        """Density and outputs after a step of forward Euler, and the longest such step."""
        field = self.field
        potential = field.potential(outputs)
        longest = self.longest(potential)
        if length > longest:
            return density, outputs, longest
        self._rate[...] = 0.0
        for axis in range(len(field.shape)):
            add_transport(
                field.along(potential, axis), field.along(density, axis),
                float(field.spacing[axis]), self._slopes, self._fluxes,
                field.along(self._rate, axis),
            )  # fmt: skip
        moved = density + length * self._rate
        return moved, field.outputs(moved), longest
