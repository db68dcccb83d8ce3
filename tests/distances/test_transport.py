"""Exact transport: assignments, translations, Gaussians, densities, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from clouds import cloud
from meanfield import distances
from meanfield.distances import transport
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.grids import GridMeasure
from meanfield.measures import ParticleMeasure
from oracles import TwoGaussians


@pytest.mark.parametrize("p", [1, 2])
def test_translation_costs_its_length(p):
    mu = cloud(0, particles=30, dim=3)
    shift = np.array([1.0, -2.0, 2.0])
    moved = ParticleMeasure(mu.positions + shift, mu.weights)
    assert distances.wasserstein(mu, moved, p=p) == pytest.approx(3.0, abs=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_equal_masses_agree_with_the_assignment_problem(p):
    mu, nu = (cloud(s, particles=60, dim=3, weighted=False) for s in (0, 1))
    cost = cdist(mu.positions, nu.positions) ** p
    rows, columns = linear_sum_assignment(cost)
    expected = cost[rows, columns].mean() ** (1 / p)
    assert distances.wasserstein(mu, nu, p=p) == pytest.approx(expected, rel=1e-12)


def test_two_diracs_with_unequal_masses():
    mu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]], [0.25, 0.75])
    nu = ParticleMeasure([[0.0, 0.0], [1.0, 0.0]], [0.75, 0.25])
    assert distances.wasserstein(mu, nu, p=2) == pytest.approx(np.sqrt(0.5), abs=1e-12)


def test_exhausted_iterations_are_an_error_not_a_number(monkeypatch):
    monkeypatch.setattr(transport, "_MOST_ITERATIONS", 100)
    mu, nu = cloud(0, particles=600), cloud(1, particles=600)
    with pytest.raises(MeanfieldError, match="did not finish in 100 iterations; use sliced"):
        distances.wasserstein(mu, nu)


def test_too_many_pairs_are_refused_with_the_alternative(monkeypatch):
    monkeypatch.setattr(transport, "_MOST_PAIRS", 100)
    mu, nu = cloud(0, particles=20), cloud(1, particles=6)
    with pytest.raises(InvalidInputError, match="20 and 6 particles .* use sliced_wasserstein"):
        distances.wasserstein(mu, nu)


def test_equal_measures_have_no_distance_at_all():
    mu = cloud(0, particles=100, dim=3)
    assert distances.wasserstein(mu, mu) == 0.0


def test_a_linear_map_of_gaussians_is_optimal():
    # the map of N(0, A) to N(m, B) is linear, symmetric and positive: it is optimal for samples,
    # and its cost is the squared distance with the second moments of the sample
    a, m = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, -1.0])
    x = cloud(0, particles=200, weighted=False).positions
    mu, nu = ParticleMeasure(x), ParticleMeasure(x @ a + m)
    gaussians = TwoGaussians(m + x.mean(axis=0) @ (a - np.eye(2)), np.cov(x.T, bias=True),
                             a @ np.cov(x.T, bias=True) @ a)  # fmt: skip
    assert distances.wasserstein(mu, nu) == pytest.approx(gaussians.wasserstein, rel=1e-10)


def test_a_point_and_a_density_are_apart_by_its_second_moment():
    # two Gauss points a cell integrate a square exactly; the variance of the grid is off by
    # what the tilt inside cells changes, O(h⁴)
    grid = GridMeasure.from_density(
        lambda x: np.exp(-0.5 * (x**2).sum(axis=1)), -7.0, 7.0, (60, 60)
    )
    point = ParticleMeasure([[1.0, 0.0]])
    assert distances.wasserstein(point, grid) == pytest.approx(np.sqrt(3.0), abs=1e-3)


def test_cells_leave_no_more_than_their_floor():
    def grid(cells):
        return GridMeasure.from_density(
            lambda x: np.exp(-0.5 * (x**2).sum(axis=1)), -5.0, 5.0, (cells, cells)
        )

    mu = cloud(0, particles=40)
    coarse, fine = (distances.wasserstein(mu, grid(cells)) for cells in (12, 36))
    # 0.15 h along each of two axes, for h = 10/12; measured 0.005
    assert abs(coarse - fine) < 0.15 * np.sqrt(2.0) * 10 / 12
    assert abs(coarse - fine) < 0.03


@pytest.mark.parametrize("p", [1, 2])
def test_tiny_clouds_have_the_distance_of_large_ones(p):
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 0.3
    masses = rng.uniform(size=30)
    masses /= masses.sum()

    def distance(size):
        return (
            distances.wasserstein(
                ParticleMeasure(first * size, masses), ParticleMeasure(second * size), p
            )
            / size
        )

    for size in (1e-8, 1e-20, 1e20):
        assert distance(size) == pytest.approx(distance(1.0), rel=1e-9)
