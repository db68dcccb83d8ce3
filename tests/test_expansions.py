"""Fits of squared errors by known powers of width and step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.expansions import Coefficient, Expansion, fit_width_and_step, fit_widths

WIDTHS = np.array([16, 64, 256])
STEPS = np.array([0.01, 0.04, 0.16])


def squares(rng, mean, seeds):
    """Squares of normal numbers with given mean squares, (W, S, …)."""
    normals = rng.standard_normal((len(mean), seeds, *np.shape(mean)[1:]))
    return normals**2 * np.expand_dims(mean, 1)


def test_exact_means_give_exact_constants():
    mean = 2.0 / WIDTHS - 7.0 / WIDTHS**2
    fit = fit_widths(WIDTHS, np.repeat(mean[:, None], 6, axis=1))
    assert fit.coefficients["C"].value == pytest.approx(2.0, rel=1e-9)
    assert fit.coefficients["C₂"].value == pytest.approx(-7.0, rel=1e-9)
    np.testing.assert_allclose(fit(WIDTHS), mean, rtol=1e-9)
    mean = 2.0 / WIDTHS[:, None] + 0.3 * STEPS
    fit = fit_width_and_step(WIDTHS, STEPS, np.repeat(mean[:, None], 6, axis=1))
    np.testing.assert_allclose(fit(WIDTHS[:, None], STEPS), mean, rtol=1e-9)
    assert fit.coefficients["D"].error == pytest.approx(0.0, abs=1e-9)


def test_fits_are_unbiased_and_intervals_cover():
    """Weights from the fit, not the data: chi-square samples would else be pulled down."""
    rng = np.random.default_rng(0)
    mean = 1.0 / WIDTHS[:, None] + 0.5 * STEPS
    trials = [
        fit_width_and_step(WIDTHS, STEPS, squares(rng, mean, 15), resamples=1000, seed=trial)
        for trial in range(60)
    ]
    for name, exact in (("C", 1.0), ("D", 0.5)):
        fitted = [trial.coefficients[name] for trial in trials]
        values = np.array([entry.value for entry in fitted])
        assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(len(values))
        # The scatter of 60 values is known to 9 %; errors of single fits vary.
        assert np.median([entry.error for entry in fitted]) == pytest.approx(values.std(), rel=0.35)
        covered = np.mean([entry.lower <= exact <= entry.upper for entry in fitted])
        # 60 trials: four standard errors of the fraction are 0.11.
        assert covered > 0.95 - 0.11


def test_scale_of_the_squares_is_the_scale_of_the_constants():
    rng = np.random.default_rng(1)
    samples = squares(rng, 1.0 / WIDTHS, 10)
    small, large = (fit_widths(WIDTHS, scale * samples) for scale in (1e-12, 1.0))
    for name, entry in large.coefficients.items():
        assert small.coefficients[name].value == pytest.approx(1e-12 * entry.value, rel=1e-6)


def test_few_seeds_give_no_interval_and_zeros_give_zero():
    fit = fit_widths(WIDTHS, np.repeat(1.0 / WIDTHS[:, None], 3, axis=1))
    assert math.isnan(fit.coefficients["C"].error)
    assert math.isnan(fit.coefficients["C"].deviation(1.0))
    assert str(fit).startswith("C = 1, C₂ =")
    assert fit_widths(WIDTHS, np.zeros((3, 8))).coefficients["C"].value == 0.0


def test_fits_repeat_bit_for_bit():
    samples = squares(np.random.default_rng(2), 1.0 / WIDTHS, 10)
    assert fit_widths(WIDTHS, samples, seed=3) == fit_widths(WIDTHS, samples, seed=3)


def test_deviation_is_in_standard_errors():
    assert Coefficient(2.0, 0.5, 1.0, 3.0).deviation(1.0) == 2.0
    assert float(Expansion({"C": Coefficient(2.0, 0.5, 1.0, 3.0)})(4)) == 0.5


@pytest.mark.parametrize(
    ("widths", "shape", "message"),
    [
        ([16], (1, 5), "at least two positive, increasing numbers, got 16"),
        ([16, 8], (2, 5), "increasing numbers, got 16, 8"),
        ([16, 64], (3, 5), "one entry for each of the 2 particles, got 3"),
        ([16, 64], (2, 1), "at least two seeds"),
    ],
)
def test_what_is_not_a_fit_is_refused_in_words(widths, shape, message):
    with pytest.raises(InvalidInputError, match=message):
        fit_widths(widths, np.ones(shape))


def test_negative_squares_and_steps_out_of_order_are_refused():
    with pytest.raises(InvalidInputError, match="must not be negative"):
        fit_widths(WIDTHS, -np.ones((3, 5)))
    with pytest.raises(InvalidInputError, match="steps must be at least two positive"):
        fit_width_and_step(WIDTHS, [0.2, 0.1], np.ones((3, 5, 2)))
