"""Kernels for an activation that the user brings."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba

from meanfield.kernels import activations, sgd, two_layer

__all__ = ["Kernels", "builtin_kernels", "custom_kernels"]

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}


class Kernels:
    """The compiled functions that depend on the activation.

    Attributes
    ----------
    fill_values, fill_pairs, add_outputs, write_gradients, write_potentials, sgd_steps
        As in the modules of the same package.
    """

    def __init__(self, functions: dict[str, Callable[..., None]]) -> None:
        self.fill_values = functions["fill_values"]
        self.fill_pairs = functions["fill_pairs"]
        self.add_outputs = functions["add_outputs"]
        self.write_gradients = functions["write_gradients"]
        self.write_potentials = functions["write_potentials"]
        self.sgd_steps = functions["sgd_steps"]


_BUILTIN: dict[str, Any] = {
    "fill_values": activations.fill_values,
    "fill_pairs": activations.fill_pairs,
    "add_outputs": two_layer.add_outputs,
    "write_gradients": two_layer.write_gradients,
    "write_potentials": two_layer.write_potentials,
    "sgd_steps": sgd.sgd_steps,
}


def builtin_kernels() -> Kernels:
    """The kernels of every built-in activation, compiled once and cached on disk."""
    return Kernels(_BUILTIN)


def custom_kernels(value: Callable[..., float], derivative: Callable[..., float]) -> Kernels:
    """Compile the same kernels around two scalar functions.

    numba cannot cache functions that are passed as arguments, so the source of each
    kernel is compiled anew with its tile loops replaced; a few seconds a process.
    """
    value = numba.njit(**_OPTIONS)(getattr(value, "py_func", value))
    derivative = numba.njit(**_OPTIONS)(getattr(derivative, "py_func", derivative))

    @numba.njit(**_OPTIONS)
    def fill_values(code, parameters, z, values):
        for i in range(z.size):
            values[i] = value(z[i])

    @numba.njit(**_OPTIONS)
    def fill_pairs(code, parameters, z, values, slopes):
        for i in range(z.size):
            values[i], slopes[i] = value(z[i]), derivative(z[i])

    functions: dict[str, Any] = {"fill_values": fill_values, "fill_pairs": fill_pairs}
    for name in ("add_outputs", "write_gradients", "write_potentials", "sgd_steps"):
        functions[name] = _recompile(_BUILTIN[name], functions)
    return Kernels(functions)


def _recompile(kernel: Any, replacements: dict[str, Any]) -> Any:
    source = kernel.py_func
    names = {**source.__globals__, **replacements}
    return numba.njit(**_OPTIONS)(FunctionType(source.__code__, names, source.__name__))
