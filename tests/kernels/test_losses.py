"""Compiled losses against the same formulas in NumPy."""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from meanfield.kernels.losses import CODES, fill_loss


def evaluate(name, outputs, targets, threshold=1.0):
    values, derivatives = np.empty(len(outputs)), np.full_like(outputs, np.nan)
    fill_loss(CODES[name], threshold, outputs, targets, values, derivatives)
    return values, derivatives


@pytest.fixture
def outputs(rng):
    return 3.0 * rng.standard_normal((50, 3))


def test_squared_loss_is_half_the_squared_distance(outputs, rng):
    targets = rng.standard_normal((50, 3))
    values, derivatives = evaluate("squared", outputs, targets)
    # A sum of three terms: three roundings.
    np.testing.assert_allclose(values, 0.5 * ((outputs - targets) ** 2).sum(1), rtol=1e-15 * 4)
    np.testing.assert_array_equal(derivatives, outputs - targets)


def test_cross_entropy_is_the_log_of_the_softmax(outputs, rng):
    labels = rng.integers(0, 3, 50)
    values, derivatives = evaluate("cross_entropy", outputs, labels[:, None].astype(float))
    # Logarithms of numbers up to e^10: errors of a few ulp of 10.
    expected = logsumexp(outputs, axis=1) - outputs[np.arange(50), labels]
    np.testing.assert_allclose(values, expected, rtol=1e-14, atol=1e-14)
    expected = softmax(outputs, axis=1) - np.eye(3)[labels]
    np.testing.assert_allclose(derivatives, expected, rtol=1e-14, atol=1e-15)


def test_cross_entropy_keeps_small_losses_beside_large_outputs():
    values, _ = evaluate("cross_entropy", np.array([[1e8, 1e8 - 10.0]]), np.array([[0.0]]))
    # log(1 + e^-10); the sum 1 + e^-10 is rounded to 2^-53, which is 5e-12 of e^-10.
    np.testing.assert_allclose(values, np.log1p(np.exp(-10.0)), rtol=1e-11)


def test_huber_loss_is_quadratic_within_and_linear_beyond_its_threshold():
    residuals = np.array([-3.0, -0.5, 0.0, 0.25, 0.5, 2.0])[:, None]
    values, derivatives = evaluate("huber", residuals, np.zeros_like(residuals), threshold=0.5)
    np.testing.assert_array_equal(values, [1.375, 0.125, 0.0, 0.03125, 0.125, 0.875])
    np.testing.assert_array_equal(derivatives[:, 0], [-0.5, -0.5, 0.0, 0.25, 0.5, 0.5])


@pytest.mark.parametrize("name", sorted(CODES))
def test_nan_outputs_give_nan_losses(name):
    outputs = np.array([[np.nan, 0.0, 0.0]])[:, : 1 if name == "logistic" else 3]
    targets = np.ones((1, 3 if name in ("squared", "huber") else 1))
    assert np.isnan(evaluate(name, outputs, targets)[0]).all()
