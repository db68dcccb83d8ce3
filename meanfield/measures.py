"""Probability measures over neurons, and the laws from which neurons are drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np

from meanfield.checks import as_count, as_finite_array, as_number, as_vector, probability_weights
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.streams import Stream, draw, normals, uniforms
from meanfield.sums import weighted_sum
from meanfield.typing import Float64Array, FloatArray

__all__ = [
    "Box",
    "Gaussian",
    "InitialLaw",
    "Measure",
    "ParticleMeasure",
    "Sphere",
    "check_draw",
    "entropy_term",
    "equal_masses",
    "require_measure",
]

# What no memory of any machine holds; below that it is asked whether this one does.
_MOST_PARTICLES = 2**50

Sampling = Literal["iid", "sobol"]


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
        """Particles from N(mean, diag(std²)); see `Gaussian` and `InitialLaw.sample`.

        Examples
        --------
        >>> ParticleMeasure.gaussian(1024, 3, std=0.5, seed=0, sampling="sobol")
        ParticleMeasure(1024 particles in 3 dimensions)
        """
        return Gaussian(dim, mean, std).sample(particles, seed, sampling, dtype)

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
        """Particles uniform on the sphere of that radius in R^dim; see `Sphere`."""
        return Sphere(dim, radius).sample(particles, seed, sampling, dtype)

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
        """Particles uniform in the box [lower, upper]; see `Box`."""
        return Box(dim, lower, upper).sample(particles, seed, sampling, dtype)


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


def equal_masses(positions: FloatArray, particles: int) -> ParticleMeasure:
    """Particles of equal mass: all of them, or this process's share."""
    if len(positions) == particles:
        return ParticleMeasure(positions)
    return ParticleMeasure.trusted(positions, np.full(len(positions), 1.0 / particles))


def check_draw(particles: int, seed: int, sampling: str, dtype: Any) -> str:
    """The name of the dtype, which may come as NumPy's own type."""
    if as_count("particles", particles) > _MOST_PARTICLES:
        raise InvalidInputError(f"no memory holds {particles:.3g} particles")
    as_count("seed", seed, least=0)
    if sampling not in ("iid", "sobol"):
        raise unknown_name("sampling", sampling, ("iid", "sobol"))
    name = str(getattr(dtype, "__name__", dtype))
    if name not in ("float32", "float64"):
        raise unknown_name("dtype", name, ("float32", "float64"))
    return name


def _points(points: Any, dim: int) -> Float64Array:
    array = as_finite_array("points", points, 2).astype(np.float64)
    if array.shape[1] != dim:
        raise InvalidInputError(f"points must have {dim} columns, got {array.shape[1]}")
    return array


def _tuple(name: str, value: Any, dim: int) -> float | tuple[float, ...]:
    """One number for all coordinates, or a tuple with one for each."""
    if np.isscalar(value) or getattr(value, "ndim", 1) == 0:
        return as_number(name, value)
    return tuple(float(entry) for entry in as_vector(name, value, dim))


@dataclass(frozen=True)
class _Law:
    """What the laws share: rows of a random stream, each put in its place."""

    dim: int
    name: ClassVar[str]

    def _stream(self, seed: int, sampling: Sampling) -> Stream:
        return normals(self.dim, seed, sampling)

    def _place(self, rows: Float64Array) -> Float64Array:
        raise NotImplementedError

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles; see `InitialLaw.sample`."""
        dtype = check_draw(particles, seed, sampling, dtype)
        rows = draw(self._stream(seed, sampling), self._place, particles, self.dim, dtype)
        return equal_masses(rows, particles)

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
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    name = "gaussian"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", as_count("dim", self.dim))
        object.__setattr__(self, "mean", _tuple("mean", self.mean, self.dim))
        object.__setattr__(self, "std", _tuple("std", self.std, self.dim))
        if np.min(self.std) < 0.0:
            raise InvalidInputError(f"std must be >= 0, got {self.std}")

    def _place(self, rows: Float64Array) -> Float64Array:
        return np.asarray(self.mean + np.asarray(self.std) * rows)

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
        scaled = (_points(points, self.dim) - self.mean) / std
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
        object.__setattr__(self, "dim", as_count("dim", self.dim))
        object.__setattr__(self, "radius", as_number("radius", self.radius, "positive"))

    def _place(self, rows: Float64Array) -> Float64Array:
        return np.asarray(self.radius * (rows / np.linalg.norm(rows, axis=1, keepdims=True)))

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
    lower: float | tuple[float, ...] = -1.0
    upper: float | tuple[float, ...] = 1.0
    name = "box"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", as_count("dim", self.dim))
        object.__setattr__(self, "lower", _tuple("lower", self.lower, self.dim))
        object.__setattr__(self, "upper", _tuple("upper", self.upper, self.dim))
        if np.any(np.asarray(self.lower) > np.asarray(self.upper)):
            raise InvalidInputError(f"lower must be <= upper, got {self.lower} and {self.upper}")

    def _stream(self, seed: int, sampling: Sampling) -> Stream:
        return uniforms(self.dim, seed, sampling)

    def _place(self, rows: Float64Array) -> Float64Array:
        lower = np.asarray(self.lower)
        return np.asarray(lower + (np.asarray(self.upper) - lower) * rows)

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
        where = _points(points, self.dim)
        inside = ((where >= self.lower) & (where <= self.upper)).all(axis=1)
        return np.asarray(inside / float(np.prod(sides)))
