"""Many networks of one width against one fine measure: sliced W₂ without sorting it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meanfield.checks import as_count
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.typing import Float64Array

__all__ = ["SlicedTarget", "random_directions"]


def random_directions(dim: int, count: int, seed: int = 0) -> Float64Array:
    """Independent uniform directions in R^dim, shape (count, dim); ±1 on the line is just 1.

    Examples
    --------
    >>> random_directions(3, 50).shape, random_directions(1, 50)
    ((50, 3), array([[1.]]))
    """
    as_count("seed", seed, least=0)
    if dim == 1:
        return np.ones((1, 1))
    normals = np.random.default_rng(seed).standard_normal((count, dim))
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class SlicedTarget:
    """A measure ν cut along directions u into N parts of equal mass, for networks of width N.

    With the quantile function Q_u of ν along u, the means q_ui of Q_u over the i-th N-th
    of the mass, and the sorted projections x_ui of the network,
    SW₂² = mean over u, i of (x_ui − q_ui)² + mean over u, i of the variance of Q_u in part i:
    exact, and only the network has to be sorted.

    Attributes
    ----------
    directions : (L, p) array
    parts : (N, L) array
        The q_ui.
    spread : float
        The second mean: what no N points of equal mass can come below.

    Examples
    --------
    >>> targets = SlicedTarget.of(ParticleMeasure([[0.0], [2.0]]), (1, 2), np.ones((1, 1)))
    >>> targets[1].distance(ParticleMeasure([[1.0]]))
    1.0
    """

    directions: Float64Array
    parts: Float64Array
    spread: float

    @classmethod
    def of(
        cls, measure: ParticleMeasure, widths: Sequence[int], directions: Float64Array
    ) -> dict[int, SlicedTarget]:
        """Cut a measure for networks of each of the given widths; it is sorted once."""
        projected = measure.positions.astype(np.float64) @ directions.T
        parts = {width: np.empty((width, len(directions))) for width in widths}
        spreads = dict.fromkeys(widths, 0.0)
        for column, values in enumerate(projected.T):
            order = np.argsort(values)
            masses = measure.weights[order]
            centre = float(measure.weights @ values)
            height = values[order] - centre
            mass = _cumulated(masses)
            first, second = _cumulated(masses * height), _cumulated(masses * height**2)
            for width in widths:
                edges = mass[-1] / width * np.arange(width + 1)
                means = np.diff(np.interp(edges, mass, first)) * width
                squares = np.diff(np.interp(edges, mass, second)) * width
                parts[width][:, column] = means + centre
                spreads[width] += float(np.maximum(squares - means**2, 0.0).mean())
        return {
            width: cls(directions, parts[width], spreads[width] / len(directions))
            for width in widths
        }

    def distance(self, measure: ParticleMeasure) -> float:
        """Sliced W₂ to a measure of N particles of equal mass.

        Raises
        ------
        InvalidInputError
            If it has another number of particles, or unequal masses.
        """
        if len(measure) != len(self.parts) or not measure.is_uniform:
            raise InvalidInputError(
                f"the target is cut for {len(self.parts)} particles of equal mass, got {measure!r}"
            )
        projected = measure.positions.astype(np.float64) @ self.directions.T
        projected.sort(axis=0)
        return float(np.sqrt(np.square(projected - self.parts).mean() + self.spread))


def _cumulated(steps: Float64Array) -> Float64Array:
    return np.concatenate([[0.0], np.cumsum(steps)])
