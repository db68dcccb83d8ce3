"""What a density is inside the cells of a grid: linear, positive, and with the right moments.

Everything here is a function of arrays of cell values; masses sum to one.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from meanfield.typing import Array, Float64Array

__all__ = ["cloud_in_cell", "gauss_points", "inverse_transform", "tilts", "true_masses"]

# Cells that hold less than this part of the mean mass of a cell are empty.
_EMPTY = 1e-16


def true_masses(masses: Float64Array) -> Float64Array:
    """Masses of cells from volume times the density at their centres.

    The mean of a density over a cell of width h is ρ + h²/24 Δρ at the centre: a step
    of diffusion, which keeps masses positive and their sum.

    Parameters
    ----------
    masses : array of 1 to 3 axes

    Examples
    --------
    >>> true_masses(np.array([0.0, 24.0, 0.0]))
    array([ 1., 22.,  1.])
    """
    result = masses.copy()
    for axis in range(masses.ndim):
        flux = np.diff(np.moveaxis(masses, axis, 0), axis=0) / 24.0
        moved = np.moveaxis(result, axis, 0)
        moved[:-1] += flux
        moved[1:] -= flux
    return result


def tilts(masses: Float64Array) -> Float64Array:
    """Change g_a of the density from the centre of each cell to its faces, relative to it.

    Inside a cell the density is ρ (1 + Σ_a g_a z_a), z ∈ [−1, 1]^p, with g from central
    differences, reduced where needed so that Σ_a |g_a| ≤ 1: it is never negative.

    Parameters
    ----------
    masses : array of p axes

    Returns
    -------
    (p, …) array

    Examples
    --------
    >>> tilts(np.array([0.25, 0.5, 0.25]))
    array([[ 0.5,  0. , -0.5]])
    """
    steps = np.zeros((masses.ndim, *masses.shape))
    for axis, size in enumerate(masses.shape):
        if size > 1:
            steps[axis] = np.gradient(masses, axis=axis) / 2.0
    most = np.maximum(masses, np.abs(steps).sum(axis=0))
    return np.asarray(np.divide(steps, most, out=np.zeros_like(steps), where=most > 0.0))


def inverse_transform(
    masses: Float64Array, slopes: Float64Array, rows: Float64Array
) -> tuple[Array, Float64Array]:
    """Points of the unit cube to points with the reconstructed density.

    Axis after axis, a number picks the cell by its share of the mass, and what remains of
    the number is the place within the cell.

    Parameters
    ----------
    masses : array of p axes
    slopes : (p, …) array
        The g of `tilts`.
    rows : (m, p + 1) array
        Uniform numbers in [0, 1).

    Returns
    -------
    cells : (m,) array
        Flat numbers of cells, in C order.
    places : (m, p) array
        In [−1, 1].
    """
    dim, cells = masses.ndim, np.zeros(len(rows), np.int64)
    places = np.empty((len(rows), dim))
    for axis, size in enumerate(masses.shape):
        edges = np.zeros(np.prod(masses.shape[: axis + 1], dtype=int) + 1)
        np.cumsum(masses.sum(axis=tuple(range(axis + 1, dim))), out=edges[1:])
        low, high = edges[cells * size], edges[(cells + 1) * size]
        target = np.minimum(low + rows[:, axis] * (high - low), np.nextafter(high, low))
        cells = np.searchsorted(edges, target, side="right") - 1
        places[:, axis] = (target - edges[cells]) / (edges[cells + 1] - edges[cells])
    signs = slopes.reshape(dim, -1)[:, cells].T
    chosen = np.cumsum(np.abs(signs), axis=1)
    tilted = (rows[:, -1:] < chosen) & (rows[:, -1:] >= chosen - np.abs(signs))
    # A mixture: uniform places, or along one axis the law of density (1 ± z) / 2.
    wedge = np.sign(signs) * (2.0 * np.sqrt(places) - 1.0)
    return cells, np.where(tilted, wedge, 2.0 * places - 1.0)


def gauss_points(
    masses: Float64Array, slopes: Float64Array, points: int
) -> tuple[Array, Float64Array, Float64Array]:
    """Gauss points of every cell with mass.

    Parameters
    ----------
    masses : array of p axes
    slopes : (p, …) array
        The g of `tilts`.
    points : int
        How many along each axis.

    Returns
    -------
    cells : (m,) array
        Flat numbers of cells.
    places : (m, p) array
        In [−1, 1].
    weights : (m,) array
    """
    dim, flat = masses.ndim, masses.reshape(-1)
    occupied = np.flatnonzero(flat > _EMPTY * flat.mean())
    nodes, parts = np.polynomial.legendre.leggauss(points)
    places = np.array(list(product(nodes, repeat=dim)))
    volumes = np.array(list(product(parts / 2.0, repeat=dim))).prod(axis=1)
    shares = 1.0 + slopes.reshape(dim, -1)[:, occupied].T @ places.T
    weights = (flat[occupied, None] * (volumes * shares)).reshape(-1)
    return (
        np.repeat(occupied, len(places)),
        np.tile(places, (len(occupied), 1)),
        np.asarray(weights / weights.sum()),
    )


def cloud_in_cell(
    scaled: Float64Array, weights: Float64Array, shape: tuple[int, ...]
) -> Float64Array:
    """Masses of cells, each particle shared linearly between the centres around it.

    Parameters
    ----------
    scaled : (N, p) array
        Particles in units of cells, centres at 0, 1, …; those outside the centres go to
        the nearest.
    weights : (N,) array
    shape : tuple of int
        Numbers of cells.
    """
    last = np.array(shape) - 1
    inside = np.clip(scaled, 0.0, last)
    lower = np.minimum(np.floor(inside), np.maximum(last - 1, 0)).astype(np.int64)
    fraction = inside - lower
    masses = np.zeros(int(np.prod(shape)))
    for corner in product((0, 1), repeat=len(shape)):
        up = np.array(corner, bool)
        share = weights * np.where(up, fraction, 1.0 - fraction).prod(axis=1)
        where = np.ravel_multi_index(tuple(np.minimum(lower + up, last).T), shape)
        masses += np.bincount(where, share, len(masses))
    return masses.reshape(shape)
