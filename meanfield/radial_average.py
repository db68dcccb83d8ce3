"""The activation of a neuron that sees the length of its input only."""

from __future__ import annotations

from functools import cached_property
from math import factorial, pi, sqrt
from typing import Any

from meanfield.activation import Activation
from meanfield.gauss_rules import sphere_rule
from meanfield.splines import Spline

__all__ = ["RadialAverage", "wide_constants"]

# From so many dimensions on, a dozen terms of a series are exact to rounding.
_LEAST_WIDE = 30
_TERMS, _SERIES = 14, 24


def wide_constants(dim: int) -> tuple[float, float, tuple[float, ...]]:
    """√A, E max(U, 0), and the series of the law of U in `WideRadialSpline`.

    With u² = 1 − e^{−v²} the density C (1 − u²)^{A − 1} du is C e^{−A v²} φ(v²) dv,
    φ(x) = (x / (1 − e^{−x}))^{1/2} = Σ φ_k x^k, and an integration by parts takes
    ∫ e^{−A v²} v^{2k} dv to (2k − 1)/(2A) times that of v^{2k − 2}.
    """
    half = 0.5 * (dim - 1)
    base = [(-1.0) ** k / factorial(k + 1) for k in range(_SERIES)]
    power = [1.0]
    for n in range(1, _SERIES):
        terms = ((-0.5 * k - (n - k)) * base[k] * power[n - k] for k in range(1, n + 1))
        power.append(sum(terms) / n)
    for k in range(_SERIES - 2, -1, -1):
        power[k] += power[k + 1] * (2 * k + 1) / (2.0 * half)
    height = sqrt(half / pi) / power[0]
    series = tuple(height / half * term for term in power[1 : _TERMS + 1])
    return sqrt(half), 0.5 * height / half, series


class RadialAverage(Activation):
    """The average g(s) = E σ(s U) over a coordinate U of a uniform unit vector in R^d.

    Made by `meanfield.activations.radial_average`.
    """

    @classmethod
    def of(cls, inner: Activation, dim: int, nodes: int) -> RadialAverage:
        """Average of an activation, which is piecewise linear or smooth."""
        knots = () if inner.spline is None else tuple(inner.spline.knots.tolist())
        smoothness: float = inner.smoothness
        kinks: tuple[float, ...] = ()
        if knots and dim == 1:
            kinks = tuple(sorted({sign * knot for knot in knots for sign in (-1.0, 1.0)}))
        elif knots:
            kinks = (0.0,) if 0.0 in knots else ()
            smoothness = 0 if kinks else dim // 2
        return cls(
            "radial_average",
            {"activation": inner, "dim": dim, "nodes": nodes},
            inner.homogeneity,
            kinks,
            smoothness,
        )

    @property
    def inner(self) -> Activation:
        """The σ that is averaged."""
        inner: Activation = self.parameters["activation"]
        return inner

    @cached_property
    def typed(self) -> Any:
        """The named tuple by which compiled kernels know this activation."""
        from meanfield.kernels import radial as kernels

        spline, dim = self.inner.spline, self.parameters["dim"]
        if spline is not None and dim > 1:
            knots, jumps = tuple(spline.knots.tolist()), tuple(spline.jumps.tolist())
            if dim < _LEAST_WIDE:
                return kernels.RadialSpline(knots, jumps, spline.constant, dim)
            wide = wide_constants(dim)
            return kernels.WideRadialSpline(knots, jumps, spline.constant, dim, *wide)
        nodes, weights = sphere_rule(dim, self.parameters["nodes"])
        return kernels.RadialMean(self.inner.typed, nodes.copy(), weights.copy())

    def compiled(self, kernel: Any) -> Any:
        """The form of a kernel that takes this activation's `typed`."""
        return self.inner.compiled(kernel)

    @property
    def has_curvature(self) -> bool:
        """Whether g'' is known."""
        return self.inner.has_curvature

    @cached_property
    def spline(self) -> Spline | None:
        """None: averages are curved."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `activation_from_dict` rebuilds the activation."""
        parameters = {**self.parameters, "activation": self.inner.to_dict()}
        return {"name": self.name, "parameters": parameters}
