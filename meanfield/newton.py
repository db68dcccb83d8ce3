"""Damped Newton for the dual of learning with a noisy measure, in as many unknowns as outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from meanfield.conjugates import curvature_roots, held
from meanfield.duality import GibbsLaw, gibbs_law
from meanfield.problem import Problem
from meanfield.typing import BoolArray, Float64Array

__all__ = ["DualPoint", "Support", "ascend", "dual_point"]

# Part of the predicted increase that a step has to achieve (Armijo; Bertsekas 1982).
_SUFFICIENT = 1e-4
# Rounding of the dual value, in units of its terms.
_ROUNDING = 1e-14
_MOST_HALVINGS = 50
# The linear system of a step is solved to this accuracy, or better near the solution.
_FORCING = 1e-3


class Support(Protocol):
    """Nodes θ_i of parameters with the volumes c_i that they stand for.

    Attributes
    ----------
    confinement : (M,) array
        V at the nodes.
    """

    confinement: Float64Array

    def outputs(self, masses: Float64Array) -> Float64Array:
        """Outputs f(x_j; Σ_i m_i δ_{θ_i}), shape (n, k)."""
        ...

    def potential(self, covector: Float64Array) -> Float64Array:
        """Ψ = Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ + V(θ_i), shape (M,)."""
        ...


@dataclass(frozen=True, eq=False)
class DualPoint:
    """A covector u = α⁻¹ p ℓ'(f), given by outputs f, with its Gibbs law.

    Attributes
    ----------
    given : (n, k) array
        The f, from which u follows.
    reached : (n, k) array
        Outputs of the Gibbs law of u: the same at the solution.
    covector : (n, k) array
        u.
    law : GibbsLaw
    value : float
        D(u).
    gap : float
        F of the Gibbs law minus D(u): what the value lacks at most.
    residual : float
        Root mean square, over the data, of ℓ'(reached) − ℓ'(given).
    size : float
        Sum of the sizes of the terms of D: its rounding error in units of the machine's.
    """

    given: Float64Array
    reached: Float64Array
    covector: Float64Array
    law: GibbsLaw
    value: float
    gap: float
    residual: float
    size: float


def dual_point(
    problem: Problem, support: Support, log_volumes: Float64Array | float, given: Float64Array
) -> DualPoint:
    """Everything that the outputs f imply.

    By the equality of Fenchel and Young R*(u) is ⟨u, f⟩/α − R(f): no conjugate is needed,
    and u never leaves the domain of R*.

    Parameters
    ----------
    problem : Problem
    support : Support
    log_volumes : (M,) array or float
        Logarithms of the volumes.
    given : (n, k) array
    """
    loss, targets, weights = problem.loss, problem.data.targets, problem.data.weights
    covector = problem.covector(given)
    potential = support.potential(covector)
    law = gibbs_law(potential, log_volumes, problem.temperature)
    reached = support.outputs(law.masses)
    slopes = loss.derivatives(given, targets)
    risk, pairing = problem.risk_of_outputs(given), np.sum(covector * given) / problem.scale
    entropy = problem.temperature * law.log_partition
    change = loss.derivatives(reached, targets) - slopes
    excess = problem.risk_of_outputs(reached) - risk
    return DualPoint(
        given,
        reached,
        covector,
        law,
        value=float(risk - pairing - entropy),
        gap=max(0.0, excess - float(np.sum(covector * (reached - given))) / problem.scale),
        residual=float(np.sqrt(weights @ np.sum(change**2, axis=1))),
        size=abs(risk) + abs(float(pairing)) + abs(entropy) + 1e-300,
    )


def ascend(
    problem: Problem, support: Support, log_volumes: Float64Array | float, point: DualPoint
) -> DualPoint | None:
    """One Newton step on D, halved until D increases enough; None if none does.

    The step solves (I + C P ℓ''/τ) Δf = reached − f with C the covariance of the neurons
    under the Gibbs law: conjugate gradients on the symmetric form, each with one sum over
    nodes and one over data, so that no matrix is formed.

    Parameters
    ----------
    problem : Problem
    support : Support
    log_volumes : (M,) array or float
    point : DualPoint
        Where the step starts.
    """
    loss, targets = problem.loss, problem.data.targets
    given = _clipped(problem, point)
    gradient = point.reached - given
    resting = held(loss, given, targets, gradient)
    roots = curvature_roots(loss, given, targets)
    roots = roots * np.sqrt(problem.data.weights)[:, None, None] * ~resting[:, :, None]
    step = _newton_step(problem, support, point, roots, gradient, resting)
    length = 1.0
    for _ in range(_MOST_HALVINGS):
        trial = dual_point(problem, support, log_volumes, given + length * step)
        # The slope of D times the move of u, which the boundary of its domain may stop.
        predicted = np.sum((trial.covector - point.covector) * gradient) / problem.scale
        least = max(0.0, _SUFFICIENT * float(predicted)) - _ROUNDING * point.size
        if trial.value >= point.value + least:
            return trial
        length *= 0.5
    return None


def _newton_step(
    problem: Problem,
    support: Support,
    point: DualPoint,
    roots: Float64Array,
    gradient: Float64Array,
    resting: BoolArray,
) -> Float64Array:
    """Δf, with 0 where the dual variable rests at the boundary of its domain."""
    masses, shape = point.law.masses, gradient.shape
    transposed = roots.transpose(0, 2, 1)

    def covariance(moves: Float64Array) -> Float64Array:
        """τ⁻¹ Cov(Φ) times a change of p ℓ', for outputs that include the scale."""
        features = support.potential(moves / problem.scale) - support.confinement
        return support.outputs(masses * (features - masses @ features)) / problem.temperature

    def product(flat: Float64Array) -> Float64Array:
        z = flat.reshape(shape)
        return (z + _apply(transposed, covariance(_apply(roots, z)))).ravel()

    operator = LinearOperator((gradient.size,) * 2, matvec=product, dtype=np.float64)
    right = _apply(transposed, gradient).ravel()
    accuracy = min(_FORCING, max(1e-12, point.residual))
    solution, _ = cg(operator, right, rtol=accuracy, maxiter=10 * gradient.size)
    step = gradient - covariance(_apply(roots, solution.reshape(shape)))
    return np.asarray(np.where(resting, 0.0, step))


def _clipped(problem: Problem, point: DualPoint) -> Float64Array:
    """Outputs with the same covector that are nearest to the targets (Huber loss)."""
    if problem.loss.name != "huber":
        return point.given
    targets, threshold = problem.data.targets, problem.loss.threshold
    return np.asarray(targets + np.clip(point.given - targets, -threshold, threshold))


def _apply(matrices: Float64Array, vectors: Float64Array) -> Float64Array:
    return np.asarray(np.einsum("jab,jb->ja", matrices, vectors))
