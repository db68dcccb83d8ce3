"""Sums of homogeneous neurons over all directions of their weights, exactly."""

from __future__ import annotations

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["extremal_sums", "largest_norm"]


def extremal_sums(
    inputs: Float64Array, covector: Float64Array, slopes: tuple[float, float]
) -> Float64Array:
    """Values of g(e) = Σ_j u_j σ(x_j·e) among which are its extremes over unit vectors e.

    σ is s₋ z for z < 0 and s₊ z for z > 0, so that g is linear between the directions that
    are orthogonal to a data point: extremes of g, and of |g|, are at these or at critical
    points in between. For linear σ there is nothing in between, in any dimension.

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
        If q > 2 and σ is not linear.

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
    if inputs.shape[1] > 2:
        raise InvalidInputError(
            f"the largest sum over directions is known for neurons with 1 or 2 inner parameters, "
            f"got {inputs.shape[1]}"
        )
    starts, ends, matrices = _arcs(inputs, covector, below, above)
    values = []
    for critical in (starts, ends, *_critical_angles(matrices)):
        angle = starts + np.mod(critical - starts, 2.0 * np.pi)
        angle = np.where(angle <= ends, angle, starts)[:, None]
        values.append(np.cos(angle) * matrices[:, 0] + np.sin(angle) * matrices[:, 1])
    return np.vstack(values)


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
    inputs: Float64Array, covector: Float64Array, below: float, above: float
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Start, end and matrix A (2, k) of each arc on which g(e) = Aᵀ e."""
    there = np.hypot(inputs[:, 0], inputs[:, 1]) > 0.0
    points, pulls = inputs[there], covector[there]
    angles = np.arctan2(points[:, 1], points[:, 0])
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
    ahead = points @ [np.cos(middle), np.sin(middle)] > 0.0
    matrix = np.einsum("j,ja,jc->ac", np.where(ahead, above, below), points, pulls)
    sums = np.concatenate([np.zeros((1, *matrix.shape)), np.cumsum(jumps, axis=0)])
    return starts, ends, matrix + (sums - sums[longest])
