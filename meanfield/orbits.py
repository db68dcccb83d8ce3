"""Orbits of data under a symmetry: the points over which outputs are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array, probability_weights
from meanfield.gauss_rules import normal_rule, sphere_rule
from meanfield.typing import Float64Array

__all__ = ["Orbits"]


@dataclass(frozen=True)
class Orbits:
    """A data point (z, ρ) stands for the points (z, ρ u) with u from a law on the line.

    Parameters
    ----------
    nodes, weights : sequences of Q floats
        Quadrature of the law of u.

    Raises
    ------
    InvalidInputError
        If there is no node, a node is not finite, or weights do not sum to 1.

    Examples
    --------
    >>> orbits = Orbits.sphere(dim=3, nodes=2)
    >>> orbits.expanded(np.array([[5.0, 1.0]])).round(4).tolist()
    [[5.0, -0.5774], [5.0, 0.5774]]
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        nodes = as_finite_array("nodes of the orbits", self.nodes, 1)
        weights = probability_weights("weights of the orbits", self.weights, len(nodes))
        object.__setattr__(self, "nodes", tuple(nodes.tolist()))
        object.__setattr__(self, "weights", tuple(weights.tolist()))

    @classmethod
    def sphere(cls, dim: int, nodes: int) -> Orbits:
        """U is a coordinate of a uniform unit vector in R^dim, by a Gauss rule."""
        return cls(*(tuple(part.tolist()) for part in sphere_rule(dim, nodes)))

    @classmethod
    def normal(cls, nodes: int) -> Orbits:
        """U is a standard normal number, by a Gauss rule."""
        return cls(*(tuple(part.tolist()) for part in normal_rule(nodes)))

    def expanded(self, inputs: Float64Array) -> Float64Array:
        """Points (n Q, k + 1) of the orbits of inputs (n, k + 1), orbit after orbit."""
        points = np.repeat(inputs, len(self.nodes), axis=0)
        points[:, -1] *= np.tile(self.nodes, len(inputs))
        return points

    def averaged(self, sums: Float64Array) -> Float64Array:
        """Means (n, k) over the orbits of values at their points, (n Q, k)."""
        values = sums.reshape(-1, len(self.nodes), sums.shape[1])
        return np.asarray(np.einsum("q,jqk->jk", np.asarray(self.weights), values))

    def spread(self, covector: Float64Array) -> Float64Array:
        """Covector (n Q, k) at the points of one (n, k) at the orbits: the transpose."""
        parts = covector[:, None, :] * np.asarray(self.weights)[:, None]
        return np.asarray(parts.reshape(-1, covector.shape[1]))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `from_dict` rebuilds the orbits."""
        return {"nodes": list(self.nodes), "weights": list(self.weights)}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any] | Orbits) -> Orbits:
        """Orbits from the dictionary that `to_dict` makes, or themselves."""
        return described if isinstance(described, Orbits) else cls(**described)
