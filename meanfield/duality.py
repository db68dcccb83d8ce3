"""The dual of learning with a measure: its value, and the Gibbs measures that attain it.

The risk R is convex in the outputs, so F(μ) = R(μ) + ∫V dμ + τ ∫ log μ dμ has the dual

    D(u) = −R*(u) − τ log ∫ exp(−(⟨u, Φ⟩ + V)/τ) dθ,    D(u) ≤ min F,

a concave function of as many numbers as the data have targets. The integral is a sum over
nodes, with the volume that each stands for. Everything here is a function of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.conjugates import conjugates
from meanfield.losses import Loss
from meanfield.typing import Float64Array

__all__ = ["GibbsLaw", "conjugate_risk", "dual_value", "gibbs_law", "relative_entropy"]


@dataclass(frozen=True, eq=False)
class GibbsLaw:
    """The law e^{−Ψ/τ}/Z on nodes.

    Attributes
    ----------
    masses : (M,) array
        Its masses at the nodes.
    log_masses : (M,) array
        Their logarithms, finite where a mass underflows.
    log_partition : float
        log Z.
    """

    masses: Float64Array
    log_masses: Float64Array
    log_partition: float


def gibbs_law(
    potential: Float64Array, log_volumes: Float64Array | float, temperature: float
) -> GibbsLaw:
    """Gibbs law of a potential, with Z = Σ_i c_i exp(−Ψ_i/τ).

    Parameters
    ----------
    potential : (M,) array
        Ψ at the nodes.
    log_volumes : (M,) array or float
        Logarithms of the volumes c_i that the nodes stand for.
    temperature : float
        τ > 0.

    Examples
    --------
    >>> law = gibbs_law(np.array([0.0, np.log(3.0)]), 0.0, temperature=1.0)
    >>> law.masses, round(float(np.exp(law.log_partition)), 12)
    (array([0.75, 0.25]), 1.333333333333)
    """
    from scipy.special import logsumexp

    exponents = log_volumes - potential / temperature
    log_partition = float(logsumexp(exponents))
    log_masses = exponents - log_partition
    masses = np.exp(log_masses)
    return GibbsLaw(masses / masses.sum(), log_masses, log_partition)


def relative_entropy(masses: Float64Array, log_reference: Float64Array) -> float:
    """Kullback–Leibler divergence Σ_i m_i log(m_i / r_i) of masses m from a law r.

    Summed as Σ r_i h(m_i / r_i) with h(q) = q log q − q + 1 ≥ 0, without cancellation:
    small divergences keep their digits.

    Parameters
    ----------
    masses : (M,) array
        With sum 1.
    log_reference : (M,) array
        log r_i; the r_i have sum 1.

    Examples
    --------
    >>> relative_entropy(np.array([0.5, 0.5]), np.log([0.5, 0.5]))
    0.0
    """
    reference = np.exp(log_reference)
    near = np.abs(masses - reference) < 0.1 * reference
    excess = np.divide(masses - reference, reference, out=np.zeros_like(masses), where=near)
    close = (reference * ((1.0 + excess) * np.log1p(excess) - excess))[near]
    # Where r underflows its logarithm does not.
    far, there = masses[~near], log_reference[~near]
    logarithms = np.log(far, out=np.zeros_like(far), where=far > 0.0)
    apart = far * (logarithms - np.where(far > 0.0, there, 0.0)) - far + reference[~near]
    return float(close.sum() + apart.sum())


def conjugate_risk(
    loss: Loss,
    derivatives: Float64Array,
    targets: Float64Array,
    weights: Float64Array,
    scale: float = 1.0,
) -> float:
    """R*(u) = α⁻² Σ_j p_j ℓ*(v_j, y_j) at the covector u_j = α⁻¹ p_j v_j.

    Parameters
    ----------
    loss : Loss
    derivatives : (n, k) array
        The v_j.
    targets : (n, t) array
    weights : (n,) array
        The p_j.
    scale : float
        α.
    """
    values = conjugates(loss, derivatives, targets)
    counted = weights > 0.0
    return float(weights[counted] @ values[counted]) / scale**2


def dual_value(conjugate: float, log_partition: float, temperature: float) -> float:
    """D(u) = −R*(u) − τ log Z(u): below the energy of every measure on the same nodes."""
    return -conjugate - temperature * log_partition
