"""PyTorch: eager autograd, or with `tuned` as argument what an expert would do.

Tuned means the gradient by hand, eager and compiled, in a process whose allocator keeps
its memory (the harness sets its environment); the harness counts the faster one.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import torch

from benchmarks.cases import SGD_STEP, Case, batches, draw
from benchmarks.peers.serve import Variant, serve

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "erf": torch.erf}


def network(outer, inner, bias, inputs, activation):
    """Outputs (n,) of the mean of N neurons."""
    hidden = ACTIVATIONS[activation](torch.nn.functional.linear(inputs, inner, bias))
    return hidden @ outer / len(outer)


def autograd_step(parameters, inputs, targets, activation):
    outputs = network(*parameters, inputs, activation)
    risk = 0.5 * torch.mean((outputs - targets) ** 2)
    return outputs.detach(), torch.autograd.grad(risk, parameters)


@torch.no_grad()
def manual_step(parameters, inputs, targets, activation):
    outer, inner, bias = parameters
    z = torch.addmm(bias, inputs, inner.T)
    if activation == "erf":
        value, slope = torch.erf(z), z.square().neg_().exp_().mul_(2 / np.sqrt(np.pi))
    elif activation == "tanh":
        value = z.tanh_()
        slope = 1 - value.square()
    else:
        slope = (z > 0).to(z.dtype)
        value = z.relu_()
    outputs = value @ outer / len(outer)
    residuals = (outputs - targets) / (len(targets) * len(outer))
    slope.mul_(residuals[:, None]).mul_(outer)
    return outputs, (value.T @ residuals, slope.T @ inputs, slope.sum(0))


def mean_kernel(first, second, activation):
    """Mean of K over all pairs, an array of N x N numbers."""
    kernel = erf_kernel if activation == "erf" else relu_kernel
    product = first[0] @ (kernel(first[1], second[1]) @ second[0])
    return product / (len(first[0]) * len(second[0]))


def erf_kernel(first, second):
    roots = (torch.sqrt(1 + 2 * (inner**2).sum(1)) for inner in (first, second))
    return 2 / np.pi * torch.arcsin(2 * (first @ second.T) / torch.outer(*roots))


def relu_kernel(first, second):
    lengths = torch.outer(first.norm(dim=1), second.norm(dim=1))
    most = 1 - torch.finfo(first.dtype).eps
    cosine = torch.clamp(first @ second.T / lengths, -most, most)
    angular = torch.sqrt(1 - cosine**2) + (np.pi - torch.arccos(cosine)) * cosine
    return lengths * angular / (2 * np.pi)


def autograd_pairs(parameters, teacher, activation, mean=mean_kernel):
    """Gradient of ½ mᵀ K m − mᵀ K m*."""
    risk = 0.5 * mean(parameters, parameters, activation) - mean(parameters, teacher, activation)
    return torch.autograd.grad(risk, parameters)


def autograd_descent(parameters, inputs, targets, case, indices):
    parameters = [p.detach().clone().requires_grad_() for p in parameters]
    optimizer = torch.optim.SGD(parameters, lr=SGD_STEP * case.particles)
    for batch in indices:
        optimizer.zero_grad()
        outputs = network(*parameters, inputs[batch], case.activation)
        risk = 0.5 * torch.mean((outputs - targets[batch]) ** 2)
        risk.backward()
        optimizer.step()
    return [p.detach() for p in parameters]


def manual_descent(step, parameters, inputs, targets, case, indices):
    parameters = [p.detach().clone() for p in parameters]
    for batch in indices:
        _, gradients = step(parameters, inputs[batch], targets[batch], case.activation)
        torch._foreach_add_(parameters, gradients, alpha=-SGD_STEP * case.particles)
    return parameters


def prepare(case: Case) -> dict[str, Variant]:
    if case.kind not in ("step", "pair", "sgd"):
        return {}
    torch._dynamo.reset()
    inputs, targets, positions, teacher = map(torch.from_numpy, draw(case).typed(case.dtype))
    parts = positions[:, 0], positions[:, 1 : 1 + case.inputs], positions[:, -1]
    parameters = [part.contiguous().requires_grad_() for part in parts]
    if case.kind == "pair":
        return pair_variants(case, parameters[:2], (teacher[:, 0], teacher[:, 1:]))
    if case.kind == "step":
        return step_variants(case, (parameters, inputs, targets[:, 0], case.activation))
    indices = torch.from_numpy(batches(case))
    return descent_variants((parameters, inputs, targets[:, 0], case, indices))


def step_variants(case, known):
    functions = {"autograd": autograd_step}
    if TUNED:
        functions = {"manual": manual_step, "compiled": compiled(manual_step)}
    return variants(
        functions, known, lambda result: (result[0], -case.particles * columns(result[1]))
    )


def pair_variants(case, parameters, teacher):
    functions = {"autograd": autograd_pairs}
    if TUNED:
        functions["compiled"] = partial(autograd_pairs, mean=compiled(mean_kernel))
    known = parameters, teacher, case.activation
    return variants(
        functions, known, lambda result: (np.empty(0), -case.particles * columns(result))
    )


def descent_variants(known):
    functions = {"autograd": autograd_descent}
    if TUNED:
        functions = {
            "manual": partial(manual_descent, manual_step),
            "compiled": partial(manual_descent, compiled(manual_step)),
        }
    start = columns([part.detach() for part in known[0]])
    return variants(functions, known, lambda end: (np.empty(0), columns(end) - start))


def compiled(function):
    return torch.compile(function, dynamic=False)


def variants(functions, known, arrays) -> dict[str, Variant]:
    """Variants that work: compiled ones need a C++ compiler."""
    working = {}
    for name, function in functions.items():
        call = partial(function, *known)
        if name == "compiled":
            try:
                call()
            except RuntimeError as error:
                print(f"not compiled: {error}", file=sys.stderr)
                continue
        working[name] = Variant(call, arrays, name)
    return working


def columns(parts):
    """Parts of all parameters side by side, (N, p)."""
    return np.hstack([part.numpy().reshape(len(part), -1) for part in parts])


if __name__ == "__main__":
    TUNED = "tuned" in sys.argv
    serve(prepare, {"torch": torch.__version__})
