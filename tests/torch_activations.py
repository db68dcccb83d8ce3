"""Activations as PyTorch writes them, for automatic differentiation."""

from __future__ import annotations

import torch

#: σ by name, with the parameters that follow the argument in the order of ours.
TORCH = {
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    # Beyond its threshold PyTorch replaces softplus by the identity.
    "softplus": lambda z: torch.nn.functional.softplus(z, threshold=1e3),
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "sin": torch.sin,
    "square": torch.square,
    "linear": lambda z: 1.0 * z,
    "clipped_linear": lambda z, start, stop, low, high: (
        low + (high - low) / (stop - start) * (z.clamp(start, stop) - start)
    ),
}
