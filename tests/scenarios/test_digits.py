import numpy as np
import pytest

from meanfield.data import load_digits
from meanfield.errors import InvalidInputError
from meanfield.scenarios.digits import Digits, stratified_split


def test_the_split_is_disjoint_and_complete():
    _, labels = load_digits()
    train, test = stratified_split(labels, 0.2, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(1797))


def test_the_split_is_stratified():
    _, labels = load_digits()
    _, test = stratified_split(labels, 0.2, seed=0)
    np.testing.assert_allclose(np.bincount(labels[test]), 0.2 * np.bincount(labels), atol=0.5)


def test_the_split_depends_on_its_seed_only():
    _, labels = load_digits()
    splits = [stratified_split(labels, 0.2, seed)[1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(splits[0], splits[1])
    assert not np.array_equal(splits[0], splits[2])


def test_training_pixels_are_centred_with_unit_deviation():
    inputs = Digits().build().problem.data.inputs
    np.testing.assert_allclose(inputs.mean(axis=0), 0.0, atol=1e-12)
    # Deviations are measured before pixels are centred one by one, which takes some away.
    assert 0.5 < inputs.std() < 1.0


def test_the_test_images_are_not_among_the_training_images():
    experiment = Digits().build()
    train = {row.tobytes() for row in experiment.problem.data.inputs}
    assert not any(row.tobytes() in train for row in experiment.test.inputs)


@pytest.mark.parametrize("solver", ["sgd", "particle-flow"])
def test_few_neurons_soon_read_nineteen_digits_of_twenty(solver):
    run = Digits(particles=128, t_end=30.0, frames=3).build().run(solver=solver)
    assert run.observables["test_accuracy"][-1] >= 0.95
    assert run.observables["test_risk"][-1] < 0.2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"activation": "rleu"}, "unknown activation 'rleu'; did you mean 'relu'"),
        ({"test_fraction": 1.0}, r"test_fraction must be in \[0.01, 0.99\], got 1.0"),
        ({"split_seed": -1}, "split_seed must be an integer >= 0, got -1"),
        ({"ridge": -1e-3}, "ridge must be a nonnegative finite number, got -0.001"),
    ],
)
def test_mistakes_are_named(wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        Digits(**wrong)
