"""How far a measure is from the best one: upper bounds of F(μ) − min F by duality."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from meanfield.bounds import bounds_of
from meanfield.datasets import Dataset
from meanfield.directions import MOST_POINTS, extremal_sums, largest_norm
from meanfield.duality import conjugate_risk, gibbs_law, relative_entropy
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.losses import Loss
from meanfield.measures import Measure
from meanfield.minimum import Landscape, lower_bound
from meanfield.neurons import Neuron
from meanfield.regularizers import Ridge
from meanfield.typing import Float64Array, FloatArray

__all__ = ["Learning", "noiseless_gap", "noisy_gap"]

_MOST_INNER = 3
# Part of the largest multiple of u under which the ridge surely holds all neurons.
_SAFE_SHARE = 0.9
_UNAVAILABLE = "the optimality gap is not available: "


class Learning(Protocol):
    """What certificates use of a `Problem`."""

    @property
    def neuron(self) -> Neuron:
        """Φ."""
        ...

    @property
    def data(self) -> Dataset:
        """Points, targets and weights."""
        ...

    @property
    def loss(self) -> Loss:
        """ℓ."""
        ...

    @property
    def ridge(self) -> Ridge:
        """V."""
        ...

    @property
    def temperature(self) -> float:
        """τ."""
        ...

    @property
    def scale(self) -> float:
        """α."""
        ...

    def outputs_at(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Outputs at the data, (n, k)."""
        ...

    def covector(self, outputs: Float64Array) -> Float64Array:
        """u, (n, k)."""
        ...

    def potential_at(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Ψ at positions, (m,)."""
        ...

    def energy(self, measure: Measure) -> float:
        """F of a measure."""
        ...


@single_threaded_blas()
def noisy_gap(problem: Learning, measure: Measure) -> float:
    """F(μ) − D(u_μ) = τ KL(μ | e^{−Ψ_μ/τ}/Z) of a measure on a grid, at τ > 0.

    Parameters
    ----------
    problem : Learning
    measure : GridMeasure

    Raises
    ------
    InvalidInputError
        For particles, whose entropy is infinite.
    """
    if not isinstance(measure, GridMeasure):
        raise InvalidInputError(
            _UNAVAILABLE + "at a positive temperature the entropy, and so the energy, of "
            "particles is infinite; use the solver grid, or GridMeasure.from_particles"
        )
    outputs = problem.outputs_at(measure.positions, measure.weights)
    potential = problem.potential_at(measure.positions, problem.covector(outputs))
    law = gibbs_law(potential, float(np.log(measure.volume)), problem.temperature)
    return problem.temperature * relative_entropy(measure.weights, law.log_masses)


@single_threaded_blas()
def noiseless_gap(problem: Learning, measure: Measure) -> float:
    """Upper bound of F(μ) − min F over all probability measures on R^p, at τ = 0.

    Parameters
    ----------
    problem : Learning
    measure : Measure

    Raises
    ------
    InvalidInputError
        Where no bound is known; the message says why, and what has one.
    """
    positions = measure.positions.astype(np.float64)
    outputs = problem.outputs_at(positions, measure.weights)
    if _degree(problem.neuron) == 2.0:
        return _homogeneous_gap(problem, measure, outputs)
    return _bounded_gap(problem, measure, outputs)


def _degree(neuron: Neuron) -> float | None:
    """Degree of homogeneity of Φ in all its parameters, or None."""
    degree = neuron.activation.homogeneity
    return None if degree is None else degree + (neuron.outer == "trained")


def _extended(problem: Learning) -> Float64Array:
    """Data with a column of ones where neurons have a bias, (n, q)."""
    inputs = problem.data.inputs
    ones = np.ones((len(inputs), int(problem.neuron.bias)))
    return np.hstack([inputs, ones])


# -- neurons of degree 2: the potential is ≥ 0, or unbounded --------------------------------


def _homogeneous_gap(problem: Learning, measure: Measure, outputs: Float64Array) -> float:
    """F(μ) + R*(s u) with the best s for which ⟨s u, Φ⟩ + V ≥ 0 everywhere.

    Then D(s u) = −R*(s u), as Φ and V have the same degree.
    """
    from scipy.optimize import minimize_scalar

    data, loss = problem.data, problem.loss
    derivatives = loss.derivatives(outputs, data.targets)
    pull = _pull(problem, problem.covector(outputs))
    # Rounding of the sums over data must not make an infeasible u feasible.
    most = min(2.0, (1.0 - 1e-13) / pull) if pull > 0.0 else 2.0

    def value(share: float) -> float:
        return conjugate_risk(loss, share * derivatives, data.targets, data.weights, problem.scale)

    with np.errstate(invalid="ignore"):  # the value is infinite outside the domain of R*
        found = minimize_scalar(
            value, bounds=(0.0, most), method="bounded", options={"xatol": 1e-12}
        )
    best = min(value(share) for share in (0.0, min(1.0, most), most, float(found.x)))
    return max(0.0, problem.energy(measure) + best)


def _pull(problem: Learning, covector: Float64Array) -> float:
    """Smallest G ≥ 0 with ⟨u, Φ⟩ + G V ≥ 0: infinite if the ridge does not hold neurons."""
    neuron, ridge, inputs = problem.neuron, problem.ridge, _extended(problem)
    if neuron.outer == "fixed":  # σ(z) = z²
        form = (inputs * covector).T @ inputs
        force, hold = 2.0 * max(0.0, -float(np.linalg.eigvalsh(form)[0])), ridge.inner
    else:
        force, hold = largest_norm(_sums(problem, covector)), np.sqrt(ridge.outer * ridge.inner)
    if hold == 0.0:
        return np.inf if force > 0.0 else 0.0
    return float(force / hold)


def _sums(problem: Learning, covector: Float64Array) -> Float64Array:
    """Extremal Σ_j u_j σ(x_j·e) over directions e, for σ of degree 1."""
    neuron, inputs = problem.neuron, _extended(problem)
    below, above = -neuron.activation([-1.0])[0], neuron.activation([1.0])[0]
    if not _all_directions(problem):
        raise InvalidInputError(
            _UNAVAILABLE + f"for {neuron.activation.name} neurons it needs the largest sum over "
            f"all directions of the {inputs.shape[1]} inner parameters (weights and bias), which "
            f"is found for up to 2, and for 3 on at most {MOST_POINTS} points; a smooth bounded "
            "activation with a fixed outer weight has a bound in up to 3"
        )
    return extremal_sums(inputs, covector, (float(below), float(above)))


# -- all others: the potential has a minimum -------------------------------------------------


def _bounded_gap(problem: Learning, measure: Measure, outputs: Float64Array) -> float:
    """F(μ) − D(s u) with D(s u) = −R*(s u) + min ⟨s u, Φ⟩ + V, or F(μ) − D(0) if less.

    s is 1 where the potential surely has a minimum; then this is ∫Ψ dμ − min Ψ. D(0) is
    the least risk that any outputs have.
    """
    _require_ridge(problem)
    loss, data = problem.loss, problem.data
    nothing = np.zeros_like(outputs)
    least = -conjugate_risk(loss, nothing, data.targets, data.weights, problem.scale)
    trivial = max(0.0, problem.energy(measure) - least)
    return min(trivial, _gap_below(problem, measure, outputs))


def _gap_below(problem: Learning, measure: Measure, outputs: Float64Array) -> float:
    """F(μ) − D(s u)."""
    covector = problem.covector(outputs)
    if problem.neuron.activation.homogeneity == 1.0 and _all_directions(problem):
        depth = max(0.0, -float(_sums(problem, covector).min()))
        return _mean_potential(problem, measure, covector) + depth**2 / (2.0 * problem.ridge.inner)
    landscape = _landscape(problem, covector)
    if np.isfinite(landscape.radius()):
        mean = _mean_potential(problem, measure, covector)
        return max(0.0, mean - lower_bound(landscape, mean))
    share = _SAFE_SHARE * np.sqrt(problem.ridge.outer * problem.ridge.inner) / landscape.growth
    derivatives, data = problem.loss.derivatives(outputs, problem.data.targets), problem.data
    conjugate = conjugate_risk(
        problem.loss, share * derivatives, data.targets, data.weights, problem.scale
    )
    level = problem.energy(measure) + conjugate
    return max(0.0, level - lower_bound(_landscape(problem, share * covector), level))


def _mean_potential(problem: Learning, measure: Measure, covector: Float64Array) -> float:
    positions = measure.positions.astype(np.float64)
    return float(measure.weights @ problem.potential_at(positions, covector))


def _require_ridge(problem: Learning) -> None:
    ridge = problem.ridge
    if ridge.inner == 0.0 or (problem.neuron.outer == "trained" and ridge.outer == 0.0):
        raise InvalidInputError(
            _UNAVAILABLE + "without a ridge on every parameter the potential need not have a "
            "minimum; set ridge > 0"
        )


def _all_directions(problem: Learning) -> bool:
    """Whether sums over data are known for all directions of the inner weights."""
    neuron = problem.neuron
    inner = neuron.inputs + neuron.bias
    few = inner <= 2 or (inner == 3 and len(problem.data) <= MOST_POINTS)
    return few or neuron.activation.name == "linear"


def _landscape(problem: Learning, covector: Float64Array) -> Landscape:
    neuron, ridge, inputs = problem.neuron, problem.ridge, _extended(problem)
    bounds = bounds_of(neuron.activation)
    if bounds is None:
        raise InvalidInputError(
            _UNAVAILABLE + f"no bounds of the derivatives of {neuron.activation.name} are known; "
            "built-in activations other than square have them"
        )
    if inputs.shape[1] > _MOST_INNER:
        raise InvalidInputError(
            _UNAVAILABLE + f"the smallest potential is searched in at most {_MOST_INNER} inner "
            f"parameters, the neuron has {inputs.shape[1]}"
        )
    outer = ridge.outer if neuron.outer == "trained" else None
    return Landscape(neuron.activation, bounds, inputs, covector, ridge.inner, outer)
