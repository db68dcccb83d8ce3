"""Second order of finite width: how the mean of a network differs from the limit.

The start of a network is μ_0 + ν/√N with a noise ν of covariance μ_0. To order 1/N its mean
feels the covariances of nodes and outputs, in which the derivatives of second and third
order of neurons and losses meet. A bar stands for expectations over ν.
"""

from __future__ import annotations

import numpy as np

from meanfield.linear_flow import LinearFlow
from meanfield.losses import Loss
from meanfield.neuron_jets import NeuronJets
from meanfield.problem import Problem
from meanfield.typing import Float64Array

__all__ = ["covariances_of", "curved_outputs", "curved_rates"]


def covariances_of(influence: Float64Array, dim: int) -> Float64Array:
    """N times the covariance of each node at width N, (M, p, p), from Y (M p, r)."""
    moved = influence.reshape(len(influence) // dim, dim, influence.shape[1])
    result = np.empty((len(moved), dim, dim))
    for first in range(dim):
        for second in range(first + 1):
            entry = np.einsum("ib,ib->i", moved[:, first], moved[:, second])
            result[:, first, second] = result[:, second, first] = entry
    return result


def curved_outputs(
    jets: NeuronJets,
    gradients: Float64Array,
    masses: Float64Array,
    basis: Float64Array,
    influence: Float64Array,
    covariances: Float64Array,
) -> Float64Array:
    """Σ_w c_w (⟨∂Φ, Y(w; w)⟩ + ½ tr(∂²Φ Cov_w)) at the points of the jets, shape (m k, 1).

    It is the mean change of second order of ∫ Φ dμ_N, without that of the nodes' means.

    Parameters
    ----------
    jets : NeuronJets
    gradients : (M p, m k) array
        Of the jets.
    masses : (M,) array
    basis : (M, r) array
    influence : (M p, r) array
        As in `LinearResponse`.
    covariances : (M, p, p) array
        Of the nodes.
    """
    moved = influence.reshape(*covariances.shape[:2], basis.shape[1])
    own = np.einsum("ipb,ib->ip", moved, np.sqrt(masses)[:, None] * basis)
    mixed, squared = _spreads(jets, covariances)
    bent = mixed * jets.slopes[:, :, None]
    bent += 0.5 * jets.outer[:, None, :] * (jets.curvatures * squared)[:, :, None]
    second = np.einsum("i,ijc->jc", masses, bent).reshape(-1)
    return np.asarray(gradients.T @ own.reshape(-1) + second)[:, None]


def curved_rates(
    problem: Problem,
    flow: LinearFlow,
    modes: Float64Array,
    influence: Float64Array,
    covariances: Float64Array,
) -> Float64Array:
    """Change of the nodes' mean velocity by covariances, shape (M p, 1).

    −(δu · ∂²Φ Y)‾ − ½ Σ_j u_j (∂³Φ_j[Y, Y])‾ − Σ_j ∂Φ_j ½ p_j (ℓ'''[δf_j, δf_j])‾/α, where δu
    is the change S δf of u_j = p_j ℓ'_j/α.

    Parameters
    ----------
    problem : Problem
    flow : LinearFlow
    modes : (n k, r) array
        δf, for each direction.
    influence : (M p, r) array
        Y, for each direction.
    covariances : (M, p, p) array
        Of the nodes.
    """
    jets, (nodes, dim) = flow.jets, flow.velocity.shape
    points, count = flow.outputs.shape
    columns = problem.neuron.outer_columns
    shaped = modes.reshape(points, count, modes.shape[1])
    joint = (influence @ flow.pushes(modes).T).reshape(nodes, dim, points, count)
    joint_inner = np.einsum("jq,iqjc->ijc", jets.points, joint[:, columns:])
    mixed, squared = _spreads(jets, covariances)
    covector = problem.covector(flow.outputs)

    rates = np.zeros((nodes, dim))
    curved = jets.curvatures * squared
    inner = jets.curvatures * np.einsum("ic,ijc->ij", jets.outer, joint_inner)
    inner += 0.5 * jets.thirds() * squared * (jets.outer @ covector.T)
    if columns:
        rates[:, :columns] = np.einsum("ij,ijc->ic", jets.slopes, joint_inner)
        rates[:, :columns] += 0.5 * curved @ covector
        inner += jets.slopes * np.einsum("icjc->ij", joint[:, :columns])
        inner += jets.curvatures * np.einsum("jc,ijc->ij", covector, mixed)
    rates[:, columns:] = inner @ jets.points
    bends = _third_derivatives(problem.loss, flow.outputs, shaped @ shaped.transpose(0, 2, 1))
    bends *= 0.5 * problem.data.weights[:, None] / problem.scale
    return np.asarray(-rates.reshape(-1) - flow.gradients @ bends.reshape(-1))[:, None]


def _spreads(jets: NeuronJets, covariances: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Covariances of the arguments ω·x̃ with a, (M, n, k), and their variances, (M, n)."""
    columns = jets.neuron.outer_columns
    inner = covariances[:, columns:, columns:].reshape(len(covariances), -1)
    mixed = np.zeros((*jets.values.shape, jets.outer.shape[1]))
    if columns:
        mixed = np.einsum("jq,iqc->ijc", jets.points, covariances[:, columns:, :columns])
    return mixed, np.asarray(inner @ jets.squares.T)


def _third_derivatives(
    loss: Loss, outputs: Float64Array, covariances: Float64Array
) -> Float64Array:
    """Σ_de ∂³ℓ/∂f_c∂f_d∂f_e Cov_de at each point, shape (n, k); NaN where it does not exist."""
    from scipy.special import expit, softmax

    if loss.name == "logistic":
        share = expit(outputs)
        return np.asarray(share * (1.0 - share) * (1.0 - 2.0 * share) * covariances[:, 0])
    if loss.name == "cross_entropy":
        share = softmax(outputs, axis=1)
        own = np.einsum("jcc->jc", covariances)
        crossed = np.einsum("jcd,jd->jc", covariances, share)
        constant = 2.0 * np.sum(share * crossed, axis=1) - np.sum(share * own, axis=1)
        return np.asarray(share * (own - 2.0 * crossed + constant[:, None]))
    return np.full(outputs.shape, np.nan if loss.name == "huber" else 0.0)
