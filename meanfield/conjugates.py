"""Convex conjugates of the losses: what duality needs of each."""

from __future__ import annotations

import numpy as np

from meanfield.losses import Loss
from meanfield.typing import BoolArray, Float64Array

__all__ = ["conjugates", "curvature_roots", "held"]

# How far a derivative may leave the domain of the conjugate: rounding.
_SLACK = 1e-12


def conjugates(loss: Loss, derivatives: Float64Array, targets: Float64Array) -> Float64Array:
    """Convex conjugates ℓ*(v_j, y_j) = sup_f ⟨v_j, f⟩ − ℓ(f, y_j), shape (n,).

    =================  ====================================  =============================
    name               ℓ*(v, y)                              where it is finite
    =================  ====================================  =============================
    ``squared``        ½ |v|² + ⟨v, y⟩                       everywhere
    ``logistic``       s log s + (1 − s) log(1 − s)          s = −y v in [0, 1]
    ``cross_entropy``  Σ_c q_c log q_c                       q = v + e_y a probability
    ``huber``          ½ |v|² + ⟨v, y⟩                       |v_c| ≤ δ for each output c
    =================  ====================================  =============================

    Parameters
    ----------
    loss : Loss
    derivatives : (n, k) array
        The v_j; a derivative of the loss is always inside the domain.
    targets : (n, t) array

    Returns
    -------
    (n,) array
        +∞ outside the domain.

    References
    ----------
    Rockafellar (1970), Convex analysis, section 12.

    Examples
    --------
    >>> from meanfield.losses import losses
    >>> conjugates(losses["squared"], np.array([[2.0]]), np.array([[1.0]]))
    array([4.])
    """
    from scipy.special import xlogy

    if loss.name == "logistic":
        share = -(targets * derivatives)[:, 0]
        values = xlogy(share, share) + xlogy(1.0 - share, 1.0 - share)
        inside = (share >= 0.0) & (share <= 1.0)
    elif loss.name == "cross_entropy":
        shares = derivatives.copy()
        shares[np.arange(len(shares)), targets[:, 0].astype(np.int64)] += 1.0
        inside = (shares.min(axis=1) >= -_SLACK) & (np.abs(shares.sum(axis=1) - 1.0) <= _SLACK)
        shares = np.maximum(shares, 0.0)
        values = xlogy(shares, shares).sum(axis=1)
    else:
        values = np.sum(0.5 * derivatives**2 + derivatives * targets, axis=1)
        inside = np.ones(len(values), dtype=np.bool_)
        if loss.name == "huber":
            inside = np.abs(derivatives).max(axis=1) <= loss.threshold * (1.0 + _SLACK)
    return np.asarray(np.where(inside, values, np.inf))


def curvature_roots(loss: Loss, outputs: Float64Array, targets: Float64Array) -> Float64Array:
    """Matrices L_j with L_j L_jᵀ = ∂²ℓ/∂f² at each data point, shape (n, k, k).

    Where the second derivative of the Huber loss jumps, it is the one from inside.

    Parameters
    ----------
    loss : Loss
    outputs : (n, k) array
    targets : (n, t) array

    Examples
    --------
    >>> from meanfield.losses import losses
    >>> curvature_roots(losses["logistic"], np.array([[0.0]]), np.array([[1.0]]))
    array([[[0.5]]])
    """
    from scipy.special import expit, softmax

    count = outputs.shape[1]
    if loss.name == "logistic":
        roots = np.sqrt(expit(outputs) * expit(-outputs))
        return np.asarray(roots[:, :, None])
    if loss.name == "cross_entropy":
        roots = np.sqrt(softmax(outputs, axis=1))
        return np.asarray(roots[:, :, None] * (np.eye(count) - _outer(roots)))
    curved = np.ones(outputs.shape)
    if loss.name == "huber":
        curved[np.abs(outputs - targets) > loss.threshold + _rounding(loss, targets)] = 0.0
    return np.asarray(curved[:, :, None] * np.eye(count))


def held(
    loss: Loss, outputs: Float64Array, targets: Float64Array, directions: Float64Array
) -> BoolArray:
    """Outputs whose derivative does not change in these directions, shape (n, k).

    These are the outputs of the Huber loss at or beyond its threshold that move away
    from the target: their dual variable rests at the boundary of its domain.

    Parameters
    ----------
    loss : Loss
    outputs : (n, k) array
    targets : (n, t) array
    directions : (n, k) array
    """
    if loss.name != "huber":
        return np.zeros(outputs.shape, dtype=np.bool_)
    residuals = outputs - targets
    far = np.abs(residuals) >= loss.threshold - _rounding(loss, targets)
    return np.asarray(far & (residuals * directions >= 0.0))


def _rounding(loss: Loss, targets: Float64Array) -> Float64Array:
    """How far from the threshold a difference to the targets is that should be at it."""
    return np.asarray(_SLACK * loss.threshold + 8.0 * np.finfo(float).eps * np.abs(targets))


def _outer(rows: Float64Array) -> Float64Array:
    return np.asarray(rows[:, :, None] * rows[:, None, :])
