"""Averages over spheres against the incomplete beta function with 50 digits."""

import mpmath
import numpy as np
import pytest
from scipy.special import ndtr

from meanfield.kernels.activations import Tanh, fill_jets
from meanfield.kernels.radial import RadialMean, RadialSpline, WideRadialSpline
from meanfield.radial_average import wide_constants

DIMENSIONS = [2, 3, 4, 5, 8, 40, 41, 320, 1000]
KNOTS, JUMPS, CONSTANT = (-0.6, 0.9), (0.5, -1.25), 0.25


def jets(typed, s):
    result = np.empty((3, s.size), s.dtype)
    fill_jets(typed, s, *result)
    return result


def exact_hinge(d, t, s):
    """E max(s U − t, 0), with the first derivative E U 1{s U > t}, for s > 0."""
    z = mpmath.mpf(t) / mpmath.mpf(s)
    if abs(z) >= 1:
        return (mpmath.mpf(0) if z > 0 else -mpmath.mpf(t)), mpmath.mpf(0)
    a = mpmath.mpf(d - 1) / 2
    inside = mpmath.betainc(mpmath.mpf(1) / 2, a, 0, z * z, regularized=True)
    above = (1 - mpmath.sign(z) * inside) / 2
    slope = (1 - z * z) ** a / (2 * a * mpmath.beta(a, mpmath.mpf(1) / 2))
    return s * slope - t * above, slope


def wide(dim):
    return WideRadialSpline(KNOTS, JUMPS, CONSTANT, dim, *wide_constants(dim))


def arguments():
    """Both sides of the knots, next to them and far away."""
    near = np.geomspace(1e-9, 0.1, 6)
    return np.concatenate([0.6 + near, 0.9 + near, 0.9 - near, [1e-3, 0.3, 2.0, 7.0, 40.0, 300.0]])


@pytest.mark.parametrize("dim", DIMENSIONS)
def test_the_closed_form_is_exact_to_rounding(dim):
    s = arguments()
    with mpmath.workdps(40):
        hinges = [[exact_hinge(dim, t, x) for t in KNOTS] for x in map(mpmath.mpf, s.tolist())]
        exact = np.array(
            [
                [
                    float(sum(c * h[part] for c, h in zip(JUMPS, pair, strict=True)))
                    for part in (0, 1)
                ]
                for pair in hinges
            ]
        )
    value, slope, _ = jets(RadialSpline(KNOTS, JUMPS, CONSTANT, dim), s)
    # Up to 500 terms of size s round.
    assert (np.abs(value - CONSTANT - exact[:, 0]) <= 5e-15 * (1.0 + s)).all()
    np.testing.assert_allclose(slope, exact[:, 1], rtol=0.0, atol=5e-15)


@pytest.mark.parametrize("dim", [30, 31, 40, 320, 1000])
def test_the_series_for_many_dimensions_is_the_sum(dim):
    s = np.concatenate([arguments(), np.geomspace(0.5, 300.0, 400), [0.0, -1.7]])
    few, many = jets(RadialSpline(KNOTS, JUMPS, CONSTANT, dim), s), jets(wide(dim), s)
    # Sums of up to 500 terms round like √500.
    assert (np.abs(few[0] - many[0]) <= 4e-15 * (1.0 + np.abs(s))).all()
    np.testing.assert_allclose(many[1:], few[1:], rtol=0.0, atol=4e-15)


def test_the_series_serves_millions_of_dimensions():
    # U √d is then a normal number up to O(1/d): E max(G − t, 0) = φ(t) − t P(G > t).
    s, dim = np.array([0.3, 0.8, 2.0]), 10**6
    value, slope, _ = jets(wide(dim), s * np.sqrt(dim))
    t = np.array(KNOTS)[:, None] / s
    density = np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi)
    hinges = s * (density - t * ndtr(-t))
    np.testing.assert_allclose(value, CONSTANT + JUMPS @ hinges, atol=1e-5)
    np.testing.assert_allclose(slope * np.sqrt(dim), JUMPS @ density, atol=1e-5)


@pytest.mark.parametrize("dim", [2, 3, 5, 40])
def test_curvatures_are_differences_of_slopes(dim):
    s, width = np.array([0.2, 0.75, 1.1, 3.0, 12.0]), 1e-6
    typed = RadialSpline(KNOTS, JUMPS, CONSTANT, dim)
    differences = (jets(typed, s + width)[1] - jets(typed, s - width)[1]) / (2 * width)
    # Differences are wrong by width² g'''' / 6 and 1e-16 / width.
    np.testing.assert_allclose(jets(typed, s)[2], differences, rtol=1e-8, atol=1e-9)


def test_averages_are_even():
    s = np.concatenate([arguments(), [0.9, 0.6]])
    typed = RadialSpline(KNOTS, JUMPS, CONSTANT, 5)
    right, left = jets(typed, s), jets(typed, -s)
    np.testing.assert_array_equal(left, right * np.array([[1.0], [-1.0], [1.0]]))


@pytest.mark.parametrize("dim", [2, 3, 40, 41])
def test_a_knot_at_zero_gives_a_multiple_of_the_modulus(dim):
    s = np.array([-2.0, -0.0, 0.0, 0.5, 3.0])
    parts = (0.0, 1.0), (1.0, 0.0), 0.0, dim
    typed = RadialSpline(*parts) if dim < 41 else WideRadialSpline(*parts, *wide_constants(dim))
    value, slope, curvature = jets(typed, s)
    factor = float(exact_hinge(dim, 0.0, 1.0)[0])
    np.testing.assert_allclose(value, factor * np.abs(s), rtol=1e-14)
    # At the kink the slope is the one from the left.
    np.testing.assert_allclose(slope, factor * np.array([-1.0, -1.0, -1.0, 1.0, 1.0]), rtol=1e-14)
    assert not curvature.any()


@pytest.mark.parametrize("typed", [RadialSpline(KNOTS, JUMPS, CONSTANT, 40), wide(40)])
def test_single_precision_is_the_same_function(typed):
    s = arguments()
    double, single = jets(typed, s), jets(typed, s.astype(np.float32))
    assert single.dtype == np.float32
    # Terms of size s with 19 steps of rounding 6e-8 each, which mostly cancel.
    assert (np.abs(single[0] - double[0]) <= 1e-6 * (1.0 + s)).all()
    np.testing.assert_allclose(single[1], double[1], atol=2e-6)


def test_a_mean_has_the_derivatives_of_its_sum():
    nodes, weights = np.array([-0.75, 0.1, 0.5]), np.array([0.25, 0.25, 0.5])
    s = np.linspace(-3.0, 3.0, 13)
    outer = np.tanh(np.outer(s, nodes))
    exact = [
        outer @ weights,
        (1 - outer**2) @ np.multiply(weights, nodes),
        (-2 * outer * (1 - outer**2)) @ np.multiply(weights, np.square(nodes)),
    ]
    np.testing.assert_allclose(jets(RadialMean(Tanh(), nodes, weights), s), exact, atol=1e-15)
