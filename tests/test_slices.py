"""Sliced distances to a measure that is sorted once."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.slices import SlicedTarget, random_directions


def sorted_distance(first, second, directions):
    """Sliced W₂ of two sets of points of equal mass, by repeating both to a common number."""
    common = np.lcm(len(first), len(second))
    columns = [
        np.repeat(np.sort(points @ directions.T, axis=0), common // len(points), axis=0)
        for points in (first, second)
    ]
    return np.sqrt(np.square(columns[0] - columns[1]).mean())


@pytest.mark.parametrize(("particles", "fine", "dim"), [(8, 64, 3), (6, 64, 2), (7, 10, 1)])
def test_distance_is_that_of_sorted_projections(particles, fine, dim):
    network = ParticleMeasure.gaussian(particles, dim, seed=0)
    measure = ParticleMeasure.gaussian(fine, dim, mean=5.0, seed=1)
    directions = random_directions(dim, 20)
    target = SlicedTarget.of(measure, (particles,), directions)[particles]
    exact = sorted_distance(network.positions, measure.positions, directions)
    assert target.distance(network) == pytest.approx(exact, rel=1e-12)


def test_masses_of_the_target_count_like_repeated_particles():
    points = np.random.default_rng(0).standard_normal((3, 2))
    directions = random_directions(2, 10)
    network = ParticleMeasure.gaussian(5, 2, seed=1)
    weighted = ParticleMeasure(points, [0.5, 0.375, 0.125])
    repeated = np.repeat(points, [4, 3, 1], axis=0)
    target = SlicedTarget.of(weighted, (5,), directions)[5]
    exact = sorted_distance(network.positions, repeated, directions)
    assert target.distance(network) == pytest.approx(exact, rel=1e-12)


def test_a_measure_is_at_distance_zero_from_itself():
    measure = ParticleMeasure.gaussian(32, 3, seed=0)
    target = SlicedTarget.of(measure, (32,), random_directions(3, 8))[32]
    # The squared distance is a sum of squared roundings and of a cancelled variance.
    assert target.distance(measure) < 1e-7


def test_widths_cut_together_equal_those_cut_alone():
    measure = ParticleMeasure.gaussian(64, 2, seed=0)
    directions = random_directions(2, 5)
    together = SlicedTarget.of(measure, (4, 8), directions)
    for width in (4, 8):
        alone = SlicedTarget.of(measure, (width,), directions)[width]
        np.testing.assert_array_equal(together[width].parts, alone.parts)
        assert together[width].spread == alone.spread


def test_other_numbers_of_particles_are_refused():
    target = SlicedTarget.of(ParticleMeasure.gaussian(8, 1, seed=0), (4,), np.ones((1, 1)))[4]
    with pytest.raises(InvalidInputError, match="cut for 4 particles of equal mass"):
        target.distance(ParticleMeasure.gaussian(5, 1, seed=0))
    with pytest.raises(InvalidInputError, match="equal mass, got ParticleMeasure\\(4 weighted"):
        target.distance(ParticleMeasure(np.ones((4, 1)), [0.1, 0.2, 0.3, 0.4]))


def test_directions_have_unit_length_and_repeat():
    directions = random_directions(4, 30, seed=2)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(directions, random_directions(4, 30, seed=2))
