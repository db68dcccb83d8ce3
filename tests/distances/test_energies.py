"""Energy distance: pairs one by one, SciPy, Gaussians, bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance

from clouds import cloud
from meanfield import distances
from meanfield.distances import pair_means
from meanfield.grids import GridMeasure
from meanfield.measures import ParticleMeasure
from oracles import TwoGaussians


def naive_square(mu, nu):
    (x, a), (y, b) = ((one.positions, one.weights) for one in (mu, nu))
    return 2 * a @ cdist(x, y) @ b - a @ cdist(x, x) @ a - b @ cdist(y, y) @ b


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 8])
@given(seed=st.integers(0, 2**20))
def test_it_is_the_sum_over_pairs(dim, seed):
    mu, nu = cloud(2 * seed, dim=dim), cloud(2 * seed + 1, dim=dim)
    expected = naive_square(mu, nu)
    assert distances.energy(mu, nu) ** 2 == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("dim", [2, 300])
def test_more_particles_than_a_tile(dim, monkeypatch):
    # tiles hold 48 kB, at least 256 particles
    size = 2500 if dim == 2 else 300
    mu, nu = cloud(0, particles=size, dim=dim), cloud(1, particles=size - 17, dim=dim)
    expected = naive_square(mu, nu)
    assert distances.energy(mu, nu) ** 2 == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(pair_means, "_GROUPS", 3)
    assert distances.energy(mu, nu) ** 2 == pytest.approx(expected, rel=1e-9)


def test_line_agrees_with_scipy():
    mu, nu = cloud(0, particles=200, dim=1), cloud(1, particles=70, dim=1)
    expected = energy_distance(mu.positions[:, 0], nu.positions[:, 0], mu.weights, nu.weights)
    assert distances.energy(mu, nu) == pytest.approx(expected, rel=1e-10)


def test_two_diracs_with_unequal_masses():
    mu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]], [0.25, 0.75])
    nu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]], [0.75, 0.25])
    assert distances.energy(mu, nu) == pytest.approx(np.sqrt(0.5), abs=1e-12)


def test_single_precision_is_right_to_its_rounding():
    mu, nu = (cloud(s, 600, dim=3, dtype="f4", weighted=False) for s in (0, 1))
    doubles = [ParticleMeasure(one.positions.astype("f8")) for one in (mu, nu)]
    # means of distances are right to eps, 1.2e-7, of the largest coordinate, about 4
    expected = distances.energy(*doubles) ** 2
    assert distances.energy(mu, nu) ** 2 == pytest.approx(expected, abs=1e-6)
    assert distances.energy(mu, nu) ** 2 != expected


@pytest.mark.parametrize("dim", [1, 3])
def test_unbiased_estimates_have_the_mean_of_gaussians(dim):
    mean = np.eye(dim)[0] * 0.5
    gaussians = TwoGaussians(mean, np.eye(dim), 1.5 * np.eye(dim))
    pairs = [[ParticleMeasure(side) for side in gaussians.sample(30, seed)] for seed in range(300)]
    unbiased = np.array([distances.unbiased_energy(*pair) for pair in pairs])
    error = unbiased.std() / np.sqrt(len(unbiased))
    assert unbiased.mean() == pytest.approx(gaussians.squared_energy, abs=4 * error)
    squares = np.array([distances.energy(*pair) ** 2 for pair in pairs])
    # the bias of squares over all pairs, E|X - X'| / N + E|Y - Y'| / M, is many errors
    assert squares.mean() - gaussians.squared_energy > 8 * error


@pytest.mark.parametrize("dim", [1, 2])
def test_unbiased_energy_leaves_out_equal_indices(dim):
    mu, nu = (cloud(s, n, dim=dim, weighted=False) for s, n in ((0, 7), (1, 5)))
    x, y = mu.positions, nu.positions
    expected = 2 * cdist(x, y).mean() - cdist(x, x).sum() / 42 - cdist(y, y).sum() / 20
    assert distances.unbiased_energy(mu, nu) == pytest.approx(expected, rel=1e-12)


def test_a_grid_is_a_law_and_no_sample():
    grid = GridMeasure.from_density(
        lambda x: np.exp(-0.5 * (x**2).sum(axis=1)), -6.0, 6.0, (24, 24)
    )
    values = [
        distances.unbiased_energy(cloud(seed, 20, weighted=False), grid) for seed in range(200)
    ]
    # cells leave a square of about 1e-4
    error = np.std(values) / np.sqrt(len(values))
    assert np.mean(values) == pytest.approx(0.0, abs=4 * error + 1e-4)
