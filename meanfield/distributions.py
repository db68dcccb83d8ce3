"""Laws of data from which any number of points can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.datasets import Dataset
from meanfield.engines.choice import choose_engine
from meanfield.errors import InvalidInputError
from meanfield.gauss_rules import gamma_rule
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.registry import Registry, from_settings
from meanfield.typing import Float64Array

__all__ = [
    "DataDistribution",
    "IsotropicGaussians",
    "Teacher",
    "distribution_from_dict",
    "distributions",
]

# Purposes of a seed: what is drawn here must not repeat the draws of neurons or batches.
_DATASET, _TEACHER = 2, 3


class DataDistribution(Protocol):
    """A joint law of inputs x ∈ R^d and targets y ∈ R^t.

    Attributes
    ----------
    name : str
        Name in the vocabulary `distributions`.
    """

    name: str

    @property
    def inputs(self) -> int:
        """Dimension d of the inputs."""
        ...

    @property
    def outputs(self) -> int:
        """Number t of targets."""
        ...

    def sample(
        self, count: int, generator: np.random.Generator
    ) -> tuple[Float64Array, Float64Array]:
        """Draw independent points.

        Parameters
        ----------
        count : int
            How many.
        generator : numpy.random.Generator

        Returns
        -------
        inputs : (count, d) array
        targets : (count, t) array
        """
        ...

    def dataset(self, points: int, seed: int) -> Dataset:
        """Independent sample of that many points as a data set of equal weights.

        Raises
        ------
        InvalidInputError
            If there is no point, or the seed is negative.
        """
        as_count("points", points)
        as_count("seed", seed, least=0)
        return Dataset(*self.sample(points, _generator(seed, _DATASET)))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `distribution_from_dict` rebuilds the law."""
        ...


@dataclass(frozen=True)
class IsotropicGaussians(DataDistribution):
    """Two centred isotropic Gaussians that differ in their variances.

    y = ±1 with probability ½ each, and x | y ~ N(0, (1 + y Δ)² I_d).

    Parameters
    ----------
    dim : int
        Dimension d.
    delta : float
        Δ in [0, 1].

    Raises
    ------
    InvalidInputError
        If the dimension is below 1 or Δ outside [0, 1].

    References
    ----------
    Mei, Montanari, Nguyen (2018), "Centered isotropic Gaussians".

    Examples
    --------
    >>> law = IsotropicGaussians(dim=40, delta=0.8)
    >>> law.dataset(1000, seed=0)
    Dataset(1000 points, 40 inputs, 1 target)
    """

    dim: int
    delta: float
    name = "isotropic-gaussians"

    def __post_init__(self) -> None:
        as_count("dim", self.dim)
        if not 0.0 <= as_number("delta", self.delta) <= 1.0:
            raise InvalidInputError(f"delta must be in [0, 1], got {self.delta!r}")

    @property
    def inputs(self) -> int:
        """Dimension d of the inputs."""
        return self.dim

    @property
    def outputs(self) -> int:
        """Number of targets: 1."""
        return 1

    def sample(
        self, count: int, generator: np.random.Generator
    ) -> tuple[Float64Array, Float64Array]:
        """Draw independent points; see `DataDistribution.sample`."""
        labels = np.where(generator.random((count, 1)) < 0.5, -1.0, 1.0)
        inputs = generator.standard_normal((count, self.dim))
        inputs *= 1.0 + self.delta * labels
        return inputs, labels

    def lengths(self, nodes: int) -> Dataset:
        """The law of |x| with the labels as a weighted data set with one input.

        |x| = (1 + y Δ) χ with χ² / 2 a gamma variable of shape d/2: Gauss's rule for it is
        exact for even polynomials of degree 4 nodes − 2 in |x|.

        Parameters
        ----------
        nodes : int
            Number of nodes for each class.

        Raises
        ------
        InvalidInputError
            If there is no node.

        Examples
        --------
        >>> data = IsotropicGaussians(dim=40, delta=0.5).lengths(12)
        >>> round(float(data.weights @ data.inputs[:, 0] ** 2), 10)  # 40 (1.5² + 0.5²) / 2
        50.0
        """
        halves, weights = gamma_rule(0.5 * self.dim, as_count("nodes", nodes))
        labels = np.repeat([1.0, -1.0], nodes)
        radii = (1.0 + self.delta * labels) * np.sqrt(2.0 * np.tile(halves, 2))
        return Dataset(radii[:, None], labels, np.tile(0.5 * weights, 2))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `distribution_from_dict` rebuilds the law."""
        return {"name": self.name, "dim": int(self.dim), "delta": float(self.delta)}


@dataclass(frozen=True)
class Teacher(DataDistribution):
    """Gaussian inputs, labelled by a fixed random network of the same kind of neuron.

    x ~ N(0, I_d) and y = (1/m) Σ_i Φ(x; θ*_i) + noise · ε with ε ~ N(0, I_k). The inner
    weights w*_i are uniform on the unit sphere, the biases (if the neuron has them)
    standard normal, the outer weights a*_i (if trained) uniform on the sphere of radius
    √(m k), so that every output of the teacher is of order 1 for any width.

    Parameters
    ----------
    neuron : Neuron or dict
        Φ.
    width : int
        Number m of the teacher's neurons.
    noise : float
        Standard deviation ≥ 0 of the label noise.
    seed : int
        Seed of the teacher's weights.

    Raises
    ------
    InvalidInputError
        For a width below 1, a negative noise or seed.

    Examples
    --------
    >>> law = Teacher(Neuron(inputs=3, activation="relu", bias=False), width=2)
    >>> data = law.dataset(50, seed=1)
    >>> from meanfield.problem import Problem
    >>> Problem(law.neuron, data).risk(law.measure)
    0.0
    """

    neuron: Neuron
    width: int
    noise: float = 0.0
    seed: int = 0
    name = "teacher"

    def __post_init__(self) -> None:
        if isinstance(self.neuron, Mapping):
            object.__setattr__(self, "neuron", Neuron.from_dict(self.neuron))
        if not isinstance(self.neuron, Neuron):
            raise InvalidInputError(f"neuron must be a Neuron, got {type(self.neuron).__name__}")
        as_count("width", self.width)
        as_number("noise", self.noise, "nonnegative")
        as_count("seed", self.seed, least=0)

    @property
    def inputs(self) -> int:
        """Dimension d of the inputs."""
        return self.neuron.inputs

    @property
    def outputs(self) -> int:
        """Number k of targets."""
        return self.neuron.outputs

    @cached_property
    def measure(self) -> ParticleMeasure:
        """The teacher as a measure: m neurons of mass 1/m."""
        generator = _generator(self.seed, _TEACHER)
        outer = generator.standard_normal((self.width, self.neuron.outer_columns))
        inner = generator.standard_normal((self.width, self.inputs))
        biases = generator.standard_normal((self.width, int(self.neuron.bias)))
        inner /= np.linalg.norm(inner, axis=1, keepdims=True)
        if self.neuron.outer_columns > 0:
            radius = np.sqrt(self.width * self.outputs)
            outer *= radius / np.linalg.norm(outer, axis=1, keepdims=True)
        return ParticleMeasure(np.hstack([outer, inner, biases]))

    def sample(
        self, count: int, generator: np.random.Generator
    ) -> tuple[Float64Array, Float64Array]:
        """Draw independent points; see `DataDistribution.sample`."""
        inputs = generator.standard_normal((count, self.inputs))
        engine = choose_engine(self.neuron, inputs, np.float64)
        targets = engine.outputs(self.measure.positions, self.measure.weights)
        if self.noise > 0.0:
            targets = targets + self.noise * generator.standard_normal(targets.shape)
        return inputs, targets

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `distribution_from_dict` rebuilds the law."""
        return {
            "name": self.name,
            "neuron": self.neuron.to_dict(),
            "width": int(self.width),
            "noise": float(self.noise),
            "seed": int(self.seed),
        }


def _generator(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose,)))


#: Vocabulary of laws of data by name.
distributions: Registry[type[IsotropicGaussians] | type[Teacher]] = Registry("data distribution")
for _law in (IsotropicGaussians, Teacher):
    distributions.register(_law.name, _law)


def distribution_from_dict(
    described: Mapping[str, Any] | DataDistribution,
) -> DataDistribution:
    """Law of data from the dictionary that its ``to_dict`` makes, or itself.

    Raises
    ------
    InvalidInputError
        If it is neither, a setting is missing, or the name or a setting is unknown.

    Examples
    --------
    >>> distribution_from_dict({"name": "isotropic-gaussians", "dim": 2, "delta": 0.5})
    IsotropicGaussians(dim=2, delta=0.5)
    """
    if not isinstance(described, Mapping):
        if not callable(getattr(described, "sample", None)):
            raise InvalidInputError(
                "distribution must be a data distribution or its dictionary, "
                f"got {type(described).__name__}"
            )
        return described
    law = distributions[described.get("name", "")]
    return from_settings(law, "distribution", described)  # type: ignore[no-any-return]
