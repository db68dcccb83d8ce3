"""What the colour of a neuron says."""

from __future__ import annotations

import numpy as np

from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.style import class_colours
from meanfield.plotting.view import view, view_of_measure
from pictured_runs import of_one_parameter, on_the_line, on_the_plane


def test_one_outer_weight_is_shown_by_sign_and_size():
    colouring = view(on_the_plane()).colouring
    red, _, blue = colouring.colours(np.array([[9.0, 0, 0, 0], [-9.0, 0, 0, 0]])).T
    assert red[0] > blue[0]
    assert red[1] < blue[1]


def test_several_outer_weights_are_shown_by_the_largest():
    colouring = view(on_the_plane(classes=3)).colouring
    positions = np.array([[0.1, -2.0, 1.0, 0, 0, 0], [3.0, 1.0, 0.0, 0, 0, 0]])
    assert np.array_equal(colouring.colours(positions), class_colours(3)[[1, 0]])
    assert colouring.names == ("0", "1", "2")


def test_relu_on_the_line_is_coloured_by_its_open_side():
    colouring = view(on_the_line()).colouring
    colours = colouring.colours(np.array([[1.0, -1.0, 0.0], [-1.0, -2.0, 0.0], [1.0, 1.0, 0.0]]))
    assert np.array_equal(colours[0], colours[1])
    assert not np.array_equal(colours[0], colours[2])


def test_without_outer_weight_there_is_one_colour():
    colouring = view(of_one_parameter()).colouring
    assert len(np.unique(colouring.colours(np.zeros((4, 1))), axis=0)) == 1
    assert colouring.names == ()


def test_more_than_ten_classes_are_not_told_apart():
    neuron = Neuron(2, 11, activation="tanh")
    measure = ParticleMeasure.gaussian(30, neuron.dim, seed=0)
    assert view_of_measure(measure, neuron=neuron).colouring.values is None


def test_strong_neurons_are_painted_last():
    colouring = view(on_the_plane()).colouring
    positions = np.array([[-3.0, 0, 0, 0], [0.1, 0, 0, 0], [1.0, 0, 0, 0]])
    assert colouring.order(positions).tolist() == [1, 2, 0]
