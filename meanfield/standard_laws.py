"""Laws as images of standard ones: what quadrature rules are made for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.laws import Box, Gaussian, InitialLaw, Sphere
from meanfield.radial_laws import RadialGaussian, length_of_normal, normal_of_length
from meanfield.typing import Float64Array, FloatArray, IntArray

__all__ = ["StandardForm"]


@dataclass(frozen=True, eq=False)
class StandardForm:
    """A law as that of θ = centre + widths · z, where z follows a standard law.

    That is the normal law N(0, I), the uniform law on the cube [−1, 1]^q, or the one on the
    unit sphere. Parameters of width 0 have no part in z.

    Attributes
    ----------
    name : str
        Name of the law.
    centre, widths : (p,) arrays
    length : (int, int) or None
        Column and freedom m of a parameter which is width · |G| with G ~ N(0, I_m), as a
        function of its z.

    Examples
    --------
    >>> form = StandardForm.of(Gaussian(3, mean=5.0, std=(2.0, 0.0, 1.0)))
    >>> form.columns, form.place(np.array([[1.0, -1.0]]))
    (array([0, 2]), array([[7., 5., 4.]]))
    """

    name: str
    centre: Float64Array
    widths: Float64Array
    length: tuple[int, int] | None = None

    @classmethod
    def of(cls, law: InitialLaw) -> StandardForm:
        """Standard form of a law.

        Raises
        ------
        InvalidInputError
            If the law is none of `Gaussian`, `RadialGaussian`, `Box` and `Sphere`.
        """
        if isinstance(law, RadialGaussian):
            centre, widths = np.array(law.mean), np.array(law.std)
            centre[law.column] = 0.0
            return cls(Gaussian.name, centre, widths, (law.column, law.freedom))
        if isinstance(law, Gaussian):
            centre, widths = np.asarray(law.mean), np.asarray(law.std)
        elif isinstance(law, Box):
            centre = np.add(law.lower, law.upper) / 2.0
            widths = np.subtract(law.upper, law.lower) / 2.0
        elif isinstance(law, Sphere):
            centre, widths = np.asarray(0.0), np.asarray(law.radius)
        else:
            raise InvalidInputError(
                f"quadrature rules serve the laws gaussian, box and sphere, got {law!r}; use "
                "particles that the law draws"
            )
        return cls(
            law.name,
            np.broadcast_to(centre, law.dim).astype(np.float64),
            np.broadcast_to(widths, law.dim).astype(np.float64),
        )

    @property
    def columns(self) -> IntArray:
        """Numbers of the q parameters which the law spreads over more than one value."""
        return np.asarray(np.flatnonzero(self.widths > 0.0), dtype=np.int64)

    @property
    def dimensions(self) -> int:
        """Number q of parameters which the law spreads."""
        return len(self.columns)

    def place(self, points: Float64Array) -> Float64Array:
        """Parameters θ (M, p) of points z (M, q) of the standard law."""
        positions = np.tile(self.centre, (len(points), 1))
        positions[:, self.columns] += self.widths[self.columns] * points
        if self.length is not None:
            column, freedom = self.length
            z = positions[:, column] / self.widths[column]
            positions[:, column] = self.widths[column] * length_of_normal(freedom, z)
        return positions

    def labels(self, positions: FloatArray) -> Float64Array:
        """Points z (M, q) of the standard law at parameters θ (M, p): the inverse."""
        scaled = (positions[:, self.columns] - self.centre[self.columns]) / self.widths[
            self.columns
        ]
        if self.length is not None:
            column, freedom = self.length
            where = np.searchsorted(self.columns, column)
            scaled[:, where] = normal_of_length(freedom, scaled[:, where])
        return np.asarray(scaled, dtype=np.float64)

    def __str__(self) -> str:
        plural = "" if self.dimensions == 1 else "s"
        return f"the law {self.name} with {self.dimensions} free parameter{plural}"
