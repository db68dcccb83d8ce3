"""Laws from which neurons are drawn, and the vocabulary of their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.placement import Entries, as_points, check_box, check_gaussian, check_sphere
from meanfield.radial_laws import RadialGaussian
from meanfield.registry import Registry, from_settings
from meanfield.streams import Sampling
from meanfield.typing import Float64Array

__all__ = ["Box", "Gaussian", "InitialLaw", "Sphere", "law_from_dict", "laws"]


class InitialLaw(Protocol):
    """A law μ_0 from which any number of neurons can be drawn."""

    @property
    def name(self) -> str:
        """Name in the vocabulary."""
        ...

    @property
    def dim(self) -> int:
        """Number p of parameters."""
        ...

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles of equal mass.

        ``sampling="iid"`` draws them independently, which is what a network of finite
        width does; ``"sobol"`` places them by a scrambled Sobol sequence, whose
        quadrature error is smaller by orders of magnitude: the choice for the limit.

        Raises
        ------
        InvalidInputError
            If the number is below 1, or the sampling or dtype is unknown.
        """
        ...

    def density(self, points: Any) -> Float64Array:
        """Density of the law at given points (M, p), shape (M,).

        Raises
        ------
        InvalidInputError
            If the law has none.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `law_from_dict` rebuilds the law."""
        ...


@dataclass(frozen=True)
class _Law:
    """What the laws share."""

    dim: int
    name: ClassVar[str]

    def _settle(self, checked: tuple[Any, ...]) -> None:
        """Replace the settings by their final form."""
        for entry, value in zip(fields(self), checked, strict=True):
            object.__setattr__(self, entry.name, value)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `law_from_dict` rebuilds the law."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Gaussian(_Law):
    """Normal law N(mean, diag(std²)) on R^dim.

    Parameters
    ----------
    dim : int
        Number p of parameters.
    mean, std : float or sequence of p floats
        Mean and standard deviation (≥ 0) of each parameter.

    Raises
    ------
    InvalidInputError
        For a wrong length or a negative standard deviation.

    Examples
    --------
    >>> Gaussian(2, std=(1.0, 0.0)).sample(4, seed=0).positions[:, 1]
    array([0., 0., 0., 0.])
    """

    dim: int
    mean: Entries = 0.0
    std: Entries = 1.0
    name = "gaussian"

    def __post_init__(self) -> None:
        self._settle(check_gaussian(self.dim, self.mean, self.std))

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles; see `InitialLaw.sample`."""
        return ParticleMeasure.gaussian(
            particles, self.dim, self.mean, self.std, seed=seed, sampling=sampling, dtype=dtype
        )

    def density(self, points: Any) -> Float64Array:
        """Density at given points (M, p), shape (M,).

        Raises
        ------
        InvalidInputError
            If a standard deviation is 0: such a law has no density.
        """
        if np.min(self.std) == 0.0:
            raise InvalidInputError(
                f"a gaussian law with std {self.std} has no density; give every parameter a "
                "positive std, or use particles"
            )
        std = np.broadcast_to(self.std, self.dim)
        scaled = (as_points(points, self.dim) - self.mean) / std
        height = np.prod(np.sqrt(2.0 * np.pi) * std)
        return np.asarray(np.exp(-0.5 * np.square(scaled).sum(axis=1)) / height)


@dataclass(frozen=True)
class Sphere(_Law):
    """Uniform law on the sphere of a given radius in R^dim.

    Parameters
    ----------
    dim : int
        Number p of parameters.
    radius : float
        Radius > 0.

    Raises
    ------
    InvalidInputError
        If the radius is not positive.

    Examples
    --------
    >>> points = Sphere(3, radius=2.0).sample(5, seed=0).positions
    >>> np.allclose(np.linalg.norm(points, axis=1), 2.0)
    True
    """

    dim: int
    radius: float = 1.0
    name = "sphere"

    def __post_init__(self) -> None:
        self._settle(check_sphere(self.dim, self.radius))

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles; see `InitialLaw.sample`."""
        return ParticleMeasure.sphere(
            particles, self.dim, self.radius, seed=seed, sampling=sampling, dtype=dtype
        )

    def density(self, points: Any) -> Float64Array:
        """Refused: the sphere has no volume.

        Raises
        ------
        InvalidInputError
            Always.
        """
        raise InvalidInputError(
            "the law sphere has no density; use the law gaussian or box, or particles"
        )


@dataclass(frozen=True)
class Box(_Law):
    """Uniform law in the box [lower, upper] of R^dim.

    Parameters
    ----------
    dim : int
        Number p of parameters.
    lower, upper : float or sequence of p floats
        Corners, lower ≤ upper.

    Raises
    ------
    InvalidInputError
        If a lower corner is above its upper one.

    Examples
    --------
    >>> bool((Box(2, 0.0, (1.0, 3.0)).sample(8, seed=0).positions <= [1.0, 3.0]).all())
    True
    """

    dim: int
    lower: Entries = -1.0
    upper: Entries = 1.0
    name = "box"

    def __post_init__(self) -> None:
        self._settle(check_box(self.dim, self.lower, self.upper))

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles; see `InitialLaw.sample`."""
        return ParticleMeasure.box(
            particles, self.dim, self.lower, self.upper, seed=seed, sampling=sampling, dtype=dtype
        )

    def density(self, points: Any) -> Float64Array:
        """Density at given points (M, p), shape (M,).

        Raises
        ------
        InvalidInputError
            If a side of the box has no length: such a law has no density.
        """
        sides = np.broadcast_to(np.subtract(self.upper, self.lower), self.dim)
        if sides.min() == 0.0:
            raise InvalidInputError(
                f"a box law from {self.lower} to {self.upper} has no density; give every side a "
                "length, or use particles"
            )
        where = as_points(points, self.dim)
        inside = ((where >= self.lower) & (where <= self.upper)).all(axis=1)
        return np.asarray(inside / float(np.prod(sides)))


#: Vocabulary of initial laws by name.
laws: Registry[type[Gaussian] | type[Sphere] | type[Box] | type[RadialGaussian]]
laws = Registry("initial law")
for _law in (Gaussian, Sphere, Box, RadialGaussian):
    laws.register(_law.name, _law)


def law_from_dict(described: Mapping[str, Any]) -> Gaussian | Sphere | Box | RadialGaussian:
    """Initial law from the dictionary that its ``to_dict`` makes.

    Raises
    ------
    InvalidInputError
        If the name or a setting is unknown, or a setting is missing.

    Examples
    --------
    >>> law_from_dict({"name": "gaussian", "dim": 3, "std": 0.5})
    Gaussian(dim=3, mean=0.0, std=0.5)
    """
    law = laws[described.get("name", "gaussian")]
    return from_settings(law, "law", described)  # type: ignore[no-any-return]
