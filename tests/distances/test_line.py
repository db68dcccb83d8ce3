"""Transport on the line: costs, quantiles, densities, marginals."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import norm, wasserstein_distance

from clouds import cloud
from meanfield import distances
from meanfield.distances.line import Quantiles, levels_of
from meanfield.grids import GridMeasure
from meanfield.measures import ParticleMeasure
from oracles import wasserstein_to_normal


def normal_grid(cells, mean=0.0):
    return GridMeasure.from_density(
        lambda x: np.exp(-0.5 * ((x - mean) ** 2).sum(axis=1)), -8.0, 9.0, cells
    )


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


def test_pot_returns_the_square():
    mu, nu = (cloud(s, particles=50, dim=1) for s in (0, 1))
    arrays = (mu.positions[:, 0], nu.positions[:, 0], mu.weights, nu.weights)
    square = ot.wasserstein_1d(*arrays, p=2)
    assert distances.wasserstein_1d(mu, nu) ** 2 == pytest.approx(float(square), rel=1e-12)


@pytest.mark.parametrize("sizes", [(60, 60), (60, 45)])
def test_equal_masses_need_no_weights(sizes):
    mu, nu = (cloud(s, size, dim=1, weighted=False) for s, size in enumerate(sizes))
    common = int(np.lcm(*sizes))
    x, y = (np.repeat(np.sort(one.positions[:, 0]), common // len(one)) for one in (mu, nu))
    for p in (1.0, 2.0, 3.5):
        expected = np.mean(np.abs(x - y) ** p) ** (1 / p)
        assert distances.wasserstein_1d(mu, nu, p) == pytest.approx(expected, rel=1e-12)


def test_levels_of_many_equal_masses_are_exact():
    assert np.array_equal(levels_of(np.full(1000, 1e-3)), np.arange(1, 1001) / 1000)


def test_particles_and_a_density_agree_with_the_quantile_formula():
    x = cloud(0, particles=50, dim=1, weighted=False)
    exact = wasserstein_to_normal(x.positions[:, 0])
    errors = [abs(distances.wasserstein(x, normal_grid(cells)) - exact) for cells in (20, 40, 80)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    # the density inside cells is right to more than O(h²)
    assert (orders > 1.9).all()
    assert errors[-1] < 3e-5
    # two atoms a cell are off by more
    atoms = distances.wasserstein(x, normal_grid(40).to_particles())
    assert abs(atoms - exact) > 5 * errors[1]


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_densities_agree_with_sums_over_quantiles(p):
    mu, nu = GridMeasure([0.2, 0.0, 0.8], 0.0, 3.0), GridMeasure([0.9, 0.1], 1.0, 2.0 + 1.0)
    nu = GridMeasure(nu.density / (nu.density.sum() * nu.volume), nu.lower, nu.upper)
    levels = (np.arange(200_000) + 0.5) / 200_000

    def quantile(measure):
        q = Quantiles.of(measure)
        i = np.searchsorted(q.levels, levels)
        return q.lower[i] + q.slopes[i] * (levels - np.concatenate([[0.0], q.levels])[i])

    expected = np.mean(np.abs(quantile(mu) - quantile(nu)) ** p) ** (1 / p)
    # midpoint sums over a kink at each of a few crossings
    assert distances.wasserstein_1d(mu, nu, p) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("p", [1.0, 2.0, 2.5])
def test_shifted_densities_are_apart_by_the_shift(p):
    grid = normal_grid(50)
    moved = GridMeasure(grid.density, grid.lower + 0.7, grid.upper + 0.7)
    assert distances.wasserstein_1d(grid, moved, p) == pytest.approx(0.7, rel=1e-12)
    assert distances.wasserstein_1d(grid, grid, p) == 0.0


def test_marginals_of_grids_and_particles():
    grid = GridMeasure.from_density(
        lambda x: np.exp(-0.5 * (x[:, 0] ** 2 + (x[:, 1] - 1.0) ** 2)), -8.0, 9.0, (80, 70)
    )
    mu = cloud(0, particles=40, weighted=False)
    for axis, mean in enumerate((0.0, 1.0)):
        exact = wasserstein_to_normal(mu.positions[:, axis] - mean)
        assert distances.marginal_wasserstein(mu, grid, axis) == pytest.approx(exact, abs=3e-5)
        assert distances.marginal_wasserstein(grid, mu, axis) == pytest.approx(exact, abs=3e-5)


@given(seed=st.integers(0, 2**20))
def test_marginals_are_not_further_apart_than_the_whole(seed):
    mu, nu = cloud(2 * seed), cloud(2 * seed + 1)
    whole = distances.wasserstein(mu, nu)
    parts = [distances.marginal_wasserstein(mu, nu, axis) for axis in (0, 1)]
    assert np.hypot(*parts) <= whole + 1e-9
