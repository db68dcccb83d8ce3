"""Distance of particles that started together."""

from __future__ import annotations

from clouds import cloud
from meanfield import distances
from meanfield.measures import ParticleMeasure


def test_coupling_bounds_the_distance():
    mu = cloud(0, particles=40)
    nu = ParticleMeasure(mu.positions + 0.1 * cloud(1, particles=40).positions, mu.weights)
    assert distances.coupling(mu, nu) >= distances.wasserstein(mu, nu) - 1e-12
