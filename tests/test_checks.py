import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from meanfield.checks import (
    as_count,
    as_finite_array,
    as_number,
    as_vector,
    probability_weights,
)
from meanfield.errors import InvalidInputError


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), Fraction(2), Decimal(2)])
def test_every_kind_of_real_number_is_a_number(value):
    number = as_number("step", value)
    assert number == 2.0
    assert type(number) is float


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, "1", None, True, [1.0], 1j, 10**400]
)
def test_what_is_not_a_finite_number_is_refused(value):
    with pytest.raises(InvalidInputError, match="step must be a finite number, got"):
        as_number("step", value)


def test_signs_are_checked_and_zero_is_between_them():
    assert as_number("ridge", 0, "nonnegative") == 0.0
    with pytest.raises(InvalidInputError, match="step must be a positive finite number, got 0"):
        as_number("step", 0, "positive")
    with pytest.raises(InvalidInputError, match="ridge must be a nonnegative finite number"):
        as_number("ridge", -1e-300, "nonnegative")


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3)])
def test_every_kind_of_integer_is_a_count(value):
    count = as_count("particles", value)
    assert count == 3
    assert type(count) is int


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True, [2]])
def test_what_is_not_a_positive_integer_is_no_count(value):
    with pytest.raises(InvalidInputError, match="particles must be an integer >= 1, got"):
        as_count("particles", value)


def test_a_count_may_begin_elsewhere():
    assert as_count("seed", 0, least=0) == 0
    with pytest.raises(InvalidInputError, match="batch must be an integer >= 2, got 1"):
        as_count("batch", 1, least=2)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([[1, 2]], np.float64),
        (np.ones((1, 2), np.float32), np.float32),
        (np.ones((1, 2), np.float16), np.float64),
        (np.ones((1, 2), np.int8), np.float64),
        (np.array([[1, 2.0]], dtype=object), np.float64),
    ],
)
def test_arrays_become_double_unless_they_are_single(value, dtype):
    assert as_finite_array("inputs", value, 2).dtype == dtype


def test_an_array_is_a_contiguous_copy_that_nobody_can_write_to():
    original = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    array = as_finite_array("inputs", original, 2)
    assert array.flags.c_contiguous
    assert not np.shares_memory(array, original)
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1.0


@pytest.mark.parametrize(
    "value",
    [
        "text",
        [["1", "2"]],
        [[1.0], [1.0, 2.0]],
        [[1j]],
        [[10**400]],
        np.array([["2020-01-01"]], dtype="datetime64[D]"),
    ],
    ids=["text", "strings", "ragged", "complex", "huge", "dates"],
)
def test_what_is_not_an_array_of_real_numbers_is_refused(value):
    with pytest.raises(InvalidInputError, match="inputs must be an array of real numbers"):
        as_finite_array("inputs", value, 2)


def test_the_number_of_axes_is_checked():
    with pytest.raises(InvalidInputError, match=r"must have 2 axes, got an array of shape \(3,\)"):
        as_finite_array("inputs", [1.0, 2.0, 3.0], 2)


def test_an_empty_array_is_refused():
    with pytest.raises(InvalidInputError, match=r"must not be empty, .* shape \(0, 3\)"):
        as_finite_array("inputs", np.empty((0, 3)), 2)


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf, None])
def test_the_first_row_that_is_not_finite_is_named(hole):
    array = np.zeros((5, 2), dtype=object)
    array[3, 1] = array[4, 0] = hole
    with pytest.raises(InvalidInputError, match="inputs must be finite, but row 3 holds"):
        as_finite_array("inputs", array, 2)


def test_one_number_stands_for_a_vector_of_equal_ones():
    np.testing.assert_array_equal(as_vector("mean", 2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(as_vector("mean", [1, 2, 3], 3), [1.0, 2.0, 3.0])


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(InvalidInputError, match="mean must be one number or 3 numbers, got 2"):
        as_vector("mean", [1.0, 2.0], 3)


def test_missing_weights_are_uniform():
    np.testing.assert_array_equal(probability_weights("weights", None, 4), np.full(4, 0.25))


def test_rounding_of_weights_is_normalised_away():
    weights = probability_weights("weights", np.full(3, 1 / 3, np.float32), 3)
    assert weights.dtype == np.float64
    # Three numbers that are rounded to 2^-54 each.
    assert abs(weights.sum() - 1.0) <= 3 * 2.0**-53


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5, 0.5, 0.0], "weights must have length 2, got 3"),
        ([1.5, -0.5], "weights must be >= 0, got -0.5"),
        ([0.5, 0.6], "weights must sum to 1, got 1.1; divide them by their sum"),
        ([0.5, math.nan], "weights must be finite, but row 1 holds nan"),
        ([[0.5, 0.5]], "weights must have 1 axes"),
        ([0.0, 0.0], "weights must sum to 1, got 0"),
    ],
)
def test_weights_that_are_no_probabilities_are_refused(weights, message):
    with pytest.raises(InvalidInputError, match=message):
        probability_weights("weights", weights, 2)


def test_weights_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        probability_weights("weights", None, 2)[0] = 1.0
