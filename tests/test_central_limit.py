"""Fluctuations against a predicted covariance: what is accepted, and what is found out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from meanfield.central_limit import central_limit
from meanfield.errors import InvalidInputError

# Rank 2 in R^4, as outputs of few smooth neurons are.
MODES = np.array([[1.0, 0.0], [0.5, 0.3], [-0.2, 0.8], [0.1, 0.1]])
COVARIANCE = MODES @ MODES.T


def rows(rng, seeds, particles, scale=1.0):
    return scale * rng.standard_normal((seeds, 2)) @ MODES.T / np.sqrt(particles)


def test_p_values_are_uniform_if_the_prediction_holds():
    rng = np.random.default_rng(0)
    found = [central_limit(rows(rng, 20, 64), COVARIANCE, 64) for _ in range(300)]
    assert {one.directions for one in found} == {2}
    assert {one.degrees for one in found} == {40}
    # Kolmogorov–Smirnov with 300 draws: p below 0.001 would be one in a thousand.
    assert kstest([one.p_value for one in found], "uniform").pvalue > 0.001
    ratios = np.array([one.ratio for one in found])
    assert ratios.mean() == pytest.approx(1.0, abs=4 * ratios.std() / np.sqrt(300))
    assert ratios.std() == pytest.approx(found[0].ratio_error, rel=0.2)


def test_a_wrong_size_is_detected():
    """Four times the variance: the statistic is about 320 instead of 80 ± 13."""
    found = central_limit(rows(np.random.default_rng(1), 40, 64, 2.0), COVARIANCE, 64)
    assert not found.consistent
    assert found.ratio > 2.5
    assert "not consistent" in str(found)


def test_weights_and_order_of_points_do_not_change_the_verdict():
    sample = rows(np.random.default_rng(2), 30, 16)
    order = [2, 0, 3, 1]
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    first = central_limit(sample, COVARIANCE, 16, weights=weights)
    second = central_limit(
        sample[:, order], COVARIANCE[np.ix_(order, order)], 16, weights=weights[order]
    )
    assert first.statistic == pytest.approx(second.statistic, rel=1e-9)
    # All directions are tested, in which the statistic does not depend on weights.
    assert first.statistic == pytest.approx(
        central_limit(sample, COVARIANCE, 16).statistic, rel=1e-9
    )


@pytest.mark.parametrize(
    ("deviations", "covariance", "message"),
    [
        (np.ones((5, 3)), np.eye(2), r"covariance must have shape \(3, 3\)"),
        (np.ones((1, 2)), np.eye(2), "at least two seeds"),
        (np.ones((5, 2)), np.zeros((2, 2)), "the predicted covariance is zero"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_words(deviations, covariance, message):
    with pytest.raises(InvalidInputError, match=message):
        central_limit(deviations, covariance, 16)


def test_weights_must_fit():
    with pytest.raises(InvalidInputError, match="weights must be 2 numbers >= 0"):
        central_limit(np.ones((5, 2)), np.eye(2), 16, weights=[1.0])
