"""The parts of a two-layer network in PyTorch: found, named, and tried against its forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from meanfield.activation import Activation
from meanfield.checks import as_number
from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron
from meanfield.torch_modules import is_transparent, named_activation, recognised_activation
from meanfield.typing import Float64Array, FloatArray

if TYPE_CHECKING:
    import torch

__all__ = ["Outer", "TwoLayers", "find_layers", "require_torch"]

# Points at which the forward of a model is tried.
_TRIALS = 4
# Relative error of a trial that is rounding, as a power of the precision of the numbers.
_ROUNDING_POWER = 0.6
# Relative deviation from 1 of outer weights that are fixed there.
_FIXED = 1e-6

Outer = Literal["trained", "fixed"]


@dataclass(frozen=True, eq=False)
class TwoLayers:
    """A network f(x) = s Σ_i A_i σ(w_i·x + b_i) in PyTorch.

    Attributes
    ----------
    inner, outer : torch.nn.Linear
        With weights (N, d) and (k, N).
    activation : Activation
        σ.
    output_factor : float
        s.
    """

    inner: Any
    outer: Any
    activation: Activation
    output_factor: float

    @property
    def width(self) -> int:
        """Number N of neurons."""
        return int(self.inner.out_features)

    def magnification(self, scale: float) -> float:
        """Factor c = N s/α, so that a_i = c A_i."""
        return self.width * self.output_factor / as_number("scale", scale, "positive")

    def neuron(self, outer: Outer) -> Neuron:
        """Φ, with a trained or a fixed outer weight."""
        inputs, outputs = self.inner.in_features, self.outer.out_features
        return Neuron(inputs, outputs, self.activation, outer, self.inner.bias is not None)

    def positions(self, scale: float, outer: Outer) -> FloatArray:
        """Parameters (a, w, b) of the neurons as they are now, (N, p).

        Raises
        ------
        InvalidInputError
            If outer weights that are to be fixed are not 1.
        """
        a = self.magnification(scale) * _to_array(self.outer.weight).T
        parts = [a, _to_array(self.inner.weight)]
        if self.neuron(outer).outer_columns == 0:
            off = np.abs(a - 1.0)
            if not (off <= _FIXED).all():
                raise InvalidInputError(
                    'outer="fixed" needs outer weights a_i = (N s/α) A_i that are 1, got '
                    f'{a.ravel()[off.argmax()]:.6g}; take outer="trained"'
                )
            del parts[0]
        if self.inner.bias is not None:
            parts.append(_to_array(self.inner.bias)[:, None])
        positions = np.concatenate(parts, axis=1)
        double = self.inner.weight.dtype == require_torch().float64
        return positions if double else positions.astype(np.float32)


def require_torch() -> Any:
    """Import PyTorch.

    Raises
    ------
    InvalidInputError
        If it is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise InvalidInputError(
            'networks of PyTorch need torch: pip install "meanfield-flow[torch]"'
        ) from None
    return torch


def _to_array(tensor: torch.Tensor) -> Float64Array:
    """Values of a tensor on any device, in float64."""
    array: Float64Array = tensor.detach().cpu().double().numpy()
    return array


def find_layers(model: Any, activation: Any, output_factor: float | None) -> TwoLayers:
    """Find Linear, activation, Linear in a model, and try that its forward computes them.

    Parameters
    ----------
    model : torch.nn.Module
    activation : str, dict, Activation or None
        σ, where the model has no module for it or one that is not known.
    output_factor : float or None
        s, which the forward or the loop of the user multiplies by; None if any will do.

    Raises
    ------
    InvalidInputError
        If the model is anything else; the message says what was found.
    """
    torch = require_torch()
    if not isinstance(model, torch.nn.Module):
        raise InvalidInputError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    factor = as_number("output_factor", 1.0 if output_factor is None else output_factor)
    if factor == 0.0:
        raise InvalidInputError("output_factor must not be 0")
    leaves = [module for module in model.modules() if not any(module.children())]
    _check_normalised(leaves)
    linear = [module for module in leaves if isinstance(module, torch.nn.Linear)]
    _check_linear(torch, model, linear, _listed(leaves))
    inner, outer = linear
    if any(parameter.is_meta for parameter in model.parameters()):
        raise InvalidInputError("the model is on the device meta, where weights have no values")
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        raise InvalidInputError("the weights of the model are not all finite numbers")
    _check_dropout(leaves)
    found = [module for module in leaves if module not in linear and not is_transparent(module)]
    chosen = (
        recognised_activation(found) if activation is None else named_activation(activation, found)
    )
    layers = TwoLayers(inner, outer, chosen, factor)
    trial = _Trial.of(torch, model, layers)
    if trial.fits(1.0) or trial.fits(factor) or (output_factor is None and trial.is_multiple):
        return layers
    raise trial.mismatch(layers, named=activation is not None or bool(found))


def _listed(leaves: list[Any]) -> str:
    """What a model consists of, in words."""
    names = [
        f"{type(module).__name__}({module.in_features}, {module.out_features})"
        if hasattr(module, "in_features")
        else type(module).__name__
        for module in leaves
    ]
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _check_linear(torch: Any, model: Any, linear: list[Any], listed: str) -> None:
    """Raise unless there are two layers that fit, and no parameters beside theirs."""
    wanted = "a two-layer network is Linear, activation, Linear"
    if len(linear) != 2:
        layers = "layer" if len(linear) == 1 else "layers"
        raise InvalidInputError(f"{wanted}; the model has {len(linear)} Linear {layers}: {listed}")
    inner, outer = linear
    own = {id(parameter) for layer in linear for parameter in layer.parameters()}
    further = [name for name, parameter in model.named_parameters() if id(parameter) not in own]
    if further:
        raise InvalidInputError(
            f"{wanted}; the model has further parameters: {', '.join(further)} ({listed})"
        )
    if any(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise InvalidInputError("the model has lazy layers; call it on one batch of inputs first")
    if inner.out_features != outer.in_features:
        raise InvalidInputError(
            f"{wanted}, registered in this order; the first gives {inner.out_features} neurons "
            f"and the second takes {outer.in_features}: {listed}"
        )
    if outer.bias is not None and bool((outer.bias != 0.0).any()):
        raise InvalidInputError(
            "the second Linear layer has a bias that is not zero, which mean-field neurons have "
            "none of; make it with bias=False, and subtract a constant from the targets instead"
        )


def _check_normalised(leaves: list[Any]) -> None:
    """Raise if neurons are made to depend on each other, or on the other points of a batch."""
    for module in leaves:
        name = type(module).__name__
        if "Norm" in name and type(module).__module__.startswith("torch.nn.modules"):
            raise InvalidInputError(
                f"{name} divides by a scale that the batch or the other neurons set, which "
                "mean-field neurons do not; remove it"
            )


def _check_dropout(leaves: list[Any]) -> None:
    for module in leaves:
        rate = getattr(module, "p", 0.0) if "Dropout" in type(module).__name__ else 0.0
        if rate > 0.0:
            raise InvalidInputError(
                f"{type(module).__name__}(p={rate:g}) makes the network random, which the mean "
                "field is not; remove it or set p=0"
            )


@dataclass(frozen=True, eq=False)
class _Trial:
    """Outputs of a model at a few points beside those that its layers give, with s = 1.

    Attributes
    ----------
    outputs, expected : (m, k) arrays
    rounding : (m, k) array
        How far they may be apart.
    """

    outputs: Float64Array
    expected: Float64Array
    rounding: Float64Array

    @classmethod
    def of(cls, torch: Any, model: Any, layers: TwoLayers) -> _Trial:
        """Call the forward of a model."""
        inner, outer = layers.inner, layers.outer
        points = np.random.default_rng(0).standard_normal((_TRIALS, inner.in_features))
        trial = torch.as_tensor(points, dtype=inner.weight.dtype).to(inner.weight.device)
        try:
            with torch.no_grad():
                outputs = _to_array(model(trial)).reshape(_TRIALS, -1)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InvalidInputError(
                f"the model does not turn inputs of shape {points.shape} into one tensor of "
                f"outputs: {str(error).splitlines()[0]}"
            ) from None
        arguments = _to_array(trial) @ _to_array(inner.weight).T
        if inner.bias is not None:
            arguments += _to_array(inner.bias)
        hidden, weights = layers.activation(arguments), _to_array(outer.weight).T
        tolerance = float(torch.finfo(inner.weight.dtype).eps) ** _ROUNDING_POWER
        rounding = tolerance * (np.abs(hidden) @ np.abs(weights))
        return cls(outputs, hidden @ weights, rounding)

    def fits(self, factor: float) -> bool:
        """Whether outputs are these times the factor."""
        if self.outputs.shape != self.expected.shape:
            return False
        off = np.abs(self.outputs - factor * self.expected)
        return bool((off <= abs(factor) * self.rounding).all())

    @property
    def multiple(self) -> float:
        """Factor that fits best."""
        square = float(np.sum(self.expected**2))
        if square == 0.0 or self.outputs.shape != self.expected.shape:
            return 0.0
        return float(np.sum(self.outputs * self.expected)) / square

    @property
    def is_multiple(self) -> bool:
        """Whether some factor fits."""
        return self.multiple != 0.0 and self.fits(self.multiple)

    def mismatch(self, layers: TwoLayers, named: bool) -> InvalidInputError:
        """What to say of a forward that does not fit."""
        if self.is_multiple:
            return InvalidInputError(
                f"the forward of the model multiplies by {self.multiple:.6g}, but output_factor "
                f"is {layers.output_factor:g}; pass the product of all factors of the output, "
                "and write them in one place"
            )
        cure = (
            "check the order of its layers"
            if named
            else "it has no module for an activation: name the one of its forward, as in "
            "activation='tanh'"
        )
        return InvalidInputError(
            "the model computes something else than outer(activation(inner(x))) of its two "
            f"Linear layers, with the activation {layers.activation.name}; {cure}"
        )
