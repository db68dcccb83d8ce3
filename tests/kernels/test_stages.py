"""Sums of stages against NumPy."""

import numpy as np
import pytest

from meanfield.kernels.stages import add_squared_errors, combine, subtract_scaled

SIZES = [1, 1023, 1024, 1025, 5000]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_stages_are_added_to_the_base(size, dtype, rng):
    base = rng.standard_normal(size).astype(dtype)
    stages = rng.standard_normal((4, size)).astype(dtype)
    factors = np.array([0.5, 0.0, -0.25], dtype)
    expected = base.astype(float) + factors.astype(float) @ stages[:3].astype(float)
    result = np.full(size, np.nan, dtype)
    combine(base, factors, stages, result)
    # Three roundings of numbers below ten.
    np.testing.assert_allclose(result, expected, rtol=0, atol=16 * np.finfo(dtype).eps)


def test_the_result_may_be_the_base_or_a_stage_without_coefficient(rng):
    base, stages = rng.standard_normal(1500), rng.standard_normal((3, 1500))
    factors = np.array([0.5, 0.0, -0.25])
    expected = np.empty(1500)
    combine(base, factors, stages, expected)
    in_stage = stages.copy()
    combine(base, factors, in_stage, in_stage[1])
    np.testing.assert_array_equal(in_stage[1], expected)
    np.testing.assert_array_equal(in_stage[[0, 2]], stages[[0, 2]])
    combine(base, factors, stages, base)
    np.testing.assert_array_equal(base, expected)


def test_a_stage_without_coefficient_is_not_read():
    result = np.empty(3)
    combine(np.ones(3), np.array([0.0, 2.0]), np.array([[np.nan] * 3, [1.0] * 3]), result)
    np.testing.assert_array_equal(result, 3.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaled_positions_are_subtracted_column_by_column(dtype, rng):
    velocity, positions = rng.standard_normal((2, 50, 3)).astype(dtype)
    coefficients = np.array([0.5, 0.0, 2.0], dtype)
    expected = velocity.astype(float) - coefficients * positions.astype(float)
    subtract_scaled(velocity, coefficients, positions)
    np.testing.assert_allclose(velocity, expected, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("size", SIZES)
def test_squared_errors_are_scaled_by_the_larger_end(size, rng):
    before, after, other = rng.standard_normal((3, size))
    scale = 1e-3 + 1e-2 * np.maximum(np.abs(before), np.abs(after))
    total = np.array([2.0])
    add_squared_errors(before, after, other, 1e-3, 1e-2, total)
    # A sum of at most 5000 positive terms.
    np.testing.assert_allclose(total - 2.0, np.sum(((after - other) / scale) ** 2), rtol=1e-12)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_errors_of_broken_numbers_are_not_finite(place, broken):
    arrays = np.ones((3, 5))
    arrays[place, 2] = broken
    total = np.zeros(1)
    add_squared_errors(*arrays, 1e-3, 1e-2, total)
    # An infinite number before a finite one is the past of the flow, not an error of it.
    assert not np.isfinite(total[0]) or (place == 0 and np.isinf(broken))
