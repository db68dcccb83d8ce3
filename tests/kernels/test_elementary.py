"""The exponential family against 60 digits, in units in the last place (ulp)."""

import math

import mpmath
import numpy as np
import pytest
from scipy.special import ndtr

from meanfield.kernels.elementary import (
    exp_minus,
    expm1_minus,
    log1p_unit,
    normal_cdf,
    normal_pdf,
)

LOWEST = -640.0


def negative_points():
    """Points of [-640, 0]: uniform, tiny down to denormal, and around k ln 2 / 2."""
    rng = np.random.default_rng(1)
    borders = -0.5 * math.log(2.0) * np.arange(1, 1800, 37)
    return np.concatenate(
        [
            rng.uniform(LOWEST, 0.0, 400),
            rng.uniform(-2.0, 0.0, 400),
            -(10.0 ** rng.uniform(-320, 0, 400)),
            np.nextafter(borders, -np.inf),
            np.nextafter(borders, np.inf),
            [LOWEST, -5e-324, -(2.0**-1022), -(2.0**-53), -1.0],
        ]
    )


def ulps(function, exact, points):
    """Largest error of `function` at `points` in spacings of the exact value."""
    worst = 0.0
    with mpmath.workdps(60):
        for x in points.tolist():
            truth = exact(mpmath.mpf(x))
            error = abs(mpmath.mpf(function(x)) - truth) / mpmath.mpf(math.ulp(float(truth)))
            worst = max(worst, float(error))
    return worst


def test_exp_minus_is_right_to_2_ulp_down_to_its_cutoff():
    assert ulps(exp_minus, mpmath.exp, negative_points()) <= 2.0


def test_expm1_minus_is_right_to_3_ulp_even_for_denormal_arguments():
    assert ulps(expm1_minus, mpmath.expm1, negative_points()) <= 3.0


def test_log1p_unit_is_right_to_3_ulp_on_the_whole_unit_interval():
    rng = np.random.default_rng(2)
    points = np.concatenate(
        [rng.random(500), 10.0 ** rng.uniform(-300, 0, 500), [1.0, 1.0 - 2.0**-53, 2.0**-1022]]
    )
    # Three roundings (quotient, series, sum) of at most half an ulp each of the larger term.
    assert ulps(log1p_unit, mpmath.log1p, points) <= 3.0


def test_below_the_cutoff_the_exponential_is_exactly_zero():
    assert exp_minus(LOWEST) > 0.0
    for x in (math.nextafter(LOWEST, -math.inf), -700.0, -745.2, -1e308, -math.inf):
        assert exp_minus(x) == 0.0
        assert expm1_minus(x) == -1.0


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zero_of_either_sign_is_exact(zero):
    assert exp_minus(zero) == 1.0
    assert expm1_minus(zero) == 0.0
    assert log1p_unit(zero) == 0.0
    assert normal_cdf(zero) == 0.5
    assert normal_pdf(zero) == 1.0 / math.sqrt(2.0 * math.pi)


@pytest.mark.parametrize(
    "function",
    [exp_minus, expm1_minus, log1p_unit, normal_cdf, normal_pdf],
    ids=lambda f: f.__name__,
)
def test_nan_stays_nan(function):
    assert math.isnan(function(math.nan))


def test_the_exponential_never_decreases():
    rounded = np.array([exp_minus(x) for x in np.linspace(-40.0, 0.0, 20001).tolist()])
    # Steps of 0.002 are far above the 2 ulp by which neighbours may be wrong.
    assert (np.diff(rounded) > 0.0).all()


def test_normal_density_is_right_to_the_rounding_of_its_exponent():
    for x in np.linspace(-35.0, 35.0, 701).tolist():
        exact = float(mpmath.npdf(x))
        # x²/2 is rounded before it is exponentiated: a relative error of x²/2 * eps.
        assert abs(normal_pdf(x) / exact - 1.0) <= (3.0 + x * x) * 2.0**-52


def test_normal_density_vanishes_beyond_its_cutoff():
    assert normal_pdf(36.0) == normal_pdf(-math.inf) == normal_pdf(math.inf) == 0.0


def test_normal_distribution_function_keeps_relative_accuracy_in_its_left_tail():
    with mpmath.workdps(40):
        for x in np.linspace(-37.0, 8.0, 451).tolist():
            exact = mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2
            # The argument of erfc is rounded twice; the tail amplifies that by about x².
            assert abs(normal_cdf(x) / exact - 1) <= (3.0 + 2.0 * x * x) * 2.0**-52


def test_normal_distribution_function_has_its_limits():
    assert normal_cdf(-math.inf) == 0.0
    assert normal_cdf(math.inf) == normal_cdf(9.0) == 1.0
    assert normal_cdf(-40.0) == ndtr(-40.0) == 0.0


def test_single_precision_arguments_are_computed_in_double():
    x = np.float32(-1.7)
    assert exp_minus(x) == exp_minus(float(x))
    assert expm1_minus(x) == expm1_minus(float(x))
