"""Distances: closed forms, other programs, axioms, refusals."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import norm, wasserstein_distance

from meanfield import distances
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem

METRICS = {
    "wasserstein 1": lambda mu, nu: distances.wasserstein(mu, nu, p=1),
    "wasserstein 2": distances.wasserstein,
    "sliced": lambda mu, nu: distances.sliced_wasserstein(mu, nu, projections=8),
    "energy": distances.energy,
}


def cloud(seed, particles=None, dim=2, weighted=True):
    rng = np.random.default_rng(seed)
    count = particles or int(rng.integers(1, 8))
    weights = rng.random(count) + 0.1 if weighted else np.ones(count)
    return ParticleMeasure(rng.standard_normal((count, dim)), weights / weights.sum())


@pytest.mark.parametrize("name", list(METRICS))
@given(seed=st.integers(0, 2**20))
def test_metric_axioms(name, seed):
    metric = METRICS[name]
    mu, nu, rho = (cloud(3 * seed + i) for i in range(3))
    # roots of sums of squares cancel at worst to sqrt(1e-15)
    assert metric(mu, mu) < 1e-7
    assert abs(metric(mu, nu) - metric(nu, mu)) < 1e-9
    assert metric(mu, rho) <= metric(mu, nu) + metric(nu, rho) + 1e-9


@pytest.mark.parametrize("name", list(METRICS))
@given(seed=st.integers(0, 2**20))
def test_halves_of_a_particle_count_as_the_whole(name, seed):
    mu, nu = cloud(2 * seed), cloud(2 * seed + 1)
    halves = ParticleMeasure(np.repeat(mu.positions, 2, axis=0), np.repeat(mu.weights / 2, 2))
    assert abs(METRICS[name](mu, nu) - METRICS[name](halves, nu)) < 1e-7


@pytest.mark.parametrize("p", [1, 2])
def test_translation_costs_its_length(p):
    mu = cloud(0, particles=30, dim=3)
    shift = np.array([1.0, -2.0, 2.0])
    moved = ParticleMeasure(mu.positions + shift, mu.weights)
    assert distances.wasserstein(mu, moved, p=p) == pytest.approx(3.0, abs=1e-12)


def test_sliced_distance_of_a_translation_is_its_mean_projection():
    # E (u·s)² = |s|²/d; 4000 directions leave a relative error of about 1 %
    mu = cloud(0, particles=10, dim=3)
    moved = ParticleMeasure(mu.positions + [3.0, 0.0, 0.0], mu.weights)
    got = distances.sliced_wasserstein(mu, moved, projections=4000)
    assert got == pytest.approx(np.sqrt(3.0), rel=0.04)


@pytest.mark.parametrize("p", [1, 2])
def test_equal_masses_agree_with_the_assignment_problem(p):
    mu, nu = (cloud(s, particles=60, dim=3, weighted=False) for s in (0, 1))
    cost = cdist(mu.positions, nu.positions) ** p
    rows, columns = linear_sum_assignment(cost)
    expected = cost[rows, columns].mean() ** (1 / p)
    assert distances.wasserstein(mu, nu, p=p) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
@given(seed=st.integers(0, 2**20))
def test_line_agrees_with_transport_of_the_cost(p, seed):
    mu, nu = cloud(2 * seed, dim=1), cloud(2 * seed + 1, dim=1)
    cost = cdist(mu.positions, nu.positions) ** p
    expected = ot.emd2(mu.weights, nu.weights, cost) ** (1 / p)
    assert distances.wasserstein(mu, nu, p=p) == pytest.approx(expected, abs=1e-7)


def test_line_agrees_with_scipy():
    mu, nu = cloud(0, particles=200, dim=1), cloud(1, particles=70, dim=1)
    expected = wasserstein_distance(mu.positions[:, 0], nu.positions[:, 0], mu.weights, nu.weights)
    assert distances.wasserstein_1d(mu, nu, p=1) == pytest.approx(expected, rel=1e-12)


def test_gaussian_quantiles_have_the_distance_of_the_gaussians():
    # midpoint quantiles: W2(N(0,1), N(1,4))² = 1 + 1; the tails beyond 1 - 1/(2N) are missing,
    # which costs about 2 log(N) / N = 5e-4 in the square
    levels = (np.arange(20000) + 0.5) / 20000
    mu = ParticleMeasure(norm.ppf(levels)[:, None])
    nu = ParticleMeasure(1.0 + 2.0 * norm.ppf(levels)[:, None])
    assert distances.wasserstein(mu, nu) == pytest.approx(np.sqrt(2.0), abs=1e-3)


def test_two_diracs_with_unequal_masses():
    mu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]], [0.25, 0.75])
    nu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]], [0.75, 0.25])
    assert distances.wasserstein(mu, nu, p=2) == pytest.approx(np.sqrt(0.5), abs=1e-12)
    assert distances.energy(mu, nu) == pytest.approx(np.sqrt(0.5), abs=1e-12)


def test_sliced_agrees_with_pot_along_the_same_directions():
    mu, nu = cloud(0, particles=50, dim=4), cloud(1, particles=31, dim=4)
    directions = np.random.default_rng(5).standard_normal((16, 4))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = ot.sliced_wasserstein_distance(
        mu.positions, nu.positions, mu.weights, nu.weights, projections=directions.T
    )
    got = distances.sliced_wasserstein(mu, nu, projections=16, seed=5)
    assert got == pytest.approx(expected, rel=1e-10)


def test_sinkhorn_tends_to_the_squared_distance():
    # the divergence of translates is exactly the squared shift, for every ε
    mu = cloud(0, particles=20)
    moved = ParticleMeasure(mu.positions + [0.6, 0.8], mu.weights)
    assert distances.sinkhorn(mu, moved, 0.5) == pytest.approx(1.0, abs=1e-6)
    nu = cloud(1, particles=25)
    exact = distances.wasserstein(mu, nu) ** 2
    # the bias of the divergence is O(ε²) for densities and O(ε) for these few atoms
    assert distances.sinkhorn(mu, nu, 0.1) == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("seed", [0, 3, 69])
def test_sinkhorn_is_not_negative_and_symmetric(seed):
    mu, nu = cloud(2 * seed), cloud(2 * seed + 1)
    value = distances.sinkhorn(mu, nu, 0.5)
    assert value > -1e-5  # marginals are met to 1e-6
    assert value == pytest.approx(distances.sinkhorn(nu, mu, 0.5), abs=1e-5)
    assert distances.sinkhorn(mu, mu, 0.5) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_cost_of_a_measure_to_itself_is_that_between_equal_measures(epsilon):
    mu = atoms_of(cloud(1))
    # Alternating updates stop at marginals that are right to 1e-9.
    expected = entropic._entropic_cost(mu, mu, epsilon)
    assert entropic._own_entropic_cost(mu, epsilon) == pytest.approx(expected, abs=1e-8)


def test_coupling_bounds_the_distance():
    mu = cloud(0, particles=40)
    nu = ParticleMeasure(mu.positions + 0.1 * cloud(1, particles=40).positions, mu.weights)
    assert distances.coupling(mu, nu) >= distances.wasserstein(mu, nu) - 1e-12


def test_energy_does_not_depend_on_the_size_of_its_blocks(monkeypatch):
    mu, nu = cloud(0, particles=70), cloud(1, particles=50)
    whole = distances.energy(mu, nu)
    monkeypatch.setattr(distances, "_BLOCK", 16)
    assert distances.energy(mu, nu) == pytest.approx(whole, rel=1e-12)


def test_function_distance_weighs_the_data():
    data = Dataset([[1.0], [2.0]], [0.0, 0.0], weights=[0.25, 0.75])
    problem = Problem(Neuron(1, activation="linear", outer="fixed", bias=False), data)
    mu, nu = ParticleMeasure([[0.0]]), ParticleMeasure([[1.0]])
    assert distances.function(problem, mu, nu) == pytest.approx(np.sqrt(0.25 + 0.75 * 4))
    assert distances.function(problem, mu, nu, [[3.0]]) == pytest.approx(3.0)


def test_exhausted_iterations_are_an_error_not_a_number(monkeypatch):
    monkeypatch.setattr(transport, "_MOST_ITERATIONS", 100)
    mu, nu = cloud(0, particles=600), cloud(1, particles=600)
    with (
        pytest.warns(UserWarning, match="numItermax"),
        pytest.raises(MeanfieldError, match="did not finish in 100"),
    ):
        distances.wasserstein(mu, nu)


def test_too_many_pairs_are_refused_with_the_alternative(monkeypatch):
    monkeypatch.setattr(distances, "_MOST_PAIRS", 100)
    mu, nu = cloud(0, particles=20), cloud(1, particles=6)
    with pytest.raises(InvalidInputError, match="20 and 6 particles .* use sliced_wasserstein"):
        distances.wasserstein(mu, nu)
    with pytest.raises(InvalidInputError, match="sinkhorn takes up to 10 particles"):
        distances.sinkhorn(mu, nu)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distances.wasserstein(cloud(0), cloud(1, dim=3)), "same dimension, got 2 and 3"),
        (lambda: distances.wasserstein(cloud(0), cloud(1), p=3), "p must be 1 or 2 in dimension 2"),
        (
            lambda: distances.wasserstein([[0.0]], cloud(1)),
            "each side of a distance must be a ParticleMeasure or a GridMeasure, got list",
        ),
        (lambda: distances.wasserstein_1d(cloud(0), cloud(1)), "on the line, got 2 dimensions"),
        (lambda: distances.sliced_wasserstein(cloud(0), cloud(1), p=0.5), "p must be >= 1"),
        (lambda: distances.sinkhorn(cloud(0), cloud(1), -1.0), "regularization must be a positive"),
        (lambda: distances.coupling(cloud(0, 3), cloud(1, 4)), "got 3 and 4; use wasserstein"),
        (lambda: distances.distances["wassertein"], "did you mean 'wasserstein'"),
    ],
)
def test_bad_calls_are_explained(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
