import json

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron
from meanfield.regularizers import Ridge, ridge_from_dict


@pytest.mark.parametrize(
    ("neuron", "coefficients"),
    [
        (Neuron(2), [0.5, 2.0, 2.0, 2.0]),
        (Neuron(1, outputs=2, bias=False), [0.5, 0.5, 2.0]),
        (Neuron(2, outer="fixed"), [2.0, 2.0, 2.0]),
    ],
)
def test_outer_and_inner_parameters_have_their_own_strength(neuron, coefficients):
    np.testing.assert_array_equal(Ridge(0.5, 2.0).coefficients(neuron), coefficients)


def test_one_number_is_the_strength_of_all_parameters():
    assert ridge_from_dict(0.5) == Ridge(0.5, 0.5)
    assert ridge_from_dict(0) == Ridge()


def test_a_ridge_survives_json():
    ridge = Ridge(0.1, np.float64(2.0))
    assert ridge_from_dict(json.loads(json.dumps(ridge.to_dict()))) == ridge
    assert ridge_from_dict(ridge) is ridge


def test_a_missing_strength_is_zero():
    assert ridge_from_dict({"outer": 0.5}) == Ridge(0.5, 0.0)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (-1.0, r"ridge must be a nonnegative finite number, got -1.0"),
        ("strong", r"ridge must be a nonnegative finite number, got 'strong'"),
        (float("nan"), r"ridge must be a nonnegative finite number, got nan"),
        ({"outer": -1.0}, r"ridge \(outer\) must be a nonnegative finite number"),
        ({"inner": None}, r"ridge \(inner\) must be a nonnegative finite number"),
        ({"outter": 1.0}, r"ridge has strengths outer and inner, got \['outter'\]"),
    ],
)
def test_a_wrong_strength_is_named(described, message):
    with pytest.raises(InvalidInputError, match=message):
        ridge_from_dict(described)
