"""Regularizers V(θ) that confine the particles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron
from meanfield.typing import Float64Array

__all__ = ["Ridge", "ridge_from_dict"]


@dataclass(frozen=True)
class Ridge:
    """V(θ) = ½ λ_a |a|² + ½ λ_w (|w|² + b²).

    Parameters
    ----------
    outer, inner : float
        Strengths λ_a ≥ 0 of the outer weight and λ_w ≥ 0 of inner weights and bias.

    Raises
    ------
    InvalidInputError
        If a strength is negative or not finite.

    Examples
    --------
    >>> Ridge(outer=0.1, inner=0.0).coefficients(Neuron(inputs=1))
    array([0.1, 0. , 0. ])
    """

    outer: float = 0.0
    inner: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "outer", as_number("ridge (outer)", self.outer, "nonnegative"))
        object.__setattr__(self, "inner", as_number("ridge (inner)", self.inner, "nonnegative"))

    def coefficients(self, neuron: Neuron) -> Float64Array:
        """Strength of each parameter, shape (p,), so that ∇V(θ) = coefficients · θ."""
        array = np.full(neuron.dim, self.inner)
        array[: neuron.outer_columns] = self.outer
        return array

    def to_dict(self) -> dict[str, float]:
        """Plain dictionary from which `ridge_from_dict` rebuilds the regularizer."""
        return {"outer": self.outer, "inner": self.inner}


def ridge_from_dict(described: Mapping[str, Any] | float | Ridge) -> Ridge:
    """Ridge from one strength for all parameters, a dictionary, or itself.

    Raises
    ------
    InvalidInputError
        If it is none of these, or a strength is negative.

    Examples
    --------
    >>> ridge_from_dict(0.5)
    Ridge(outer=0.5, inner=0.5)
    """
    if isinstance(described, Ridge):
        return described
    if isinstance(described, Mapping):
        unknown = set(described) - {"outer", "inner"}
        if unknown:
            raise InvalidInputError(f"ridge has strengths outer and inner, got {sorted(unknown)}")
        return Ridge(**described)
    strength = as_number("ridge", described, "nonnegative")
    return Ridge(strength, strength)
