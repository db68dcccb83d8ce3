"""Volumes of orbits: what entropy sees when neurons of equal output are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["RadialVolume", "mirrored_density", "volume_from_dict"]


@dataclass(frozen=True)
class RadialVolume:
    """J(θ) = |θ_i|^power, the volume of a sphere of radius θ_i, up to a constant.

    When θ_i is the length of a vector w ∈ R^m whose direction is uniform, the entropy
    τ ∫ log μ dμ over the vectors is that over the lengths, plus ∫ −τ log J dμ with
    power = m − 1, minus τ log of the area of the unit sphere, which is left out. The
    geometric potential −τ log J pushes lengths away from 0, as noise does to vectors.

    Parameters
    ----------
    parameter : int
        Number i of the column of θ.
    power : float
        Dimension m − 1 ≥ 0 of the sphere; at 0, two points, there is no potential, but θ_i
        is a length ≥ 0 all the same.

    Raises
    ------
    InvalidInputError
        If the power or the number is negative.

    Notes
    -----
    The potential is even in θ_i: a particle that a finite step of noise throws over 0
    goes on as the mirror image of the length |θ_i|, with the same output wherever the
    neuron is even in θ_i, as averages over directions are. At θ_i = 0 itself the
    velocity is taken as 0. Steps s of noise throw particles so close to 0 that 1/θ would
    throw them back too far, to averages without a limit; there the slope is cut, by O(s²)
    elsewhere.

    Examples
    --------
    >>> volume = RadialVolume(parameter=0, power=2)
    >>> volume.logarithms(np.array([[1.0], [np.e]]))
    array([0., 2.])
    """

    parameter: int
    power: float

    def __post_init__(self) -> None:
        as_count("parameter of the volume", self.parameter, least=0)
        as_number("power of the volume", self.power, "nonnegative")

    def require_neuron(self, neuron: Neuron) -> None:
        """Raise unless the neuron has the parameter.

        Raises
        ------
        InvalidInputError
            If its number is too large.
        """
        if self.parameter >= neuron.dim:
            raise InvalidInputError(
                f"the volume is that of parameter {self.parameter}, but the neuron has "
                f"{neuron.dim}, counted from 0: {', '.join(neuron.parameter_names)}"
            )

    def require_lengths(self, lower: Float64Array, neuron: Neuron) -> None:
        """Raise unless a box from this corner holds lengths only.

        Raises
        ------
        InvalidInputError
            If it begins below 0, where the density would count every neuron twice.
        """
        start = lower[self.parameter]
        if start < 0.0:
            raise InvalidInputError(
                f"{neuron.parameter_names[self.parameter]} is a length >= 0 in this problem, but "
                f"the grid begins at {start:.4g}; let it begin at 0, with the density of the "
                "length, as GridFlow().place does"
            )

    def logarithms(self, positions: FloatArray) -> Float64Array:
        """Logarithms log J(θ) of parameters (m, p), shape (m,); −∞ at 0 if power > 0."""
        lengths = np.abs(self._column(positions))
        if self.power == 0.0:
            return np.zeros_like(lengths)
        with np.errstate(divide="ignore"):
            return self.power * np.log(lengths)

    def slopes(self, positions: FloatArray, diffusion: float = 0.0) -> Float64Array:
        """Derivatives ∂ log J / ∂θ_i = power / θ_i, shape (m,); 0 at 0.

        Parameters
        ----------
        positions : (m, p) array
        diffusion : float
            τ s of a step of length s with noise: within √(power τ s) of 0 the slope is cut
            to power θ³ / (θ⁴ + (power τ s)²), so that no step is much longer than that.
        """
        lengths = self._column(positions)
        cut = (self.power * diffusion) ** 2
        quartics = lengths**4 + cut
        result = np.zeros_like(lengths)
        np.divide(self.power * lengths**3, quartics, out=result, where=quartics > 0.0)
        return result

    def bends(self, positions: FloatArray) -> Float64Array:
        """Minus second derivatives −∂² log J / ∂θ_i² = power / θ_i², shape (m,); 0 at 0."""
        squares = np.square(self._column(positions))
        return np.divide(self.power, squares, out=np.zeros_like(squares), where=squares > 0.0)

    def _column(self, positions: Array) -> Float64Array:
        return np.asarray(positions[:, self.parameter], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `volume_from_dict` rebuilds the volume."""
        return asdict(self)


def mirrored_density(
    density: Callable[[Float64Array], Float64Array], volume: RadialVolume | None
) -> Callable[[Float64Array], Float64Array]:
    """Density on lengths ≥ 0 of the absolute value of the parameter that is a length.

    Parameters
    ----------
    density : callable
        Density of a law of parameters, from points (M, p) to values (M,).
    volume : RadialVolume or None
        Which parameter is a length; None if there is no such one.

    Examples
    --------
    >>> folded = mirrored_density(lambda x: x[:, 0] + 1.0, RadialVolume(0, 0))
    >>> folded(np.array([[0.5]])), folded(np.array([[-0.5]]))
    (array([2.]), array([0.]))
    """
    if volume is None:
        return density
    column = volume.parameter

    def folded(points: Float64Array) -> Float64Array:
        mirrored = points.copy()
        mirrored[:, column] *= -1.0
        return np.where(points[:, column] >= 0.0, density(points) + density(mirrored), 0.0)

    return folded


def volume_from_dict(
    described: Mapping[str, Any] | RadialVolume | None,
) -> RadialVolume | None:
    """Volume from the dictionary that its ``to_dict`` makes, itself, or None for none.

    Raises
    ------
    InvalidInputError
        If it is none of these, or a setting is unknown or missing.

    Examples
    --------
    >>> volume_from_dict({"parameter": 0, "power": 39})
    RadialVolume(parameter=0, power=39)
    """
    if described is None or isinstance(described, RadialVolume):
        return described
    known = tuple(RadialVolume.__dataclass_fields__)
    if not isinstance(described, Mapping) or not set(known) <= set(described):
        raise InvalidInputError(
            f"volume must be a RadialVolume, a dictionary with {' and '.join(known)}, or None, "
            f"got {described!r}"
        )
    for setting in described:
        if setting not in known:
            raise unknown_name("setting of a volume", setting, known)
    return RadialVolume(**described)
