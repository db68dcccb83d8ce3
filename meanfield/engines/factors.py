"""A matrix with smooth rows as a product of two thin ones, with the error that remains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.engines.threads import add_in_order, cut, single_threaded_blas, sweep
from meanfield.typing import Float64Array

__all__ = ["Factors", "low_rank"]

# Random combinations of the rows to begin with; doubled until they suffice or are so many.
_FIRST, _MOST = 32, 512
_SEED = 20112
_BLOCK = 1024


@dataclass(frozen=True)
class Factors:
    """Φ ≈ left @ right, with left (M, r) and right (r, n).

    Attributes
    ----------
    error : float
        Largest entry of |Φ - left @ right| in units of the largest entry of |Φ|; measured
        on all of Φ.
    """

    left: Float64Array
    right: Float64Array
    error: float


def low_rank(
    rows: Callable[[slice], Float64Array], shape: tuple[int, int], tolerance: float
) -> Factors | None:
    """Factors of the smallest rank that a singular value decomposition shows to suffice.

    A basis of the rows is found from random combinations of them, drawn with a fixed seed,
    and rotated to singular vectors. Φ is formed a block of rows at a time and never kept.

    Parameters
    ----------
    rows : callable, slice -> (m, n) array
        Forms rows of Φ; called from several threads.
    shape : (M, n)
    tolerance : float
        Bound on `Factors.error`.

    Returns
    -------
    Factors, or None where the rank is above 512 or three quarters of ``min(M, n)``.

    References
    ----------
    Halko, Martinsson, Tropp (2011), algorithm 4.1 and section 5.1.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> factors = low_rank(lambda part: np.cosh(np.subtract.outer(x[part], x)), (50, 50), 1e-12)
    >>> factors.left.shape, factors.error < 1e-12
    ((50, 2), True)
    """
    groups, count = cut(shape[0], _BLOCK), _FIRST
    with single_threaded_blas():
        while count < 2 * min(*shape, _MOST):
            factors = _of_rank(rows, groups, shape[1], min(count, *shape), tolerance)
            if factors is not None:
                return factors if 4 * len(factors.right) <= 3 * min(shape) else None
            count *= 2
    return None


def _of_rank(
    rows: Any, groups: list[slice], columns: int, count: int, tolerance: float
) -> Factors | None:
    """Factors from `count` combinations of rows, or None if they do not suffice."""
    basis = np.linalg.svd(_combine(rows, groups, columns, count), full_matrices=False)[2]
    left, triangles, largest = _project(rows, groups, basis)
    rotation = np.linalg.svd(np.linalg.qr(triangles, mode="r"))[2]
    left_tails = _rotate(left, groups, rotation)
    right = rotation @ basis
    # An entry of the remainder is at most a product of tails, by Cauchy and Schwarz.
    tails = left_tails * _tails(right.T)
    rank = int(np.count_nonzero(tails > 0.5 * tolerance * largest))
    if rank == count < columns:
        return None
    left, right = np.ascontiguousarray(left[:, :rank]), right[:rank].copy()
    error = _error(rows, groups, left, right) / (largest or 1.0)
    return Factors(left, right, error) if error <= tolerance else None


def _combine(rows: Any, groups: list[slice], columns: int, count: int) -> Float64Array:
    """G Φ with a Gaussian G (count, M)."""
    parts = np.empty((len(groups), count, columns))

    def work(g: int, thread: int) -> None:
        block = rows(groups[g])
        gaussian = np.random.default_rng([_SEED, g]).standard_normal((count, len(block)))
        parts[g] = gaussian @ block

    sweep(work, len(groups))
    return add_in_order(parts)


def _project(
    rows: Any, groups: list[slice], basis: Float64Array
) -> tuple[Float64Array, Float64Array, float]:
    """Φ Qᵀ with orthonormal rows Q, its blocks' triangles, and the largest |Φ|."""
    count = len(basis)
    left, largest = np.empty((groups[-1].stop, count)), np.empty(len(groups))
    triangles = np.zeros((len(groups), count, count))

    def work(g: int, thread: int) -> None:
        block = rows(groups[g])
        largest[g] = np.abs(block).max()
        left[groups[g]] = block @ basis.T
        triangle = np.linalg.qr(left[groups[g]], mode="r")
        triangles[g, : len(triangle)] = triangle

    sweep(work, len(groups))
    return left, triangles.reshape(-1, count), float(largest.max())


def _rotate(left: Float64Array, groups: list[slice], rotation: Float64Array) -> Float64Array:
    """Multiply `left` by the transposed rotation, in place; tails of the result."""
    tails = np.empty((len(groups), len(rotation)))

    def work(g: int, thread: int) -> None:
        left[groups[g]] = left[groups[g]] @ rotation.T
        tails[g] = _tails(left[groups[g]])

    sweep(work, len(groups))
    return np.asarray(tails.max(axis=0))


def _tails(matrix: Float64Array) -> Float64Array:
    """Largest norm over the rows of what is left of them from each column on."""
    squares = np.square(matrix[:, ::-1])
    return np.asarray(np.sqrt(np.cumsum(squares, axis=1)[:, ::-1].max(axis=0)))


def _error(rows: Any, groups: list[slice], left: Float64Array, right: Float64Array) -> float:
    """Largest entry of |Φ - left @ right|."""
    largest = np.empty(len(groups))

    def work(g: int, thread: int) -> None:
        largest[g] = np.abs(rows(groups[g]) - left[groups[g]] @ right).max()

    sweep(work, len(groups))
    return float(largest.max())
