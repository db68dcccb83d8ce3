"""The two sides of a distance, as points with masses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import InvalidInputError
from meanfield.measures import Measure, require_measure
from meanfield.sums import weighted_sum
from meanfield.typing import Float64Array

__all__ = ["Atoms", "atoms_of", "check_pair", "check_power", "mean_square_distance"]


class Atoms(NamedTuple):
    """Points x_i with masses a_i.

    Attributes
    ----------
    positions : (N, p) array
    masses : (N,) array
        Positive; they sum to 1.
    """

    positions: Float64Array
    masses: Float64Array

    @property
    def is_uniform(self) -> bool:
        """Whether all masses are equal."""
        return bool(np.ptp(self.masses) == 0.0)


def atoms_of(measure: Measure) -> Atoms:
    """Positions and masses, in float64, of the particles that have a mass.

    A grid gives two Gauss points along each axis of a cell.

    Examples
    --------
    >>> from meanfield.measures import ParticleMeasure
    >>> atoms_of(ParticleMeasure([[1.0], [2.0]], [0.0, 1.0])).positions
    array([[2.]])
    """
    particles = measure.to_particles()
    massive = particles.weights > 0.0
    positions, masses = particles.positions, particles.weights
    if not massive.all():
        positions, masses = positions[massive], masses[massive]
    return Atoms(positions.astype(np.float64), masses / masses.sum())


def mean_square_distance(first: Atoms, second: Atoms) -> float:
    """E|X − Y|² of independent X and Y, without a sum over pairs.

    Examples
    --------
    >>> ends = Atoms(np.eye(2), np.full(2, 0.5))
    >>> mean_square_distance(ends, ends)
    1.0
    """
    (x, a), (y, b) = first, second
    means = weighted_sum(a, x), weighted_sum(b, y)
    scatter = weighted_sum(a, (x - means[0]) ** 2) + weighted_sum(b, (y - means[1]) ** 2)
    return float((scatter + (means[0] - means[1]) ** 2).sum())


def check_pair(mu: Measure, nu: Measure) -> None:
    """Raise unless both are measures, of the same dimension.

    Raises
    ------
    InvalidInputError
        If one is something else, or dimensions differ.
    """
    for measure in (mu, nu):
        require_measure("each side of a distance", measure)
    if mu.dim != nu.dim:
        raise InvalidInputError(
            f"the measures must have the same dimension, got {mu.dim} and {nu.dim}"
        )


def check_power(p: float) -> None:
    """Raise unless p is a number ≥ 1.

    Raises
    ------
    InvalidInputError
        If it is not.
    """
    if as_number("p", p) < 1.0:
        raise InvalidInputError(f"p must be >= 1, got {p!r}")
