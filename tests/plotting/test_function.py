"""The panel of the learned function."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield import plot
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.function import DecisionMap
from meanfield.problem import Problem
from pictured_runs import in_many_dimensions, on_the_line, on_the_plane


def test_on_the_line_the_curve_is_the_prediction():
    run = on_the_line()
    ax = plot.function(run, 3)
    (line,) = ax.lines
    expected = run.problem.predict(run.measures[3], np.asarray(line.get_xdata())[:, None])
    assert line.get_ydata() == pytest.approx(expected[:, 0])


def test_on_the_line_data_are_points():
    run = on_the_line()
    (points,) = plot.function(run).collections
    drawn = np.asarray(points.get_offsets())
    assert drawn == pytest.approx(np.hstack([run.problem.data.inputs, run.problem.data.targets]))


def test_with_the_logistic_loss_the_curve_is_a_probability():
    run = on_the_line(loss="logistic")
    ax = plot.function(run)
    (line,) = ax.lines
    outputs = run.problem.predict(run.measures[-1], np.asarray(line.get_xdata())[:, None])
    assert line.get_ydata() == pytest.approx(1.0 / (1.0 + np.exp(-outputs[:, 0])))
    assert "probability" in ax.get_ylabel()


def test_class_probabilities_on_the_line_sum_to_one():
    inputs = np.linspace(-1.0, 1.0, 9)
    problem = Problem(Neuron(1, 3), Dataset(inputs, np.repeat([0, 1, 2], 3)), loss="cross_entropy")
    run = on_the_line()
    run.problem = problem
    run.measures = [ParticleMeasure.gaussian(20, problem.neuron.dim, seed=0)]
    lines = plot.function(run, 0).lines
    assert sum(line.get_ydata() for line in lines) == pytest.approx(np.ones(401))


def test_on_the_plane_colours_follow_the_sign_of_the_output():
    run = on_the_plane()
    ax = Figure().add_subplot()
    panel = DecisionMap(ax, run.problem, 40)
    panel.draw(run.measures[-1])
    pixels = np.asarray(ax.images[0].get_array()).reshape(-1, 4)
    grid = np.stack(
        np.meshgrid(*np.linspace(panel.low, panel.high, panel.cells).T), axis=-1
    ).reshape(-1, 2)
    outputs = run.problem.predict(run.measures[-1], grid)[:, 0]
    clear = np.abs(outputs) > 0.2  # nearer to zero colours are grey
    orange = pixels[:, 0] > pixels[:, 2]
    assert np.array_equal(orange[clear], outputs[clear] > 0.0)


def test_the_decision_boundary_is_redrawn_not_added():
    run = on_the_plane()
    ax = Figure().add_subplot()
    panel = DecisionMap(ax, run.problem, 40)
    counts = []
    for measure in run.measures[-3:]:
        panel.draw(measure)
        counts.append(len(ax.collections))
    assert counts[0] == counts[-1] == 2  # data and boundary


def test_of_several_classes_the_most_likely_one_gives_its_colour():
    run = on_the_plane(classes=3)
    sure = ParticleMeasure(np.array([[0.0, 50.0, 0.0, 0.0, 0.0, 9.0]]))  # always class 1
    run.measures = [sure]
    pixels = np.asarray(plot.function(run, 0).images[0].get_array())
    assert pixels[0, 0, 0] > pixels[0, 0, 1] > pixels[0, 0, 2]  # the yellow of class 1
    assert np.ptp(pixels.reshape(-1, 4), axis=0).max() == 0


def test_the_map_of_many_neurons_is_coarser():
    run = on_the_plane()
    axes = Figure().subplots(1, 2)
    few, many = (
        DecisionMap(ax, run.problem, count) for ax, count in zip(axes, (10, 10**5), strict=True)
    )
    assert many.cells < few.cells


def test_more_than_two_inputs_are_a_clear_error():
    with pytest.raises(InvalidInputError, match="one or two inputs, but the neuron has inputs=8"):
        plot.function(in_many_dimensions())


def test_a_frame_that_is_not_there_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="index must be from -11 to 10, got 11"):
        plot.function(on_the_line(), 11)
