"""The neuron Φ(x; θ): what one particle contributes to the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from meanfield.activation import Activation
from meanfield.activations import activation_from_dict
from meanfield.checks import as_count
from meanfield.errors import InvalidInputError, unknown_name

__all__ = ["Neuron"]

# Names of parameters that are listed one by one.
_MOST_NAMES = 12


@dataclass(frozen=True)
class Neuron:
    """One neuron Φ(x; θ) = a σ(w·x + b), with parameters θ = (a, w, b).

    Parameters
    ----------
    inputs : int
        Dimension d of the data.
    outputs : int
        Number k of outputs.
    activation : str, dict or Activation
        σ: a name from `meanfield.activations.activations` or an activation.
    outer : {"trained", "fixed"}
        Whether the outer weight a ∈ R^k is a parameter. If fixed, a = 1 and k = 1.
    bias : bool
        Whether b is a parameter (otherwise b = 0).

    Raises
    ------
    InvalidInputError
        For a dimension below 1, an unknown activation, or a fixed outer weight with
        more than one output.

    Examples
    --------
    >>> neuron = Neuron(inputs=2, activation="tanh")
    >>> neuron.dim, neuron.parameter_names
    (4, ('a_0', 'w_0', 'w_1', 'b'))
    """

    inputs: int
    outputs: int = 1
    activation: Activation = "tanh"  # type: ignore[assignment]
    outer: Literal["trained", "fixed"] = "trained"
    bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", as_count("inputs", self.inputs))
        object.__setattr__(self, "outputs", as_count("outputs", self.outputs))
        if self.outer not in ("trained", "fixed"):
            raise unknown_name("outer weight", self.outer, ("trained", "fixed"))
        if self.outer == "fixed" and self.outputs > 1:
            raise InvalidInputError(
                f"a neuron with a fixed outer weight has one output, got outputs={self.outputs}; "
                'use outer="trained"'
            )
        if not isinstance(self.bias, bool):
            raise InvalidInputError(f"bias must be True or False, got {self.bias!r}")
        object.__setattr__(self, "activation", activation_from_dict(self.activation))

    @property
    def outer_columns(self) -> int:
        """Number of columns of θ that hold the outer weight: k, or 0 if it is fixed."""
        return self.outputs if self.outer == "trained" else 0

    @property
    def dim(self) -> int:
        """Number p of parameters of one neuron."""
        return self.outer_columns + self.inputs + int(self.bias)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the p columns of θ: ``a_0 … w_0 … b``."""
        outer = tuple(f"a_{c}" for c in range(self.outer_columns))
        inner = tuple(f"w_{c}" for c in range(self.inputs))
        return outer + inner + (("b",) if self.bias else ())

    @property
    def formula(self) -> str:
        """Φ(x; θ) as a formula.

        Examples
        --------
        >>> Neuron(inputs=2, outer="fixed").formula
        'tanh(w·x + b)'
        """
        product = "w·x" if self.inputs > 1 else "w x"
        inside = f"{product} + b" if self.bias else product
        outer = "a " if self.outer == "trained" else ""
        return f"{outer}{self.activation.name}({inside})"

    def _repr_html_(self) -> str:
        from meanfield.notebook import card

        names = self.parameter_names
        listed = names if len(names) <= _MOST_NAMES else (*names[:3], "…", *names[-3:])
        rows = [
            ("Φ(x; θ)", self.formula),
            ("inputs", f"{self.inputs}"),
            ("outputs", f"{self.outputs}"),
            ("parameters", f"{self.dim}: {', '.join(listed)}"),
        ]
        return card("Neuron", rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `from_dict` rebuilds the neuron."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "activation": self.activation.to_dict(),
            "outer": self.outer,
            "bias": self.bias,
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Neuron:
        """Neuron from the dictionary that `to_dict` makes.

        Raises
        ------
        InvalidInputError
            If a setting is unknown.
        """
        for setting in described:
            if setting not in cls.__dataclass_fields__:
                raise unknown_name("setting of a neuron", setting, cls.__dataclass_fields__)
        return cls(**described)
