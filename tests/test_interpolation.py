"""Cubics through recorded values: exact for polynomials, of order 4 for the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.interpolation import cubic, cubic_error, difference_slopes, thinned_miss


def uneven(count, seed=0, length=2.0):
    """Increasing times from 0 to `length`, whose distances differ by up to a factor of 2."""
    gaps = np.random.default_rng(seed).uniform(1.0, 2.0, count - 1)
    return np.concatenate([[0.0], np.cumsum(gaps)]) * length / gaps.sum()


@given(st.integers(0, 100), st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4))
def test_cubic_polynomials_are_reproduced(seed, coefficients):
    polynomial = np.polynomial.Polynomial(coefficients)
    times = uneven(4, seed)
    inside = times[1] + 0.3 * (times[2] - times[1])
    found = cubic(times, polynomial(times), polynomial.deriv()(times), 1, inside)
    assert found == pytest.approx(polynomial(inside), abs=1e-12)


@given(st.integers(0, 100), st.integers(2, 9))
def test_differences_are_exact_for_polynomials_through_their_values(seed, count):
    degree = min(count, 5) - 1
    polynomial = np.polynomial.Polynomial(np.random.default_rng(seed).standard_normal(degree + 1))
    times = uneven(count, seed)
    values = polynomial(times)[:, None, None] * np.ones((1, 3, 2))
    found = difference_slopes(times, values)
    exact = polynomial.deriv()(times)[:, None, None] * np.ones((1, 3, 2))
    np.testing.assert_allclose(found, exact, atol=1e-9)


def largest_miss(times, slopes_of, function):
    values = function(times)
    slopes = slopes_of(times, values)
    return max(
        np.abs(cubic(times, values, slopes, i, t) - function(np.array(t)))
        for i in range(len(times) - 1)
        for t in np.linspace(times[i], times[i + 1], 9)[1:-1]
    )


@pytest.mark.parametrize("exact", [True, False])
def test_errors_are_of_order_four_in_the_distance(exact):
    slopes = (lambda t, _: 3 * np.cos(3 * t)) if exact else difference_slopes
    counts = np.array([17, 33, 65, 129])
    errors = [largest_miss(np.linspace(0, 2, n), slopes, lambda t: np.sin(3 * t)) for n in counts]
    order = -np.polyfit(np.log(counts - 1), np.log(errors), 1)[0]
    # Differences at the ends begin with larger errors, of order 5.
    assert 3.7 < order < (4.3 if exact else 5.0)


def test_estimated_errors_are_close_to_true_ones():
    times = uneven(40)
    values, slopes = np.sin(3 * times), 3 * np.cos(3 * times)
    error = largest_miss(times, lambda t, v: slopes, lambda t: np.sin(3 * t))
    # The fourth derivative changes little over two intervals.
    assert 0.8 < cubic_error(times, values, slopes) / error < 3.0


def test_values_left_out_are_missed_by_what_they_fluctuate(rng):
    times = np.linspace(0.0, 2.0, 41)
    noise = 1e-3 * rng.standard_normal(41)
    smooth = thinned_miss(times, np.sin(times))
    assert smooth < 1e-6
    assert 1e-3 < thinned_miss(times, np.sin(times) + noise) < 5e-3
