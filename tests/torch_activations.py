"""Activations as PyTorch writes them, for automatic differentiation."""

from __future__ import annotations

import torch


def linear_spline(z, knots, values, left_slope, right_slope):
    """Lines through (knots, values), with these slopes outside; a knot belongs to its left."""
    corners, heights = torch.tensor(knots, dtype=z.dtype), torch.tensor(values, dtype=z.dtype)
    inside = torch.diff(heights) / torch.diff(corners)
    ends = torch.tensor([left_slope, right_slope], dtype=z.dtype)
    slopes = torch.cat([ends[:1], inside, ends[1:]])
    piece = torch.searchsorted(corners, z.detach().contiguous())
    knot = (piece - 1).clamp(min=0)
    return heights[knot] + slopes[piece] * (z - corners[knot])


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
    "linear_spline": linear_spline,
}
