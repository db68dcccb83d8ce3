"""Neurons at points as whole arrays: values, gradients and Hessians in the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.neurons import Neuron
from meanfield.typing import Float64Array

__all__ = ["NeuronJets"]

# Half the distance of the points between which σ'' is compared for σ'''.
_HALF_WIDTH = 1e-5


@dataclass(frozen=True, eq=False)
class NeuronJets:
    """Φ = a σ(ω·x̃) of M neurons at n points, with ω = (w, b) and x̃ = (x, 1).

    Attributes
    ----------
    neuron : Neuron
    outer : (M, k) array
        a; 1 if it is fixed.
    points : (n, q) array
        x̃; x without a bias.
    arguments : (M, n) array
        ω·x̃.
    values, slopes, curvatures : (M, n) arrays
        σ, σ' and σ''.
    """

    neuron: Neuron
    outer: Float64Array
    points: Float64Array
    arguments: Float64Array
    values: Float64Array
    slopes: Float64Array
    curvatures: Float64Array

    @classmethod
    def of(cls, neuron: Neuron, positions: Float64Array, inputs: Float64Array) -> NeuronJets:
        """Jets of neurons with the parameters `positions` (M, p) at `inputs` (n, d)."""
        columns = neuron.outer_columns
        outer = positions[:, :columns] if columns else np.ones((len(positions), 1))
        points = np.hstack([inputs, np.ones((len(inputs), 1))]) if neuron.bias else inputs
        arguments = positions[:, columns:] @ points.T
        return cls(neuron, outer, points, arguments, *_jets(neuron, arguments))

    def thirds(self) -> Float64Array:
        """σ''' from differences of σ'', to about nine digits, shape (M, n)."""
        above = _jets(self.neuron, self.arguments + _HALF_WIDTH)[2]
        below = _jets(self.neuron, self.arguments - _HALF_WIDTH)[2]
        return np.asarray((above - below) / (2.0 * _HALF_WIDTH))

    @property
    def squares(self) -> Float64Array:
        """x̃ x̃ᵀ, shape (n, q²)."""
        product = self.points[:, :, None] * self.points[:, None, :]
        return product.reshape(len(product), -1)

    def features(self) -> Float64Array:
        """Φ_c(x_j; θ_i), shape (M, n k)."""
        product = self.values[:, :, None] * self.outer[:, None, :]
        return product.reshape(len(product), -1)

    def gradients(self) -> Float64Array:
        """∂Φ_c(x_j; θ_i)/∂θ, shape (M p, n k)."""
        nodes, count = self.outer.shape
        result = np.zeros((nodes, self.neuron.dim, len(self.points), count))
        for c in range(self.neuron.outer_columns):
            result[:, c, :, c] = self.values
        pulled = self.slopes[:, :, None] * self.outer[:, None, :]
        inner = result[:, self.neuron.outer_columns :]
        np.multiply(self.points.T[None, :, :, None], pulled[:, None], out=inner)
        return result.reshape(nodes * self.neuron.dim, -1)

    def hessians(self, covector: Float64Array) -> Float64Array:
        """∂²/∂θ² Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ for u (n, k), shape (M, p, p)."""
        columns, dim = self.neuron.outer_columns, self.neuron.dim
        result = np.zeros((len(self.outer), dim, dim))
        for c in range(columns):
            mixed = (self.slopes * covector[:, c]) @ self.points
            result[:, c, columns:] = result[:, columns:, c] = mixed
        pulled = (self.outer @ covector.T) * self.curvatures
        width = self.points.shape[1]
        result[:, columns:, columns:] = (pulled @ self.squares).reshape(-1, width, width)
        return result


def _jets(neuron: Neuron, arguments: Float64Array) -> Float64Array:
    """σ, σ' and σ'' at arguments (M, n), shape (3, M, n)."""
    from meanfield.kernels.activations import fill_jets

    jets = np.empty((3, *arguments.shape))
    flat = jets.reshape(3, -1)
    fill = neuron.activation.compiled(fill_jets)
    fill(neuron.activation.typed, arguments.reshape(-1), flat[0], flat[1], flat[2])
    return jets
