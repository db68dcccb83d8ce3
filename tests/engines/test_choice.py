"""Which engine serves which neuron."""

import numpy as np
import pytest

from engine_cases import CLIP, CUBIC, HAT, Case, parts
from meanfield.activations import leaky_relu
from meanfield.engines.choice import choose_engine
from meanfield.neurons import Neuron


@pytest.mark.parametrize(
    ("neuron", "name"),
    [
        (Neuron(1, 1, "relu"), "sorted"),
        (Neuron(1, 1, leaky_relu(0.2), outer="fixed"), "sorted"),
        (Neuron(1, 1, CLIP, bias=False), "sorted"),
        (Neuron(1, 1, HAT), "sorted"),
        (Neuron(1, 1, "tanh"), "direct"),
        (Neuron(1, 1, "linear"), "direct"),
        (Neuron(1, 1, CUBIC), "direct"),
        (Neuron(2, 1, "relu"), "direct"),
        (Neuron(8, 1, "tanh", outer="fixed"), "direct"),
        (Neuron(9, 1, "relu"), "tiled"),
        (Neuron(784, 1, "tanh"), "tiled"),
        (Neuron(1, 2, "relu"), "tiled"),
        (Neuron(3, 10, "tanh"), "tiled"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_engine_of_a_neuron(neuron, name, dtype):
    engine = choose_engine(neuron, np.zeros((5, neuron.inputs)), dtype)
    assert engine.name == name
    assert engine.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "neuron", [Neuron(1, 1, "relu"), Neuron(1, 1, "tanh"), Neuron(11, 1, "tanh")]
)
def test_loaded_data_take_the_place_of_those_at_hand(neuron):
    first, second = Case(neuron, 30, points=7), Case(neuron, 30, points=90, seed=1)
    engine = choose_engine(neuron, first.inputs, "float64")
    first.sums(engine)
    engine.load(second.inputs)
    fresh = choose_engine(neuron, second.inputs, "float64")
    for one, other in zip(parts(second.sums(engine)), parts(second.sums(fresh)), strict=True):
        np.testing.assert_array_equal(one, other)
