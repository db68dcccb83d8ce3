"""The law of the length of a Gaussian vector, next to other Gaussian parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_count, as_vector
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure, draw_particles
from meanfield.placement import Entries, as_points, place_normally
from meanfield.streams import Sampling, normals
from meanfield.typing import Float64Array

__all__ = ["RadialGaussian", "length_of_normal", "normal_of_length"]


def length_of_normal(freedom: int, z: Float64Array) -> Float64Array:
    """Length |G|, G ~ N(0, I_m), as the increasing function of a standard normal number.

    Examples
    --------
    >>> round(float(length_of_normal(2, np.array(0.0))) ** 2, 12)  # the median: 2 log 2
    1.38629436112
    """
    from scipy.special import gammainccinv, gammaincinv, ndtr

    half = 0.5 * freedom
    below, above = gammaincinv(half, ndtr(z)), gammainccinv(half, ndtr(-z))
    return np.asarray(np.sqrt(2.0 * np.where(z < 0.0, below, above)))


def normal_of_length(freedom: int, length: Float64Array) -> Float64Array:
    """The inverse of `length_of_normal`."""
    from scipy.special import gammainc, gammaincc, ndtri

    half, squares = 0.5 * freedom, 0.5 * np.square(length)
    below, above = gammainc(half, squares), gammaincc(half, squares)
    return np.asarray(np.where(below < 0.5, ndtri(below), -ndtri(above)))


@dataclass(frozen=True)
class RadialGaussian:
    """Independent parameters: one is std |G| with G ~ N(0, I_m), the others are Gaussian.

    It is what `Gaussian` becomes when m of its parameters are reduced to their length.

    Parameters
    ----------
    dim : int
        Number p of parameters.
    column : int
        Which one is the length.
    freedom : int
        Dimension m of the vector.
    mean : float or sequence of p floats
        Means of the others; that of the length is not used.
    std : float or sequence of p floats
        Standard deviations > 0 of the others, and of each component of the vector.

    Raises
    ------
    InvalidInputError
        For a wrong length, a column that does not exist, or a std that is not positive.

    Examples
    --------
    >>> law = RadialGaussian(1, column=0, freedom=40, std=0.5)
    >>> lengths = law.sample(4096, seed=0, sampling="sobol").positions
    >>> round(float(np.mean(lengths**2)), 3)  # 40 · 0.5²
    10.0
    """

    dim: int
    column: int
    freedom: int
    mean: Entries = 0.0
    std: Entries = 1.0
    name: ClassVar[str] = "radial-gaussian"

    def __post_init__(self) -> None:
        as_count("dim", self.dim)
        as_count("freedom", self.freedom)
        if as_count("column", self.column, least=0) >= self.dim:
            raise InvalidInputError(f"column must be below dim={self.dim}, got {self.column}")
        for name in ("mean", "std"):
            values = as_vector(name, getattr(self, name), self.dim)
            object.__setattr__(self, name, tuple(values.tolist()))
        if np.min(self.std) <= 0.0:
            raise InvalidInputError(f"std must be positive, got {self.std}")

    def quantile(self, fractions: Float64Array) -> Float64Array:
        """Lengths below which these fractions of the mass lie, elementwise."""
        from scipy.special import gammaincinv

        scale = np.asarray(self.std)[self.column]
        return np.asarray(scale * np.sqrt(2.0 * gammaincinv(0.5 * self.freedom, fractions)))

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles; see `meanfield.laws.InitialLaw.sample`."""

        def place(rows: Float64Array) -> Float64Array:
            positions = place_normally(rows, self.mean, self.std)
            lengths = length_of_normal(self.freedom, rows[:, self.column])
            positions[:, self.column] = np.asarray(self.std)[self.column] * lengths
            return positions

        stream = partial(normals, self.dim)
        return draw_particles(stream, place, particles, self.dim, seed, sampling, dtype)

    def density(self, points: Any) -> Float64Array:
        """Density at given points (M, p), shape (M,); 0 where the length is negative."""
        from scipy.special import gammaln

        where = as_points(points, self.dim)
        scaled = (where - self.mean) / self.std
        scaled[:, self.column] = where[:, self.column] / np.asarray(self.std)[self.column]
        lengths = scaled[:, self.column]
        logarithms = -0.5 * np.square(scaled).sum(axis=1) - np.log(self.std).sum()
        logarithms -= 0.5 * np.log(2.0 * np.pi) * (self.dim - 1)
        logarithms += (1.0 - 0.5 * self.freedom) * np.log(2.0) - gammaln(0.5 * self.freedom)
        if self.freedom > 1:
            with np.errstate(divide="ignore"):
                logarithms += (self.freedom - 1.0) * np.log(np.maximum(lengths, 0.0))
        return np.where(lengths >= 0.0, np.exp(logarithms), 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return {"name": self.name, **asdict(self)}
