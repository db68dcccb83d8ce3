"""Compiled activations and two derivatives against SciPy, PyTorch and 50-digit differences."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import erf, expit, ndtr

from meanfield.kernels.activations import BUILTIN, custom, fill_jets, fill_pairs, fill_values
from meanfield.kernels.compilation import uncached
from torch_activations import TORCH

EPS = 2.0**-52
SLOPE = 0.1
CLIP = (-0.5, 1.25, 2.0, -3.0)
KNOTS, HEIGHTS = (-1.5, -0.5, 2.0), (1.0, -1.0, 0.25)
SLOPES = (0.75, -2.0, 0.5, -1.25)
PARAMETERS = {
    "leaky_relu": (SLOPE,),
    "clipped_linear": CLIP,
    "linear_spline": (KNOTS, HEIGHTS, SLOPES),
}
NAMES = sorted(BUILTIN)
TORCH_PARAMETERS = {**PARAMETERS, "linear_spline": (KNOTS, HEIGHTS, SLOPES[0], SLOPES[-1])}


def density(z):
    return np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)


def clip_slope(z):
    start, stop, low, high = CLIP
    return np.where((z > start) & (z <= stop), (high - low) / (stop - start), 0.0)


def spline_value(z):
    piece = np.searchsorted(KNOTS, z)
    knot = np.maximum(piece - 1, 0)
    return np.take(HEIGHTS, knot) + np.take(SLOPES, piece) * (z - np.take(KNOTS, knot))


def spline_slope(z):
    # From the left: a point on a knot belongs to the piece before it.
    return np.take(SLOPES, np.searchsorted(KNOTS, z))


#: Value and slope as anyone would write them with SciPy.
FORMULAS = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: 1.0 * (z > 0.0)),
    "leaky_relu": (
        lambda z: np.where(z > 0.0, z, SLOPE * z),
        lambda z: np.where(z > 0.0, 1.0, SLOPE),
    ),
    "tanh": (np.tanh, lambda z: 1.0 / np.cosh(z) ** 2),
    "erf": (erf, lambda z: 2.0 / np.sqrt(np.pi) * np.exp(-z * z)),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "softplus": (lambda z: np.logaddexp(0.0, z), expit),
    "gelu": (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * density(z)),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1.0 + z * expit(-z))),
    "sin": (np.sin, np.cos),
    "square": (np.square, lambda z: 2.0 * z),
    "linear": (lambda z: z, np.ones_like),
    "clipped_linear": (lambda z: np.interp(z, CLIP[:2], CLIP[2:]), clip_slope),
    "linear_spline": (spline_value, spline_slope),
}

EXACT = {
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "sigmoid": mpmath.sigmoid if hasattr(mpmath, "sigmoid") else lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "gelu": lambda z: z * mpmath.ncdf(z),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "sin": mpmath.sin,
    "square": lambda z: z * z,
}


def points():
    """Zeros, tiny and moderate numbers, both sides of every kink, tails."""
    rng = np.random.default_rng(3)
    small = np.array([1e-300, 1e-160, 1e-20, 1e-9, 1e-3])
    kinks = np.array([0.0, -0.0, *CLIP[:2], *KNOTS])
    around = np.concatenate([np.nextafter(kinks, -np.inf), np.nextafter(kinks, np.inf)])
    return np.concatenate(
        [kinks, around, small, -small, rng.uniform(-6, 6, 301), rng.uniform(-30, 30, 301)]
    )


def typed(name):
    return BUILTIN[name](*PARAMETERS.get(name, ()))


def pairs(name, z):
    value, slope = np.empty_like(z), np.empty_like(z)
    fill_pairs(typed(name), z, value, slope)
    return value, slope


def jets(name, z):
    result = np.empty((3, z.size), z.dtype)
    fill_jets(typed(name), z, *result)
    return result


def test_every_activation_has_a_formula_to_be_compared_with():
    assert set(FORMULAS) == set(BUILTIN) == set(TORCH)


@pytest.mark.parametrize("name", NAMES)
def test_values_agree_with_scipy(name):
    z = points()
    exact = FORMULAS[name][0](z)
    # A few roundings; in the Gaussian tail the rounded argument is amplified by z². Below
    # 1e-270 the exponential is 0. Interpolation rounds on the scale of its ends.
    scale = np.abs(exact) if name != "clipped_linear" else 3.0
    assert (np.abs(pairs(name, z)[0] - exact) <= 8 * EPS * (1 + z * z) * scale + 1e-270).all()


@pytest.mark.parametrize("name", NAMES)
def test_slopes_agree_with_scipy(name):
    z = points()
    exact = FORMULAS[name][1](z)
    # Slopes that are differences (1 - tanh², gelu, silu) are right to a few roundings of
    # numbers of size one; the others relatively, as above.
    tolerance = 8 * EPS * (1 + z * z) * np.abs(exact) + 4 * EPS
    assert (np.abs(pairs(name, z)[1] - exact) <= tolerance).all()


@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives_agree_with_pytorch(name):
    z = np.linspace(-9.97, 9.98, 401)
    variable = torch.tensor(z, requires_grad=True)
    expected = TORCH[name](variable, *TORCH_PARAMETERS.get(name, ()))
    (first,) = torch.autograd.grad(expected.sum(), variable, create_graph=True)
    value, slope, curvature = jets(name, z)
    # Both sides round a few times on the scale of z², the largest value here.
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(slope, first.detach().numpy(), rtol=1e-14, atol=1e-14)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), variable, materialize_grads=True)
        np.testing.assert_allclose(curvature, second.numpy(), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_derivatives_are_those_of_fifty_digit_differences(name):
    z = np.linspace(-5.13, 5.17, 23)
    with mpmath.workdps(60):
        # Differences over 1e-17: the quotients have errors of 1e-33 (and 1e-25, second).
        width, exact = mpmath.mpf(10) ** -17, EXACT[name]
        around = [[exact(x + q * width) for q in (-1, 0, 1)] for x in map(mpmath.mpf, z.tolist())]
        slopes = [float((right - left) / (2 * width)) for left, _, right in around]
        curvatures = [float((a - 2 * b + c) / width**2) for a, b, c in around]
    _, slope, curvature = jets(name, z)
    np.testing.assert_allclose(slope, slopes, rtol=2e-15, atol=1e-15)
    np.testing.assert_allclose(curvature, curvatures, rtol=5e-15, atol=2e-15)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(EXACT)))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_piecewise_linear_activations_have_no_curvature(name, dtype):
    assert not jets(name, points().astype(dtype))[2].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jets_and_pairs_are_the_same_function(name, dtype):
    z = points().astype(dtype)
    value, slope, _ = jets(name, z)
    # Different loops may fuse different multiply-adds: a rounding on the scale of terms.
    eps = np.finfo(dtype).eps
    for one, other in zip((value, slope), pairs(name, z), strict=True):
        np.testing.assert_allclose(one, other, rtol=4 * eps, atol=4 * eps)


@pytest.mark.parametrize("name", NAMES)
def test_values_alone_agree_with_values_beside_slopes(name):
    z = points()
    alone = np.empty_like(z)
    fill_values(typed(name), z, alone)
    # Different loops may fuse different multiply-adds: one rounding.
    np.testing.assert_allclose(alone, pairs(name, z)[0], rtol=4 * EPS, atol=4 * EPS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_may_overwrite_their_arguments(name, dtype):
    z = points().astype(dtype)
    value, slope = pairs(name, z)
    value_again = np.empty_like(z)
    fill_pairs(typed(name), z, value_again, z)
    np.testing.assert_array_equal(value_again, value)
    np.testing.assert_array_equal(z, slope)


@pytest.mark.parametrize("name", NAMES)
def test_values_may_overwrite_their_arguments(name):
    z = points()
    expected = np.empty_like(z)
    fill_values(typed(name), z, expected)
    fill_values(typed(name), z, z)
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_the_rounded_double(name):
    z = points().astype(np.float32)
    wide = z.astype(np.float64)
    value, slope, curvature = jets(name, z)
    exact_value, exact_slope, exact_curvature = jets(name, wide)
    # 4 ulp of float32, in Gaussian tails of the argument's square. Interpolation rounds on
    # the scale of its heights and of its lines, differences of numbers of size one on theirs:
    # the slope 1 - σ² with twice the error of σ, the curvature -2 σ (1 - σ²) with four times.
    # Values below 1e-29 may be cut to 0.
    ulps = 4 * 2.0**-23
    relative = ulps * (1 + wide**2)
    scale = 3.0 if name in ("clipped_linear", "linear_spline") else 1e-22
    assert (np.abs(value - exact_value) <= relative * np.abs(exact_value) + ulps * scale).all()
    assert (np.abs(slope - exact_slope) <= relative * np.abs(exact_slope) + 2 * ulps).all()
    error = np.abs(curvature - exact_curvature)
    assert (error <= relative * np.abs(exact_curvature) + 4 * ulps).all()


@pytest.mark.parametrize(
    ("name", "kink", "left", "right"),
    [
        ("relu", 0.0, 0.0, 1.0),
        ("leaky_relu", 0.0, SLOPE, 1.0),
        ("clipped_linear", CLIP[0], 0.0, -5.0 / 1.75),
        ("clipped_linear", CLIP[1], -5.0 / 1.75, 0.0),
        ("linear_spline", KNOTS[0], SLOPES[0], SLOPES[1]),
        ("linear_spline", KNOTS[1], SLOPES[1], SLOPES[2]),
        ("linear_spline", KNOTS[2], SLOPES[2], SLOPES[3]),
    ],
)
def test_at_a_kink_the_slope_is_the_one_from_the_left(name, kink, left, right):
    z = np.array([np.nextafter(kink, -np.inf), kink, np.nextafter(kink, np.inf)])
    np.testing.assert_array_equal(pairs(name, z)[1], [left, left, right])


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("name", ["tanh", "sin", "linear", "erf"])
def test_odd_activations_keep_the_sign_of_zero(name, zero):
    value = pairs(name, np.array([zero]))[0]
    assert value[0] == 0.0
    assert np.signbit(value[0]) == np.signbit(zero)


@pytest.mark.parametrize("name", NAMES)
def test_nan_is_never_hidden(name):
    assert np.isnan(pairs(name, np.array([np.nan]))[0][0])
    assert np.isnan(pairs(name, np.array([np.nan], np.float32))[0][0])


@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("relu", 0.0, np.inf),
        ("tanh", -1.0, 1.0),
        ("erf", -1.0, 1.0),
        ("sigmoid", 0.0, 1.0),
        ("softplus", 0.0, np.inf),
        ("clipped_linear", 2.0, -3.0),
    ],
)
def test_limits_at_infinity_are_exact_and_free_of_warnings(name, below, above):
    value, slope = pairs(name, np.array([-np.inf, np.inf]))
    np.testing.assert_array_equal(value, [below, above])
    np.testing.assert_array_equal(slope, [0.0, 1.0 if np.isinf(above) else 0.0])


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu", "gelu", "erf"])
def test_extreme_arguments_stay_finite(name):
    value, slope = pairs(name, np.array([-1e4, -750.0, -641.0, 641.0, 750.0, 1e4]))
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_a_user_are_evaluated_in_the_precision_of_the_kernel(dtype):
    cubic = custom(lambda z: z**3, lambda z: 3.0 * z * z, lambda z: 6.0 * z)
    z = np.linspace(-2.0, 2.0, 9).astype(dtype)
    value, slope, curvature = np.empty((3, 9), dtype)
    uncached(fill_jets)(cubic, z, value, slope, curvature)
    for computed, exact in [(value, z**3), (slope, 3 * z**2), (curvature, 6 * z)]:
        # Exact in both precisions: multiples of 1/8 below 16.
        np.testing.assert_array_equal(computed, exact)


def test_an_unknown_curvature_is_nan():
    line = custom(lambda z: 2.0 * z, lambda z: 2.0)
    value, slope, curvature = np.empty((3, 1))
    uncached(fill_jets)(line, np.array([3.0]), value, slope, curvature)
    np.testing.assert_array_equal([value[0], slope[0], curvature[0]], [6.0, 2.0, np.nan])


def test_functions_of_different_users_are_not_confused():
    one = custom(lambda z: z, lambda z: 1.0)
    two = custom(lambda z: -z, lambda z: -1.0)
    value, z = np.empty(1), np.array([3.0])
    for activation, exact in [(one, 3.0), (two, -3.0), (one, 3.0)]:
        uncached(fill_values)(activation, z, value)
        assert value[0] == exact
