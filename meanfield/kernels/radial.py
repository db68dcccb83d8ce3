"""Averages of a nonlinearity over the sphere: g(s) = E σ(s U), U a coordinate of a unit vector.

For d dimensions U has the density C (1 − u²)^{(d−3)/2}. Each average is a named tuple
like the nonlinearities themselves, so that every kernel takes it in their place.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from meanfield.kernels.activations import jet, register
from meanfield.kernels.compilation import inline, part
from meanfield.kernels.elementary import erf_and_gaussian, log1p_unit, polynomial

__all__ = ["RadialMean", "RadialSpline", "WideRadialSpline"]


class RadialMean(NamedTuple):
    """The mean Σ_q weights[q] σ(s nodes[q]) of a smooth σ; nodes and weights are arrays."""

    inner: Any
    nodes: Any
    weights: Any


@register(RadialMean)
def _radial_mean(activation, z):
    number = type(z)
    sigma, slope, curvature = number(0.0), number(0.0), number(0.0)
    nodes, weights = activation.nodes, activation.weights
    for q in range(len(nodes)):
        u, weight = number(nodes[q]), number(weights[q])
        of_value, of_slope, of_curvature = jet(activation.inner, z * u)
        sigma += weight * of_value
        slope += weight * u * of_slope
        curvature += weight * u * u * of_curvature
    return sigma, slope, curvature


class RadialSpline(NamedTuple):
    """The mean of constant + Σ_q jumps[q] max(z − knots[q], 0), and of any multiple of z."""

    knots: tuple[float, ...]
    jumps: tuple[float, ...]
    constant: float
    dim: int


@part
def _between(dim, z, y):
    """P(−z < U < z), odd in z, and E max(U − z, 0) + z P(U > z), where y = 1 − z².

    Both are sums of a recursion in a, I_{z²}(½, a + 1) = I_{z²}(½, a) + z y^a / (a B(a, ½)),
    from a = ½ or 1 to (d − 1)/2.
    """
    number = type(z)
    half, one = number(0.5), number(1.0)
    if dim % 2 == 0:
        root = number(math.sqrt(y))
        a, start = half, number(0.6366197723675814) * number(math.atan2(z, root))
        term = number(0.6366197723675814) * root
    else:
        a, start, term = one, z, half * y
    total = number(0.0)
    for _ in range((dim - 2) // 2):
        total += term
        term *= y * ((a + half) / (a + one))
        a += one
    return start + z * total, half * term


@inline
def _hinge(dim, t, size):
    """E max(s U − t, 0) for s = `size` ≥ 0, and its first two derivatives in s."""
    number = type(size)
    zero, one = number(0.0), number(1.0)
    if t == zero:
        mean = _between(dim, zero, one)[1]
        return size * mean, mean, zero
    if abs(t) >= size:
        return (zero if t > zero else -t), zero, zero
    z = t / size
    y = ((size - t) / size) * ((size + t) / size)
    between, slope = _between(dim, z, y)
    value = size * slope - number(0.5) * t * (one - between)
    curvature = number(dim - 1) * slope * z * z / (y * size)
    return value, slope, curvature


@register(RadialSpline)
def _radial_spline(activation, z):
    number = type(z)
    size = abs(z)
    sigma, slope, curvature = number(activation.constant), number(0.0), number(0.0)
    knots, jumps = activation.knots, activation.jumps
    for q in range(len(knots)):
        of_value, of_slope, of_curvature = _hinge(activation.dim, number(knots[q]), size)
        sigma += number(jumps[q]) * of_value
        slope += number(jumps[q]) * of_slope
        curvature += number(jumps[q]) * of_curvature
    return sigma, (slope if z > number(0.0) else -slope), curvature


class WideRadialSpline(NamedTuple):
    """The same for many dimensions, without a sum over them.

    With 1 − z² = e^{−v²} and A = (d − 1)/2 the law of U is a Gaussian in √A v times a
    series in v²; what is left of it after an integration by parts is `series`.
    """

    knots: tuple[float, ...]
    jumps: tuple[float, ...]
    constant: float
    dim: int
    root: float
    mean: float
    series: tuple[float, ...]


@inline
def _wide_hinge(activation, t, size):
    """E max(s U − t, 0) for s = `size` ≥ 0, and its first two derivatives in s: no branch."""
    number = type(size)
    zero, one, half = number(0.0), number(1.0), number(0.5)
    inside = abs(t) < size
    scale = size if inside else one
    z = t / scale if inside else zero
    y = ((size - t) / scale) * ((size + t) / scale) if inside else one
    root = math.sqrt(y)
    fourth = math.sqrt(root)
    # y^{-1/4} − 1, cut where the density is 0.
    excess = z * z / ((one + root) * (one + fourth) * max(fourth, half))
    squared = number(4.0) * log1p_unit(min(excess, one))
    v = math.copysign(math.sqrt(squared), z)
    wide, bell = erf_and_gaussian(number(activation.root) * v)
    between = wide - bell * (v * polynomial(activation.series, squared))
    slope = number(activation.mean) * bell
    value = size * slope - half * t * (one - between)
    curvature = number(activation.dim - 1) * slope * z * z / (max(y, number(0.0625)) * scale)
    outside = not inside and t != zero
    value = (zero if t > zero else -t) if outside else value
    return value, (zero if outside else slope), (zero if outside else curvature)


@register(WideRadialSpline)
def _wide_radial_spline(activation, z):
    number = type(z)
    size = abs(z)
    sigma, slope, curvature = number(activation.constant), number(0.0), number(0.0)
    knots, jumps = activation.knots, activation.jumps
    for q in range(len(knots)):
        of_value, of_slope, of_curvature = _wide_hinge(activation, number(knots[q]), size)
        sigma += number(jumps[q]) * of_value
        slope += number(jumps[q]) * of_slope
        curvature += number(jumps[q]) * of_curvature
    return sigma, (slope if z > number(0.0) else -slope), curvature
