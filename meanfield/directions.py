"""Sums of homogeneous neurons over all directions of their weights, exactly."""

from __future__ import annotations

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.typing import BoolArray, Float64Array, IntArray

__all__ = ["MOST_POINTS", "extremal_sums", "largest_norm"]

#: Most data points for which all directions of three inner parameters are gone through.
MOST_POINTS = 400

# Points whose angle with a plane's normal is below this lie on that normal.
_PARALLEL = 1e-12
# Points by which directions outside of a cell are told at little cost.
_PROBES = 16


def extremal_sums(
    inputs: Float64Array, covector: Float64Array, slopes: tuple[float, float]
) -> Float64Array:
    """Values of g(e) = Σ_j u_j σ(x_j·e) among which are its extremes over unit vectors e.

    σ is s₋ z for z < 0 and s₊ z for z > 0, so that g is linear between the directions that
    are orthogonal to a data point: extremes of g, and of |g|, are at these or at critical
    points in between. On the sphere of three parameters these are great circles: extremes
    are on one of them, where two meet, or at a critical point of one of the up to n² − n + 2
    cells that they cut out. For linear σ there is nothing in between, in any dimension.

    Parameters
    ----------
    inputs : (n, q) array
        The x_j, with a last column of ones where neurons have a bias.
    covector : (n, k) array
        The u_j.
    slopes : tuple of two floats
        s₋ and s₊.

    Returns
    -------
    (m, k) array
        Values of g at some directions, those of extremal |g| and extremal g_c included.

    Raises
    ------
    InvalidInputError
        If σ is not linear and q > 3, or q = 3 and there are more than `MOST_POINTS` points.

    Examples
    --------
    >>> x, u = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [1.0]])
    >>> round(float(extremal_sums(x, u, (0.0, 1.0)).max()), 12)  # max cos + sin
    1.414213562373
    """
    below, above = slopes
    if below == above:
        left, sizes, _ = np.linalg.svd(above * covector.T @ inputs, full_matrices=False)
        largest = (left * sizes).T
        return np.vstack([largest, -largest])
    if inputs.shape[1] == 1:
        signed = [np.where(e * inputs > 0.0, above, below) * inputs * e for e in (1.0, -1.0)]
        return np.stack([np.sum(values * covector, axis=0) for values in signed])
    if inputs.shape[1] > 3 or (inputs.shape[1] == 3 and len(inputs) > MOST_POINTS):
        raise InvalidInputError(
            "the largest sum over directions is known for neurons with 1 or 2 inner parameters, "
            f"and for up to {MOST_POINTS} points with 3, got {len(inputs)} points with "
            f"{inputs.shape[1]}"
        )
    if inputs.shape[1] == 3:
        return _on_sphere(inputs, covector, below, above)
    return _on_arcs(*_arcs(inputs, inputs, covector, below, above))


def _on_arcs(starts: Float64Array, ends: Float64Array, matrices: Float64Array) -> Float64Array:
    """Values of g = Aᵀ e at the ends and critical points of arcs with matrices A (2, k)."""
    values = []
    for critical in (starts, ends, *_critical_angles(matrices)):
        angle = starts + np.mod(critical - starts, 2.0 * np.pi)
        angle = np.where(angle <= ends, angle, starts)[:, None]
        values.append(np.cos(angle) * matrices[:, 0] + np.sin(angle) * matrices[:, 1])
    return np.vstack(values)


def _on_sphere(
    inputs: Float64Array, covector: Float64Array, below: float, above: float
) -> Float64Array:
    """Values of g on all great circles and in all cells, extremes among them."""
    sizes = np.linalg.norm(inputs, axis=1)
    points, pulls = inputs[sizes > 0.0], covector[sizes > 0.0]
    sizes = sizes[sizes > 0.0]
    values = np.zeros((0 if len(points) else 1, covector.shape[1]))
    for point in points:
        plane = np.linalg.svd(point[None])[2][1:]
        flat = points @ plane.T
        apart = np.linalg.norm(flat, axis=1) > _PARALLEL * sizes
        starts, ends, matrices = _arcs(flat[apart], points[apart], pulls[apart], below, above)
        circle = _on_arcs(starts, ends, np.einsum("ba,mac->mbc", plane, matrices))
        values = _extremes(np.vstack([values, circle]))
        middles = 0.5 * (starts + ends)
        middles = np.stack([np.cos(middles), np.sin(middles)], axis=1) @ plane
        probes = points[apart][:: 1 + np.count_nonzero(apart) // _PROBES]
        along = points[~apart] @ point
        for side in (1.0, -1.0):
            slopes = np.where(side * along > 0.0, above, below)
            cells = matrices + np.einsum("j,ja,jc->ac", slopes, points[~apart], pulls[~apart])
            arcs, peaks = _peaks(cells, values)
            inside = side * (peaks @ point) > 0.0
            inside[inside] = _same_side(peaks[inside], middles[arcs[inside]], probes)
            z = peaks[inside] @ points.T
            sums = np.where(z > 0.0, above, below) * z @ pulls
            values = _extremes(np.vstack([values, sums]))
    return values


def _peaks(cells: Float64Array, values: Float64Array) -> tuple[IntArray, Float64Array]:
    """Numbers of cells, and directions (m, 3) in which their g = Aᵀ e exceeds known values."""
    arcs, peaks = [], []
    for component in range(values.shape[1]):
        vectors = cells[:, :, component]
        heights = np.linalg.norm(vectors, axis=1)
        for sign in (1.0, -1.0):
            higher = np.flatnonzero(heights > max(0.0, float((sign * values[:, component]).max())))
            arcs.append(higher)
            peaks.append(sign * vectors[higher] / heights[higher, None])
    if values.shape[1] > 1:
        largest = largest_norm(values)
        higher = np.flatnonzero(np.square(cells).sum(axis=(1, 2)) > largest**2)
        squares, axes = np.linalg.eigh(cells[higher] @ cells[higher].transpose(0, 2, 1))
        above = squares[:, -1] > largest**2
        arcs += [higher[above]] * 2
        peaks += [axes[above, :, -1], -axes[above, :, -1]]
    return np.concatenate(arcs), np.vstack(peaks)


def _same_side(peaks: Float64Array, middles: Float64Array, probes: Float64Array) -> BoolArray:
    """Whether two directions are on the same sides of all probes: else in different cells."""
    if len(probes) == 0:
        return np.ones(len(peaks), dtype=bool)
    return np.asarray(((peaks @ probes.T > 0.0) == (middles @ probes.T > 0.0)).all(axis=1))


def _extremes(values: Float64Array) -> Float64Array:
    """Rows with the extremes of each component and of the norm."""
    norms = np.square(values).sum(axis=1)
    rows = {int(np.argmax(norms)), *values.argmax(axis=0).tolist(), *values.argmin(axis=0).tolist()}
    return values[sorted(rows)]


def _critical_angles(matrices: Float64Array) -> list[Float64Array]:
    """Angles at which |Aᵀ e| or a component of Aᵀ e is stationary, for each A (2, k)."""
    squares = matrices @ matrices.transpose(0, 2, 1)
    turn = 0.5 * np.arctan2(2.0 * squares[:, 0, 1], squares[:, 0, 0] - squares[:, 1, 1])
    angles = [turn + 0.5 * np.pi * quarter for quarter in range(4)]
    for component in range(matrices.shape[2]):
        peak = np.arctan2(matrices[:, 1, component], matrices[:, 0, component])
        angles += [peak, peak + np.pi]
    return angles


def largest_norm(sums: Float64Array) -> float:
    """Largest |g| among values (m, k)."""
    return float(np.sqrt(np.square(sums).sum(axis=1).max()))


def _arcs(
    flat: Float64Array, inputs: Float64Array, covector: Float64Array, below: float, above: float
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Start, end and matrix A (q, k) of each arc on which g(e) = Aᵀ e.

    Points `flat` (n, 2) are the inputs (n, q) in coordinates of the plane of the circle.
    """
    there = np.hypot(flat[:, 0], flat[:, 1]) > 0.0
    flat, points, pulls = flat[there], inputs[there], covector[there]
    angles = np.arctan2(flat[:, 1], flat[:, 0])
    # A point is ahead (x·e > 0) from a quarter turn before its angle to one after it.
    changes = np.concatenate([angles - 0.5 * np.pi, angles + 0.5 * np.pi]) % (2.0 * np.pi)
    terms = (above - below) * points[:, :, None] * pulls[:, None, :]
    order = np.argsort(changes, kind="stable")
    jumps = np.concatenate([terms, -terms])[order]
    starts = np.concatenate([[0.0], changes[order]])
    ends = np.concatenate([changes[order], [2.0 * np.pi]])
    # The middle of the longest arc is surely on one side of every point.
    longest = int(np.argmax(ends - starts))
    middle = 0.5 * (starts[longest] + ends[longest])
    ahead = flat @ [np.cos(middle), np.sin(middle)] > 0.0
    matrix = np.einsum("j,ja,jc->ac", np.where(ahead, above, below), points, pulls)
    sums = np.concatenate([np.zeros((1, *matrix.shape)), np.cumsum(jumps, axis=0)])
    return starts, ends, matrix + (sums - sums[longest])
