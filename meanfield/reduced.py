"""The reduced problem: outputs are averages over the orbits of a symmetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from meanfield.errors import InvalidInputError
from meanfield.measures import Measure
from meanfield.orbits import Orbits
from meanfield.problem import Problem
from meanfield.typing import Float64Array

__all__ = ["ReducedProblem"]


@dataclass(frozen=True)
class ReducedProblem(Problem):
    """Learning with f(x; μ) = α Σ_q c_q ∫ Φ(x_q; θ) dμ(θ), x_q the points of the orbit of x.

    In all else it is a `Problem`: a point of the data is (z, ρ), a neuron has the inputs
    (z, ρ u), its last inner weight is the length that goes with ρ. One velocity costs as
    much as on Q times as many data. Made by `meanfield.reductions.multi_index`.

    Parameters
    ----------
    orbits : dict or Orbits
        The law of u, as a quadrature.

    Raises
    ------
    InvalidInputError
        If there are no orbits, or what a `Problem` raises.
    """

    orbits: Orbits = None  # type: ignore[assignment]
    kind: ClassVar[str] = "reduced"

    def __post_init__(self) -> None:
        if not isinstance(self.orbits, Orbits | Mapping):
            raise InvalidInputError(f"orbits must be Orbits, got {type(self.orbits).__name__}")
        object.__setattr__(self, "orbits", Orbits.from_dict(self.orbits))
        super().__post_init__()

    @property
    def setting(self) -> str:
        """What is learned from what, in a few words."""
        return f"{super().setting}, averaged over orbits of {len(self.orbits.nodes)}"

    @cached_property
    def points(self) -> Float64Array:
        """Points (n Q, d) at which neurons are evaluated: the orbits of the data."""
        return self.expanded(self.data.inputs)

    def expanded(self, inputs: Float64Array) -> Float64Array:
        """Points of the orbits of inputs; see `Orbits.expanded`."""
        return self.orbits.expanded(inputs)

    def averaged(self, sums: Float64Array) -> Float64Array:
        """Means over orbits; see `Orbits.averaged`."""
        return self.orbits.averaged(sums)

    def spread(self, covector: Float64Array) -> Float64Array:
        """Covector at the points of the orbits; see `Orbits.spread`."""
        return self.orbits.spread(covector)

    def optimality_gap(self, measure: Measure) -> float:
        """Certificate at a positive temperature; see `Problem.optimality_gap`.

        Raises
        ------
        InvalidInputError
            At temperature 0, or for particles.
        """
        if self.temperature == 0.0:
            raise InvalidInputError(
                "no bound is available for a reduced problem at temperature 0; use a positive "
                "temperature and the solver grid"
            )
        return super().optimality_gap(measure)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `from_dict` rebuilds the problem."""
        return {**super().to_dict(), "kind": self.kind, "orbits": self.orbits.to_dict()}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> ReducedProblem:
        """Problem from the dictionary that `to_dict` makes."""
        parts = {name: part for name, part in described.items() if name != "kind"}
        problem = super().from_dict(parts)
        assert isinstance(problem, cls)
        return problem
