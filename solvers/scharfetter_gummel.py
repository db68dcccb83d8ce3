"""Noisy flow on a grid: Markov chains that leave Gibbs measures at rest."""

from __future__ import annotations

import numpy as np

from meanfield.engines.threads import sweep
from meanfield.kernels.finite_volume import stir
from meanfield.solvers.grid_field import Attempt, GridField
from meanfield.typing import Float64Array

__all__ = ["JumpHeat", "ScharfetterGummel"]

# Mass of the jumps that are left out.
_TAIL = 1e-12
# Expected jumps in a step: longer ones only make the controller wait.
_MOST_JUMPS = 1000.0
# Cells that make a piece for a thread, and those from which on threads share them.
_PIECE, _MANY = 2**15, 2**17
# A chain that may stay everywhere; rounding must not make a probability negative.
_SLACK = 1.0 + 1e-9
# A rate at which nothing moves, for potentials without slopes.
_SLOWEST = 1e-300


class ScharfetterGummel:
    """The flow of ∂_t μ = ∇·(μ ∇Ψ + τ ∇μ) by jumps between neighbouring cells.

    With Ψ frozen, mass jumps by the rates of Scharfetter and Gummel, a Markov chain that
    is reversible for e^{−Ψ/τ}. Its exponential over a step is a sum over numbers of jumps
    with Poisson weights, so that densities stay positive, mass is kept, and the energy with
    Ψ frozen falls for steps of any length. Ψ is that of half a step before (the midpoint
    rule); of second order in time, and in space while Ψ/τ changes by less than 2 over
    a cell.

    References
    ----------
    Scharfetter, Gummel (1969), IEEE Trans. Electron Devices 16, eq. 17;
    Schlichting, Seis (2022), J. Comput. Phys. 465, eq. 1.5; Jensen (1953), uniformisation.
    """

    def __init__(self, field: GridField) -> None:
        self.field = field
        axes, count = len(field.shape), int(np.prod(field.shape))
        self._pad = pad = int(field.strides.max())
        self._buffers = np.zeros((2, count + 2 * pad))
        self._up, self._down = np.zeros((2, axes, count + 2 * pad))
        self._inside = slice(pad, pad + count)
        self._stay = np.empty(count)

    def first_step(self, outputs: Float64Array) -> float:
        """Time of about one jump in the fastest cell."""
        return 1.0 / self._prepare(self.field.potential(outputs))

    def step(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Make a step; its error is the difference to that with Ψ of the start."""
        field = self.field
        rate = self._prepare(field.potential(outputs))
        if not np.isfinite(rate):
            return Attempt(density, outputs, error=np.inf)
        if length * rate > _MOST_JUMPS:
            return Attempt(density, outputs, longest=_MOST_JUMPS / rate)
        half, euler = self._spread(density, rate, 0.5 * length, length)
        middle, predicted = field.outputs(half), field.outputs(euler)
        rate = self._prepare(field.potential(middle))
        final = self._spread(density, rate, length)[0].reshape(field.shape)
        reached = field.outputs(final)
        answer = reached - predicted
        feedback = field.feedback(answer, middle - outputs, outputs)
        return Attempt(final, reached, field.size(answer), feedback, _MOST_JUMPS / rate)

    def _prepare(self, potential: Float64Array) -> float:
        """Make the chain of a potential, and return the rate of its jumps."""
        inside = self._inside
        leave = self.field.write_rates(potential, self._up[:, inside], self._down[:, inside])
        rate = max(float(leave.max()) * _SLACK, _SLOWEST)
        self._up /= rate
        self._down /= rate
        np.subtract(1.0, leave / rate, out=self._stay)
        return rate

    def _spread(self, density: Float64Array, rate: float, *lengths: float) -> Float64Array:
        """Densities after steps of some lengths of the chain at hand, (number, M)."""
        weights = _poisson(rate * np.array(lengths))
        self._buffers[0, self._inside] = density.reshape(-1)
        sums = weights[:, :1] * density.reshape(-1)
        steps, count = weights.shape[1] - 1, density.size

        def work(begin: int, end: int, first: int, last: int) -> None:
            stir(
                self._buffers, self._stay, self._up, self._down, self.field.strides,
                self._pad, weights, sums, begin, end, first, last,
            )  # fmt: skip

        if count < _MANY:
            work(0, steps, 0, count)
        else:
            pieces = -(-count // _PIECE)
            for k in range(steps):
                sweep(
                    lambda g, _, k=k: work(  # type: ignore[misc]
                        k, k + 1, g * _PIECE, min((g + 1) * _PIECE, count)
                    ),
                    pieces,
                )
        return np.asarray(sums)


class JumpHeat:
    """The heat flow of the cells by jumps: tiny densities are known as well as large ones.

    Parameters
    ----------
    field : GridField
    """

    def __init__(self, field: GridField) -> None:
        self._chain = ScharfetterGummel(field)
        self._rate = self._chain._prepare(np.zeros(field.shape))

    def __call__(self, density: Float64Array, time: float) -> Float64Array:
        """Density after some time."""
        return np.asarray(self._chain._spread(density, self._rate, time)[0].reshape(density.shape))


def _poisson(means: Float64Array) -> Float64Array:
    """Poisson weights of each mean up to a negligible tail, normalised, (number, K + 1)."""
    from scipy.special import gammaln

    largest = float(means.max())
    counts = np.arange(int(np.ceil(largest + 8.0 * np.sqrt(largest) + 20.0)) + 1)
    weights = np.exp(counts * np.log(means[:, None]) - means[:, None] - gammaln(counts + 1.0))
    tails = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    kept = tails > _TAIL
    weights = np.where(kept, weights, 0.0)[:, : int(kept.sum(axis=1).max())]
    return np.ascontiguousarray(weights / weights.sum(axis=1, keepdims=True))
