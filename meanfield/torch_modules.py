"""Modules of PyTorch between two Linear layers: which activation they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meanfield.activation import Activation
from meanfield.activations import (
    activation_from_dict,
    activations,
    clipped_linear,
    leaky_relu,
)
from meanfield.errors import InvalidInputError

__all__ = ["is_transparent", "named_activation", "recognised_activation"]

# From this argument on, where PyTorch replaces softplus by the identity, they agree to 2e-9.
_SOFTPLUS_THRESHOLD = 20.0


def is_transparent(module: Any) -> bool:
    """Whether a module hands on what it gets, up to its shape."""
    name = type(module).__name__
    return name in ("Identity", "Flatten", "Unflatten") or "Dropout" in name


def _slope_of(module: Any) -> Activation:
    return leaky_relu(float(module.negative_slope))


def _softplus(module: Any) -> Activation:
    if module.beta != 1 or module.threshold < _SOFTPLUS_THRESHOLD:
        raise InvalidInputError(
            f"Softplus(beta={module.beta:g}, threshold={module.threshold:g}) is not softplus here; "
            "take beta=1 and the threshold 20 or more"
        )
    return activations["softplus"]


def _gelu(module: Any) -> Activation:
    if module.approximate != "none":
        raise InvalidInputError(
            f"GELU(approximate={module.approximate!r}) is not gelu, which is exact; take "
            'approximate="none"'
        )
    return activations["gelu"]


# σ by the class of its module; a class that is not listed needs the argument `activation`.
_ACTIVATIONS: Mapping[str, Callable[[Any], Activation]] = {
    "ReLU": lambda module: activations["relu"],
    "LeakyReLU": _slope_of,
    "Tanh": lambda module: activations["tanh"],
    "Sigmoid": lambda module: activations["sigmoid"],
    "SiLU": lambda module: activations["silu"],
    "Softplus": _softplus,
    "GELU": _gelu,
    "ReLU6": lambda module: clipped_linear(0.0, 6.0, 0.0, 6.0),
    "Hardtanh": lambda module: clipped_linear(
        module.min_val, module.max_val, module.min_val, module.max_val
    ),
    "Hardsigmoid": lambda module: clipped_linear(-3.0, 3.0, 0.0, 1.0),
}


def named_activation(activation: Any, found: list[Any]) -> Activation:
    """σ as a user named it, which a known module must not contradict.

    Raises
    ------
    InvalidInputError
        If the one module found is another activation, or the name is unknown.
    """
    chosen = activation_from_dict(activation)
    if len(found) == 1 and _is_known(found[0]) and (own := recognised_activation(found)) != chosen:
        raise InvalidInputError(
            f"the activation of the model is {own.name} {own.parameters or ''}".rstrip()
            + f", not {chosen.name} {chosen.parameters or ''}".rstrip()
        )
    return chosen


def _is_known(module: Any) -> bool:
    kind = type(module)
    return kind.__name__ in _ACTIVATIONS and kind.__module__.startswith("torch.")


def recognised_activation(found: list[Any]) -> Activation:
    """σ of the one module beside the layers, the identity if there is none.

    Raises
    ------
    InvalidInputError
        If there are several modules, or theirs is no activation of this package.
    """
    if not found:
        return activations["linear"]
    names = [type(module).__name__ for module in found]
    if len(found) > 1:
        raise InvalidInputError(
            f"a two-layer network has one activation; the model has {', '.join(names)}"
        )
    if not _is_known(found[0]):
        raise InvalidInputError(
            f"the activation {names[0]} is not known; known are {', '.join(_ACTIVATIONS)}; name "
            "another by the argument activation, as in activation='sin'"
        )
    return _ACTIVATIONS[names[0]](found[0])
