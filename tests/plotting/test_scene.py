"""One frame of a movie."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.scene import Scene
from meanfield.plotting.style import theme
from meanfield.problem import Problem
from pictured_runs import (
    euler,
    in_many_dimensions,
    of_one_parameter,
    on_a_grid,
    on_the_line,
    on_the_plane,
    shorten,
)


def test_times_of_the_movie_go_from_start_to_end():
    run = on_the_line()
    times = Scene(run).times(50)
    assert times[[0, -1]] == pytest.approx([0.0, 2.0])
    assert (np.diff(times) > 0.0).all()


@pytest.mark.parametrize("make", [on_the_line, of_one_parameter, on_the_plane, in_many_dimensions])
def test_the_clock_shows_the_time_and_the_layout_stands_still(make):
    scene = Scene(make())
    before = [ax.get_position().bounds for ax in scene.figure.get_axes()]
    scene.draw(1.5)
    scene.figure.canvas.draw()
    assert scene.figure.get_axes()[0].get_title(loc="left") == "$t$ = 1.50"
    assert [ax.get_position().bounds for ax in scene.figure.get_axes()] == before


def trails_of(scene):
    return scene.panels[0]._cloud._trails.get_segments()


def test_trails_end_at_their_particles():
    run = on_the_plane()
    scene = Scene(run)
    scene.draw(2.0)
    ends = {tuple(np.round(segment[-1], 9)) for segment in trails_of(scene)}
    points = {tuple(np.round(point, 9)) for point in run.measures[-1].positions[:, 1:3]}
    assert points <= ends


def test_trails_do_not_depend_on_which_particles_are_shown(monkeypatch):
    run = on_the_plane(particles=300)
    whole = Scene(run)
    monkeypatch.setattr("meanfield.plotting.playback._MOST_PARTICLES", 200)
    part = Scene(run)
    for each in (whole, part):
        each.draw(2.0)
    assert np.allclose(trails_of(whole), trails_of(part))


def test_a_run_of_one_frame_can_be_shown():
    scene = Scene(shorten(on_the_line(), 1))
    scene.draw(0.0)
    assert scene.times(100).tolist() == [0.0]


def test_what_rests_and_what_moves_make_the_picture_that_the_figure_draws():
    # The oracle is matplotlib itself, which draws everything anew.
    for make in (on_the_plane, in_many_dimensions):
        scene = Scene(make())
        stage = scene.stage(50)
        scene.draw(1.3)
        with theme():
            fast = stage.picture().copy()
            scene.figure.canvas.draw()
            full = np.asarray(scene.figure.canvas.buffer_rgba())
        # Text may be hinted and images cut differently: a few pixels in a thousand.
        assert np.mean(np.abs(fast.astype(int) - full).max(axis=2) > 16) < 0.004


def test_a_picture_leaves_nothing_of_the_one_before():
    scene = Scene(on_the_plane())
    stage = scene.stage(40)
    scene.draw(0.4)
    first = stage.picture().copy()
    scene.draw(1.9)
    assert np.any(stage.picture() != first)
    scene.draw(0.4)
    assert np.array_equal(stage.picture(), first)


@pytest.mark.parametrize(
    ("make", "layout", "labels"),
    [
        (on_the_line, "function", ["input $x$", ""]),
        (on_the_plane, "outputs", ["output $f(x;\\,\\mu)$", "mean-field time $t$"]),
        (in_many_dimensions, "outputs", ["predicted class", "mean-field time $t$"]),
        (in_many_dimensions, "law", ["", "", "mean-field time $t$"]),
        (in_many_dimensions, "risk", ["", "mean-field time $t$"]),
    ],
)
def test_a_layout_says_what_stands_beside_the_measure(make, layout, labels):
    scene = Scene(make(), layout=layout)
    scene.draw(1.0)
    assert [panel.ax.get_xlabel() for panel in scene.panels[1:]][: len(labels) - 1] == labels[:-1]
    assert scene.panels[-1].ax.get_xlabel() == "mean-field time $t$"


def test_the_function_of_many_inputs_cannot_be_drawn():
    with pytest.raises(InvalidInputError, match="these neurons have 8; the layouts outputs, law"):
        Scene(in_many_dimensions(), layout="function")


def test_runs_side_by_side_share_axes_colours_and_a_clock():
    narrow, wide = on_the_line(20), on_the_line(60)
    scene = Scene([narrow, shorten(wide, 6)])
    left, right = (panel.ax for panel in scene.panels[:2])
    assert (left.get_xlim(), left.get_ylim()) == (right.get_xlim(), right.get_ylim())
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["N = 20", "N = 60"]
    assert scene.times(9)[[0, -1]] == pytest.approx([0.0, 2.0])
    scene.draw(2.0)  # the shorter one rests at its end
    dots = [panel._dot.get_xdata()[0] for panel in scene.panels[-2:]]
    assert dots == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize("count", [2, 3, 5])
def test_as_many_runs_as_are_given_are_drawn(count):
    runs = {f"run {number}": on_the_plane(classes=3) for number in range(count)}
    scene = Scene(runs)
    scene.draw(0.7)
    titles = [ax.get_title(loc="left") for ax in scene.figure.get_axes()]
    assert [title for title in titles if title] == list(runs)
    assert len(scene.panels) == 3 * count
    assert np.ptp(scene.stage(30).picture()[..., 0]) > 200


def test_grids_and_particles_stand_side_by_side():
    neuron = Neuron(1, outer="fixed")
    grid = on_a_grid(neuron, (24, 24))
    cloud = particles_of(grid, 50)
    scene = Scene({"density": grid, "sample": cloud}, arrows=True)
    scene.draw(0.5)
    assert scene.panels[0].ax.images and not scene.panels[1].ax.images


def particles_of(grid, count):
    """The run that particles make which follow a grid."""
    sampled = shorten(grid, len(grid.times))
    sampled.measures = [each.sample(count, seed=0) for each in grid.measures]
    return sampled


@pytest.mark.parametrize(
    ("positions", "neuron"),
    [
        (np.zeros((5, 3)), Neuron(1, activation="relu")),
        (np.full((40, 1), 0.3), Neuron(1, outer="fixed", bias=False)),
        (np.ones((7, 100)), Neuron(98, activation="tanh")),
        (np.random.default_rng(0).normal(size=(12, 100)), Neuron(98)),
        (np.zeros((6000, 2)), Neuron(1, outer="fixed")),
    ],
    ids=["collapsed", "one parameter", "collapsed in 100", "100 parameters", "many in a point"],
)
def test_measures_of_every_shape_have_a_picture(positions, neuron):
    data = Dataset(np.random.default_rng(1).normal(size=(9, neuron.inputs)), np.ones(9))
    run = euler(Problem(neuron, data), ParticleMeasure(positions), frames=2, every=1)
    scene = Scene(run, clock="arc-length")
    scene.draw(0.05)
    picture = scene.stage(30).picture()
    assert np.ptp(picture[..., 0]) > 100


def test_a_failed_run_shows_what_it_holds():
    run = shorten(on_the_line(), 5)
    run.status = "failed"
    scene = Scene(run)
    assert scene.times(10)[-1] == run.times[-1]


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        (lambda: [], "a movie shows 1 to 8 runs, got 0"),
        (lambda: [shorten(on_the_line(), 0)], "no frames yet"),
        (
            lambda: [on_the_line(), of_one_parameter()],
            "neurons of the same parameters, got a_0, w_0, b and",
        ),
    ],
    ids=["none", "empty", "different"],
)
def test_runs_that_cannot_be_shown_are_answered_by_one_sentence(runs, sentence):
    shown = runs()
    with pytest.raises(InvalidInputError, match=sentence):
        Scene(shown)


def test_arrows_need_two_directions():
    with pytest.raises(InvalidInputError, match="arrows need two directions"):
        Scene(of_one_parameter(), arrows=True)
