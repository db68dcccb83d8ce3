import json

import numpy as np
import pytest

from meanfield.activations import activations, leaky_relu
from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"inputs": 2}, ("a_0", "w_0", "w_1", "b")),
        ({"inputs": 1, "outputs": 3}, ("a_0", "a_1", "a_2", "w_0", "b")),
        ({"inputs": 2, "bias": False}, ("a_0", "w_0", "w_1")),
        ({"inputs": 2, "outer": "fixed"}, ("w_0", "w_1", "b")),
        ({"inputs": 1, "outer": "fixed", "bias": False}, ("w_0",)),
    ],
)
def test_parameters_are_outer_weights_then_inner_weights_then_bias(settings, names):
    neuron = Neuron(**settings)
    assert neuron.parameter_names == names
    assert neuron.dim == len(names)
    assert neuron.outer_columns == sum(name.startswith("a") for name in names)


@pytest.mark.parametrize("activation", ["relu", {"name": "relu"}, activations["relu"]])
def test_an_activation_may_be_a_name_a_dictionary_or_itself(activation):
    assert Neuron(1, activation=activation).activation is activations["relu"]


@pytest.mark.parametrize(
    "neuron",
    [
        Neuron(3),
        Neuron(2, outputs=4, activation="gelu", bias=False),
        Neuron(2, activation=leaky_relu(0.3), outer="fixed"),
        Neuron(np.int64(2), outputs=np.int32(3)),
    ],
)
def test_a_neuron_survives_json(neuron):
    rebuilt = Neuron.from_dict(json.loads(json.dumps(neuron.to_dict())))
    assert rebuilt == neuron
    assert hash(rebuilt) == hash(neuron)


def test_neurons_differ_in_their_activation():
    assert Neuron(1, activation=leaky_relu(0.1)) != Neuron(1, activation=leaky_relu(0.2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 0}, "inputs must be an integer >= 1, got 0"),
        ({"inputs": 2.5}, "inputs must be an integer >= 1, got 2.5"),
        ({"inputs": 1, "outputs": 0}, "outputs must be an integer >= 1, got 0"),
        ({"inputs": 1, "activation": "tahn"}, "unknown activation 'tahn'; did you mean 'tanh'"),
        ({"inputs": 1, "activation": np.tanh}, "activation must be a name, a dictionary or an"),
        ({"inputs": 1, "outer": "fix"}, "unknown outer weight 'fix'; did you mean 'fixed'"),
        ({"inputs": 1, "outer": "fixed", "outputs": 2}, "a fixed outer weight has one output"),
        ({"inputs": 1, "bias": 1}, "bias must be True or False, got 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        Neuron(**settings)


def test_a_misspelt_setting_is_answered_with_the_right_one():
    with pytest.raises(InvalidInputError, match="'activaton'; did you mean 'activation'"):
        Neuron.from_dict({"inputs": 1, "activaton": "tanh"})
