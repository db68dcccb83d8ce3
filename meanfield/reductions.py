"""Reductions: problems whose symmetry leaves a few parameters of each neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.activations import radial_average
from meanfield.checks import as_columns, as_count, as_instance
from meanfield.datasets import Dataset
from meanfield.distributions import IsotropicGaussians
from meanfield.errors import InvalidInputError
from meanfield.gauss_rules import gamma_rule, normal_rule
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.orbits import Orbits
from meanfield.problem import Problem
from meanfield.problems import problem_from_dict
from meanfield.radial_laws import RadialGaussian
from meanfield.reduced import ReducedProblem
from meanfield.typing import Float64Array, FloatArray
from meanfield.volumes import RadialVolume

__all__ = ["Reduction", "balanced", "gaussian_points", "multi_index", "radial"]


@dataclass(frozen=True)
class Reduction:
    """A problem in which d − k inner weights of a neuron have become their length.

    The neuron (a, w_1 … w_d, b) is (a, w_1 … w_k, r, b) with r = |(w_{k+1} … w_d)|. If the
    law of the neurons is invariant under rotations of the last d − k weights, it stays so,
    and the law of the reduced neurons obeys the flow of the reduced problem, exactly.

    Attributes
    ----------
    neuron : Neuron
        The one with all d weights.
    problem : Problem
        Of the reduced neuron, with the reduced law of the data and the geometric potential.
        Its energy is that of the full problem up to a constant, τ times the logarithm of
        the area of the unit sphere in R^{d−k}.
    kept : int
        k.
    """

    neuron: Neuron
    problem: Problem
    kept: int = 0

    @property
    def _columns(self) -> tuple[int, int]:
        """First and last (excluded) column of the full neuron that make the length."""
        outer = self.neuron.outer_columns
        return outer + self.kept, outer + self.neuron.inputs

    def reduce(self, measure: ParticleMeasure) -> ParticleMeasure:
        """The measure of reduced neurons (a, w_1 … w_k, r, b), with the same masses.

        Raises
        ------
        InvalidInputError
            If the measure has other parameters than the full neuron.
        """
        _require(measure, self.neuron)
        first, last = self._columns
        before, vectors, after = np.split(measure.positions, (first, last), axis=1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return ParticleMeasure(np.hstack([before, lengths, after]), measure.weights)

    def lift(self, measure: ParticleMeasure, seed: int) -> ParticleMeasure:
        """Full neurons with these reduced ones, the directions of their vectors random.

        Lengths are |r|: a negative r is the mirror image of a positive one.

        Raises
        ------
        InvalidInputError
            If the measure has other parameters than the reduced neuron, or the seed is
            negative.
        """
        _require(measure, self.problem.neuron)
        generator = np.random.default_rng(as_count("seed", seed, least=0))
        first, last = self._columns
        before, lengths, after = np.split(measure.positions, (first, first + 1), axis=1)
        vectors = generator.standard_normal((len(measure), last - first))
        vectors *= np.abs(lengths) / np.linalg.norm(vectors, axis=1, keepdims=True)
        positions = np.hstack([before, vectors.astype(lengths.dtype), after])
        return ParticleMeasure(positions, measure.weights)

    def place(self, positions: FloatArray, reduced: FloatArray) -> FloatArray:
        """Full neurons (N, p) that have gone to reduced ones, in the directions they had.

        Parameters
        ----------
        positions : (N, p) array
            Full neurons before; a vector of length 0 stays what it is.
        reduced : (N, q) array
            The reduced neurons now. A length that has passed 0 has turned the vector round.

        Returns
        -------
        (N, p) array
            Linear in the second argument: velocities of reduced neurons become those of
            full ones.
        """
        first, last = self._columns
        before, lengths, after = np.split(reduced, (first, first + 1), axis=1)
        old = np.linalg.norm(positions[:, first:last], axis=1, keepdims=True)
        vectors = positions[:, first:last] * (lengths / np.where(old > 0.0, old, 1.0))
        placed: FloatArray = np.hstack([before, vectors, after])
        return placed

    def points(self, inputs: Any) -> Float64Array:
        """Inputs (m, k + 1) of the reduced problem, (x_1 … x_k, |(x_{k+1} … x_d)|).

        Parameters
        ----------
        inputs : (m, d) array
            Of the full neuron.

        Raises
        ------
        InvalidInputError
            If they have other columns or are not finite.
        """
        full = as_columns("inputs", inputs)
        if full.shape[1] != self.neuron.inputs:
            raise InvalidInputError(
                f"inputs must have {self.neuron.inputs} columns, got {full.shape[1]}"
            )
        lengths = np.linalg.norm(full[:, self.kept :], axis=1, keepdims=True)
        return np.hstack([full[:, : self.kept], lengths])

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `from_dict` rebuilds the reduction."""
        parts = {"neuron": self.neuron.to_dict(), "problem": self.problem.to_dict()}
        return {**parts, "kept": self.kept}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Reduction:
        """Reduction from the dictionary that `to_dict` makes."""
        problem: Any = problem_from_dict(described["problem"])
        return cls(Neuron.from_dict(described["neuron"]), problem, described["kept"])

    def law(self, law: Gaussian) -> RadialGaussian:
        """The law of reduced neurons when full ones are Gaussian.

        Raises
        ------
        InvalidInputError
            If the law is not Gaussian and isotropic in the weights that are reduced.

        Examples
        --------
        >>> neuron = Neuron(40, activation="tanh", outer="fixed", bias=False)
        >>> reduction = radial(neuron, IsotropicGaussians(40, 0.5))
        >>> reduction.law(Gaussian(40, std=0.25))
        RadialGaussian(dim=1, column=0, freedom=40, mean=(0.0,), std=(0.25,))
        """
        if not isinstance(law, Gaussian) or law.dim != self.neuron.dim:
            raise InvalidInputError(
                f"law must be a Gaussian in {self.neuron.dim} dimensions, got {law!r}"
            )
        first, last = self._columns
        mean, std = (np.broadcast_to(part, law.dim) for part in (law.mean, law.std))
        if np.any(mean[first:last]) or np.ptp(std[first:last]) > 0.0:
            raise InvalidInputError(
                f"the weights {first - self.neuron.outer_columns} to {self.neuron.inputs - 1} must "
                "have mean 0 and equal std, as only their length is kept"
            )
        kept = np.r_[: first + 1, last : law.dim]
        return RadialGaussian(
            len(kept), first, last - first, tuple(mean[kept].tolist()), tuple(std[kept].tolist())
        )


def radial(
    neuron: Neuron,
    law: IsotropicGaussians | Dataset,
    *,
    nodes: int = 32,
    loss: Any = "squared",
    ridge: Any = 0.0,
    temperature: float = 0.0,
    scale: float = 1.0,
) -> Reduction:
    """Reduction to lengths, for data whose law is isotropic: (a, w) becomes (a, r = |w|).

    With x = ρ u, u uniform on the unit sphere of R^d and targets that depend on ρ only, a
    rotation invariant law of w has outputs that depend on ρ only,
    f(ρ) = ∫ a g(ρ r) dμ(a, r) with g(s) = E σ(s u_1): a problem with one input ρ and the
    activation `meanfield.activations.radial_average`, as cheap as any in one dimension.

    Parameters
    ----------
    neuron : Neuron
        Without bias, with d inputs.
    law : IsotropicGaussians or Dataset
        Joint law of x and y, or a (weighted) data set of lengths ρ, shape (n, 1), with
        targets.
    nodes : int
        Nodes of the Gauss rule for ρ in each class of `IsotropicGaussians`.
    loss, ridge, temperature, scale
        As in `meanfield.problem.Problem`, for the full problem.

    Returns
    -------
    Reduction

    Raises
    ------
    InvalidInputError
        If the neuron has a bias, or the law is another kind or dimension.

    References
    ----------
    Mei, Montanari, Nguyen (2018), "Centered isotropic Gaussians".

    Examples
    --------
    >>> neuron = Neuron(40, activation="relu", outer="fixed", bias=False)
    >>> reduction = radial(neuron, IsotropicGaussians(40, 0.5))
    >>> full = Gaussian(40, std=0.1).sample(1000, seed=0)
    >>> bool(reduction.problem.risk(reduction.reduce(full)) < 0.5)
    True
    """
    as_instance("neuron", neuron, Neuron)
    if neuron.bias:
        raise InvalidInputError(
            "the radial reduction needs a neuron without bias; use bias=False, or multi_index "
            "with kept=0"
        )
    reduced = Neuron(
        1, neuron.outputs, radial_average(neuron.activation, neuron.inputs), neuron.outer, False
    )
    data = _lengths(law, neuron.inputs, nodes)
    volume = RadialVolume(neuron.outer_columns, neuron.inputs - 1)
    problem = Problem(reduced, data, loss, ridge, temperature, scale, volume)
    return Reduction(neuron, problem)


def multi_index(
    neuron: Neuron,
    data: Dataset,
    *,
    kept: int,
    nodes: int = 32,
    loss: Any = "squared",
    ridge: Any = 0.0,
    temperature: float = 0.0,
    scale: float = 1.0,
) -> Reduction:
    """Reduction to k weights and a length, for targets of k inputs and the length of the rest.

    With x = (z, ρ u), u uniform on the unit sphere of R^{d−k} and targets that depend on z
    and ρ only, a law of neurons that is invariant under rotations of the last d − k weights
    has the outputs f(z, ρ) = ∫ a E σ(w_{1:k}·z + r ρ u_1 + b) dμ(a, w_{1:k}, r, b), where a
    Gauss rule takes the mean over u_1.

    Parameters
    ----------
    neuron : Neuron
        With d inputs.
    data : Dataset
        Points (z, ρ), k + 1 inputs with ρ ≥ 0; or z alone, k inputs, for the limit of many
        Gaussian inputs, d → ∞, in which ρ u_1 becomes a standard normal number.
    kept : int
        k, from 0 to d − 1.
    nodes : int
        Nodes of the rule. It is exact to rounding for smooth σ; for kinked ones the error
        is of the order of 1 / nodes² and the velocity jumps.
    loss, ridge, temperature, scale
        As in `meanfield.problem.Problem`, for the full problem.

    Returns
    -------
    Reduction

    Raises
    ------
    InvalidInputError
        If k or the inputs of the data do not fit.

    References
    ----------
    Abbe, Boix-Adsera, Misiakiewicz (2022), eq. DF-PDE, for the limit d → ∞.

    Examples
    --------
    >>> neuron = Neuron(30, activation="tanh")
    >>> points, weights = gaussian_points(kept=1, dim=30, nodes=(6, 3))
    >>> data = Dataset(points, np.tanh(points[:, 0]), weights)
    >>> reduction = multi_index(neuron, data, kept=1)
    >>> reduction.problem.neuron.parameter_names  # w_1 is the length
    ('a_0', 'w_0', 'w_1', 'b')
    """
    as_instance("neuron", neuron, Neuron)
    as_instance("data", data, Dataset)
    rest = neuron.inputs - as_count("kept", kept, least=0)
    if rest < 1:
        raise InvalidInputError(f"kept must be below the {neuron.inputs} inputs, got {kept}")
    if data.inputs.shape[1] == kept and kept > 0:
        orbits = Orbits.normal(as_count("nodes", nodes))
        data = Dataset(np.column_stack([data.inputs, np.ones(len(data))]), data.targets,
                       data.weights)  # fmt: skip
    elif data.inputs.shape[1] == kept + 1 and data.inputs[:, -1].min() >= 0.0:
        orbits = Orbits.sphere(rest, as_count("nodes", nodes))
    else:
        raise InvalidInputError(
            f"data must have the {kept + 1} inputs (z, ρ) with ρ >= 0, or the {kept} inputs z, "
            f"got {data.inputs.shape[1]}"
        )
    reduced = Neuron(kept + 1, neuron.outputs, neuron.activation, neuron.outer, neuron.bias)
    volume = RadialVolume(neuron.outer_columns + kept, rest - 1)
    problem = ReducedProblem(reduced, data, loss, ridge, temperature, scale, volume, orbits)
    return Reduction(neuron, problem, kept)


def gaussian_points(
    kept: int, dim: int, nodes: tuple[int, int]
) -> tuple[Float64Array, Float64Array]:
    """Quadrature of (z, ρ) = (x_1 … x_k, |(x_{k+1} … x_d)|) for x ~ N(0, I_d).

    Parameters
    ----------
    kept, dim : int
        k and d > k.
    nodes : (int, int)
        Nodes for each component of z, and for ρ.

    Returns
    -------
    points : (n, k + 1) array
    weights : (n,) array

    Examples
    --------
    >>> points, weights = gaussian_points(kept=1, dim=4, nodes=(3, 2))
    >>> (weights @ points**2).round(12).tolist()
    [1.0, 3.0]
    """
    component = normal_rule(as_count("nodes for z", nodes[0]))
    halves, masses = gamma_rule(0.5 * (dim - kept), as_count("nodes for ρ", nodes[1]))
    rules = [component] * kept + [(np.sqrt(2.0 * halves), masses)]
    points, weights = (
        np.stack([part.ravel() for part in np.meshgrid(*parts, indexing="ij")], axis=1)
        for parts in zip(*rules, strict=True)
    )
    return points, np.asarray(weights.prod(axis=1))


def balanced(neuron: Neuron, measure: ParticleMeasure) -> ParticleMeasure:
    """The measure with each a replaced by ±|(w, b)|, of the same sign.

    Neurons of a homogeneous activation keep |a| = |(w, b)|; see the solver ``conic``.

    Raises
    ------
    InvalidInputError
        If the neuron does not train one outer weight, or the measure has other parameters.

    Examples
    --------
    >>> balanced(Neuron(1, activation="relu"), ParticleMeasure([[-0.1, 3.0, 4.0]])).positions
    array([[-5.,  3.,  4.]])
    """
    if neuron.outer_columns != 1:
        raise InvalidInputError(
            f"a balance needs one trained outer weight, got {neuron.outer_columns} of them"
        )
    _require(measure, neuron)
    positions = measure.positions.copy()
    lengths = np.linalg.norm(positions[:, 1:], axis=1)
    positions[:, 0] = np.where(positions[:, 0] < 0.0, -lengths, lengths)
    return ParticleMeasure(positions, measure.weights)


def _lengths(law: IsotropicGaussians | Dataset, dim: int, nodes: int) -> Dataset:
    if isinstance(law, IsotropicGaussians) and law.dim == dim:
        return law.lengths(nodes)
    if isinstance(law, Dataset) and law.inputs.shape[1] == 1 and law.inputs.min() >= 0.0:
        return law
    raise InvalidInputError(
        f"law must be IsotropicGaussians in {dim} dimensions or a data set of lengths >= 0 "
        f"(one input), got {law!r}"
    )


def _require(measure: ParticleMeasure, neuron: Neuron) -> None:
    if not isinstance(measure, ParticleMeasure) or measure.dim != neuron.dim:
        raise InvalidInputError(
            f"measure must be a ParticleMeasure over {', '.join(neuron.parameter_names)}, "
            f"got {measure!r}"
        )
