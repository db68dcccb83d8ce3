"""Bounds of activations, from which rigorous bounds of potentials follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from meanfield.activation import Activation
from meanfield.typing import Float64Array

__all__ = ["ActivationBounds", "bounds_of"]


@dataclass(frozen=True)
class ActivationBounds:
    """Bounds of a scalar nonlinearity σ on the whole line.

    Attributes
    ----------
    size : float
        sup |σ|, possibly infinite.
    slope : float
        sup |σ'|.
    curvature : float
        sup |σ''| away from kinks.
    kinks, jumps : tuples of float
        Where σ' jumps, and by how much.
    """

    size: float
    slope: float
    curvature: float
    kinks: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()

    def remainder(self, points: Float64Array, radius: Float64Array) -> Float64Array:
        """Bound of |σ(z') − σ(z) − σ'(z) (z' − z)| for |z' − z| ≤ radius, elementwise."""
        bound = np.zeros(points.shape) + 0.5 * self.curvature * radius**2
        for kink, jump in zip(self.kinks, self.jumps, strict=True):
            bound = bound + abs(jump) * np.maximum(radius - np.abs(kink - points), 0.0)
        return bound

    def deficit(
        self, points: Float64Array, radius: Float64Array, pulls: Float64Array
    ) -> Float64Array:
        """Bound of how far below its tangent u σ(z') can lie, for |z' − z| ≤ radius.

        Where a pull makes a kink convex the tangent stays below: no deficit.
        """
        bound = np.zeros(points.shape) + 0.5 * self.curvature * np.abs(pulls) * radius**2
        for kink, jump in zip(self.kinks, self.jumps, strict=True):
            reach = np.maximum(radius - np.abs(kink - points), 0.0)
            bound = bound + np.maximum(-jump * pulls, 0.0) * reach
        return bound


_GAUSSIAN = math.sqrt(2.0 / math.pi)
# Suprema in closed form, or rounded up in the last digit.
_SMOOTH = {
    "tanh": ActivationBounds(1.0, 1.0, 4.0 / (3.0 * math.sqrt(3.0))),
    "erf": ActivationBounds(1.0, 2.0 / math.sqrt(math.pi), 2.0 * _GAUSSIAN / math.sqrt(math.e)),
    "sigmoid": ActivationBounds(1.0, 0.25, 1.0 / (6.0 * math.sqrt(3.0))),
    "softplus": ActivationBounds(math.inf, 1.0, 0.25),
    "gelu": ActivationBounds(math.inf, 1.1289041452, _GAUSSIAN),
    "silu": ActivationBounds(math.inf, 1.0998393202, 0.5),
    "sin": ActivationBounds(1.0, 1.0, 1.0),
    "linear": ActivationBounds(math.inf, 1.0, 0.0),
}


def bounds_of(activation: Activation) -> ActivationBounds | None:
    """Bounds of an activation, or None where they are not known or do not exist.

    Examples
    --------
    >>> from meanfield.activations import activations
    >>> bounds_of(activations["relu"])
    ActivationBounds(size=inf, slope=1.0, curvature=0.0, kinks=(0.0,), jumps=(1.0,))
    """
    if activation.functions is not None:
        return None
    if activation.name == "radial_average" and activation.parameters["activation"].spline is None:
        return bounds_of(activation.parameters["activation"])  # averages over |U| <= 1
    spline = activation.spline
    if spline is None:
        return _SMOOTH.get(activation.name)
    flat = spline.slopes[0] == spline.slopes[-1] == 0.0
    return ActivationBounds(
        float(np.abs(activation(spline.knots)).max()) if flat else math.inf,
        float(np.abs(spline.slopes).max()),
        0.0,
        tuple(spline.knots.tolist()),
        tuple(spline.jumps.tolist()),
    )
