"""Continuous piecewise linear functions of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.typing import Float64Array

__all__ = ["Spline"]


@dataclass(frozen=True, eq=False)
class Spline:
    """A continuous piecewise linear function, c_0 + c_1 z + Σ_q γ_q max(z − τ_q, 0).

    Attributes
    ----------
    knots : (q,) array
        The τ_q, increasing.
    slopes : (q + 1,) array
        Slopes between them; the first is c_1.
    constant : float
        c_0.
    """

    knots: Float64Array
    slopes: Float64Array
    constant: float

    @property
    def jumps(self) -> Float64Array:
        """Changes of slope γ_q at the knots, shape (q,)."""
        return np.diff(self.slopes)

    @classmethod
    def through(cls, knots: Any, values: Any, left_slope: float, right_slope: float) -> Spline:
        """Spline with these values at the knots and these slopes outside."""
        knots, values = np.asarray(knots, np.float64), np.asarray(values, np.float64)
        inside = np.diff(values) / np.diff(knots)
        slopes = np.concatenate([[left_slope], inside, [right_slope]])
        return cls(knots, slopes, float(values[0] - left_slope * knots[0]))
