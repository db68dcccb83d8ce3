"""What the backward pass needs of a pre-activation z: one number, or one byte.

The forward pass stores ``keep(activation, z, like)``; the backward pass gets value and
slope back by `recall`. Bytes serve positively homogeneous activations with one output,
where Euler's identity replaces the value; then `recall` gives 0 for it.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from meanfield.kernels.activations import LeakyRelu, Relu, Sigmoid, Tanh, value, value_and_slope
from meanfield.kernels.compilation import inlined

__all__ = ["BYTE_KINDS", "keep", "recall"]

#: Types of activations of which a byte is enough.
BYTE_KINDS = (Relu, LeakyRelu)


def keep(activation: Any, z: Any, like: Any) -> Any:
    """The number to keep for a pre-activation, of the type of `like`."""
    raise NotImplementedError("for compiled code")


@inlined(keep)
def _keep(activation, z, like):
    if isinstance(like, types.Integer):
        return lambda activation, z, like: z > type(z)(0.0)
    if activation.instance_class in (Relu, Tanh, Sigmoid):
        return lambda activation, z, like: value(activation, z)
    return lambda activation, z, like: z


def recall(activation: Any, kept: Any, like: Any) -> Any:
    """Value and slope from the number that was kept, of the type of `like`."""
    raise NotImplementedError("for compiled code")


@inlined(recall)
def _recall(activation, kept, like):
    kind = activation.instance_class
    if isinstance(kept, types.Integer) or kind is Relu:
        return _RECALL[kind, isinstance(kept, types.Integer)]
    return _RECALL.get((kind, False), _recall_from_z)


def _recall_from_z(activation, kept, like):
    return value_and_slope(activation, kept)


def _recall_byte(activation, kept, like):
    number = type(like)
    return number(0.0), number(kept)


def _recall_leaky_byte(activation, kept, like):
    number = type(like)
    return number(0.0), (number(1.0) if kept else number(activation.slope))


def _recall_relu(activation, kept, like):
    number = type(like)
    return kept, (number(1.0) if kept > number(0.0) else number(0.0))


def _recall_tanh(activation, kept, like):
    return kept, type(like)(1.0) - kept * kept


def _recall_sigmoid(activation, kept, like):
    return kept, kept * (type(like)(1.0) - kept)


_RECALL = {
    (Relu, True): _recall_byte,
    (LeakyRelu, True): _recall_leaky_byte,
    (Relu, False): _recall_relu,
    (Tanh, False): _recall_tanh,
    (Sigmoid, False): _recall_sigmoid,
}
