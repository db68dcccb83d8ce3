"""Sums of closed-form neuron pairs over all sources, tile by tile.

For standard normal inputs the pair K(theta, theta') = E[Phi(x; theta) Phi(x; theta')]
depends on the two inner weights through their norms and one number u, the product of
two vectors: K is an arcsine of u (erf) or an arc-cosine form (relu). A tile of u is one
matrix product; the closed form and its slope are applied to it in place; a second
product with the sources gives the gradient. Memory never grows as targets x sources.

Tiles are visited in a fixed order: the result does not depend on the threads that call.
"""

from __future__ import annotations

import math

import numpy as np

from meanfield.kernels.compilation import inline, kernel, reordering_part
from meanfield.kernels.tiles import add_columns

__all__ = ["ERF", "LARGEST_TILE", "RELU", "add_pairs", "arcsine", "pair_tile_shape"]

RELU, ERF = 0, 3  # the codes of `meanfield.kernels.activations`

# A tile of this many numbers stays in the second-level cache.
_MOST_ROWS, _MOST_COLUMNS = 256, 256
#: Numbers in the largest tile.
LARGEST_TILE = _MOST_ROWS * _MOST_COLUMNS
# Fewer targets than a few full tiles are cut finer, so that every thread has work.
_LEAST_TILES = 16


def pair_tile_shape(targets: int, sources: int) -> tuple[int, int]:
    """(targets, sources) of a tile; a function of their numbers only."""
    rows = min(_MOST_ROWS, -(-targets // _LEAST_TILES))
    return max(1, rows), max(1, min(sources, _MOST_COLUMNS))


@inline
def arcsine(x, least):
    """(arcsin x, sqrt(1 - x^2)) for |x| <= 1, to 2 ulp of 1 in the type of `x`.

    Beyond 1/2 it is pi/2 - 2 arcsin(sqrt((1 - x)/2)), so that one polynomial, in t = x^2
    or t = (1 - x)/2 up to 1/4, serves all: interpolation at Chebyshev nodes, cut where
    its error is 6e-17. Neither (1 - |x|)/2 nor the root falls below what `least`, a
    number >= 0, stands for in place of (1 - |x|)/2; arguments beyond 1 count as 1.
    """
    real = type(x)
    size = abs(x)
    folded = real(0.5) * (real(1.0) - size)
    folded = least if folded < least else folded
    root = math.sqrt(folded)
    large = size > real(0.5)
    t = folded if large else x * x
    r = root if large else size
    cosine = math.sqrt(real(1.0) - t)
    p = real(0.028169218060881414)
    p = p * t + real(-0.010749050339697808)
    p = p * t + real(0.01603551434914882)
    p = p * t + real(0.0078029494773533175)
    p = p * t + real(0.011875494382636922)
    p = p * t + real(0.013929652902326633)
    p = p * t + real(0.017355259955786323)
    p = p * t + real(0.02237204763174451)
    p = p * t + real(0.03038194736709848)
    p = p * t + real(0.044642857103423646)
    p = p * t + real(0.07500000000020764)
    p = p * t + real(0.1666666666666665)
    p = r + (r * t) * p
    angle = real(1.5707963267948966) - (p + p) if large else p
    return math.copysign(angle, x), ((root + root) * cosine if large else cosine)


# Reordering lets the sum of a row run in SIMD lanes; it does not reach into `arcsine`.
@reordering_part
def _erf_row(cosines, charges, least):
    """Return sum_j c_j (2/pi) arcsin u_j, and put c_j times its slope in place of u_j."""
    real = type(least)
    factor = real(0.6366197723675814)
    total = real(0.0)
    for j in range(cosines.size):
        charge = factor * charges[j]
        angle, cosine = arcsine(cosines[j], least)
        total += charge * angle
        cosines[j] = charge / cosine
    return total


@reordering_part
def _relu_row(cosines, charges, least):
    """Return sum_j c_j sin(phi_j), and put c_j (pi - phi_j) in place of cos(phi_j)."""
    real = type(least)
    total = real(0.0)
    for j in range(cosines.size):
        angle, sine = arcsine(cosines[j], real(0.0))
        total += charges[j] * sine
        cosines[j] = charges[j] * (real(1.5707963267948966) + angle)
    return total


@kernel
def add_pairs(code, targets, sources, charges, least, rows, columns, scratch, totals, vectors):
    """Add the sums over all sources to `totals` (n,) and `vectors` (n, d), float64.

    With u_ij = v_i . v_j, for targets v_i (n, d), sources v_j (m, d), charges c_j (m,):

    * erf: totals_i = sum_j c_j (2/pi) arcsin u_ij,
      vectors_i = sum_j c_j (2/pi) (1 - u_ij^2)^(-1/2) v_j;
    * relu, cos(phi_ij) = u_ij: totals_i = sum_j c_j sin(phi_ij),
      vectors_i = sum_j c_j (pi - phi_ij) v_j.

    `scratch` needs rows * columns elements of the dtype of `targets`; `least` bounds
    (1 - |u|)/2 from below for erf.
    """
    part = np.empty((rows, targets.shape[1]), targets.dtype)
    for first in range(0, targets.shape[0], rows):
        last = min(first + rows, targets.shape[0])
        size = last - first
        for left in range(0, sources.shape[0], columns):
            right = min(left + columns, sources.shape[0])
            cosines = scratch[: size * (right - left)].reshape(size, right - left)
            charge = charges[left:right]
            np.dot(targets[first:last], sources[left:right].T, cosines)
            if code == ERF:
                for i in range(size):
                    totals[first + i] += _erf_row(cosines[i], charge, least)
            else:
                for i in range(size):
                    totals[first + i] += _relu_row(cosines[i], charge, least)
            np.dot(cosines, sources[left:right], part[:size])
            add_columns(vectors[first:last], 0, part[:size])
