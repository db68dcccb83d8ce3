"""The learning problem: neuron, data, loss, regularizer, temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from meanfield.certificates import noiseless_gap, noisy_gap
from meanfield.checks import as_columns, as_number
from meanfield.datasets import Dataset
from meanfield.engines.choice import choose_engine
from meanfield.engines.engine import Engine
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.kernels.compilation import read_only
from meanfield.losses import Loss, loss_from_dict
from meanfield.measures import Measure, ParticleMeasure, entropy_term, require_measure
from meanfield.neurons import Neuron
from meanfield.regularizers import Ridge, ridge_from_dict
from meanfield.stages import mean_squares, mean_values, subtract_scaled
from meanfield.sums import weighted_sum
from meanfield.typing import Array, Float64Array, FloatArray
from meanfield.volumes import RadialVolume, volume_from_dict

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """Learning with a mean-field network f(x; μ) = α ∫ Φ(x; θ) dμ(θ).

    The energy is F(μ) = R(μ) + ∫ V dμ + τ ∫ log μ dμ, with the risk
    R(μ) = α⁻² Σ_j p_j ℓ(f(x_j; μ), y_j). Its first variation without the entropy,
    the potential Ψ(θ; μ) = α⁻¹ Σ_j p_j ⟨ℓ'(f_j, y_j), Φ(x_j; θ)⟩ + V(θ), moves every
    neuron along −∇Ψ (Mei, Montanari, Nguyen 2018; Chizat, Bach 2018).

    Parameters
    ----------
    neuron : Neuron
        Φ and its parameters.
    data : Dataset
        Points x_j with targets y_j and weights p_j.
    loss : str, dict or Loss
        ℓ: ``"squared"``, ``"logistic"``, ``"cross_entropy"``, ``"huber"``, or
        `meanfield.losses.huber`.
    ridge : float, dict or Ridge
        Strength of V(θ) = λ/2 |θ|², or `Ridge` for different strengths of outer and
        inner weights.
    temperature : float
        τ ≥ 0.
    scale : float
        Output scale α > 0; 1 is mean-field, α → ∞ the kernel regime (Chizat,
        Oyallon, Bach 2019).
    volume : dict or RadialVolume, optional
        J, where each θ stands for a whole orbit of neurons (see `meanfield.reductions`):
        the geometric potential −τ log J(θ) then belongs to V. Without noise it is 0. One
        parameter is then a length ≥ 0: grids begin at 0, and of laws and particles with
        negative ones the absolute value counts.

    Raises
    ------
    InvalidInputError
        If parts do not fit together: dimension of the data, labels of the loss.

    Examples
    --------
    >>> data = Dataset([[0.0], [1.0]], [0.0, 1.0])
    >>> problem = Problem(Neuron(inputs=1, activation="relu"), data)
    >>> measure = ParticleMeasure([[1.0, 1.0, 0.0]])  # one neuron: a=1, w=1, b=0
    >>> problem.predict(measure, [[2.0]]), problem.risk(measure)
    (array([[2.]]), 0.0)
    """

    neuron: Neuron
    data: Dataset
    loss: Loss = "squared"  # type: ignore[assignment]
    ridge: Ridge = 0.0  # type: ignore[assignment]
    temperature: float = 0.0
    scale: float = 1.0
    volume: RadialVolume | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, Neuron):
            raise InvalidInputError(f"neuron must be a Neuron, got {type(self.neuron).__name__}")
        object.__setattr__(self, "loss", loss_from_dict(self.loss))
        object.__setattr__(self, "ridge", ridge_from_dict(self.ridge))
        as_number("temperature", self.temperature, "nonnegative")
        as_number("scale", self.scale, "positive")
        self._check_data(self.data)
        object.__setattr__(self, "volume", volume_from_dict(self.volume))
        if self.volume is not None:
            self.volume.require_neuron(self.neuron)

    def _check_data(self, data: Dataset) -> None:
        if not isinstance(data, Dataset):
            raise InvalidInputError(f"data must be a Dataset, got {type(data).__name__}")
        if data.inputs.shape[1] != self.neuron.inputs:
            raise InvalidInputError(
                f"data have {data.inputs.shape[1]} inputs but the neuron has "
                f"inputs={self.neuron.inputs}"
            )
        self.loss.check_targets(data.targets, self.neuron.outputs)

    @property
    def setting(self) -> str:
        """What is learned from what, in a few words."""
        return f"{self.loss.name} loss on {len(self.data)} points"

    def _repr_html_(self) -> str:
        from meanfield.notebook import card
        from meanfield.thumbnails import data_picture

        rows = [
            ("learns", self.setting),
            ("network", f"{'' if self.scale == 1.0 else f'{self.scale:g} '}∫ Φ dμ, "
             f"Φ = {self.neuron.formula}"),
            ("data", repr(self.data)),
            ("ridge", repr(self.ridge)),
            ("temperature", f"{self.temperature:g}"),
        ]  # fmt: skip
        if self.volume is not None:
            rows.append(("volume", repr(self.volume)))
        picture = data_picture(self.data.inputs, self.data.targets)
        return card(type(self).__name__, rows, picture)

    # -- what a network of this measure computes ---------------------------------------

    def predict(self, measure: Measure, inputs: Any) -> Float64Array:
        """Outputs f(x; μ) at given points, shape (m, k).

        Parameters
        ----------
        measure : Measure
            In p = ``neuron.dim`` dimensions.
        inputs : (m, d) array
            Or (m,), for neurons of one input.

        Raises
        ------
        InvalidInputError
            If dimensions do not fit or inputs are not finite.
        """
        self.check_measure(measure)
        points = self.expanded(self.check_inputs(inputs))
        engine = choose_engine(self.neuron, points, measure.positions.dtype)
        return self.scale * self.averaged(engine.outputs(measure.positions, measure.weights))

    def outputs(self, measure: Measure) -> Float64Array:
        """Outputs f(x_j; μ) at the data, shape (n, k)."""
        self.check_measure(measure)
        return self.outputs_at(measure.positions, measure.weights)

    def risk(self, measure: Measure) -> float:
        """Risk R(μ) = α⁻² Σ_j p_j ℓ(f(x_j; μ), y_j)."""
        return self.risk_of_outputs(self.outputs(measure))

    def risk_on(self, measure: Measure, data: Dataset) -> float:
        """Risk on other data, for example a test set.

        Raises
        ------
        InvalidInputError
            If the data do not fit the neuron or the loss.
        """
        self._check_data(data)
        values = self.loss.values(self.predict(measure, data.inputs), data.targets)
        return float(weighted_sum(data.weights, values)) / self.scale**2

    def accuracy(self, measure: Measure, data: Dataset) -> float:
        """Weighted fraction of points whose label is the most likely one.

        Raises
        ------
        InvalidInputError
            If the loss is not a classification loss, or the data do not fit.
        """
        self._check_data(data)
        labels = self.loss.classify(self.predict(measure, data.inputs))
        return float(weighted_sum(data.weights, labels == data.targets[:, 0]))

    def energy(self, measure: Measure) -> float:
        """Energy F(μ) = R(μ) + ∫ V dμ + τ ∫ log μ dμ.

        Raises
        ------
        InvalidInputError
            If the temperature is positive and the measure consists of particles: the
            entropy ∫ log μ dμ of finitely many particles is infinite.
        """
        energy = self.risk(measure) + self.penalty(measure)
        return energy + entropy_term(self.temperature, measure)

    def penalty(self, measure: Measure) -> float:
        """Penalty ∫ V dμ of the regularizer and the geometric potential."""
        self.check_measure(measure)
        squares = mean_squares(measure.positions, measure.weights)
        penalty = 0.5 * float(squares @ self.ridge.coefficients(self.neuron))
        if self.volume is None or self.temperature == 0.0:
            return penalty
        logarithm = mean_values(self.volume.logarithms, measure.positions, measure.weights)
        return penalty - self.temperature * logarithm

    def optimality_gap(self, measure: Measure) -> float:
        """Certificate: an upper bound of F(μ) − min F, which is 0 at a minimiser only.

        The risk is convex in the outputs, so that any covector u bounds min F from below;
        this is F(μ) minus the bound that the residuals of μ themselves give (Nitanda, Wu,
        Suzuki 2022).

        ===================================  ==============================================
        temperature > 0, on a grid           τ KL(μ | e^{−Ψ_μ/τ}/Z), where min F is over
                                             densities on the same cells: inside the box,
                                             with midpoint sums
        temperature 0, Φ of degree 2 (relu,  F(μ) + R*(s u), s u the best multiple of u for
        linear; square with a fixed outer    which no neuron gains; min F is over all
        weight), any ridge                   probability measures; relu with 1 or 2 inner
                                             parameters, or 3 on at most 400 points
        temperature 0, other Φ with bounds   ∫Ψ_μ dμ − min Ψ_μ, min Ψ_μ bounded from below by
        on σ' and σ'', a ridge on all        branch and bound; min F is over all probability
        parameters, at most 3 inner ones     measures
        ===================================  ==============================================

        Parameters
        ----------
        measure : Measure

        Returns
        -------
        float
            Valid up to rounding; at temperature 0 it also bounds the suboptimality of the
            masses of a grid, taken as particles at the centres.

        Raises
        ------
        InvalidInputError
            Where no bound is available: the reason, and what has one.

        Examples
        --------
        >>> neuron = Neuron(1, activation="relu", bias=False)
        >>> problem = Problem(neuron, Dataset([[1.0]], [1.0]), ridge=0.5)
        >>> best = ParticleMeasure([[0.5**0.5, 0.5**0.5]])  # f = ½: |ℓ'| max_w relu(w)/|w| = λ
        >>> problem.energy(best), abs(problem.optimality_gap(best)) < 1e-12
        (0.375, True)
        """
        self.check_measure(measure)
        if self.temperature > 0.0:
            return noisy_gap(self, measure)
        return noiseless_gap(self, measure)

    # -- how it moves ------------------------------------------------------------------

    def residual(self, measure: Measure) -> Float64Array:
        """Derivative of the loss at each data point, ℓ'(f(x_j; μ), y_j), shape (n, k).

        The flow depends on the measure only through this array: it is the whole
        mean field.
        """
        return self.loss.derivatives(self.outputs(measure), self.data.targets)

    def potential(self, measure: Measure, positions: Any) -> Float64Array:
        """First variation Ψ(θ; μ) of R + ∫ V at given parameters, shape (m,).

        Parameters
        ----------
        measure : Measure
            μ, which enters through the residuals.
        positions : (m, p) array
            The θ.

        Raises
        ------
        InvalidInputError
            If dimensions do not fit or positions are not finite.
        """
        where = ParticleMeasure(positions)
        self.check_measure(where)
        covector = self.covector(self.outputs(measure))
        return self.potential_at(where.positions, covector)

    def confinement(self, positions: FloatArray) -> Float64Array:
        """V(θ), with the geometric potential, at unchecked parameters (m, p); shape (m,)."""
        coefficients = self.ridge.coefficients(self.neuron)
        ridge = np.asarray(0.5 * np.square(positions, dtype=np.float64) @ coefficients)
        if self.volume is None or self.temperature == 0.0:
            return ridge
        return ridge - self.temperature * self.volume.logarithms(positions)

    def velocity(self, measure: Measure) -> FloatArray:
        """Velocity −∇Ψ(θ_i; μ) of each particle, shape (N, p).

        No factor 1/N: one unit of mean-field time moves a particle by O(1) for any N.

        Examples
        --------
        >>> data = Dataset([[1.0]], [1.0])
        >>> problem = Problem(Neuron(1, activation="linear", outer="fixed", bias=False), data)
        >>> problem.velocity(ParticleMeasure([[0.25], [0.25]])).ravel()
        array([0.75, 0.75])
        """
        self.check_measure(measure)
        return self.velocity_at(measure.positions, measure.weights)[0]

    # -- where neurons are evaluated: at the data, unless a problem is reduced -------------

    @property
    def points(self) -> Float64Array:
        """Points at which neurons are evaluated, (n', d)."""
        return self.data.inputs

    def expanded(self, inputs: Float64Array) -> Float64Array:
        """Points at which neurons are evaluated for given inputs."""
        return inputs

    def averaged(self, sums: Float64Array) -> Float64Array:
        """Outputs (n, k) from sums over neurons at the points, (n', k)."""
        return sums

    def spread(self, covector: Float64Array) -> Float64Array:
        """Covector (n', k) at the points from one (n, k) at the data: the transpose."""
        return covector

    # -- the same on plain arrays, for solvers: nothing is checked, nothing copied ---------

    def outputs_at(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Outputs at the data of the measure with these positions and masses, (n, k)."""
        engine = self._engine(positions.dtype)
        sums = engine.outputs(read_only(positions), read_only(masses))
        return self.scale * self.averaged(sums)

    def risk_of_outputs(self, outputs: Float64Array) -> float:
        """Risk of a network with these outputs at the data."""
        values = self.loss.values(outputs, self.data.targets)
        return float(weighted_sum(self.data.weights, values)) / self.scale**2

    def covector(self, outputs: Float64Array) -> Float64Array:
        """u_j = α⁻¹ p_j ℓ'(f_j, y_j), so that Ψ(θ) = Σ_j ⟨u_j, Φ(x_j; θ)⟩ + V(θ); (n, k)."""
        derivatives = self.loss.derivatives(outputs, self.data.targets)
        return np.asarray(derivatives * (self.data.weights[:, None] / self.scale))

    def potential_at(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j ⟨u_j, Φ(x_j; θ)⟩ + V(θ) at positions (m, p) for any u (n, k); shape (m,)."""
        sums = self._engine(positions.dtype).potentials(positions, self.spread(covector))
        return np.asarray(sums + self.confinement(positions))

    def velocity_at(
        self, positions: FloatArray, masses: Float64Array, out: FloatArray | None = None
    ) -> tuple[FloatArray, Float64Array]:
        """Velocities (N, p) and the outputs at the data (n, k) from which they follow.

        Velocities are written into `out` if it is given.
        """
        out = np.empty_like(positions) if out is None else out
        sums = self._engine(positions.dtype).velocity_pass(
            read_only(positions),
            read_only(masses),
            lambda sums: -self.spread(self.covector(self.scale * self.averaged(sums))),
            out,
        )
        self._add_confinement(positions, out)
        return out, self.scale * self.averaged(sums)

    def velocity_under(
        self, positions: FloatArray, covector: Float64Array, out: FloatArray | None = None
    ) -> FloatArray:
        """−∇(Σ_j ⟨u_j, Φ(x_j; θ)⟩ + V(θ)) at positions (N, p) for any u (n, k), into `out`.

        The particles move in the mean field of others: each has a velocity of its own,
        whose bits depend on no other (see `meanfield.engines.engine`).
        """
        out = np.empty_like(positions) if out is None else out
        self._engine(positions.dtype).gradients(positions, -self.spread(covector), out)
        self._add_confinement(positions, out)
        return out

    def _add_confinement(self, positions: FloatArray, out: FloatArray) -> None:
        """Add −∇V to velocities."""
        coefficients: Array = self.ridge.coefficients(self.neuron).astype(positions.dtype)
        if coefficients.any():
            subtract_scaled(out, coefficients, positions)
        if self.volume is not None and self.temperature > 0.0:
            out[:, self.volume.parameter] += self.temperature * self.volume.slopes(positions)

    def engine_name(self, dtype: Any) -> str:
        """How sums over particles of this precision and data are formed; for reports."""
        return self._engine(dtype).name

    # -- bookkeeping ---------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: copies and pickles carry no buffers."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def _engine(self, dtype: Any) -> Engine:
        name = np.dtype(dtype).name
        if name not in self._engines:
            self._engines[name] = choose_engine(self.neuron, self.points, dtype)
        return self._engines[name]

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {}

    def check_inputs(self, inputs: Any) -> Float64Array:
        """Points of the input space as an array (m, d).

        Raises
        ------
        InvalidInputError
            If they have another number of columns or are not finite.
        """
        points = as_columns("inputs", inputs)
        if points.shape[1] != self.neuron.inputs:
            got = np.shape(inputs)
            one = "; write [x] for one point x" if got == (self.neuron.inputs,) else ""
            raise InvalidInputError(
                f"inputs must have {self.neuron.inputs} columns, got an array of shape {got}{one}"
            )
        return points

    def check_measure(self, measure: Measure) -> None:
        """Raise unless a measure is one over this neuron's parameters.

        Raises
        ------
        InvalidInputError
            For another kind of object or another dimension, or a grid over negative lengths.
        """
        require_measure("measure", measure)
        if measure.dim != self.neuron.dim:
            raise InvalidInputError(
                f"the measure has {measure.dim} parameters, but the neuron has "
                f"{self.neuron.dim}: {', '.join(self.neuron.parameter_names)}"
            )
        if self.volume is not None and isinstance(measure, GridMeasure):
            self.volume.require_lengths(measure.lower, self.neuron)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `from_dict` rebuilds the problem.

        All of it is JSON except ``"data"``, which holds arrays.
        """
        described = {
            "neuron": self.neuron.to_dict(),
            "loss": self.loss.to_dict(),
            "ridge": self.ridge.to_dict(),
            "temperature": float(self.temperature),
            "scale": float(self.scale),
            "data": self.data.to_dict(),
        }
        if self.volume is not None:
            described["volume"] = self.volume.to_dict()
        return described

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Problem:
        """Problem from the dictionary that `to_dict` makes."""
        parts = dict(described)
        neuron = Neuron.from_dict(parts.pop("neuron"))
        return cls(neuron, Dataset.from_dict(parts.pop("data")), **parts)
