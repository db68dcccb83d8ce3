"""Sums whose bits do not depend on the number of threads that BLAS has."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.typing import Array, Float64Array

__all__ = ["weighted_sum"]


def weighted_sum(masses: Float64Array, values: Array) -> Any:
    """Σ_i a_i v_i over the first axis, without BLAS, whose threads change the rounding.

    Examples
    --------
    >>> weighted_sum(np.array([0.5, 0.5]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([2., 3.])
    """
    return np.einsum("i,i...->...", masses, values)
