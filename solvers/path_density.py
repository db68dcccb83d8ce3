"""Densities along the paths of the noiseless flow, without a grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.checks import as_finite_array
from meanfield.errors import InvalidInputError
from meanfield.laws import InitialLaw
from meanfield.linearised import hessian_products
from meanfield.measures import ParticleMeasure
from meanfield.problem import Problem
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.typing import Float64Array

__all__ = ["log_densities", "potential_laplacians"]

# Points per step of the flow at which the integrand is evaluated: more than its
# interpolation, of order 4, deserves.
_POINTS = 4
# A time so short after the last step that reaching it takes one more step.
_MOMENT = 1e-9


def potential_laplacians(problem: Problem, measure: ParticleMeasure) -> Float64Array:
    """Laplacian ΔΨ(θ_i; μ) of the potential at each particle, shape (N,).

    Raises
    ------
    InvalidInputError
        If σ'' of a custom activation was not given.
    """
    total = np.zeros(len(measure))
    for column in range(measure.dim):
        direction = np.zeros_like(measure.positions)
        direction[:, column] = 1.0
        total += hessian_products(problem, measure, direction)[:, column]
    return total


def log_densities(
    problem: Problem,
    law: InitialLaw,
    measure: ParticleMeasure,
    times: Any,
    flow: ParticleFlow | None = None,
) -> Float64Array:
    """Logarithm of the density of μ_t where the nodes of μ_0 are at time t.

    Along a path of the flow d/dt log μ_t(X_t) = ΔΨ(X_t; μ_t). With the masses m_i of the
    nodes, Σ_i m_i log μ_t(X_t^i) is the integral ∫ log μ dμ of entropy.

    Parameters
    ----------
    problem : Problem
        At temperature 0.
    law : InitialLaw
        μ_0, which has a density.
    measure : ParticleMeasure
        Nodes of μ_0, for example from `meanfield.quadrature.quadrature`.
    times : (F,) array
        Increasing times ≥ 0.
    flow : ParticleFlow, optional
        How nodes are moved; by default to a relative tolerance of 1e-9.

    Returns
    -------
    (F, N) array

    Raises
    ------
    InvalidInputError
        If the law has no density, the activation has kinks or no known second derivative,
        times do not increase, or the problem is noisy.

    Examples
    --------
    >>> from meanfield import Dataset, Gaussian, Neuron, quadrature
    >>> neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[1.0]], [0.5]), ridge=0.1)
    >>> nodes = quadrature(Gaussian(1), "trapezoid", 40)
    >>> logs = log_densities(problem, Gaussian(1), nodes, [0.0, 2.0])
    >>> np.allclose(logs[1] - logs[0], 2.0 * 0.1)  # all distances shrink by e^{−λt}
    True
    """
    instants = as_finite_array("times", times, 1).astype(np.float64)
    if instants[0] < 0.0 or (np.diff(instants) <= 0.0).any():
        raise InvalidInputError(f"times must increase from a time >= 0, got {instants.tolist()}")
    if problem.neuron.activation.kinks:
        raise InvalidInputError(
            f"at the kinks of {problem.neuron.activation.name} the density has jumps, which the "
            "Laplacian does not see; use a smooth activation, or the solver grid"
        )
    chosen = ParticleFlow(rtol=1e-9, atol=1e-11) if flow is None else flow
    places, shares = np.polynomial.legendre.leggauss(_POINTS)
    state, now = chosen.start(problem, measure, 0), 0.0
    logs, found = np.log(law.density(measure.positions)), []
    for time in instants:
        while now < time:
            if state.time <= now:
                moment = now + _MOMENT * state.next_step
                state, _ = chosen.advance(problem, state, moment)
            end = min(state.time, float(time))
            for place, share in zip(places, shares, strict=True):
                instant = now + 0.5 * (1.0 + place) * (end - now)
                state, moved = chosen.advance(problem, state, instant)
                logs = logs + 0.5 * share * (end - now) * potential_laplacians(problem, moved)
            now = end
        found.append(logs)
    return np.array(found)
