import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

import meanfield as mf
from meanfield.losses import huber


def trained(problem, seed, particles=6):
    """Positions and masses that minimise the energy at temperature 0, by L-BFGS."""
    dim = problem.neuron.dim
    start = mf.ParticleMeasure.gaussian(particles, dim, std=1.5, seed=seed, sampling="sobol")

    def measure_of(flat):
        return mf.ParticleMeasure(flat[particles:].reshape(-1, dim), softmax(flat[:particles]))

    def energy(flat):
        measure = measure_of(flat)
        masses, potential = measure.weights, problem.potential(measure, measure.positions)
        by_logit = masses * (potential - masses @ potential)
        by_position = -masses[:, None] * problem.velocity(measure)
        return problem.energy(measure), np.concatenate([by_logit, by_position.ravel()])

    options = {"maxiter": 400, "maxfun": 400, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30}
    flat = np.concatenate([np.zeros(particles), start.positions.ravel()])
    return measure_of(minimize(energy, flat, jac=True, method="L-BFGS-B", options=options).x)


def line_problem(neuron, loss="squared", ridge=0.02, points=3, **settings):
    x = np.linspace(-1.0, 1.2, points)
    y = np.cos(2.5 * x) if loss != "logistic" else np.where(np.cos(4.0 * x) > 0.0, 1.0, -1.0)
    return mf.Problem(neuron, mf.Dataset(x, y), loss, ridge=ridge, **settings)


def grid_of(masses, lower, upper, shape):
    volume = (upper - lower) ** len(shape) / masses.size
    corners = np.full(len(shape), lower), np.full(len(shape), upper)
    return mf.GridMeasure.trusted(masses.reshape(shape) / volume, *corners)


@pytest.mark.parametrize("loss", ["squared", "logistic", huber(0.2)], ids=str)
def test_at_a_positive_temperature_the_gap_bounds_40_random_measures(loss, rng):
    neuron = mf.Neuron(1, activation="tanh", outer="fixed")
    problem = line_problem(neuron, loss, ridge=0.3, temperature=0.1, scale=2.0)
    start = grid_of(np.full(900, 1.0 / 900), -6.0, 6.0, (30, 30))
    best = mf.gibbs(problem, start)
    for concentration in np.geomspace(0.03, 30.0, 40):
        other = grid_of(rng.dirichlet(np.full(900, concentration)), -6.0, 6.0, (30, 30))
        # 1e-12: rounding of energies of size 1.
        assert problem.optimality_gap(other) >= problem.energy(other) - best.energy - 1e-12
    assert problem.optimality_gap(best.measure) < 1e-14


#: Problems at temperature 0 with a bound, each by a different route.
NOISELESS = {
    "relu with bias": line_problem(mf.Neuron(1, activation="relu")),
    "leaky relu, logistic": line_problem(mf.Neuron(1, activation="leaky_relu"), "logistic"),
    "relu, no bias": line_problem(mf.Neuron(1, activation="relu", bias=False), huber(0.3)),
    "relu, scale": line_problem(mf.Neuron(1, activation="relu"), scale=2.0),
    "square": line_problem(mf.Neuron(1, activation="square", outer="fixed")),
    "linear": line_problem(mf.Neuron(1, activation="linear")),
    "fixed tanh": line_problem(mf.Neuron(1, activation="tanh", outer="fixed"), ridge=0.1),
    "fixed relu": line_problem(mf.Neuron(1, activation="relu", outer="fixed")),
    "fixed clipped": line_problem(
        mf.Neuron(1, activation="clipped_linear", outer="fixed"), ridge=0.05
    ),
    "trained tanh": line_problem(mf.Neuron(1, activation="tanh"), ridge=0.05),
    "trained tanh, logistic": line_problem(mf.Neuron(1, activation="tanh"), "logistic", 0.05),
}


@pytest.mark.parametrize("name", NOISELESS)
def test_without_noise_the_gap_bounds_random_measures_and_is_tight(name, rng):
    problem = NOISELESS[name]
    for seed in range(8):  # some starts end in local minima of six particles
        best = trained(problem, seed)
        least, certified = problem.energy(best), problem.optimality_gap(best)
        print(name, seed, least, certified)
        if certified < 1e-5:
            break
    assert certified < 1e-5
    for size in np.geomspace(0.01, 3.0, 10):
        positions = size * rng.standard_normal((4, problem.neuron.dim))
        other = mf.ParticleMeasure(positions, rng.dirichlet(np.ones(4)))
        assert problem.optimality_gap(other) >= problem.energy(other) - least - 1e-12
