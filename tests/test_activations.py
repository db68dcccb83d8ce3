import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.activation import Activation
from meanfield.activations import (
    activation_from_dict,
    activations,
    clipped_linear,
    custom,
    leaky_relu,
)
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem

NAMES = [
    "relu", "leaky_relu", "tanh", "erf", "sigmoid", "softplus",
    "gelu", "silu", "sin", "square", "linear", "clipped_linear",
]  # fmt: skip
BUILTIN = [activations[name] for name in NAMES] + [
    leaky_relu(0.3),
    clipped_linear(0.5, 1.5, -2.5, 7.5),
]


def cubic(z):
    return z * z * z


def cubic_slope(z):
    return 3.0 * z * z


def hyperbolic_tangent(z):
    return math.tanh(z)


def hyperbolic_tangent_slope(z):
    return 1.0 - math.tanh(z) ** 2


@pytest.fixture
def vocabulary(monkeypatch):
    """The vocabulary, which forgets after a test what the test added."""
    monkeypatch.setattr(activations, "_entries", dict(activations._entries))
    return activations


def test_the_vocabulary_holds_the_twelve_names():
    assert set(NAMES) <= set(activations)
    assert len(set(NAMES)) == 12


@pytest.mark.parametrize("activation", BUILTIN, ids=lambda a: a.name)
def test_values_and_slopes_keep_the_shape_of_their_argument(activation):
    for z in (0.5, [0.5], np.ones((2, 3)), np.ones((2, 3))[:, ::2], np.ones((0, 2))):
        assert activation(z).shape == activation.derivative(z).shape == np.shape(z)


@pytest.mark.parametrize("activation", BUILTIN, ids=lambda a: a.name)
def test_the_argument_is_left_alone(activation):
    z = np.linspace(-2.0, 2.0, 5)
    activation.derivative(z)
    np.testing.assert_array_equal(z, np.linspace(-2.0, 2.0, 5))


@pytest.mark.parametrize(
    "activation", [a for a in BUILTIN if a.homogeneity is not None], ids=lambda a: a.name
)
@given(z=st.floats(-1e3, 1e3), factor=st.floats(1e-3, 1e3))
def test_homogeneous_activations_scale_with_their_degree(activation, z, factor):
    scaled = factor**activation.homogeneity * float(activation(z))
    # Each side rounds three times.
    assert float(activation(factor * z)) == pytest.approx(scaled, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize(
    "activation", [a for a in BUILTIN if a.homogeneity is None], ids=lambda a: a.name
)
def test_other_activations_have_no_degree(activation):
    values = activation([0.7, 1.4, 2.8])
    # A homogeneous function multiplies by the same power of 2 each time.
    assert abs(values[1] * values[1] - values[0] * values[2]) > 1e-3


@pytest.mark.parametrize("activation", BUILTIN, ids=lambda a: a.name)
def test_slopes_jump_at_the_kinks_and_nowhere_else(activation):
    width = 2.0**-20
    z = np.concatenate([activation.kinks, np.linspace(-2.0, 2.0, 17)])
    left = (activation(z) - activation(z - width)) / width
    right = (activation(z + width) - activation(z)) / width
    is_kink = np.isin(z, activation.kinks)
    # One-sided slopes of a smooth function differ by width * |σ''| <= 2 * 2^-20, plus
    # rounding 2^-50 / width.
    assert (np.abs(right - left)[~is_kink] < 1e-5).all()
    assert (np.abs(right - left)[is_kink] > 0.5).all()
    np.testing.assert_allclose(activation.derivative(z), left, atol=1e-5)
    assert (activation.smoothness == 0) == bool(activation.kinks)


@pytest.mark.parametrize("activation", BUILTIN, ids=lambda a: a.name)
def test_an_activation_survives_json_and_pickling(activation):
    activation([1.0])
    described = json.loads(json.dumps(activation.to_dict()))
    for rebuilt in (activation_from_dict(described), pickle.loads(pickle.dumps(activation))):
        assert rebuilt == activation
        assert hash(rebuilt) == hash(activation)
        np.testing.assert_array_equal(rebuilt([-1.0, 2.0]), activation([-1.0, 2.0]))


def test_pickles_carry_no_compiled_code():
    activations["tanh"]([1.0])
    assert len(pickle.dumps(activations["tanh"])) < 1000


def test_activations_with_other_parameters_are_others():
    assert leaky_relu(0.1) != leaky_relu(0.2)
    assert leaky_relu(0.1)([-1.0]) == -0.1
    assert leaky_relu(0.2)([-1.0]) == -0.2


def test_a_dictionary_may_name_some_of_the_parameters():
    partial = activation_from_dict({"name": "clipped_linear", "parameters": {"high": 3.0}})
    assert partial == clipped_linear(high=3.0)
    assert activation_from_dict({"name": "tanh"}) is activations["tanh"]


def test_a_falling_ramp_is_a_clipped_linear_function_too():
    ramp = clipped_linear(-1.0, 1.0, 2.0, -2.0)
    np.testing.assert_array_equal(ramp([-5.0, -1.0, 0.0, 0.5, 1.0, 5.0]), [2, 2, 0, -1, -2, -2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: leaky_relu(math.nan), "slope must be a finite number, got nan"),
        (lambda: clipped_linear(1.0, 1.0), "start must be below stop, got start=1.0, stop=1.0"),
        (lambda: clipped_linear(high="1"), "high must be a finite number, got '1'"),
        (lambda: activations["tahn"], r"unknown activation 'tahn'; did you mean 'tanh'\?"),
        (lambda: activation_from_dict({}), "unknown activation ''"),
        (lambda: activation_from_dict(3), "activation must be a name, a dictionary or"),
        (lambda: activation_from_dict(math.tanh), "with meanfield.activations.custom"),
        (
            lambda: activation_from_dict({"name": "leaky_relu", "parameters": {"slop": 1.0}}),
            r"unknown parameter of leaky_relu 'slop'; did you mean 'slope'\?",
        ),
        (
            lambda: activation_from_dict({"name": "tanh", "parameters": {"slope": 1.0}}),
            "unknown parameter of tanh 'slope'",
        ),
    ],
)
def test_a_wrong_name_or_parameter_is_named(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_a_custom_activation_joins_the_vocabulary(vocabulary):
    made = custom("cubic-test", cubic, cubic_slope, homogeneity=3.0)
    assert vocabulary["cubic-test"] is made
    assert activation_from_dict(made.to_dict()) is made
    np.testing.assert_array_equal(made([[-2.0, 3.0]]), [[-8.0, 27.0]])
    np.testing.assert_array_equal(made.derivative([2.0]), [12.0])


def test_a_custom_activation_may_be_made_twice_from_the_same_functions(vocabulary):
    assert custom("cubic-test", cubic, cubic_slope) == custom("cubic-test", cubic, cubic_slope)


def test_a_custom_activation_moves_particles_like_the_builtin_one(vocabulary, rng):
    made = custom("tanh-test", hyperbolic_tangent, hyperbolic_tangent_slope)
    data = Dataset(rng.standard_normal((7, 2)), rng.standard_normal(7))
    measure = ParticleMeasure.gaussian(9, 4, seed=1)
    ours, builtin = (Problem(Neuron(2, activation=a), data, ridge=0.1) for a in (made, "tanh"))
    # The two formulas for tanh differ by an ulp or two; sums of 9 or 7 terms.
    tolerance = 50 * 2.0**-52
    for method in ("outputs", "velocity"):
        expected = getattr(builtin, method)(measure)
        computed = getattr(ours, method)(measure)
        np.testing.assert_allclose(computed, expected, rtol=tolerance, atol=tolerance)
    computed = ours.potential(measure, measure.positions)
    expected = builtin.potential(measure, measure.positions)
    np.testing.assert_allclose(computed, expected, rtol=tolerance, atol=tolerance)


def absolute(z):
    return abs(z)


def sign(z):
    return -1.0 if z < 0.0 else 1.0


def test_kinks_of_a_custom_activation_are_not_differentiated(vocabulary):
    made = custom("absolute-test", absolute, sign, homogeneity=1.0, kinks=(0.0,), smoothness=0)
    np.testing.assert_array_equal(made.derivative([-1.0, 1.0]), [-1.0, 1.0])


def test_a_wrong_derivative_is_refused_with_the_right_value(vocabulary):
    with pytest.raises(
        InvalidInputError,
        match=r"derivative of the activation 'wrong-test' is .* differences of its value give",
    ):
        custom("wrong-test", cubic, lambda z: 2.0 * z)
    assert "wrong-test" not in vocabulary


def test_values_that_are_not_finite_are_refused(vocabulary):
    with pytest.raises(InvalidInputError, match="differences of its value give nan"):
        custom("pole-test", lambda z: math.log(z), lambda z: 1.0 / z)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (lambda z: no_such_function(z), "no_such_function"),  # noqa: F821
        (lambda z: str(z), "No implementation"),
        (lambda z, y: z * y, "missing a required argument"),
    ],
    ids=["undefined", "string", "arguments"],
)
def test_functions_that_cannot_be_compiled_are_refused(vocabulary, value, reason):
    with pytest.raises(InvalidInputError, match=f"cannot compile .* 'bad-test': .*{reason}"):
        custom("bad-test", value, cubic_slope)
    assert "bad-test" not in vocabulary


@pytest.mark.parametrize("value", [np.tanh, math.tanh, 3.0])
def test_what_is_not_a_python_function_is_refused(vocabulary, value):
    with pytest.raises(InvalidInputError, match="must be Python functions of one number, got"):
        custom("bad-test", value, cubic_slope)


def test_a_taken_name_is_refused(vocabulary):
    with pytest.raises(InvalidInputError, match="the activation name 'tanh' is taken already"):
        custom("tanh", cubic, cubic_slope)
    custom("cubic-test", cubic, cubic_slope)
    with pytest.raises(InvalidInputError, match="name 'cubic-test' is taken already"):
        custom("cubic-test", hyperbolic_tangent, hyperbolic_tangent_slope)


def test_an_activation_is_a_value():
    with pytest.raises(AttributeError, match="cannot assign to field"):
        activations["relu"].name = "other"
    assert isinstance(activations["relu"], Activation)
