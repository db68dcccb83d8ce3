import pickle

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure


def test_masses_are_equal_unless_given():
    uniform = ParticleMeasure([[0.0], [1.0], [2.0]])
    np.testing.assert_array_equal(uniform.weights, np.full(3, 1 / 3))
    assert uniform.is_uniform
    assert uniform == ParticleMeasure(uniform.positions, np.full(3, 1 / 3))


def test_moments_are_weighted():
    measure = ParticleMeasure([[0.0, 0.0], [4.0, 8.0]], [0.75, 0.25])
    np.testing.assert_array_equal(measure.mean(), [1.0, 2.0])
    np.testing.assert_array_equal(measure.covariance(), [[3.0, 6.0], [6.0, 12.0]])
    assert not measure.is_uniform


def test_particles_without_mass_are_allowed():
    assert len(ParticleMeasure([[0.0], [1.0]], [0.0, 1.0])) == 2


def test_moments_of_single_precision_particles_are_double():
    ones = np.full((3, 1), 2**24, np.float32)
    ones[0] += 2
    assert ParticleMeasure(ones).mean() == pytest.approx(2**24 + 2 / 3, rel=1e-15)


def test_a_measure_does_not_change_with_the_arrays_it_came_from():
    positions = np.zeros((2, 1))
    measure = ParticleMeasure(positions)
    positions[0] = 9.0
    assert measure.positions[0, 0] == 0.0
    for array in (measure.positions, measure.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    with pytest.raises(AttributeError, match="cannot assign to field"):
        measure.positions = positions


def test_equal_measures_are_equal_and_hash_alike():
    first, second = ParticleMeasure([[0.0], [1.0]]), ParticleMeasure([[-0.0], [1.0]])
    assert first == second
    assert hash(first) == hash(second)
    assert first != ParticleMeasure([[0.0], [1.0]], [0.25, 0.75])
    assert first != ParticleMeasure(np.array([[0.0], [1.0]], np.float32))
    assert first != "measure"


def test_a_measure_survives_pickling():
    measure = ParticleMeasure([[0.0], [1.0]], [0.25, 0.75])
    assert pickle.loads(pickle.dumps(measure)) == measure


def test_a_measure_says_its_size_in_words():
    assert repr(ParticleMeasure([[0.0]])) == "ParticleMeasure(1 particles in 1 dimensions)"
    weighted = ParticleMeasure([[0.0], [1.0]], [0.25, 0.75])
    assert repr(weighted) == "ParticleMeasure(2 weighted particles in 1 dimensions)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0],), r"positions must have 2 axes, got an array of shape \(2,\)"),
        ((np.zeros((0, 2)),), "positions must not be empty"),
        (([[0.0], [np.nan]],), "positions must be finite, but row 1 holds"),
        (([[0.0], [1.0]], [0.5, 0.4]), "weights must sum to 1, got 0.9; divide"),
        (([[0.0], [1.0]], [1.0, 1.0]), "weights must sum to 1, got 2"),
        (([[0.0], [1.0]], [2.0, -1.0]), "weights must be >= 0, got -1.0"),
        (([[0.0], [1.0]], [1.0]), "weights must have length 2, got 1"),
    ],
)
def test_what_is_no_probability_measure_is_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        ParticleMeasure(*arguments)
