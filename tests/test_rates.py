"""Fits of power laws: what is recovered, and how honest the intervals are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.rates import Rate, fit_rate, power_mean, standard_error

WIDTHS = np.array([16, 64, 256, 1024])


def rough_errors(rng, seeds, slope=-0.5, widths=WIDTHS):
    """Function distances of a linear neuron: half-normal, of scale N^slope."""
    scale = np.asarray(widths, dtype=float) ** slope
    return np.abs(rng.standard_normal((len(widths), seeds))) * scale[:, None]


@pytest.mark.parametrize(("slope", "power"), [(-0.5, 2), (-1.0, 1), (0.3, 1)])
def test_noiseless_power_laws_are_recovered_exactly(slope, power):
    samples = np.repeat(3.0 * WIDTHS[:, None] ** slope, 6, axis=1)
    rate = fit_rate(WIDTHS, samples, power=power)
    # The mean of equal numbers is exact to a few roundings.
    assert rate.slope == pytest.approx(slope, abs=1e-12)
    assert rate.constant == pytest.approx(3.0, rel=1e-12)
    assert rate.lower == pytest.approx(slope, abs=1e-12)
    assert rate.upper == pytest.approx(slope, abs=1e-12)
    np.testing.assert_allclose(rate(WIDTHS), samples[:, 0], rtol=1e-12)


def test_the_sign_of_the_mean_is_kept_in_the_constant():
    rng = np.random.default_rng(0)
    samples = -2.0 / WIDTHS[:, None] * (1.0 + 0.1 * rng.standard_normal((4, 50)))
    rate = fit_rate(WIDTHS, samples, expected=-1.0)
    assert rate.consistent
    # Slope and level have errors of order 0.1 / sqrt(50) = 0.014; times log 128 in the level.
    assert rate.constant == pytest.approx(-2.0, rel=4 * 0.014 * 2)


LAWS = {
    "squares of one Gaussian": lambda rng, shape: rng.standard_normal(shape) ** 2,
    "squares of two": lambda rng, shape: rng.standard_exponential(shape),
    "lognormal": lambda rng, shape: np.exp(rng.standard_normal(shape)),
}


@pytest.mark.parametrize("law", LAWS)
def test_intervals_cover_the_true_slope_95_percent_of_the_time(law):
    rng = np.random.default_rng(1)
    widths = np.array([64, 128, 256, 512, 1024])
    trials = 600
    samples = np.sqrt(LAWS[law](rng, (trials, 5, 10)) / widths[:, None])
    rates = [fit_rate(widths, one, power=2, expected=-0.5) for one in samples]
    covered = np.mean([rate.consistent for rate in rates])
    # Three standard errors of the fraction are 0.027, and the method promises 94 to 95.5 %.
    assert 0.915 <= covered <= 0.98
    error = np.sqrt(np.mean([rate.error**2 for rate in rates]))
    # The scatter of 600 slopes is known to 3 %, the root mean square of their errors likewise.
    assert error == pytest.approx(np.std([rate.slope for rate in rates]), rel=0.1)


def test_intervals_of_signed_gaps_cover():
    """Their scatter falls like N^(−1/2), their mean like 1/N: wide networks tell little."""
    rng = np.random.default_rng(2)
    widths = np.array([64, 128, 256, 512, 1024])[:, None]
    noise = rng.standard_normal((600, 5, 10))
    rates = [fit_rate(widths[:, 0], 20 / widths + 0.3 / np.sqrt(widths) * one) for one in noise]
    covered = np.mean([rate.lower <= -1.0 <= rate.upper for rate in rates])
    assert 0.915 <= covered <= 0.98


def test_two_widths_give_the_interval_of_two_variances():
    """Nothing is smoothed then: the slope is a difference of two logarithms."""
    samples = np.array([[1.0, 2.0, 3.0, 4.0, 6.0], [0.6, 0.5, 0.4, 0.3, 0.9]])
    rate = fit_rate([10, 100], samples)
    variances = []
    for row in samples:
        logs = [math.log(np.delete(row, seed).mean()) for seed in range(5)]
        variances.append(4 / 5 * sum((log - np.mean(logs)) ** 2 for log in logs))
    assert rate.slope == pytest.approx(math.log10(0.54 / 3.2), rel=1e-12)
    assert rate.error == pytest.approx(math.sqrt(sum(variances)) / math.log(10), rel=1e-12)


def test_widths_that_are_mostly_noise_hardly_count():
    rng = np.random.default_rng(3)
    noise = np.array([1e-4, 1e-4, 1e-4, 1.0])[:, None]
    samples = 1.0 / WIDTHS[:, None] + noise * rng.standard_normal((4, 20))
    rate = fit_rate(WIDTHS, samples)
    # From the first three widths: errors 1e-4 / sqrt(20) against values down to 1 / 256.
    assert rate.slope == pytest.approx(-1.0, abs=0.02)
    assert not rate.resolved
    assert "use more seeds" in str(rate)


def test_one_network_far_off_widens_the_interval():
    samples = 1.0 + 0.01 * np.random.default_rng(4).standard_normal((4, 8))
    far = samples.copy()
    far[1, 3] = 30.0
    narrow, wide = fit_rate(WIDTHS, samples), fit_rate(WIDTHS, far)
    assert narrow.upper - narrow.lower < 0.02
    # Few degrees of freedom remain: more than the 2.2 errors of many.
    assert wide.upper - wide.slope > 3.0 * wide.error
    assert wide.lower <= 0.0 <= wide.upper


def test_few_seeds_give_a_slope_without_an_interval():
    rate = fit_rate(WIDTHS, rough_errors(np.random.default_rng(5), 4), power=2, expected=-0.5)
    assert math.isfinite(rate.slope)
    assert not rate.has_interval
    assert rate.consistent is None
    assert "no interval with fewer than 5 seeds" in str(rate)


def test_a_value_of_exactly_zero_has_no_rate():
    samples = np.ones((4, 6))
    samples[2] = 0.0
    rate = fit_rate(WIDTHS, samples)
    assert math.isnan(rate.slope)
    assert str(rate) == "n/a (a value is zero)"
    assert rate.interval == "n/a"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Rate(-0.49, -0.55, -0.43, 1.0, -0.5), "−0.49 [−0.55, −0.43], consistent with −1/2"),
        (Rate(-0.2, -0.3, -0.1, 1.0, -0.5), "−0.20 [−0.30, −0.10], not consistent with −1/2"),
        (Rate(-1.1, -1.3, -0.9, 1.0, -1.0), "−1.10 [−1.30, −0.90], consistent with −1"),
        (Rate(-0.4, -0.5, -0.3, 1.0), "−0.40 [−0.50, −0.30]"),
    ],
)
def test_verdicts_are_words(rate, text):
    assert str(rate) == text


def test_standard_error_of_a_root_mean_square_matches_its_scatter():
    rng = np.random.default_rng(6)
    samples = rng.standard_normal((2000, 50))
    scatter = power_mean(samples, 2).std()
    # sd of the rms of 50 normals is 1 / sqrt(100); that of a scatter of 2000 of them is 1.6 %.
    assert scatter == pytest.approx(0.1, rel=0.07)
    assert standard_error(samples, 2).mean() == pytest.approx(scatter, rel=0.07)


@pytest.mark.parametrize(
    ("widths", "shape", "options", "message"),
    [
        ([64], (1, 5), {}, "at least two widths"),
        ([64, 16], (2, 5), {}, "increasing, got 64, 16"),
        ([0, 16], (2, 5), {}, "positive"),
        ([16, 64], (3, 5), {}, "one row for each of the 2 widths"),
        ([16, 64], (2, 1), {}, "at least two seeds"),
        ([16, 64], (2, 5), {"power": 3}, "power must be 1 or 2, got 3"),
    ],
)
def test_what_is_not_a_fit_is_refused_in_words(widths, shape, options, message):
    with pytest.raises(InvalidInputError, match=message):
        fit_rate(widths, np.ones(shape), **options)
