"""The panel of the risk over time."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield import plot
from meanfield.errors import InvalidInputError
from meanfield.plotting.risk import TimeMarker
from pictured_runs import in_many_dimensions, on_the_line, shorten


def test_the_curve_is_the_risk_over_time():
    run = on_the_line()
    (line,) = plot.risk(run).lines
    assert np.array_equal(line.get_xdata(), run.times)
    assert np.array_equal(line.get_ydata(), run.risk)


def test_recorded_risks_join_it_with_a_legend():
    run = in_many_dimensions()
    ax = plot.risk(run)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "training risk",
        "test risk",
    ]
    assert np.array_equal(ax.lines[1].get_ydata(), run.observables["test_risk"])


def test_a_risk_that_falls_far_has_a_logarithmic_axis():
    run = on_the_line()
    assert plot.risk(run).get_yscale() == "linear"
    run.risk = np.geomspace(1.0, 1e-3, len(run.times))
    assert plot.risk(run).get_yscale() == "log"


def test_a_risk_of_zero_has_a_linear_axis():
    run = on_the_line()
    run.risk = np.linspace(1.0, 0.0, len(run.times))
    assert plot.risk(run).get_yscale() == "linear"


@pytest.mark.parametrize(("start", "scale"), [(0.0, "symlog"), (1e-3, "log")])
def test_geometrically_spaced_frames_have_a_logarithmic_time_axis(start, scale):
    run = on_the_line()
    run.times = np.r_[start, np.geomspace(0.01, 100.0, len(run.times) - 1)]
    assert plot.risk(run).get_xscale() == scale


def test_labels_of_a_logarithmic_time_axis_stay_apart():
    run = on_the_line()
    run.times = np.r_[0.0, np.geomspace(1e-3, 100.0, len(run.times) - 1)]
    figure = Figure(figsize=(3.0, 1.5))
    ax = plot.risk(run, figure.add_subplot())
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    boxes.sort(key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))


def test_a_failed_run_is_drawn_up_to_its_failure():
    run = on_the_line()
    run.status = "failed"
    run.risk = run.risk.copy()
    run.risk[-1] = np.inf
    texts = [text.get_text() for text in plot.risk(run).texts]
    assert texts == ["the run failed after t = 2"]


def test_a_run_without_frames_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="no frames yet"):
        plot.risk(shorten(on_the_line(), 0))


def test_the_accuracy_tells_its_last_value():
    ax = plot.accuracy(in_many_dimensions())
    assert ax.get_ylabel() == "test accuracy"
    assert [text.get_text() for text in ax.texts] == ["75.0%"]


def test_a_run_without_accuracy_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="recorded no accuracy"):
        plot.accuracy(on_the_line())


def test_the_marker_runs_along_the_curve():
    ax = Figure().add_subplot()
    marker = TimeMarker(ax, np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    marker.draw(0.5)
    assert [line.get_xdata()[0] for line in ax.lines] == [0.5, 0.5]
    assert ax.lines[1].get_ydata()[0] == pytest.approx(1.5)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def with_traits(particles, solver="sgd", seed=0):
    run = on_the_line(particles=particles)
    run.solver.name, run.seed = solver, seed
    return run


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([with_traits(10), with_traits(20)], ["$N$ = 10", "$N$ = 20"]),
        ([with_traits(10), with_traits(10, "langevin")], ["sgd", "langevin"]),
        ([with_traits(10), with_traits(10, seed=3)], ["seed 0", "seed 3"]),
        ([with_traits(10), with_traits(20, seed=3)], ["$N$ = 10, seed 0", "$N$ = 20, seed 3"]),
        ([with_traits(10), with_traits(10)], ["$N$ = 10 (1)", "$N$ = 10 (2)"]),
        ({"mine": with_traits(10), "yours": with_traits(10)}, ["mine", "yours"]),
    ],
)
def test_several_runs_are_named_by_what_distinguishes_them(runs, names):
    assert labels(plot.risk(runs)) == names


def test_the_limit_joins_one_run_or_several():
    limit = with_traits(100)
    ax = plot.risk(with_traits(10), limit=limit)
    assert labels(ax) == ["limit", "$N$ = 10"]
    assert np.array_equal(ax.lines[0].get_ydata(), limit.risk)
    assert len(plot.risk([with_traits(10), with_traits(20)], limit=limit).lines) == 3


def test_no_run_at_all_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="there is no run to show"):
        plot.risk([])
