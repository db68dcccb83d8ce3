"""Rigorous lower bounds of min Ψ(θ) over all parameters, by branch and bound."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from meanfield.activation import Activation
from meanfield.bounds import ActivationBounds
from meanfield.typing import Float64Array

__all__ = ["Landscape", "lower_bound"]

# Evaluations of the activation that a search may cost.
_MOST_EVALUATIONS = 10_000_000
_BLOCK_EVALUATIONS = 2**18
_MOST_LEVELS = 60
# The search ends when what it may still gain is this part of the gap to the level.
_PART = 0.01
_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class Landscape:
    """The potential of inner weights ω, with the best outer weight for each.

    With g(ω) = Σ_j u_j σ(x_j·ω) it is g + ½ λ_w |ω|² for a fixed outer weight, and
    −|g|²/(2 λ_a) + ½ λ_w |ω|² = min_a ⟨a, g⟩ + ½ λ_a |a|² + ½ λ_w |ω|² for a trained one.

    Parameters
    ----------
    activation : Activation
    bounds : ActivationBounds
        Of this activation.
    inputs : (n, q) array
        The x_j, with a last column of ones where neurons have a bias.
    covector : (n, k) array
        The u_j.
    inner : float
        λ_w > 0.
    outer : float or None
        λ_a > 0 of a trained outer weight, None for a fixed one.
    """

    activation: Activation
    bounds: ActivationBounds
    inputs: Float64Array
    covector: Float64Array
    inner: float
    outer: float | None

    @property
    def growth(self) -> float:
        """Slope that |g| cannot exceed, Σ_j |u_j| sup|σ'| |x_j|."""
        norms = np.linalg.norm(self.inputs, axis=1)
        return self.bounds.slope * float(np.linalg.norm(self.covector, axis=1) @ norms)

    def radius(self) -> float:
        """Radius of a ball that holds every minimiser, infinite where none is known.

        Outside the potential exceeds its value at 0, because |g| is at most
        Σ_j |u_j| min(sup|σ|, |σ(0)| + sup|σ'| |x_j||ω|).
        """
        pulls, count = float(np.linalg.norm(self.covector, axis=1).sum()), self.inputs.shape[1]
        at_zero = pulls * abs(float(self.activation(0.0)))
        origin = float(self.evaluate(np.zeros((1, count)), np.zeros(count))[0][0])
        found = [_root(self.inner, self.growth, at_zero + origin)]
        if self.outer is not None:
            stiffness = self.inner - self.growth**2 / self.outer
            offset = at_zero**2 / (2.0 * self.outer) + origin
            found = [_root(stiffness, self.growth * at_zero / self.outer, offset)]
        if np.isfinite(self.bounds.size):
            largest = self.bounds.size * pulls
            depth = largest if self.outer is None else largest**2 / (2.0 * self.outer)
            found.append(_root(self.inner, 0.0, depth + origin))
        return min(found)

    def evaluate(
        self, centres: Float64Array, half: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Values at the centres of boxes (m, q) and lower bounds in them, each (m,).

        The lower bound is the tangent of g, whose error the bounds of σ control, with the
        ridge taken exactly.
        """
        z = centres @ self.inputs.T
        sums = self.activation(z) @ self.covector
        pairs = self.inputs[:, :, None] * self.covector[:, None, :]
        slopes = np.tensordot(self.activation.derivative(z), pairs, axes=1)
        reach = np.abs(self.inputs) @ half
        ridge = 0.5 * self.inner * np.sum(centres**2, axis=1)
        if self.outer is None:
            values, gradient = sums[:, 0] + ridge, slopes[:, :, 0]
            error = self.bounds.deficit(z, reach, self.covector[:, 0]).sum(axis=1)
        else:
            norms = np.linalg.norm(sums, axis=1)
            error = self.bounds.remainder(z, reach) @ np.linalg.norm(self.covector, axis=1)
            values = ridge - norms**2 / (2.0 * self.outer)
            gradient = -np.einsum("mac,mc->ma", slopes, sums) / self.outer
            turn = np.sum(np.linalg.norm(slopes, axis=2) * half, axis=1)
            error = (0.5 * turn**2 + (norms + turn + 0.5 * error) * error) / self.outer
        gradient = gradient + self.inner * centres
        steps = np.clip(-gradient / self.inner, -half, half)
        gain = np.sum(gradient * steps + 0.5 * self.inner * steps**2, axis=1)
        return values, values + gain - error


def lower_bound(landscape: Landscape, level: float) -> float:
    """Number that min Ψ is not below: within 1 % of level − min Ψ, or where the search ended.

    Boxes that may hold the minimum are halved along every axis until the bound is that
    good. It is valid wherever the search ends, up to rounding of relative size 1e-14.

    Parameters
    ----------
    landscape : Landscape
        In 1 to 3 dimensions, with a finite radius.
    level : float
        A value of or above the minimum, to be compared with it.
    """
    count = landscape.inputs.shape[1]
    half = np.full(count, landscape.radius())
    signs = np.array(list(product((-1.0, 1.0), repeat=count)))
    centres, best, budget = np.zeros((1, count)), np.inf, _MOST_EVALUATIONS
    rounding = _ROUNDING * (1.0 + abs(level) + float(np.abs(landscape.covector).sum()))
    settled = np.inf
    for _ in range(_MOST_LEVELS):
        values, lowest = _in_blocks(landscape, centres, half)
        best = min(best, float(values.min()))
        allowed = max(_PART * (level - best), rounding)
        open_boxes = lowest < best - allowed
        settled = min(settled, float(lowest[~open_boxes].min(initial=np.inf)))
        budget -= len(centres) * len(landscape.inputs)
        boxes = centres[open_boxes]
        next_cost = len(boxes) * len(signs) * len(landscape.inputs)
        if not open_boxes.any() or next_cost > budget:
            break
        half = 0.5 * half
        centres = (boxes[:, None, :] + half * signs).reshape(-1, count)
    bound = min(settled, float(lowest[open_boxes].min(initial=np.inf)))
    return min(bound, best) - rounding


def _in_blocks(
    landscape: Landscape, centres: Float64Array, half: Float64Array
) -> tuple[Float64Array, Float64Array]:
    rows = max(1, _BLOCK_EVALUATIONS // len(landscape.inputs))
    starts = range(0, len(centres), rows)
    parts = [landscape.evaluate(centres[start : start + rows], half) for start in starts]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _root(stiffness: float, growth: float, offset: float) -> float:
    """Largest r with ½ s r² − L r ≤ c, infinite if s ≤ 0."""
    if stiffness <= 0.0:
        return np.inf
    return float((growth + np.sqrt(growth**2 + 2.0 * stiffness * max(offset, 0.0))) / stiffness)
