import numpy as np
import pytest

from meanfield.distributions import (
    IsotropicGaussians,
    Teacher,
    distribution_from_dict,
    distributions,
)
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem

RELU = Neuron(3, outputs=2, activation="relu")
LAWS = [IsotropicGaussians(dim=3, delta=0.4), Teacher(RELU, width=4, noise=0.1, seed=5)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_samples_have_the_announced_shapes(law):
    inputs, targets = law.sample(7, np.random.default_rng(0))
    assert inputs.shape == (7, law.inputs) and targets.shape == (7, law.outputs)
    assert inputs.dtype == targets.dtype == np.float64


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_equal_seeds_give_equal_data(law):
    assert law.dataset(9, seed=3) == law.dataset(9, seed=3)
    assert law.dataset(9, seed=3) != law.dataset(9, seed=4)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_survives_its_dictionary(law):
    rebuilt = distribution_from_dict(law.to_dict())
    assert rebuilt == law
    assert rebuilt.dataset(5, seed=1) == law.dataset(5, seed=1)
    assert distributions[law.name] is type(law)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_data_do_not_repeat_the_draws_of_neurons(law):
    neurons = ParticleMeasure.gaussian(50, 3, seed=0).positions
    assert not np.isin(law.dataset(50, seed=0).inputs, neurons).any()


def test_classes_have_the_two_variances():
    inputs, labels = IsotropicGaussians(dim=10, delta=0.8).sample(4000, np.random.default_rng(1))
    for label in (-1.0, 1.0):
        variances = np.mean(inputs[labels[:, 0] == label] ** 2) / (1.0 + 0.8 * label) ** 2
        # About 2000 points of 10 coordinates: standard error sqrt(2 / 20000) = 0.01.
        assert abs(variances - 1.0) < 0.04
    assert abs(labels.mean()) < 4.0 / np.sqrt(4000)


def test_the_teacher_has_no_risk():
    law = Teacher(RELU, width=4)
    assert Problem(RELU, law.dataset(100, seed=0)).risk(law.measure) < 1e-28


@pytest.mark.parametrize("width", [1, 20])
def test_teachers_have_outputs_of_order_one_at_any_width(width):
    neuron = Neuron(5, activation="relu", bias=False)
    squares = [
        np.mean(Teacher(neuron, width, seed=seed).dataset(200, seed).targets ** 2)
        for seed in range(200)
    ]
    # E f² = E relu(g)² = 1/2; one teacher deviates by about 0.3, so 200 by 0.02.
    assert abs(np.mean(squares) - 0.5) < 0.08


def test_label_noise_has_its_standard_deviation():
    noisy, exact = (Teacher(RELU, width=4, noise=noise) for noise in (0.3, 0.0))
    errors = noisy.dataset(5000, seed=0).targets - exact.dataset(5000, seed=0).targets
    # 10000 numbers: relative standard error of the deviation 1 / sqrt(20000) = 0.7 %.
    assert abs(errors.std() / 0.3 - 1.0) < 0.03


def test_a_fixed_outer_weight_leaves_the_teacher_without_outer_columns():
    neuron = Neuron(4, activation="tanh", outer="fixed")
    law = Teacher(neuron, width=3)
    assert law.measure.positions.shape == (3, 5)
    np.testing.assert_allclose(np.linalg.norm(law.measure.positions[:, :4], axis=1), 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: IsotropicGaussians(0, 0.5), "dim must be an integer >= 1, got 0"),
        (lambda: IsotropicGaussians(3, 1.5), r"delta must be in \[0, 1\], got 1.5"),
        (lambda: Teacher(RELU, width=0), "width must be an integer >= 1, got 0"),
        (lambda: Teacher(RELU, 2, noise=-1.0), "noise must be a nonnegative"),
        (lambda: Teacher(RELU, 2, seed=-1), "seed must be an integer >= 0, got -1"),
        (lambda: Teacher("relu", 2), "neuron must be a Neuron, got str"),
        (lambda: LAWS[0].dataset(0, seed=0), "points must be an integer >= 1, got 0"),
        (lambda: LAWS[0].dataset(1, seed=-1), "seed must be an integer >= 0, got -1"),
        (lambda: distribution_from_dict({"name": "techer"}), "did you mean 'teacher'"),
        (
            lambda: distribution_from_dict({"name": "isotropic-gaussians", "detla": 1}),
            "unknown setting of the distribution isotropic-gaussians 'detla'",
        ),
        (
            lambda: distribution_from_dict({"name": "isotropic-gaussians", "dim": 2}),
            "isotropic-gaussians needs the setting delta",
        ),
        (lambda: distribution_from_dict(3), "must be a data distribution or its dictionary"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
