"""Elementary functions against 50 digits, in units in the last place (ulp)."""

import math
import platform
import re

import mpmath
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.kernels import elementary
from meanfield.kernels.compilation import OPTIONS, inline

DTYPES = [np.float64, np.float32]


def loop(function):
    """A compiled loop over a flat array, as kernels contain it."""

    @numba.njit(**OPTIONS)
    def fill(points, results):
        for i in range(points.size):
            results[i] = function(points[i])

    return fill


@inline
def erf(x):
    return elementary.erf_and_gaussian(x)[0]


def normal_cdf(x):
    """Exact, and without work where it is 0 or 1 to 50 digits."""
    return mpmath.ncdf(max(min(x, 1000), -1000))


#: Loop, exact function, bound in ulp, and least and greatest argument.
FUNCTIONS = {
    "exp": (loop(elementary.exp), mpmath.exp, 2.0, -math.inf, math.inf),
    "exp_minus": (loop(elementary.exp_minus), mpmath.exp, 2.0, -math.inf, 0.0),
    "expm1_minus": (loop(elementary.expm1_minus), mpmath.expm1, 3.0, -math.inf, 0.0),
    "tanh": (loop(elementary.tanh), mpmath.tanh, 4.0, -math.inf, math.inf),
    "erf": (loop(erf), mpmath.erf, 4.0, -math.inf, math.inf),
    "gaussian": (
        loop(elementary.gaussian), lambda x: mpmath.exp(-x * x), 3.0, -math.inf, math.inf
    ),
    "normal_pdf": (loop(elementary.normal_pdf), mpmath.npdf, 4.0, -math.inf, math.inf),
    "normal_cdf": (loop(elementary.normal_cdf), normal_cdf, 6.0, -math.inf, math.inf),
    "log1p_unit": (loop(elementary.log1p_unit), mpmath.log1p, 3.0, 0.0, 1.0),
}  # fmt: skip

#: Results below these may be cut to 0: e^-640 and e^-70, with the factors of the tails.
CUT = {np.float64: 1e-277, np.float32: 1e-29}


def evaluate(name, points, dtype):
    points = np.atleast_1d(np.asarray(points, dtype))
    results = np.full_like(points, np.nan)
    FUNCTIONS[name][0](points, results)
    return points, results


def worst_error(name, points, dtype):
    """Largest error in ulp of the exact result; results cut to 0 must be tiny."""
    exact = FUNCTIONS[name][1]
    tiny, worst = float(np.finfo(dtype).tiny), 0.0
    cut = tiny if name == "exp" else CUT[dtype]
    with mpmath.workdps(50):
        for x, result in zip(*evaluate(name, points, dtype), strict=True):
            truth = exact(mpmath.mpf(float(x)))
            if abs(truth) > float(np.finfo(dtype).max):
                assert result == math.inf
            elif result == 0.0:
                assert abs(truth) <= cut
            else:
                spacing = mpmath.mpf(float(np.spacing(dtype(max(abs(float(truth)), tiny)))))
                worst = max(worst, float(abs(mpmath.mpf(float(result)) - truth) / spacing))
    return worst


def grid(name):
    """Moderate, large, tiny and denormal numbers, and those around multiples of ln 2 / 2."""
    rng = np.random.default_rng(1)
    borders = 0.5 * math.log(2.0) * np.arange(1, 1800, 61)
    positive = np.concatenate(
        [
            rng.uniform(0.0, 1.0, 150),
            rng.uniform(0.0, 9.0, 250),
            rng.uniform(0.0, 720.0, 100),
            10.0 ** rng.uniform(-40, 0, 100),
            np.nextafter(borders, 0.0),
            np.nextafter(borders, np.inf),
        ]
    )
    points = np.concatenate([positive, -positive])
    _, _, _, least, greatest = FUNCTIONS[name]
    return points[(points >= least) & (points <= greatest)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_stay_below_the_documented_bound(name, dtype):
    assert worst_error(name, grid(name), dtype) <= FUNCTIONS[name][2]


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_no_double_is_worse_than_the_bound(name, data):
    _, _, bound, least, greatest = FUNCTIONS[name]
    x = data.draw(
        st.floats(
            None if least == -math.inf else least,
            None if greatest == math.inf else greatest,
            allow_nan=False,
            allow_infinity=False,
        )
    )
    assert worst_error(name, [x], np.float64) <= bound


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_no_single_is_worse_than_the_bound(name, data):
    _, _, bound, least, greatest = FUNCTIONS[name]
    x = data.draw(
        st.floats(
            None if least == -math.inf else least,
            None if greatest == math.inf else greatest,
            allow_nan=False,
            allow_infinity=False,
            width=32,
        )
    )
    assert worst_error(name, [x], np.float32) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_stays_nan(name, dtype):
    assert np.isnan(evaluate(name, math.nan, dtype)[1]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "erf", "log1p_unit"])
def test_zeros_keep_their_sign_and_denormals_their_place(name, dtype):
    points = [0.0, -0.0] if name != "log1p_unit" else [0.0, 0.0]
    _, results = evaluate(name, points, dtype)
    assert not results.any()
    np.testing.assert_array_equal(np.signbit(results), np.signbit(points))
    smallest = float(np.finfo(dtype).smallest_subnormal)
    assert evaluate(name, 4 * smallest, dtype)[1][0] <= 5 * smallest


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits_at_infinity_are_exact(dtype):
    both = [-math.inf, math.inf]
    np.testing.assert_array_equal(evaluate("tanh", both, dtype)[1], [-1, 1])
    np.testing.assert_array_equal(evaluate("erf", both, dtype)[1], [-1, 1])
    np.testing.assert_array_equal(evaluate("exp", both, dtype)[1], [0, math.inf])
    np.testing.assert_array_equal(evaluate("gaussian", both, dtype)[1], [0, 0])
    np.testing.assert_array_equal(evaluate("normal_cdf", both, dtype)[1], [0, 1])
    assert evaluate("expm1_minus", -math.inf, dtype)[1][0] == -1.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_result_is_denormal(dtype):
    least = float(np.finfo(dtype).tiny)
    points = -np.linspace(0.0, 760.0 if dtype is np.float64 else 110.0, 20001)
    for name in ("exp", "exp_minus", "normal_cdf", "gaussian"):
        arguments = points if name.startswith("exp") else np.linspace(-40.0, 0.0, 20001)
        _, results = evaluate(name, arguments, dtype)
        assert ((results == 0.0) | (results >= least)).all()


def test_rising_functions_never_fall_by_more_than_their_error():
    points = np.linspace(-6.0, 6.0, 100_001)
    for name in ("tanh", "erf", "normal_cdf", "exp"):
        _, results = evaluate(name, points, np.float64)
        assert (np.diff(results) >= -6.0 * np.spacing(np.abs(results[1:]))).all()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_are_compiled_to_vector_instructions_without_calls(name, dtype):
    evaluate(name, 0.5, dtype)
    fill = FUNCTIONS[name][0]
    array = numba.types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C")
    assembly = fill.inspect_asm((array, array))
    suffix = "pd" if dtype is np.float64 else "ps"
    assert len(re.findall(rf"(?:mul|add|sub|fm\w+){suffix}\s.*[yz]mm", assembly)) >= 8
    assert not re.search(r"call\S*\s+\S*\b(exp|tanh|erf|fma)", assembly)
