"""Maximum mean discrepancy: pairs one by one, Gaussians, bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from clouds import cloud
from meanfield import distances
from meanfield.measures import ParticleMeasure
from oracles import TwoGaussians


def kernel_matrix(x, y, h):
    return np.exp(-cdist(x, y, "sqeuclidean") / (2 * h**2))


def naive_square(mu, nu, h):
    (x, a), (y, b) = ((one.positions, one.weights) for one in (mu, nu))
    own = a @ kernel_matrix(x, x, h) @ a + b @ kernel_matrix(y, y, h) @ b
    return own - 2 * a @ kernel_matrix(x, y, h) @ b


@pytest.mark.parametrize("dim", [1, 2, 5])
@given(seed=st.integers(0, 2**20), h=st.floats(0.05, 20.0))
def test_it_is_the_sum_over_pairs(dim, seed, h):
    mu, nu = cloud(2 * seed, dim=dim), cloud(2 * seed + 1, dim=dim)
    assert distances.mmd(mu, nu, h) ** 2 == pytest.approx(naive_square(mu, nu, h), abs=1e-13)


def test_bandwidth_is_half_the_mean_squared_distance_of_the_mixture():
    mu, nu = cloud(0, particles=9, dim=3), cloud(1, particles=6, dim=3)
    points = np.concatenate([mu.positions, nu.positions])
    masses = np.concatenate([mu.weights, nu.weights]) / 2
    h = np.sqrt(0.5 * masses @ cdist(points, points, "sqeuclidean") @ masses)
    assert distances.mmd(mu, nu) == pytest.approx(distances.mmd(mu, nu, h), rel=1e-12)


def test_points_that_coincide_have_a_bandwidth():
    point = ParticleMeasure([[1.0, 2.0]])
    assert distances.mmd(point, point) == 0.0


def test_wide_kernels_see_the_means_only():
    # 2 - 2 exp(-|m|²/2h²) to leading order in 1/h
    mu = cloud(0, particles=20)
    moved = ParticleMeasure(mu.positions + [0.3, 0.4], mu.weights)
    assert distances.mmd(mu, moved, 1e3) * 1e3 == pytest.approx(0.5, rel=1e-4)


def test_unbiased_estimates_have_the_mean_of_gaussians():
    second = np.array([[1.0, 0.3], [0.3, 0.5]])
    gaussians = TwoGaussians(np.array([0.4, 0.0]), np.eye(2), second)
    pairs = [[ParticleMeasure(side) for side in gaussians.sample(30, seed)] for seed in range(300)]
    unbiased = np.array([distances.unbiased_mmd(*pair, bandwidth=0.8) for pair in pairs])
    exact, error = gaussians.squared_discrepancy(0.8), unbiased.std() / np.sqrt(len(unbiased))
    assert unbiased.mean() == pytest.approx(exact, abs=4 * error)
    biased = np.mean([distances.mmd(*pair, bandwidth=0.8) ** 2 for pair in pairs])
    assert biased - exact > 8 * error


def test_unbiased_estimate_leaves_out_equal_indices():
    mu, nu = (cloud(s, n, weighted=False) for s, n in ((0, 7), (1, 5)))
    x, y = mu.positions, nu.positions
    own = (kernel_matrix(x, x, 1.3).sum() - 7) / 42 + (kernel_matrix(y, y, 1.3).sum() - 5) / 20
    expected = own - 2 * kernel_matrix(x, y, 1.3).mean()
    assert distances.unbiased_mmd(mu, nu, 1.3) == pytest.approx(expected, rel=1e-11)
