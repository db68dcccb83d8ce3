"""Closed-form pairs of neurons under standard normal inputs, summed over measures.

K(θ, θ') = E[Φ(x; θ) Φ(x; θ')] with x ~ N(0, I_d), for neurons without bias:

* erf: K = a a' (2/π) arcsin(v·v') with v = √2 w / √(1 + 2|w|²) (Williams 1998);
* relu: K = a a' |w| |w'| (sin φ + (π − φ) cos φ) / 2π, with φ the angle between w and w'
  (Cho, Saul 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np

from meanfield.engines.threads import cut, single_threaded_blas, sweep, thread_count
from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["PairEngine", "Sources", "require_closed_form"]

_CLOSED_FORMS = ("erf", "relu")


def require_closed_form(neuron: Neuron) -> None:
    """Raise unless the pairs of a neuron have a closed form here.

    Raises
    ------
    InvalidInputError
        For several outputs, a bias, or an activation other than erf and relu.
    """
    activation = neuron.activation
    if activation.functions is not None or activation.name not in _CLOSED_FORMS:
        raise InvalidInputError(
            "averages over Gaussian inputs have a closed form for the activations "
            f"{' and '.join(_CLOSED_FORMS)}, got {activation.name}; use Problem with a "
            "sample of the inputs"
        )
    if neuron.bias:
        raise InvalidInputError(
            "averages over Gaussian inputs have a closed form only without bias; "
            "use Neuron(..., bias=False), or Problem with a sample of the inputs"
        )
    if neuron.outputs > 1:
        raise InvalidInputError(
            "averages over Gaussian inputs are implemented for one output, got "
            f"outputs={neuron.outputs}"
        )


@dataclass(frozen=True, eq=False)
class Sources:
    """Particles with masses of any sign, as the kernels take them.

    Attributes
    ----------
    directions : (M, d) array
        v_j: unit vectors w/|w| for relu (0 for w = 0), and √2 w / √(1 + 2|w|²) for erf.
    charges : (M,) array
        m_j a_j for erf, m_j a_j |w_j| / 2π for relu.
    """

    directions: FloatArray
    charges: FloatArray

    def __add__(self, other: Sources) -> Sources:
        return Sources(
            np.concatenate([self.directions, other.directions]),
            np.concatenate([self.charges, other.charges]),
        )


class PairEngine:
    """Sums of K(θ, θ') over sources, and their gradients in θ, at any number of targets.

    The result has the same bits for any number of threads. A relu neuron of two inputs
    costs O((N + M) log M), every other one O(N M d) without an array of N x M numbers.
    Buffers belong to the engine, so callers in several threads take turns.

    Parameters
    ----------
    neuron : Neuron
        Of one of the closed forms; see `require_closed_form`.
    dtype : numpy dtype
        float32 or float64: in which tiles are computed.

    Notes
    -----
    Errors are a few units of rounding of the largest term, also for particles that
    coincide or are opposite. An erf neuron of length |w| is the exception: pairs at an
    angle of about 1/|w| have gradients with an absolute error of |w| such units.
    """

    def __init__(self, neuron: Neuron, dtype: Any) -> None:
        self.neuron = neuron
        self._relu = neuron.activation.name == "relu"
        self._planar = self._relu and neuron.inputs == 2
        # Sums around the circle cost so little that they are always made in float64.
        self.dtype = np.dtype(np.float64 if self._planar else dtype)
        self._scratch: list[Array] = []
        self._lock = RLock()

    @property
    def name(self) -> str:
        """The method, for reports."""
        return "circle" if self._planar else "pair"

    def sources(self, positions: FloatArray, masses: Float64Array) -> Sources:
        """Particles (M, p) with masses (M,) of any sign, prepared for the sums."""
        lengths, directions = self._directions(positions)
        charges = masses * self._outer(positions)
        if self._relu:
            charges = charges * lengths / (2.0 * np.pi)
        return Sources(directions.astype(self.dtype), charges.astype(self.dtype))

    def potentials(self, positions: FloatArray, sources: Sources) -> Float64Array:
        """Σ_j m_j K(θ_i, θ_j) for every target, shape (N,)."""
        return self.gradients(positions, sources)[0]

    def gradients(self, positions: FloatArray, sources: Sources) -> tuple[Float64Array, FloatArray]:
        """Σ_j m_j K(θ_i, θ_j), shape (N,), and its gradient in θ_i, shape (N, p).

        At w = 0 the gradient of a relu neuron is 0, as relu'(0) = 0.
        """
        lengths, directions = self._directions(positions)
        totals, vectors = self._sum(directions, sources)
        along = np.einsum("id,id->i", directions, vectors)
        if self._relu:
            slopes = totals[:, None] * directions + vectors
            slopes[lengths == 0.0] = 0.0
            values = lengths * (totals + along)
        else:
            shrinkage = np.sqrt(2.0) / np.hypot(1.0, np.sqrt(2.0) * lengths)
            slopes = shrinkage[:, None] * (vectors - along[:, None] * directions)
            values = totals
        outer = self._outer(positions)
        gradients = np.empty_like(positions)
        gradients[:, : self.neuron.outer_columns] = values[:, None]
        gradients[:, self.neuron.outer_columns :] = outer[:, None] * slopes
        return outer * values, gradients

    def _outer(self, positions: FloatArray) -> Float64Array:
        """Outer weights a (N,), 1 if they are fixed."""
        if self.neuron.outer_columns == 0:
            return np.ones(len(positions))
        return np.asarray(positions[:, 0], np.float64)

    def _directions(self, positions: FloatArray) -> tuple[Float64Array, Float64Array]:
        """Lengths |w| (N,) and directions v (N, d), float64, without overflow."""
        inner = positions[:, self.neuron.outer_columns :].astype(np.float64)
        largest = np.abs(inner).max(axis=1)
        unit = inner / np.where(largest > 0.0, largest, 1.0)[:, None]
        norms = np.sqrt(np.einsum("id,id->i", unit, unit))
        unit /= np.where(norms > 0.0, norms, 1.0)[:, None]
        lengths = largest * norms
        if not self._relu:
            unit *= (np.sqrt(2.0) * lengths / np.hypot(1.0, np.sqrt(2.0) * lengths))[:, None]
        return lengths, unit

    def _sum(self, directions: Float64Array, sources: Sources) -> tuple[Float64Array, Float64Array]:
        """Totals (N,) and vectors (N, d) of `meanfield.kernels.pairs.add_pairs`."""
        totals, vectors = np.zeros(len(directions)), np.zeros(directions.shape)
        if self._planar:
            from meanfield.kernels.circle import add_circle_pairs

            add_circle_pairs(directions, sources.directions, sources.charges, totals, vectors)
        else:
            self._sum_tiles(directions.astype(self.dtype), sources, totals, vectors)
        return totals, vectors

    def _sum_tiles(
        self, targets: Array, sources: Sources, totals: Float64Array, vectors: Float64Array
    ) -> None:
        from meanfield.kernels import pairs

        code = pairs.RELU if self._relu else pairs.ERF
        least = self.dtype.type(0.25 * np.finfo(self.dtype).eps)
        rows, columns = pairs.pair_tile_shape(len(targets), len(sources.charges))

        groups = cut(len(targets), rows, rows)

        def work(g: int, thread: int) -> None:
            group = groups[g]
            pairs.add_pairs(
                code, targets[group], sources.directions, sources.charges, least,
                rows, columns, self._scratch[thread], totals[group], vectors[group],
            )  # fmt: skip

        with self._lock, single_threaded_blas():
            while len(self._scratch) < min(thread_count(), len(groups)):
                self._scratch.append(np.empty(pairs.LARGEST_TILE, self.dtype))
            sweep(work, len(groups))
