"""Closed forms of E[Φ(x; θ) Φ(x; θ')] as dense torch formulas, the oracle of the kernels."""

import torch


def inner_kernel(activation, left, right):
    """E[σ(w·x) σ(w'·x)] for every pair of rows, shape (N, M)."""
    if activation == "erf":
        scale_left = torch.sqrt(1.0 + 2.0 * (left**2).sum(1))
        scale_right = torch.sqrt(1.0 + 2.0 * (right**2).sum(1))
        cosine = 2.0 * (left @ right.T) / (scale_left[:, None] * scale_right)
        return 2.0 / torch.pi * torch.arcsin(cosine)
    lengths = torch.outer(left.norm(dim=1), right.norm(dim=1))
    cosine = (left @ right.T / lengths).clamp(-1.0, 1.0)
    angle = torch.arccos(cosine)
    return lengths / (2.0 * torch.pi) * (torch.sin(angle) + (torch.pi - angle) * cosine)


def dense_gradients(neuron, positions, sources, masses):
    """Σ_j m_j K(θ_i, θ_j) (N,) and its gradients (N, p) by automatic differentiation."""
    left = torch.tensor(positions, dtype=torch.float64, requires_grad=True)
    right = torch.tensor(sources, dtype=torch.float64)
    charges = torch.tensor(masses, dtype=torch.float64)
    columns = neuron.outer_columns
    kernel = inner_kernel(neuron.activation.name, left[:, columns:], right[:, columns:])
    if columns:
        kernel = kernel * torch.outer(left[:, 0], right[:, 0])
    values = kernel @ charges
    (gradients,) = torch.autograd.grad(values.sum(), left)
    return values.detach().numpy(), gradients.numpy()
