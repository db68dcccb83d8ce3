"""The population problem: Gaussian inputs, a teacher, and no data set between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_number
from meanfield.datasets import Dataset
from meanfield.engines.choice import choose_engine
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.losses import Loss, loss_from_dict
from meanfield.measures import Measure, ParticleMeasure, entropy_term
from meanfield.neurons import Neuron
from meanfield.pairs import PairEngine, Sources, require_closed_form
from meanfield.problem import Problem
from meanfield.regularizers import Ridge, ridge_from_dict
from meanfield.stages import subtract_scaled
from meanfield.sums import weighted_sum
from meanfield.typing import Array, Float64Array, FloatArray
from meanfield.volumes import RadialVolume

__all__ = ["PopulationProblem"]

_SAMPLE_POINTS = 256


@dataclass(frozen=True)
class PopulationProblem:
    """Learning a teacher measure μ* from the law of the inputs itself, x ~ N(0, I_d).

    The risk is R(μ) = ½ E_x |f(x; μ) − f(x; μ*)|² with f(x; μ) = ∫ Φ(x; θ) dμ(θ). With
    the closed form of K(θ, θ') = E_x Φ(x; θ) Φ(x; θ') its potential is
    Ψ(θ; μ) = ∫ K(θ, θ') d(μ − μ*)(θ') + V(θ): no sampling error, and no data.

    Parameters
    ----------
    neuron : Neuron
        Φ, without bias, with one output and the activation erf or relu.
    teacher : ParticleMeasure
        μ*, over the parameters of the same neuron.
    ridge : float, dict or Ridge
        Strength of V(θ) = λ/2 |θ|², or `Ridge` for different strengths of outer and
        inner weights.
    temperature : float
        τ ≥ 0.

    Raises
    ------
    InvalidInputError
        If the neuron has no closed form, or the teacher does not fit the neuron.

    Notes
    -----
    One velocity costs N (N + M) pairs for M teacher particles; N log N for relu in two
    dimensions. The risk is a difference of averages of K, computed in float64: below
    about 1e-15 E f² it is rounding.

    The velocity of relu neurons is smooth between particles, unlike that on finitely
    many data; only w = 0 is singular.

    References
    ----------
    Cho, Saul (2009) for relu; Williams (1998), Saad, Solla (1995) for erf.

    Examples
    --------
    >>> neuron = Neuron(inputs=2, activation="relu", bias=False)
    >>> teacher = ParticleMeasure([[1.0, 0.0, 1.0]])
    >>> problem = PopulationProblem(neuron, teacher)
    >>> problem.risk(teacher)
    0.0
    >>> round(problem.risk(ParticleMeasure([[-1.0, 0.0, 1.0]])), 12)  # ½ E (2 relu(x_1))²
    1.0
    """

    neuron: Neuron
    teacher: ParticleMeasure
    ridge: Ridge = 0.0  # type: ignore[assignment]
    temperature: float = 0.0
    kind: ClassVar[str] = "population"
    loss: ClassVar[Loss] = loss_from_dict("squared")
    scale: ClassVar[float] = 1.0
    volume: ClassVar[RadialVolume | None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, Neuron):
            raise InvalidInputError(f"neuron must be a Neuron, got {type(self.neuron).__name__}")
        require_closed_form(self.neuron)
        object.__setattr__(self, "ridge", ridge_from_dict(self.ridge))
        as_number("temperature", self.temperature, "nonnegative")
        if not isinstance(self.teacher, ParticleMeasure):
            raise InvalidInputError(
                f"teacher must be a ParticleMeasure, got {type(self.teacher).__name__}"
            )
        if self.teacher.dim != self.neuron.dim:
            raise InvalidInputError(
                f"the teacher's particles have {self.teacher.dim} parameters, but the neuron "
                f"has {self.neuron.dim}: {', '.join(self.neuron.parameter_names)}"
            )

    @property
    def setting(self) -> str:
        """What is learned from what, in a few words."""
        count = len(self.teacher)
        return f"population risk of a teacher of {count} neuron{'s' if count > 1 else ''}"

    def _repr_html_(self) -> str:
        from meanfield.notebook import card

        rows = [
            ("learns", self.setting),
            ("network", f"∫ Φ dμ, Φ = {self.neuron.formula}"),
            ("inputs", f"N(0, I), {self.neuron.inputs} of them"),
            ("teacher", repr(self.teacher)),
            ("ridge", repr(self.ridge)),
            ("temperature", f"{self.temperature:g}"),
        ]
        return card("PopulationProblem", rows)

    # -- a fixed sample, for whatever needs points ----------------------------------------

    @property
    def data(self) -> Dataset:
        """256 fixed inputs from N(0, I_d), with the outputs of the teacher there.

        Pictures show them, and solvers control the error of the outputs on them;
        neither the risk nor the velocity uses them.
        """
        return self.sampled.data

    @cached_property
    def sampled(self) -> Problem:
        """The problem on these inputs alone."""
        generator = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(4,)))
        inputs = generator.standard_normal((_SAMPLE_POINTS, self.neuron.inputs))
        teacher = self.teacher
        targets = choose_engine(self.neuron, inputs, np.float64).outputs(
            teacher.positions.astype(np.float64), teacher.weights
        )
        data = Dataset(inputs, targets)
        return Problem(self.neuron, data, ridge=self.ridge, temperature=self.temperature)

    def predict(self, measure: Measure, inputs: Any) -> Float64Array:
        """Outputs f(x; μ) at given points (m, d), shape (m, 1); see `Problem.predict`."""
        return self.sampled.predict(measure, inputs)

    def outputs(self, measure: Measure) -> Float64Array:
        """Outputs f(x_j; μ) at the 256 points of `data`, shape (256, 1)."""
        return self.sampled.outputs(measure)

    def risk_on(self, measure: Measure, data: Dataset) -> float:
        """Risk on data, for example a sample with noisy labels; see `Problem.risk_on`."""
        return self.sampled.risk_on(measure, data)

    def accuracy(self, measure: Measure, data: Dataset) -> float:
        """Refused: the outputs are numbers, not labels.

        Raises
        ------
        InvalidInputError
            Always, as the squared loss does not classify.
        """
        return self.sampled.accuracy(measure, data)

    # -- the energy ------------------------------------------------------------------------

    def risk(self, measure: Measure) -> float:
        """Risk R(μ) = ½ E_x |f(x; μ) − f(x; μ*)|², exactly, in float64 for any dtype."""
        self.check_measure(measure)
        positions = np.concatenate([measure.positions, self.teacher.positions], dtype=np.float64)
        masses = np.concatenate([measure.weights, -self.teacher.weights])
        engine = self._engine(np.float64)
        sources = engine.sources(positions, masses)
        return max(0.0, 0.5 * float(weighted_sum(masses, engine.potentials(positions, sources))))

    def energy(self, measure: Measure) -> float:
        """Energy F(μ) = R(μ) + ∫ V dμ + τ ∫ log μ dμ; see `Problem.energy`.

        Raises
        ------
        InvalidInputError
            If the temperature is positive and the measure consists of particles.
        """
        energy = self.risk(measure) + self.penalty(measure)
        return energy + entropy_term(self.temperature, measure)

    def optimality_gap(self, measure: Measure) -> float:
        """Refused: the dual of a population risk is over functions, not over outputs at data.

        Raises
        ------
        InvalidInputError
            Always; the message names the alternative.
        """
        raise InvalidInputError(
            "the optimality gap of a population risk is not available; use a Problem on a data "
            "set drawn from the teacher, such as problem.sampled"
        )

    def penalty(self, measure: Measure) -> float:
        """Penalty ∫ V dμ of the regularizer."""
        return self.sampled.penalty(measure)

    # -- how it moves ------------------------------------------------------------------

    def potential(self, measure: Measure, positions: Any) -> Float64Array:
        """First variation Ψ(θ; μ) of R + ∫ V at given parameters (m, p), shape (m,).

        Raises
        ------
        InvalidInputError
            If dimensions do not fit or positions are not finite.
        """
        self.check_measure(measure)
        where = ParticleMeasure(positions)
        self.check_measure(where)
        positions = where.positions
        sources = self._sources(measure.positions, measure.weights, positions.dtype)
        potentials = self._engine(positions.dtype).potentials(positions, sources)
        return np.asarray(potentials + self.sampled.confinement(positions))

    def velocity(self, measure: Measure) -> FloatArray:
        """Velocity −∇Ψ(θ_i; μ) of each particle, shape (N, p).

        Examples
        --------
        >>> neuron = Neuron(1, activation="erf", outer="fixed", bias=False)
        >>> problem = PopulationProblem(neuron, ParticleMeasure([[1.0]]))
        >>> bool(problem.velocity(ParticleMeasure([[0.5]])) > 0.0)
        True
        """
        self.check_measure(measure)
        out = np.empty_like(measure.positions)
        return self._velocities(measure.positions, measure.weights, out)

    # -- the same on plain arrays, for solvers: nothing is checked, nothing copied ---------

    def outputs_at(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Outputs of these positions and masses at the 256 points of `data`, (256, 1)."""
        return self.sampled.outputs_at(positions, masses)

    def velocity_at(
        self, positions: FloatArray, masses: Float64Array, out: FloatArray | None = None
    ) -> tuple[FloatArray, Float64Array]:
        """Velocities (N, p), and the outputs at the 256 points of `data` (256, 1).

        Velocities are written into `out` if it is given.
        """
        out = np.empty_like(positions) if out is None else out
        return self._velocities(positions, masses, out), self.outputs_at(positions, masses)

    def _velocities(
        self, positions: FloatArray, masses: Float64Array, out: FloatArray
    ) -> FloatArray:
        sources = self._sources(positions, masses, positions.dtype)
        _, gradients = self._engine(positions.dtype).gradients(positions, sources)
        np.negative(gradients, out=out)
        coefficients: Array = self.ridge.coefficients(self.neuron).astype(positions.dtype)
        if coefficients.any():
            subtract_scaled(out, coefficients, positions)
        return out

    def engine_name(self, dtype: Any) -> str:
        """How sums over pairs of particles of this precision are formed; for reports."""
        return self._engine(dtype).name

    # -- bookkeeping ---------------------------------------------------------------------

    def _sources(self, positions: FloatArray, masses: Float64Array, dtype: Any) -> Sources:
        """The signed measure μ − μ*."""
        engine = self._engine(dtype)
        teacher = engine.sources(self.teacher.positions, -self.teacher.weights)
        return engine.sources(positions, masses) + teacher

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: copies and pickles carry no buffers."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    def _engine(self, dtype: Any) -> PairEngine:
        name = np.dtype(dtype).name
        if name not in self._engines:
            self._engines[name] = PairEngine(self.neuron, dtype)
        return self._engines[name]

    @cached_property
    def _engines(self) -> dict[str, PairEngine]:
        return {}

    def check_measure(self, measure: Measure) -> None:
        """Raise unless a measure is one over this neuron's parameters.

        Raises
        ------
        InvalidInputError
            For another kind of object or another dimension.
        """
        self.sampled.check_measure(measure)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `from_dict` rebuilds the problem.

        All of it is JSON except ``"teacher"``, which holds arrays.
        """
        return {
            "kind": self.kind,
            "neuron": self.neuron.to_dict(),
            "ridge": self.ridge.to_dict(),
            "temperature": float(self.temperature),
            "teacher": {"positions": self.teacher.positions, "weights": self.teacher.weights},
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> PopulationProblem:
        """Problem from the dictionary that `to_dict` makes.

        Raises
        ------
        InvalidInputError
            If a setting is unknown.
        """
        parts = {name: part for name, part in described.items() if name != "kind"}
        known = [entry.name for entry in fields(cls)]
        for setting in parts:
            if setting not in known:
                raise unknown_name("setting of a population problem", setting, known)
        neuron = Neuron.from_dict(parts.pop("neuron"))
        return cls(neuron, ParticleMeasure(**parts.pop("teacher")), **parts)
