"""Noisy flow on a grid for long times: implicit steps of any length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meanfield.kernels.finite_volume import solve_lines
from meanfield.problem import Problem
from meanfield.solvers.grid_field import Attempt, GridField
from meanfield.typing import Float64Array

__all__ = ["Implicit", "discrete_gradient"]

# Length of a step times the fastest rate.
_STIFFEST = 1e5
# A rate at which nothing moves, for potentials without slopes.
_SLOWEST = 1e-300
# Error of the outputs of an implicit step, relative to their size, and when to give up.
_CLOSE, _PATIENCE = 1e-12, 60
# Past iterates that Anderson's method combines.
_MEMORY = 6
# Relative change of outputs below which differences of losses are rounding.
_TINY = 1e-5


class Implicit:
    """Backward Euler with the jumps of `ScharfetterGummel`, one axis after the other.

    The potential Ψ* of a step μ → μ⁺ is that of the discrete gradient of the loss, for
    which R(μ⁺) − R(μ) = ∫ (Ψ* − V) d(μ⁺ − μ): for the squared loss that of the average
    of both outputs. Each axis is a Markov chain that leaves e^{−Ψ*/τ} at rest, so the free
    energy falls for steps of any length. Outputs f⁺ solve n k equations f = G(f), by
    Anderson's method. Of first order in time.

    References
    ----------
    Bailo, Carrillo, Hu (2020), Commun. Math. Sci. 18; Walker, Ni (2011), SIAM J. Numer.
    Anal. 49, algorithm AA.
    """

    def __init__(self, field: GridField) -> None:
        self.field = field
        self._up, self._down = np.empty((2, len(field.shape), *field.shape))
        self._pivots, self._rests = np.empty((2, int(np.prod(field.shape))))

    def first_step(self, outputs: Float64Array) -> float:
        """Time of about one jump in the fastest cell."""
        return 1.0 / self._prepare(self.field.potential(outputs))

    def step(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Make a step; its error is half the difference to forward Euler."""
        field = self.field
        rate = self._prepare(field.potential(outputs))
        if not np.isfinite(rate):
            return Attempt(density, outputs, error=np.inf)
        longest = _STIFFEST / rate
        if length * rate > _STIFFEST:
            return Attempt(density, outputs, longest=longest)
        forward = field.outputs(density + length * self._slope(density))
        reached = [density]

        def image(guess: Float64Array) -> Float64Array:
            self._prepare(field.potential_of(discrete_gradient(field.problem, outputs, guess)))
            reached[0] = self._resolvent(density, length)
            return field.outputs(reached[0])

        frozen = self._resolved(density, length)
        tolerance = _CLOSE * field.scale(outputs)
        final = _fixed_point(image, frozen, lambda f: field.size(f) <= tolerance)
        if final is None:
            return Attempt(density, outputs, error=np.inf)
        feedback = 0.5 * field.feedback(2.0 * (final - frozen), final - outputs, outputs)
        return Attempt(reached[0], final, 0.5 * field.size(final - forward), feedback, longest)

    def _prepare(self, potential: Float64Array) -> float:
        """Take the rates of a potential, and return the fastest at which a cell is left."""
        leave = self.field.write_rates(potential, self._up, self._down)
        return max(float(leave.max()), _SLOWEST)

    def _slope(self, density: Float64Array) -> Float64Array:
        """Time derivative of the density with the rates at hand."""
        result = np.zeros_like(density)
        for axis in range(density.ndim):
            up, down, mass, change = (
                self.field.along(part, axis)
                for part in (self._up[axis], self._down[axis], density, result)
            )
            flux = up[:, :-1] * mass[:, :-1] - down[:, 1:] * mass[:, 1:]
            change[:, :-1] -= flux
            change[:, 1:] += flux
        return result

    def _resolvent(self, density: Float64Array, length: float) -> Float64Array:
        """Density after backward Euler along each axis with the rates at hand."""
        result = density.copy()
        for axis in range(density.ndim):
            up, down, mass = (
                self.field.along(part, axis) for part in (self._up[axis], self._down[axis], result)
            )
            solve_lines(up, down, length, self._pivots, self._rests, mass)
        return result

    def _resolved(self, density: Float64Array, length: float) -> Float64Array:
        return self.field.outputs(self._resolvent(density, length))


def discrete_gradient(problem: Problem, before: Float64Array, after: Float64Array) -> Float64Array:
    """Covector u between two outputs with R(after) − R(before) = α⁻¹ Σ_j ⟨u_j, after − before⟩.

    For equal outputs it is `Problem.covector`; for the squared loss that of the average.

    Returns
    -------
    (n, k) array

    References
    ----------
    Gonzalez (1996), J. Nonlinear Sci. 6, eq. 3.2.
    """
    change, data = after - before, problem.data
    middle = problem.covector(0.5 * (before + after))
    values = [problem.loss.values(outputs, data.targets) for outputs in (before, after)]
    missing = data.weights * (values[1] - values[0]) / problem.scale
    missing -= (middle * change).sum(axis=1)
    squares = np.square(change).sum(axis=1)
    # Differences of losses of closer outputs are rounding, and the midpoint is as good.
    apart = squares > _TINY**2 * (np.square(before).sum(axis=1) + problem.scale**2)
    factor = np.where(apart, missing, 0.0) / np.where(apart, squares, 1.0)
    return np.asarray(middle + factor[:, None] * change)


def _fixed_point(
    image: Callable[[Float64Array], Float64Array],
    guess: Float64Array,
    is_small: Callable[[Float64Array], bool],
) -> Float64Array | None:
    """Solution of f = G(f) by Anderson's method, or None if it is not found.

    The value returned is the last G(f), for an f that differs from it by little.
    """
    points: list[Float64Array] = []
    residuals: list[Float64Array] = []
    for _ in range(_PATIENCE):
        value = image(guess)
        residual = value - guess
        if not np.isfinite(residual).all():
            return None
        if is_small(residual):
            return value
        points, residuals = [*points[1 - _MEMORY :], value], [*residuals[1 - _MEMORY :], residual]
        guess = value
        if len(points) > 1:
            steps = np.stack([(residual - past).ravel() for past in residuals[:-1]], axis=1)
            moves = np.stack([(value - past).ravel() for past in points[:-1]], axis=1)
            mix = np.linalg.lstsq(steps, residual.ravel(), rcond=1e-12)[0]
            guess = value - (moves @ mix).reshape(value.shape)
    return None
