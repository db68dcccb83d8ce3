"""What all distances have in common: axioms, invariances, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clouds import cloud
from meanfield import distances
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure

METRICS = {
    "wasserstein 1": lambda mu, nu: distances.wasserstein(mu, nu, p=1),
    "wasserstein 2": distances.wasserstein,
    "marginal": lambda mu, nu: distances.marginal_wasserstein(mu, nu, axis=1),
    "sliced": lambda mu, nu: distances.sliced_wasserstein(mu, nu, projections=8),
    "energy": distances.energy,
    "sliced energy": lambda mu, nu: distances.sliced_energy(mu, nu, projections=8),
    "mmd": lambda mu, nu: distances.mmd(mu, nu, bandwidth=1.0),
}


@pytest.mark.parametrize("name", list(METRICS))
@given(seed=st.integers(0, 2**20))
def test_metric_axioms(name, seed):
    metric = METRICS[name]
    mu, nu, rho = (cloud(3 * seed + i) for i in range(3))
    # roots of sums of squares cancel at worst to sqrt(1e-15)
    assert metric(mu, mu) < 1e-7
    assert metric(mu, nu) > 1e-3
    assert metric(mu, nu) == pytest.approx(metric(nu, mu), abs=1e-9)
    assert metric(mu, rho) <= metric(mu, nu) + metric(nu, rho) + 1e-9


@pytest.mark.parametrize("name", list(METRICS))
@given(seed=st.integers(0, 2**20))
def test_halves_of_a_particle_count_as_the_whole(name, seed):
    mu, nu = cloud(2 * seed), cloud(2 * seed + 1)
    halves = ParticleMeasure(np.repeat(mu.positions, 2, axis=0), np.repeat(mu.weights / 2, 2))
    assert METRICS[name](mu, nu) == pytest.approx(METRICS[name](halves, nu), abs=1e-7)


@pytest.mark.parametrize("name", list(METRICS))
def test_order_and_massless_particles_do_not_count(name):
    mu, nu = cloud(0, particles=30), cloud(1, particles=20)
    order = np.random.default_rng(2).permutation(30)
    positions = np.concatenate([mu.positions[order], [[50.0, 50.0]]])
    other = ParticleMeasure(positions, np.append(mu.weights[order], 0.0))
    assert METRICS[name](other, nu) == pytest.approx(METRICS[name](mu, nu), rel=1e-12)


@pytest.mark.parametrize("name", list(METRICS))
def test_translations_of_both_do_not_count_and_units_scale(name):
    mu, nu = cloud(0, particles=30), cloud(1, particles=20)
    far = [ParticleMeasure(one.positions + 1e6, one.weights) for one in (mu, nu)]
    # positions near 1e6 are rounded to 1e-10
    assert METRICS[name](*far) == pytest.approx(METRICS[name](mu, nu), rel=1e-8)
    if name != "mmd":
        tall = [ParticleMeasure(1e-5 * one.positions, one.weights) for one in (mu, nu)]
        power = 0.5 if "energy" in name else 1.0
        expected = 1e-5**power * METRICS[name](mu, nu)
        assert METRICS[name](*tall) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", ["sliced", "energy", "sliced energy", "mmd"])
def test_any_number_of_threads_gives_the_same_bits(name, monkeypatch):
    mu, nu = cloud(0, particles=700), cloud(1, particles=450)
    values = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        values.append(METRICS[name](mu, nu))
    assert len(set(values)) == 1


def test_names_are_those_of_the_functions():
    assert set(distances.distances) == {
        "coupling",
        "energy",
        "mmd",
        "sinkhorn",
        "sliced_energy",
        "sliced_wasserstein",
        "wasserstein",
    }
    assert distances.distances["mmd"] is distances.mmd


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distances.wasserstein(cloud(0), cloud(1, dim=3)), "same dimension, got 2 and 3"),
        (lambda: distances.energy(cloud(0), cloud(1, dim=3)), "same dimension, got 2 and 3"),
        (lambda: distances.wasserstein(cloud(0), cloud(1), p=3), "p must be 1 or 2 in dimension 2"),
        (
            lambda: distances.wasserstein([[0.0]], cloud(1)),
            "each side of a distance must be a ParticleMeasure or a GridMeasure, got list",
        ),
        (lambda: distances.wasserstein_1d(cloud(0), cloud(1)), "on the line, got 2 dimensions"),
        (lambda: distances.marginal_wasserstein(cloud(0), cloud(1), 2), "axis must be below 2"),
        (lambda: distances.sliced_wasserstein(cloud(0), cloud(1), p=0.5), "p must be >= 1"),
        (
            lambda: distances.sliced_energy(cloud(0), cloud(1), projections=0),
            "projections must be an integer >= 1",
        ),
        (lambda: distances.sinkhorn(cloud(0), cloud(1), -1.0), "regularization must be a positive"),
        (lambda: distances.mmd(cloud(0), cloud(1), 0.0), "bandwidth must be a positive"),
        (
            lambda: distances.unbiased_energy(cloud(0, 5), cloud(1, 5)),
            "two or more particles of equal mass, .* use energy or mmd",
        ),
        (
            lambda: distances.unbiased_mmd(cloud(0, 5, weighted=False), cloud(1, 1)),
            "two or more particles of equal mass, got ParticleMeasure.1 particles",
        ),
        (lambda: distances.coupling(cloud(0, 3), cloud(1, 4)), "got 3 and 4; use wasserstein"),
        (lambda: distances.distances["wassertein"], "did you mean 'wasserstein'"),
    ],
)
def test_bad_calls_are_explained(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
