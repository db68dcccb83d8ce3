"""Probability measures over neurons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from meanfield.checks import as_finite_array, probability_weights
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.placement import (
    check_box,
    check_gaussian,
    check_sphere,
    place_in_box,
    place_normally,
    place_on_sphere,
)
from meanfield.streams import Sampling, Stream, check_draw, draw, normals, uniforms
from meanfield.sums import weighted_sum
from meanfield.typing import Float64Array, FloatArray

__all__ = [
    "Measure",
    "ParticleMeasure",
    "draw_particles",
    "entropy_term",
    "require_measure",
]


@runtime_checkable
class Measure(Protocol):
    """A probability measure over neurons, of any kind: finitely many θ_i with masses m_i.

    Integrals are sums ∫ g dμ = Σ_i m_i g(θ_i), over particles or over the centres of the
    cells of a grid.
    """

    @property
    def dim(self) -> int:
        """Number p of parameters."""
        ...

    @property
    def positions(self) -> FloatArray:
        """The θ_i, shape (N, p)."""
        ...

    @property
    def weights(self) -> Float64Array:
        """The masses m_i, shape (N,)."""
        ...

    def __len__(self) -> int:
        """Number N of particles or cells."""
        ...

    def mean(self) -> Float64Array:
        """Mean ∫ θ dμ, shape (p,)."""
        ...

    def covariance(self) -> Float64Array:
        """Covariance ∫ (θ − mean)(θ − mean)ᵀ dμ, shape (p, p)."""
        ...

    def entropy(self) -> float:
        """∫ log μ dμ of the density; infinite for particles."""
        ...

    def to_particles(self) -> ParticleMeasure:
        """Weighted particles which stand for the measure where atoms are needed."""
        ...


def require_measure(name: str, measure: object) -> None:
    """Raise unless an object is a measure.

    Raises
    ------
    InvalidInputError
        For any other kind of object.
    """
    if not isinstance(measure, Measure):
        if hasattr(measure, "sample"):
            raise InvalidInputError(
                f"{name} must be a measure, got the law {measure!r}; draw neurons from it by its "
                "method sample(particles, seed), as in mf.Gaussian(2).sample(1000, seed=0)"
            )
        raise InvalidInputError(
            f"{name} must be a ParticleMeasure or a GridMeasure, got {type(measure).__name__}"
        )


def entropy_term(temperature: float, measure: Measure) -> float:
    """τ ∫ log μ dμ, and 0 without noise.

    Raises
    ------
    InvalidInputError
        If the temperature is positive and the entropy infinite.
    """
    if temperature == 0.0:
        return 0.0
    entropy = measure.entropy()
    if not np.isfinite(entropy):
        raise InvalidInputError(
            "the energy of particles is not defined at a positive temperature, because "
            "their entropy is infinite; use risk, or a GridMeasure"
        )
    return temperature * entropy


@dataclass(frozen=True, eq=False, repr=False)
class ParticleMeasure:
    """A measure μ = Σ_i m_i δ_{θ_i} of N weighted particles.

    Parameters
    ----------
    positions : (N, p) array
        The particles θ_i; float32 stays float32, everything else becomes float64.
    weights : (N,) array, optional
        Their masses m_i ≥ 0 with sum 1; 1/N each by default.

    Raises
    ------
    InvalidInputError
        If there is no particle, an entry is not finite, or masses do not sum to 1.

    Examples
    --------
    >>> measure = ParticleMeasure([[0.0, 1.0], [2.0, 3.0]])
    >>> measure, len(measure), measure.weights
    (ParticleMeasure(2 particles in 2 dimensions), 2, array([0.5, 0.5]))
    """

    positions: FloatArray
    weights: Float64Array = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        positions = as_finite_array("positions", self.positions, 2)
        object.__setattr__(self, "positions", positions)
        weights = probability_weights("weights", self.weights, len(positions))
        object.__setattr__(self, "weights", weights)

    @classmethod
    def trusted(cls, positions: FloatArray, weights: Float64Array) -> ParticleMeasure:
        """A measure, or this process's share of one, of arrays that are known to be sound.

        Nothing is checked and nothing copied: for solvers.

        Parameters
        ----------
        positions : (N, p) array
        weights : (N,) array
        """
        positions = positions.view()
        positions.flags.writeable = False
        measure = object.__new__(cls)
        object.__setattr__(measure, "positions", positions)
        object.__setattr__(measure, "weights", weights)
        return measure

    def __len__(self) -> int:
        return len(self.positions)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ParticleMeasure)
            and self.positions.dtype == other.positions.dtype
            and np.array_equal(self.positions, other.positions)
            and np.array_equal(self.weights, other.weights)
        )

    def __hash__(self) -> int:
        # Adding 0 gives -0.0 and 0.0, which are equal, the same bytes.
        return hash(((self.positions + 0).tobytes(), self.weights.tobytes()))

    def __repr__(self) -> str:
        kind = "" if self.is_uniform else "weighted "
        return f"ParticleMeasure({len(self)} {kind}particles in {self.dim} dimensions)"

    def _repr_html_(self) -> str:
        from meanfield.notebook import card, moments
        from meanfield.thumbnails import coordinates, scatter

        rows = [
            ("particles", f"{len(self)}{'' if self.is_uniform else ', of different masses'}"),
            ("parameters", f"{self.dim}, {self.positions.dtype.name}"),
            *moments(self.positions, self.weights),
        ]
        masses = None if self.is_uniform else self.weights
        picture = scatter(*coordinates(self.positions), weights=masses)
        return card("ParticleMeasure", rows, picture)

    @property
    def dim(self) -> int:
        """Number p of parameters of a particle."""
        return int(self.positions.shape[1])

    @property
    def is_uniform(self) -> bool:
        """Whether all particles have the same mass."""
        return bool(np.ptp(self.weights) <= 1e-12 * self.weights[0])

    def mean(self) -> Float64Array:
        """Mean ∫ θ dμ, shape (p,)."""
        return np.asarray(weighted_sum(self.weights, self.positions.astype(np.float64)))

    def covariance(self) -> Float64Array:
        """Covariance ∫ (θ − mean)(θ − mean)ᵀ dμ, shape (p, p)."""
        centred = self.positions.astype(np.float64) - self.mean()
        with single_threaded_blas():
            return np.asarray((self.weights[:, None] * centred).T @ centred)

    def entropy(self) -> float:
        """∫ log μ dμ, which is infinite: particles have no density."""
        return float("inf")

    def to_particles(self) -> Self:
        """The measure itself."""
        return self

    @classmethod
    def gaussian(
        cls,
        particles: int,
        dim: int,
        mean: Any = 0.0,
        std: Any = 1.0,
        *,
        seed: int,
        sampling: Sampling = "iid",
        dtype: str = "float64",
    ) -> ParticleMeasure:
        """Particles from N(mean, diag(std²)); see `meanfield.laws.Gaussian`.

        Examples
        --------
        >>> ParticleMeasure.gaussian(1024, 3, std=0.5, seed=0, sampling="sobol")
        ParticleMeasure(1024 particles in 3 dimensions)
        """
        dim, mean, std = check_gaussian(dim, mean, std)
        stream, place = partial(normals, dim), partial(place_normally, mean=mean, std=std)
        return draw_particles(stream, place, particles, dim, seed, sampling, dtype)

    @classmethod
    def sphere(
        cls,
        particles: int,
        dim: int,
        radius: float = 1.0,
        *,
        seed: int,
        sampling: Sampling = "iid",
        dtype: str = "float64",
    ) -> ParticleMeasure:
        """Particles uniform on the sphere of that radius in R^dim; see `meanfield.laws.Sphere`."""
        dim, radius = check_sphere(dim, radius)
        stream, place = partial(normals, dim), partial(place_on_sphere, radius=radius)
        return draw_particles(stream, place, particles, dim, seed, sampling, dtype)

    @classmethod
    def box(
        cls,
        particles: int,
        dim: int,
        lower: Any = -1.0,
        upper: Any = 1.0,
        *,
        seed: int,
        sampling: Sampling = "iid",
        dtype: str = "float64",
    ) -> ParticleMeasure:
        """Particles uniform in the box [lower, upper]; see `meanfield.laws.Box`."""
        dim, lower, upper = check_box(dim, lower, upper)
        stream, place = partial(uniforms, dim), partial(place_in_box, lower=lower, upper=upper)
        return draw_particles(stream, place, particles, dim, seed, sampling, dtype)


def draw_particles(
    stream: Callable[[int, Sampling], Stream],
    place: Callable[[Float64Array], Float64Array],
    particles: int,
    dim: int,
    seed: int,
    sampling: Sampling,
    dtype: str,
) -> ParticleMeasure:
    """Particles of equal mass, each a row of a random stream in its place.

    Parameters
    ----------
    stream : callable
        From the seed and the kind of sampling to a stream of rows.
    place : callable
        From rows of the stream to positions.
    particles, dim : int
        Number N of all particles, and of their parameters; a process which is one of
        several holds its share.
    seed, sampling, dtype
        As in `meanfield.laws.InitialLaw.sample`.

    Raises
    ------
    InvalidInputError
        If the number is below 1, or the sampling or dtype is unknown.
    """
    dtype = check_draw(particles, seed, sampling, dtype)
    positions = draw(stream(seed, sampling), place, particles, dim, dtype)
    if len(positions) == particles:
        return ParticleMeasure(positions)
    return ParticleMeasure.trusted(positions, np.full(len(positions), 1.0 / particles))
