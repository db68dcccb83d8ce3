"""The scalar nonlinearity: values, derivatives, and what it knows of itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from meanfield.splines import Spline
from meanfield.typing import Float64Array

__all__ = ["Activation", "ScalarFunction"]

ScalarFunction = Callable[[float], float]


@dataclass(frozen=True)
class Activation:
    """A scalar nonlinearity σ with its derivative.

    Use a name (``"tanh"``), a parametrised constructor (`leaky_relu`,
    `clipped_linear`) or `custom` of `meanfield.activations`, whose `activations` lists
    the names.

    Attributes
    ----------
    name : str
        Name in the vocabulary.
    parameters : mapping of str to float
        Parameters by name, empty for most (tuples of numbers for `linear_spline`).
    homogeneity : float or None
        Degree h with σ(cz) = c^h σ(z) for all c > 0, or None.
    kinks : tuple of float
        Points where σ' jumps; there the derivative is the one from the left.
    smoothness : float
        Number of continuous derivatives (``inf`` for analytic functions).

    Examples
    --------
    >>> relu = Activation("relu", homogeneity=1.0, kinks=(0.0,), smoothness=0)
    >>> relu([-1.0, 2.0]), relu.derivative([-1.0, 2.0])
    (array([0., 2.]), array([0., 1.]))
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    homogeneity: float | None = None
    kinks: tuple[float, ...] = ()
    smoothness: float = math.inf
    functions: tuple[ScalarFunction, ...] | None = field(default=None, repr=False)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.parameters.items()), self.functions))

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: copies and pickles carry no compiled kernels."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __call__(self, z: Any) -> Float64Array:
        """Values σ(z), elementwise, of the shape of `z`."""
        return self.with_derivative(z)[0]

    def derivative(self, z: Any) -> Float64Array:
        """Derivatives σ'(z), elementwise, of the shape of `z`."""
        return self.with_derivative(z)[1]

    def with_derivative(self, z: Any) -> tuple[Float64Array, Float64Array]:
        """Values σ(z) and derivatives σ'(z), elementwise, of the shape of `z`."""
        from meanfield.kernels.activations import fill_pairs

        points = np.array(z, dtype=np.float64)
        flat = points.ravel()
        values, slopes = np.empty_like(flat), np.empty_like(flat)
        self.compiled(fill_pairs)(self.typed, flat, values, slopes)
        return values.reshape(points.shape), slopes.reshape(points.shape)

    @cached_property
    def typed(self) -> Any:
        """The named tuple by which compiled kernels know this activation."""
        from meanfield.kernels import activations as kernels

        if self.functions is not None:
            return kernels.custom(*(getattr(f, "py_func", f) for f in self.functions))
        if self.name == "linear_spline":
            spline = self.spline
            assert spline is not None
            knots, values = (self.parameters[key] for key in ("knots", "values"))
            return kernels.LinearSpline(knots, values, tuple(spline.slopes.tolist()))
        return kernels.BUILTIN[self.name](*self.parameters.values())

    def compiled(self, kernel: Any) -> Any:
        """The form of a kernel that takes this activation's `typed`.

        Kernels around a user's functions live as long as the process: on disk they
        could not be told from those of another function of the same name.
        """
        from meanfield.kernels.compilation import uncached

        return kernel if self.functions is None else uncached(kernel)

    @property
    def has_curvature(self) -> bool:
        """Whether σ'' is known."""
        return self.functions is None or len(self.functions) == 3

    @cached_property
    def spline(self) -> Spline | None:
        """The pieces of a piecewise linear σ, or None."""
        parameters: Any = self.parameters
        if self.functions is not None:
            return None
        if self.name == "relu":
            return Spline.through([0.0], [0.0], 0.0, 1.0)
        if self.name == "leaky_relu":
            return Spline.through([0.0], [0.0], parameters["slope"], 1.0)
        if self.name == "clipped_linear":
            knots = [parameters["start"], parameters["stop"]]
            return Spline.through(knots, [parameters["low"], parameters["high"]], 0.0, 0.0)
        if self.name == "linear_spline":
            return Spline.through(*parameters.values())
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `activation_from_dict` rebuilds the activation."""
        described: dict[str, Any] = {"name": self.name}
        if self.parameters:
            described["parameters"] = dict(self.parameters)
        return described
