"""Sinkhorn divergence: limits, signs, refusals."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from scipy.spatial.distance import cdist
from scipy.special import rel_entr

from clouds import cloud
from meanfield import distances
from meanfield.distances import entropic
from meanfield.distances.atoms import atoms_of
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.measures import ParticleMeasure


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


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 300.0])
def test_entropic_cost_is_that_of_the_coupling_of_pot(epsilon):
    mu, nu = cloud(0, particles=30, dim=3), cloud(1, particles=21, dim=3)
    costs = cdist(mu.positions, nu.positions, "sqeuclidean")
    plan = ot.sinkhorn(mu.weights, nu.weights, costs, epsilon, method="sinkhorn_log",
                       numItermax=20_000, stopThr=1e-12)  # fmt: skip
    independent = mu.weights[:, None] * nu.weights
    expected = (plan * costs).sum() + epsilon * rel_entr(plan, independent).sum()
    got = entropic._entropic_cost(atoms_of(mu), atoms_of(nu), epsilon)
    assert got == pytest.approx(expected, rel=1e-8)


def test_tiny_masses_and_far_measures_do_no_harm():
    rng = np.random.default_rng(0)
    positions = rng.standard_normal((12, 2))
    weights = np.array([1.0] * 10 + [1e-200, 1e-12])
    mu = ParticleMeasure(positions, weights / weights.sum())
    moved = ParticleMeasure(positions + [0.0, 100.0], mu.weights)
    assert distances.sinkhorn(mu, moved, 0.5) == pytest.approx(1e4, rel=1e-12)


def test_no_convergence_is_an_error_not_a_number(monkeypatch):
    monkeypatch.setattr(entropic, "_MOST_SWEEPS", 3)
    with pytest.raises(MeanfieldError, match="did not converge at regularization 0.001; use a"):
        distances.sinkhorn(cloud(0, particles=20), cloud(1, particles=20), 1e-3)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    mu, nu = cloud(0, particles=90), cloud(1, particles=70)
    values = []
    for threads in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        values.append(distances.sinkhorn(mu, nu))
    assert values[0] == values[1]


def test_too_many_particles_are_refused_with_the_alternative(monkeypatch):
    monkeypatch.setattr(entropic, "_MOST_PARTICLES", 10)
    with pytest.raises(InvalidInputError, match="up to 10 particles, got 20 and 6; use sliced"):
        distances.sinkhorn(cloud(0, particles=20), cloud(1, particles=6))


def test_the_default_is_relative_to_the_mean_square():
    mu, nu = cloud(0, particles=12), cloud(1, particles=9)
    squares = ((mu.positions[:, None] - nu.positions) ** 2).sum(axis=2)
    epsilon = 0.05 * mu.weights @ squares @ nu.weights
    expected = distances.sinkhorn(mu, nu, epsilon)
    assert distances.sinkhorn(mu, nu) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1e-3])
def test_measures_that_almost_coincide(shift):
    points = np.random.default_rng(1).normal(size=(50, 3))
    there = ParticleMeasure(points + shift)
    value = distances.sinkhorn(ParticleMeasure(points), there)
    assert value == pytest.approx(3.0 * shift**2, abs=1e-14, rel=1e-8)


def test_noisy_copies_converge():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(50, 3))
    value = distances.sinkhorn(
        ParticleMeasure(points), ParticleMeasure(points + 0.01 * rng.normal(size=(50, 3)))
    )
    assert 0.0 < value < 1e-3


@pytest.mark.parametrize("size", [1e6, 1e100, 1e200])
def test_costs_beyond_numbers_are_told(size):
    rng = np.random.default_rng(0)
    far = ParticleMeasure(size * rng.normal(size=(16, 2)))
    with pytest.raises(MeanfieldError, match="did not converge at regularization 0.5"):
        distances.sinkhorn(far, ParticleMeasure(rng.normal(size=(64, 2))), 0.5)
