"""Gauss quadrature of probability laws, by the recurrence of orthogonal polynomials."""

from __future__ import annotations

import numpy as np

from meanfield.typing import Float64Array

__all__ = ["gamma_rule", "normal_rule", "sphere_rule"]


def sphere_rule(dim: int, nodes: int) -> tuple[Float64Array, Float64Array]:
    """Nodes and weights for one coordinate U of a uniform unit vector in R^dim.

    Exact for polynomials of degree 2 nodes − 1. The density of U is proportional to
    (1 − u²)^{(dim − 3)/2}; in one dimension U = ±1.

    Examples
    --------
    >>> nodes, weights = sphere_rule(5, 4)
    >>> round(float(weights @ nodes**2), 14), round(float(weights @ nodes**4), 14)  # 1/5, 3/35
    (0.2, 0.08571428571429)
    """
    if dim == 1:
        return np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    i = np.arange(1.0, nodes)
    squares = np.empty(nodes - 1)
    squares[:1] = 1.0 / dim
    j = i[1:]
    squares[1:] = j * (j + dim - 3.0) / ((2.0 * j + dim - 2.0) * (2.0 * j + dim - 4.0))
    return _symmetric(*_golub_welsch(np.zeros(nodes), squares))


def normal_rule(nodes: int) -> tuple[Float64Array, Float64Array]:
    """Nodes and weights for a standard normal number (Gauss–Hermite).

    Examples
    --------
    >>> nodes, weights = normal_rule(3)
    >>> round(float(weights @ nodes**4), 13)
    3.0
    """
    return _symmetric(*_golub_welsch(np.zeros(nodes), np.arange(1.0, nodes)))


def gamma_rule(shape: float, nodes: int) -> tuple[Float64Array, Float64Array]:
    """Nodes and weights for a gamma variable of this shape (generalised Gauss–Laguerre).

    Half of |x|² is such a variable of shape d/2 for x ~ N(0, I_d).

    Examples
    --------
    >>> nodes, weights = gamma_rule(2.5, 4)
    >>> round(float(weights @ nodes), 13), round(float(weights @ nodes**2), 12)  # 5/2, 35/4
    (2.5, 8.75)
    """
    i = np.arange(float(nodes))
    return _golub_welsch(2.0 * i + shape, i[1:] * (i[1:] + shape - 1.0))


def _golub_welsch(
    diagonal: Float64Array, squares: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Rule of the recurrence with this diagonal and these squared off-diagonal entries.

    References
    ----------
    Golub, Welsch (1969), Math. Comp. 23.
    """
    from scipy.linalg import eigh_tridiagonal

    if len(diagonal) == 1:
        return diagonal, np.ones(1)
    nodes, vectors = eigh_tridiagonal(diagonal, np.sqrt(squares))
    weights = vectors[0] ** 2
    return np.asarray(nodes), np.asarray(weights / weights.sum())


def _symmetric(nodes: Float64Array, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The rule of an even law without rounding between its two halves."""
    return 0.5 * (nodes - nodes[::-1]), 0.5 * (weights + weights[::-1])
