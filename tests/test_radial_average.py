import json
import pickle

import numpy as np
import pytest

from meanfield.activations import (
    activation_from_dict,
    activations,
    clipped_linear,
    linear_spline,
    radial_average,
)
from meanfield.errors import InvalidInputError
from meanfield.gauss_rules import sphere_rule
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron

CLIP = clipped_linear(0.5, 1.5, -2.5, 7.5)


def directions(dim, count=200_000):
    rows = np.random.default_rng(0).standard_normal((count, dim))
    return rows[:, 0] / np.linalg.norm(rows, axis=1)


@pytest.mark.parametrize(
    ("activation", "dim"),
    [(CLIP, 1), (CLIP, 2), (CLIP, 3), (CLIP, 7), (activations["softplus"], 3)],
)
def test_it_is_the_mean_over_directions(activation, dim):
    drawn, s = directions(dim), np.array([0.3, 1.7, 6.0])
    samples = activation(np.outer(s, drawn))
    errors = samples.std(axis=1) / np.sqrt(len(drawn))
    # Four standard errors of the sample; a constant average has none but rounding.
    deviation = np.abs(radial_average(activation, dim)(s) - samples.mean(axis=1))
    assert (deviation <= 4.0 * errors + 1e-12).all()


def test_the_closed_form_and_a_gauss_rule_agree_on_the_line_through_zero():
    # relu(z) = (z + |z|) / 2, and z averages to 0.
    relu, leaky = radial_average("relu", 6), radial_average({"name": "leaky_relu"}, 6)
    s = np.linspace(-2.0, 2.0, 9)
    slope = activations["leaky_relu"].parameters["slope"]
    np.testing.assert_allclose(leaky(s), (1.0 - slope) * relu(s), rtol=1e-14)


@pytest.mark.parametrize("dim", [2, 3, 40])
def test_forty_nodes_are_exact_for_moderate_arguments(dim):
    s = np.array([0.5, 3.0, 10.0, 30.0])
    few = radial_average("softplus", dim)(s)
    nodes, weights = sphere_rule(dim, 200)
    many = activations["softplus"](np.outer(s, nodes)) @ weights
    # Poles of the slope at ±iπ/s: the error falls like (π/s + sqrt(1 + π²/s²))^(-2 nodes).
    np.testing.assert_allclose(few[:3], many[:3], rtol=1e-12)
    np.testing.assert_allclose(few, many, rtol=1e-5)


@pytest.mark.parametrize(("name", "dim"), [("relu", 4), ("tanh", 3), ("clipped_linear", 1)])
def test_an_average_survives_json_and_pickling(name, dim):
    average = radial_average(name, dim, nodes=7)
    described = json.loads(json.dumps(average.to_dict()))
    for rebuilt in (activation_from_dict(described), pickle.loads(pickle.dumps(average))):
        assert rebuilt == average and hash(rebuilt) == hash(average)
    assert average != radial_average(name, dim + 1, nodes=7)


def test_what_an_average_knows_of_itself():
    assert radial_average("relu", 3).homogeneity == 1.0
    assert radial_average("relu", 3).kinks == (0.0,)
    soft = radial_average(clipped_linear(0.5, 1.5), 5)
    assert soft.kinks == () and soft.smoothness == 2
    assert radial_average("tanh", 5).smoothness == np.inf
    assert radial_average("tanh", 5).has_curvature


def test_the_smoothness_is_that_of_the_closed_form():
    # g' is of the order ((s − t)_+)^((d − 1)/2): in four dimensions g'' is continuous.
    spline = linear_spline([1.0], [0.0], 0.0, 1.0)
    step = 1e-4
    for dim, continuous in ((3, False), (4, True)):
        slopes = radial_average(spline, dim).derivative([1.0, 1.0 + step])
        assert (abs(slopes[1] - slopes[0]) / step < 0.05) == continuous


def test_a_neuron_with_the_average_is_a_ring_of_neurons():
    # 2000 equal angles on the circle integrate a function with two kinks to 1e-6.
    angles = 2.0 * np.pi * (np.arange(2000) + 0.5) / 2000
    ring = ParticleMeasure(1.3 * np.column_stack([np.cos(angles), np.sin(angles)]))
    x = np.array([0.9, -1.1])
    value = CLIP(ring.positions @ x).mean()
    average = radial_average(CLIP, 2)(1.3 * np.linalg.norm(x))
    assert float(average) == pytest.approx(value, abs=1e-5)


def test_mistakes_are_named():
    with pytest.raises(InvalidInputError, match="needs a smooth or a piecewise linear activation"):
        radial_average(radial_average("relu", 3), 3)
    with pytest.raises(InvalidInputError, match="dim must be an integer >= 1, got 0"):
        radial_average("relu", 0)
    with pytest.raises(InvalidInputError, match="nodes must be at most 1000, got 1001"):
        radial_average("tanh", 3, nodes=1001)
    with pytest.raises(InvalidInputError, match="parameters of an activation must be a table"):
        activation_from_dict({"name": "leaky_relu", "parameters": 3})
    with pytest.raises(InvalidInputError, match="a spline has at most 500 knots"):
        linear_spline(range(501), range(501))
    with pytest.raises(InvalidInputError, match="radial_average needs the parameter dim"):
        activation_from_dict({"name": "radial_average", "parameters": {"activation": "relu"}})
    with pytest.raises(InvalidInputError, match="unknown parameter of radial_average 'dims'"):
        activation_from_dict({"name": "radial_average", "parameters": {"dims": 3}})


def test_a_neuron_is_rebuilt_with_its_average():
    neuron = Neuron(1, activation=radial_average("relu", 40), outer="fixed", bias=False)
    assert Neuron.from_dict(json.loads(json.dumps(neuron.to_dict()))) == neuron
