from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize

import meanfield as mf
from meanfield.errors import InvalidInputError
from meanfield.losses import huber


@dataclass(frozen=True)
class Solved:
    """A problem at temperature 0 whose minimiser is known.

    Given a covector u for which no neuron has a smaller ⟨u, Φ⟩ + V than θ*, targets are
    chosen so that u is the covector of δ_θ*: then δ_θ* minimises F.
    """

    problem: mf.Problem
    best: mf.ParticleMeasure


def solve(neuron, loss="squared", ridge=0.2, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    points = 4
    x = rng.standard_normal((points, neuron.inputs))
    covector = rng.standard_normal((points, neuron.outputs)) / points

    def problem_with(targets):
        return mf.Problem(neuron, mf.Dataset(x, targets), loss, ridge=ridge, scale=scale)

    blank = problem_with(np.zeros_like(covector))
    degree = neuron.activation.homogeneity
    if degree is not None and degree + (neuron.outer == "trained") == 2:
        best, covector = homogeneous_minimiser(blank, covector)
    else:
        best = minimiser(blank, covector)
    best = mf.ParticleMeasure(best[None])
    # ℓ' of squared and Huber losses inside the threshold is f − y.
    targets = blank.outputs(best) - points * scale * covector
    return Solved(problem_with(targets), best)


def homogeneous_minimiser(problem, covector):
    """A neuron with ⟨u, Φ⟩ + V = 0 for a multiple of u for which none has less."""
    neuron = problem.neuron
    if neuron.inputs + neuron.bias == 3:
        neurons = least_on_sphere(problem, covector)
    else:
        angles = np.linspace(0.0, 2.0 * np.pi, 400_001)
        neurons = with_outer(neuron, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    confinement = problem.confinement(neurons)
    sums = problem.potential_at(neurons, covector) - confinement
    if not sums.min() < 0.0:
        sums, covector = -sums, -covector
    least = int(np.argmin(sums))
    return 0.8 * neurons[least], covector * (-confinement[least] / sums[least])


def with_outer(neuron, inner):
    """Neurons with these inner parameters, and both signs of a trained outer weight."""
    if neuron.outer == "fixed":
        return inner
    return np.vstack([np.hstack([np.full((len(inner), 1), a), inner]) for a in (1.0, -1.0)])


def least_on_sphere(problem, covector):
    """Neurons near the best of random ones, from ever smaller neighbourhoods of it."""
    rng, best = np.random.default_rng(0), np.array([1.0, 0.0, 0.0])
    for width in np.geomspace(1.0, 1e-9, 60):
        inner = np.vstack([best, best + width * rng.standard_normal((2000, 3))])
        inner /= np.linalg.norm(inner, axis=1, keepdims=True)
        neurons = with_outer(problem.neuron, inner)
        sums = problem.potential_at(neurons, covector) - problem.confinement(neurons)
        best = neurons[np.argmin(sums), 1:]
    return neurons


def minimiser(problem, covector):
    """The best of many parameters, improved."""
    tried = mf.ParticleMeasure.gaussian(2**13, problem.neuron.dim, std=3.0, seed=1).positions
    order = np.argsort(problem.potential_at(tried, covector))[:3]
    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 2000, "maxfev": 2000}

    def value(theta):
        return problem.potential_at(theta[None], covector)[0]

    found = [minimize(value, tried[i], method="Nelder-Mead", options=options) for i in order]
    return min(found, key=lambda one: one.fun).x


def grid_of(masses, lower, upper, shape):
    volume = (upper - lower) ** len(shape) / masses.size
    corners = np.full(len(shape), lower), np.full(len(shape), upper)
    return mf.GridMeasure.trusted(masses.reshape(shape) / volume, *corners)


@pytest.mark.parametrize("loss", ["squared", "logistic", huber(0.2)], ids=str)
def test_at_a_positive_temperature_the_gap_bounds_40_random_measures(loss, rng):
    neuron = mf.Neuron(1, activation="tanh", outer="fixed")
    x = np.linspace(-1.0, 1.2, 5)
    y = np.cos(2.5 * x) if loss != "logistic" else np.sign(np.cos(4.0 * x))
    problem = mf.Problem(neuron, mf.Dataset(x, y), loss, ridge=0.3, temperature=0.1, scale=2.0)
    start = grid_of(np.full(900, 1.0 / 900), -6.0, 6.0, (30, 30))
    best = mf.gibbs(problem, start)
    for concentration in np.geomspace(0.03, 30.0, 40):
        other = grid_of(rng.dirichlet(np.full(900, concentration)), -6.0, 6.0, (30, 30))
        # 1e-12: rounding of energies of size 1.
        assert problem.optimality_gap(other) >= problem.energy(other) - best.energy - 1e-12
    assert problem.optimality_gap(best.measure) < 1e-14


#: Problems at temperature 0, one for each way to a bound.
NOISELESS = {
    "relu with bias": partial(solve, mf.Neuron(1, activation="relu")),
    "leaky relu of two inputs": partial(solve, mf.Neuron(2, activation="leaky_relu", bias=False)),
    "relu of two inputs with bias": partial(solve, mf.Neuron(2, activation="relu")),
    "leaky relu of three inputs": partial(solve, mf.Neuron(3, activation="leaky_relu", bias=False)),
    "relu, scale": partial(solve, mf.Neuron(1, activation="relu"), scale=3.0),
    "relu, huber": partial(solve, mf.Neuron(1, activation="relu"), huber(50.0)),
    "square": partial(solve, mf.Neuron(1, activation="square", outer="fixed")),
    "linear": partial(solve, mf.Neuron(1, activation="linear")),
    "fixed tanh": partial(solve, mf.Neuron(1, activation="tanh", outer="fixed")),
    "fixed tanh of two inputs": partial(
        solve, mf.Neuron(2, activation="tanh", outer="fixed"), ridge=0.3
    ),
    "fixed relu": partial(solve, mf.Neuron(1, activation="relu", outer="fixed")),
    "fixed relu of two inputs": partial(
        solve, mf.Neuron(2, activation="relu", outer="fixed"), ridge=0.5
    ),
    "fixed clipped": partial(solve, mf.Neuron(1, activation="clipped_linear", outer="fixed")),
    "trained tanh": partial(solve, mf.Neuron(1, activation="tanh"), scale=2.0),
    "trained tanh, two outputs": partial(solve, mf.Neuron(1, outputs=2, activation="tanh")),
    "trained gelu": partial(solve, mf.Neuron(1, activation="gelu"), ridge=2.0),
}


@pytest.mark.parametrize("name", NOISELESS)
def test_without_noise_the_gap_bounds_eight_random_measures_and_is_tight(name, rng):
    solved = NOISELESS[name]()
    problem, best = solved.problem, solved.best
    least = problem.energy(best)
    # Minimisers are known to 1e-9 or, on the circle, to the square of 1e-5.
    certified = problem.optimality_gap(best)
    assert certified < 1e-8
    for size in np.geomspace(0.01, 3.0, 8):
        positions = size * rng.standard_normal((4, problem.neuron.dim))
        other = mf.ParticleMeasure(positions, rng.dirichlet(np.ones(4)))
        assert problem.optimality_gap(other) >= problem.energy(other) - least - 1e-9


def test_the_ridge_holds_neurons_that_grow_after_scaling_the_dual_point():
    # gelu with a trained outer weight: u itself may let neurons fly away, a part of it not.
    problem = NOISELESS["trained gelu"]().problem
    far = mf.ParticleMeasure([[3.0, 2.0, 1.0], [-3.0, 2.0, 1.0]], [0.9, 0.1])
    assert np.isfinite(problem.optimality_gap(far))


def test_a_measure_that_is_far_from_optimal_is_told_within_one_per_cent():
    solved = NOISELESS["fixed tanh"]()
    problem = solved.problem
    other = mf.ParticleMeasure(solved.best.positions + 0.2, solved.best.weights)
    covector = problem.covector(problem.outputs(other))
    exact = other.weights @ problem.potential(other, other.positions)
    exact -= problem.potential_at(minimiser(problem, covector)[None], covector)[0]
    assert exact < problem.energy(other)  # else the certificate that needs no potential is less
    assert exact * (1.0 - 1e-9) <= problem.optimality_gap(other) <= 1.01 * exact + 1e-9


def test_the_gap_is_at_most_the_energy_of_a_loss_that_may_vanish():
    problem = NOISELESS["fixed tanh"]().problem
    far = mf.ParticleMeasure([[9.0, -7.0], [5.0, 8.0]])
    assert problem.optimality_gap(far) <= problem.energy(far)


@pytest.mark.parametrize("loss", [huber(0.5), "logistic"])
def test_multiples_of_the_covector_may_leave_the_domain_of_the_conjugate(loss):
    # A warning of the search would fail. |a w| ≤ (a² + w²)/2: one balanced neuron is the best.
    neuron = mf.Neuron(1, activation="linear", bias=False)
    problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]), loss, ridge=0.1)
    lengths = np.linspace(0.0, 3.0, 30_001)
    risks = problem.loss.values(lengths[:, None] ** 2, np.ones((len(lengths), 1)))
    least = float((risks + 0.1 * lengths**2).min())
    measure = mf.ParticleMeasure([[0.3, 0.4], [-0.5, 1.0]])
    excess = problem.energy(measure) - least
    assert excess - 1e-7 <= problem.optimality_gap(measure) < 20.0 * excess


def test_masses_of_a_grid_are_certified_without_noise():
    problem = NOISELESS["fixed tanh"]().problem
    grid = grid_of(np.full(400, 1.0 / 400), -3.0, 3.0, (20, 20))
    particles = mf.ParticleMeasure(grid.positions, grid.weights)
    assert problem.optimality_gap(grid) == pytest.approx(problem.optimality_gap(particles))


def refused(neuron, match, points=2, **settings):
    x = np.ones((points, neuron.inputs))
    problem = mf.Problem(neuron, mf.Dataset(x, np.arange(points)), **settings)
    measure = mf.ParticleMeasure.gaussian(3, neuron.dim, seed=0)
    with pytest.raises(InvalidInputError, match=match):
        problem.optimality_gap(measure)


def test_where_no_bound_is_known_the_reason_is_given():
    fixed = {"activation": "tanh", "outer": "fixed"}
    refused(mf.Neuron(1, **fixed), "particles is infinite; use the solver grid", temperature=0.1)
    refused(mf.Neuron(1, **fixed), "not available: without a ridge")
    refused(mf.Neuron(4, **fixed), "at most 3 inner parameters, the neuron has 5", ridge=0.1)
    refused(mf.Neuron(3, activation="relu"), "directions of the 4 inner parameters", ridge=0.1)
    refused(mf.Neuron(2, activation="relu"), "for 3 on at most 400 points", 401, ridge=0.1)
    refused(mf.Neuron(1, activation="square"), "no bounds of the derivatives of square", ridge=0.1)


def test_population_risks_have_no_certificate():
    neuron = mf.Neuron(2, activation="relu", bias=False)
    teacher = mf.ParticleMeasure([[1.0, 0.5, -1.0]])
    problem = mf.PopulationProblem(neuron, teacher)
    with pytest.raises(InvalidInputError, match=r"population risk is not available.*sampled"):
        problem.optimality_gap(teacher)
    assert problem.sampled.optimality_gap(teacher) >= 0.0
