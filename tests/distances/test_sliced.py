"""Sliced distances: the same directions elsewhere, translations, bits."""

from __future__ import annotations

import numpy as np
import ot
import pytest

from clouds import cloud
from meanfield import distances
from meanfield.measures import ParticleMeasure
from oracles import TwoGaussians


def test_sliced_distance_of_a_translation_is_its_mean_projection():
    # E (u·s)² = |s|²/d; 4000 directions leave a relative error of about 1 %
    mu = cloud(0, particles=10, dim=3)
    moved = ParticleMeasure(mu.positions + [3.0, 0.0, 0.0], mu.weights)
    got = distances.sliced_wasserstein(mu, moved, projections=4000)
    assert got == pytest.approx(np.sqrt(3.0), rel=0.04)


def test_sliced_agrees_with_pot_along_the_same_directions():
    mu, nu = cloud(0, particles=50, dim=4), cloud(1, particles=31, dim=4)
    directions = np.random.default_rng(5).standard_normal((16, 4))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = ot.sliced_wasserstein_distance(
        mu.positions, nu.positions, mu.weights, nu.weights, projections=directions.T
    )
    got = distances.sliced_wasserstein(mu, nu, projections=16, seed=5)
    assert got == pytest.approx(expected, rel=1e-10)


def test_sliced_energy_tends_to_the_energy_distance():
    # the mean over directions scatters by about half of it, 4000 of them leave 1 %
    mu, nu = cloud(0, particles=40, dim=3), cloud(1, particles=30, dim=3)
    whole = distances.energy(mu, nu)
    assert distances.sliced_energy(mu, nu, projections=4000) == pytest.approx(whole, rel=0.03)


def test_sliced_energy_of_isotropic_gaussians():
    gaussians = TwoGaussians(np.array([1.0, 0.0, 0.0, 0.0]), np.eye(4), 2.0 * np.eye(4))
    x, y = gaussians.sample(20_000, seed=0)
    got = distances.sliced_energy(ParticleMeasure(x), ParticleMeasure(y), projections=300)
    # directions leave 3 %, and samples 2 E|X - X'| / N = 3e-4 of a square of 0.42
    assert got**2 == pytest.approx(gaussians.squared_energy, rel=0.15)


@pytest.mark.parametrize("name", ["sliced_wasserstein", "sliced_energy"])
def test_the_line_has_one_direction(name):
    mu, nu = cloud(0, particles=20, dim=1), cloud(1, particles=30, dim=1)
    whole = {"sliced_wasserstein": distances.wasserstein, "sliced_energy": distances.energy}[name]
    assert getattr(distances, name)(mu, nu, projections=3) == pytest.approx(whole(mu, nu))
