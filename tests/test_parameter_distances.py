"""Distances of networks to one thinned limit: the same numbers, at a bounded cost."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import distances
from meanfield.grids import GridMeasure
from meanfield.measures import ParticleMeasure
from meanfield.parameter_distances import STATISTICS, ParameterTarget, omissions

LIMIT = ParticleMeasure.gaussian(2048, 2, seed=0, sampling="sobol")


def test_statistics_are_the_distances_to_the_first_atoms():
    network = ParticleMeasure.gaussian(32, 2, mean=0.3, seed=1)
    target = ParameterTarget.of(LIMIT, (32,))
    found = target.distances(network)
    atoms = ParticleMeasure(LIMIT.positions[:1024])
    few = ParticleMeasure(LIMIT.positions[:256])
    assert set(found) == set(STATISTICS)
    assert found["wasserstein_1"] == distances.wasserstein(network, atoms, p=1)
    assert found["wasserstein_2"] == distances.wasserstein(network, atoms, p=2)
    assert found["energy"] == distances.energy(network, atoms)
    # A quarter of the mean squared distance of two atoms, which is twice the total variance.
    epsilon = target.regularization
    assert epsilon == pytest.approx(0.5 * np.trace(atoms.covariance()), rel=1e-12)
    assert found["sinkhorn"] == distances.sinkhorn(network, few, epsilon)


def test_marginals_are_exact_against_the_whole_limit():
    network = ParticleMeasure.gaussian(32, 2, seed=2)
    found = ParameterTarget.of(LIMIT, (32,)).marginal_distances(network)
    for axis, value in enumerate(found):
        parts = (
            ParticleMeasure(measure.positions[:, axis : axis + 1]) for measure in (network, LIMIT)
        )
        assert value == pytest.approx(distances.wasserstein_1d(*parts), rel=1e-9)


def test_what_takes_too_many_pairs_is_left_out_and_said():
    target = ParameterTarget.of(LIMIT, (1025,))
    found = target.distances(ParticleMeasure.gaussian(1025, 2, seed=1))
    assert np.isnan(found["wasserstein_2"])
    assert np.isfinite(found["energy"])
    notes = omissions((64, 1025, 4096), dim=2)
    assert notes[0] == (
        "exact W₁ and W₂ is left out for N = 1025, 4096: it is computed up to N = 1024"
    )
    assert omissions((64, 1024), dim=2) == []
    assert "marginals are left out: there are 101 > 100 parameters" in omissions((8, 16), dim=101)


def test_on_the_line_all_atoms_count_for_any_width():
    limit = ParticleMeasure.gaussian(4096, 1, seed=0, sampling="sobol")
    network = ParticleMeasure.gaussian(1500, 1, seed=1)
    found = ParameterTarget.of(limit, (1500,)).distances(network)
    assert found["wasserstein_2"] == distances.wasserstein_1d(network, limit)
    assert np.isnan(found["sinkhorn"])
    assert omissions((1500,), dim=1) == [
        "the Sinkhorn divergence is left out on the line, where W₁ and W₂ are exact"
    ]


def test_grids_and_weighted_nodes_are_drawn_from():
    grid = GridMeasure.from_density(lambda x: np.exp(-(x**2).sum(axis=1) / 2), -6.0, 6.0, (60, 60))
    weighted = ParticleMeasure([[0.0, 0.0], [1.0, 1.0]], [0.25, 0.75])
    for measure in (grid, weighted):
        atoms = ParameterTarget.of(measure, (8,)).atoms
        assert len(atoms) == 1024
        assert atoms.is_uniform
        # The mean of 1024 draws of variance below 1.
        np.testing.assert_allclose(atoms.mean(), measure.mean(), atol=4 / 32)
