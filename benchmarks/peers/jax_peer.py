"""JAX: value and gradient, compiled by jit."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import Case, draw
from benchmarks.peers.serve import Variant, serve

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "erf": jax.scipy.special.erf}


def risk(parameters, inputs, targets, activation):
    """Half the mean squared residual, and the outputs (n,)."""
    outer, inner, bias = parameters
    outputs = ACTIVATIONS[activation](inputs @ inner.T + bias) @ outer / len(outer)
    return 0.5 * jnp.mean((outputs - targets) ** 2), outputs


def pair_risk(parameters, teacher, activation):
    """½ mᵀ K m − mᵀ K m* up to a constant, with K on all pairs."""

    def mean(first, second):
        kernel = erf_kernel if activation == "erf" else relu_kernel
        product = first[0] @ (kernel(first[1], second[1]) @ second[0])
        return product / (len(first[0]) * len(second[0]))

    return 0.5 * mean(parameters, parameters) - mean(parameters, teacher)


def erf_kernel(first, second):
    roots = (jnp.sqrt(1 + 2 * (inner**2).sum(1)) for inner in (first, second))
    return 2 / np.pi * jnp.arcsin(2 * (first @ second.T) / jnp.outer(*roots))


def relu_kernel(first, second):
    lengths = jnp.outer(*(jnp.sqrt((inner**2).sum(1)) for inner in (first, second)))
    most = 1 - jnp.finfo(first.dtype).eps
    cosine = jnp.clip(first @ second.T / lengths, -most, most)
    angular = jnp.sqrt(1 - cosine**2) + (np.pi - jnp.arccos(cosine)) * cosine
    return lengths * angular / (2 * np.pi)


def prepare(case: Case) -> dict[str, Variant]:
    if case.kind not in ("step", "pair"):
        return {}
    inputs, targets, positions, teacher = map(jnp.asarray, draw(case).typed(case.dtype))
    moving = positions[:, 0], positions[:, 1 : 1 + case.inputs], positions[:, -1]
    if case.kind == "pair":
        differentiate = jax.jit(jax.grad(pair_risk), static_argnums=2)
        known = moving[:2], (teacher[:, 0], teacher[:, 1:]), case.activation
        return {"jax": variant(differentiate, known, lambda result: (np.empty(0), result))}
    differentiate = jax.jit(jax.value_and_grad(risk, has_aux=True), static_argnums=3)
    known = moving, inputs, targets[:, 0], case.activation
    return {"jax": variant(differentiate, known, lambda result: (result[0][1], result[1]))}


def variant(differentiate, known, split) -> Variant:
    """A call with known arguments; `split` finds outputs and gradients in what it returns."""

    def arrays(result):
        outputs, gradients = split(result)
        columns = [np.asarray(g).reshape(len(g), -1) for g in gradients]
        return outputs, -len(columns[0]) * np.hstack(columns)

    return Variant(lambda: jax.block_until_ready(differentiate(*known)), arrays)


if __name__ == "__main__":
    serve(prepare, {"jax": jax.__version__})
