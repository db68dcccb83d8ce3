"""Particles that never move, such as the cells of a grid: their neurons factored once."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from meanfield.engines.choice import choose_engine
from meanfield.engines.factors import low_rank
from meanfield.engines.threads import add_in_order, cut, single_threaded_blas, sweep
from meanfield.kernels.activations import fill_values
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array

__all__ = ["FixedParticles"]

# A matrix of the neurons at the data is kept if it fits in this many bytes.
_MEMORY_BYTES = 2**30
_BLOCK = 4096


class _Sums(Protocol):
    """The matrix Φ (M, n) of neurons at the data and its transpose, for k columns."""

    def outputs(self, moments: Float64Array) -> Float64Array:
        """Φᵀ m, shape (n, k), of moments (M, k)."""
        ...

    def potentials(self, covector: Float64Array) -> Array:
        """Φ u, shape (M, k), of u (n, k)."""
        ...


class _Product:
    """Φ = left @ right, with products in fixed blocks of rows."""

    def __init__(self, left: Float64Array, right: Float64Array | None, dtype: Any) -> None:
        self._left, self._right = left.astype(dtype, copy=False), right
        self._groups = cut(len(left), _BLOCK)

    def outputs(self, moments: Float64Array) -> Float64Array:
        typed = moments.astype(self._left.dtype, copy=False)
        parts = np.empty((len(self._groups), moments.shape[1], self._left.shape[1]))

        def work(g: int, thread: int) -> None:
            parts[g] = typed[self._groups[g]].T @ self._left[self._groups[g]]

        with single_threaded_blas():
            sweep(work, len(self._groups))
            total = add_in_order(parts)
            return (total if self._right is None else total @ self._right).T

    def potentials(self, covector: Float64Array) -> Array:
        result = np.empty((len(self._left), covector.shape[1]), self._left.dtype)
        with single_threaded_blas():
            pull = covector if self._right is None else self._right @ covector
            typed = pull.astype(self._left.dtype)

            def work(g: int, thread: int) -> None:
                np.matmul(self._left[self._groups[g]], typed, out=result[self._groups[g]])

            sweep(work, len(self._groups))
        return result


class _Computed:
    """Φ formed anew each time by the engine for the inner points."""

    def __init__(self, neuron: Neuron, inputs: Float64Array, inner: Array, dtype: Any) -> None:
        self._engine = choose_engine(neuron, inputs, dtype)
        self._inner = inner.astype(dtype)

    def outputs(self, moments: Float64Array) -> Float64Array:
        columns = [self._engine.outputs(self._inner, part.copy()) for part in moments.T]
        return np.hstack(columns)

    def potentials(self, covector: Float64Array) -> Array:
        columns = [self._engine.potentials(self._inner, part[:, None]) for part in covector.T]
        return np.stack(columns, axis=1)


class FixedParticles:
    """Outputs and potentials for M fixed inner parameters (w, b), with any outer weights.

    The neurons' values Φ (M, n), σ(w_m·x_j + b_m), are constant and smooth in both
    arguments: a product of rank r ≈ 20–90, formed once, turns O(M n) into O((M + n) r).
    On a tensor grid over (a, w, b) only the grid over (w, b) enters, as the potential is
    ⟨a, g(w, b)⟩.

    Parameters
    ----------
    neuron : Neuron
    inputs : (n, d) array
        The data.
    inner : (M, d) or (M, d + 1) array
        The w, and b where the neuron has a bias.
    outer : (A, k) or, with one output, (A,) array, optional
        The outer weights that go with each inner point, if the neuron trains them.
    tolerance : float
        Largest error of an entry of Φ, in units of the largest entry: it adds at most
        ``tolerance * max|Φ| Σ|a m|`` to outputs and ``tolerance * max|Φ| |a| Σ|u|`` to
        potentials.
    dtype : numpy dtype
        float32 halves time and memory, and has rounding errors of about 1e-6.

    Attributes
    ----------
    method : {"factored", "stored", "computed"}
        Whether Φ has low rank, is kept as it is (up to 1 GiB), or is formed anew each
        time by an engine: that is so for piecewise linear activations of one input, where
        sums over sorted data are faster than any matrix, and where memory does not suffice.
    rank : int
        r, or n if Φ is not factored.
    error : float
        Measured largest error of an entry in units of the largest entry.

    Examples
    --------
    >>> w, b = np.meshgrid(np.linspace(-2, 2, 40), np.linspace(-2, 2, 40))
    >>> neuron = Neuron(1, outer="fixed")
    >>> inner = np.column_stack([w.ravel(), b.ravel()])
    >>> cells = FixedParticles(neuron, np.linspace(-1, 1, 100)[:, None], inner, tolerance=1e-6)
    >>> cells.method, cells.rank < 20, cells.outputs(np.full(1600, 1 / 1600)).shape
    ('factored', True, (100, 1))
    """

    def __init__(
        self,
        neuron: Neuron,
        inputs: Float64Array,
        inner: Array,
        outer: Array | None = None,
        *,
        tolerance: float = 1e-12,
        dtype: Any = np.float64,
    ) -> None:
        self._shape = (len(inner),) if outer is None else (len(outer), len(inner))
        self._outer = None if outer is None else np.reshape(outer, (-1, neuron.outputs))
        self._sums: _Sums
        alone = Neuron(neuron.inputs, activation=neuron.activation, outer="fixed", bias=neuron.bias)
        shape = (len(inner), len(inputs))
        size = shape[0] * shape[1] * np.dtype(dtype).itemsize

        def rows(part: slice) -> Float64Array:
            return _values(alone, inputs, inner[part])

        sorts = neuron.inputs == 1 and neuron.activation.spline is not None
        factors = None if sorts else low_rank(rows, shape, tolerance)
        self.rank, self.error = shape[1], 0.0
        if factors is not None:
            self.method, self.rank, self.error = "factored", len(factors.right), factors.error
            self._sums = _Product(factors.left, factors.right, dtype)
        elif sorts or size > _MEMORY_BYTES:
            self.method = "computed"
            self._sums = _Computed(alone, inputs, inner, dtype)
        else:
            self.method = "stored"
            self._sums = _Product(_stored(rows, shape, dtype), None, dtype)

    def outputs(self, masses: Array) -> Float64Array:
        """Σ m a σ(w·x_j + b) over all particles, at every data point, shape (n, k).

        Parameters
        ----------
        masses : (M,) array, or (A, M) with outer weights
        """
        if self._outer is None:
            return self._sums.outputs(np.reshape(masses, (-1, 1)))
        outer, sheets = self._outer.T, np.asarray(masses)
        moments = np.empty((len(outer), self._shape[-1]))
        groups = cut(self._shape[-1], _BLOCK)

        def work(g: int, thread: int) -> None:
            np.matmul(outer, sheets[:, groups[g]], out=moments[:, groups[g]])

        with single_threaded_blas():
            sweep(work, len(groups))
            return self._sums.outputs(moments.T)

    def potentials(self, covector: Float64Array) -> Float64Array:
        """Σ_j ⟨u_j, a⟩ σ(w·x_j + b) of every particle, shape (M,), or (A, M) by outer weight.

        Parameters
        ----------
        covector : (n, k) array
            u.
        """
        inner = self._sums.potentials(covector)
        if self._outer is None:
            return inner[:, 0].astype(np.float64)
        outer, result = self._outer, np.empty(self._shape)
        groups = cut(self._shape[-1], _BLOCK)

        def work(g: int, thread: int) -> None:
            np.matmul(outer, inner[groups[g]].T, out=result[:, groups[g]])

        with single_threaded_blas():
            sweep(work, len(groups))
        return result


def _values(neuron: Neuron, inputs: Float64Array, inner: Array) -> Float64Array:
    """σ(w_m·x_j + b_m), shape (m, n); BLAS is held by the caller."""
    values = inner[:, : neuron.inputs] @ inputs.T
    if neuron.bias:
        values += inner[:, -1:]
    flat = values.reshape(-1)
    neuron.activation.compiled(fill_values)(neuron.activation.typed, flat, flat)
    return np.asarray(values)


def _stored(rows: Any, shape: tuple[int, int], dtype: Any) -> Array:
    """The whole matrix."""
    matrix, groups = np.empty(shape, dtype), cut(shape[0], _BLOCK)

    def work(g: int, thread: int) -> None:
        matrix[groups[g]] = rows(groups[g])

    with single_threaded_blas():
        sweep(work, len(groups))
    return matrix
