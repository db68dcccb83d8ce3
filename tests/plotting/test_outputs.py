"""Panels of outputs at the data: counts and places that are known."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield.datasets import Dataset
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.outputs import Agreement, Confusion, TwoClasses, outputs_panel
from meanfield.problem import Problem

AXES = np.eye(3)
# one neuron for each class, which is active on its axis alone
SPECIALISTS = ParticleMeasure(np.hstack([9.0 * AXES, AXES, np.zeros((3, 1))]))


def panel(problem, measure):
    found = outputs_panel(Figure().add_subplot(), problem, measure)
    found.draw(measure)
    return found


def test_a_confusion_matrix_holds_the_share_of_each_class():
    inputs = AXES[[0, 0, 0, 1, 2, 2]]
    data = Dataset(inputs, np.array([0, 0, 1, 1, 2, 0]))  # the third and the last are mistaken
    found = panel(Problem(Neuron(3, 3, "relu"), data, loss="cross_entropy"), SPECIALISTS)
    assert isinstance(found, Confusion)
    shares = np.asarray(found._image.get_array()) ** (1 / 0.6)
    expected = [[2 / 3, 0, 1 / 3], [1 / 2, 1 / 2, 0], [0, 0, 1]]
    assert shares == pytest.approx(np.array(expected))
    assert found._title.get_text().startswith("66.7%")


def test_outputs_of_two_classes_are_on_either_side():
    inputs = np.linspace(-1.0, 1.0, 10)[:, None] * np.ones((1, 3))
    problem = Problem(Neuron(3, activation="relu"), Dataset(inputs, np.sign(inputs[:, 0])))
    # relu(s) - relu(-s) = s, s the sum of the inputs; as a mean of two, half of that
    rows = [[1.0, 1.0, 1.0, 1.0, 0.0], [-1.0, -1.0, -1.0, -1.0, 0.0]]
    found = panel(problem, ParticleMeasure(np.array(rows)))
    assert isinstance(found, TwoClasses)
    edges = found._edges
    for area, outputs in zip(found._areas, (-1.5, 1.5), strict=True):
        heights, _, _ = area.get_data()
        assert heights.sum() == pytest.approx(1.0)
        centres = 0.5 * (edges[1:] + edges[:-1])
        assert np.sign(heights @ centres) == np.sign(outputs)
    assert found._title.get_text().startswith("100.0%")


def test_numbers_are_drawn_against_their_targets():
    problem = Problem(Neuron(3, activation="relu"), Dataset(AXES, np.array([1.0, 2.0, 4.0])))
    measure = ParticleMeasure(np.array([[3.0, 1.0, 2.0, 0.0, 0.0]]))
    found = panel(problem, measure)
    assert isinstance(found, Agreement)
    drawn = np.asarray(found._points.get_offsets())
    assert drawn == pytest.approx(np.array([[1.0, 3.0], [2.0, 6.0], [4.0, 0.0]]))
