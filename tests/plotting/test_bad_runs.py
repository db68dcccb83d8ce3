"""Runs at the edge of what can be drawn: a sensible picture, or one clear sentence."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from meanfield import plot
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.catalogue import catalogue
from meanfield.plotting.scene import Scene
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from pictured_runs import euler, of_one_parameter, on_the_line, shorten


def with_inputs(count, particles=20):
    random = np.random.default_rng(0)
    neuron = Neuron(count, activation="tanh", outer="fixed", bias=False)
    data = Dataset(random.standard_normal((12, count)), random.standard_normal(12))
    start = ParticleMeasure.gaussian(particles, count, seed=0)
    return euler(Problem(neuron, data), start, frames=4)


def collapsed():
    run = on_the_line(activation="tanh")
    one = ParticleMeasure(np.full((20, 3), 0.5))
    still = euler(run.problem, one, step=0.0, frames=4)
    still.times = np.linspace(0.0, 1.0, 4)
    return still


def failed():
    run = on_the_line()
    run.status, run.risk = "failed", np.r_[run.risk[:-1], np.inf]
    run.energy = run.risk
    return run


def exploded():
    """Three steps of which each squares the last: risks to 10²³⁴, as a failed run holds."""
    run = on_the_line(activation="square")
    run.measures = [ParticleMeasure(run.measures[0].positions * 10.0**i) for i in (0, 1, 6, 39)]
    run.risk = np.array([6.0, 5.8e8, 2e46, 7.8e234])
    run.times, run.energy, run.status = run.times[:4], run.risk, "failed"
    return run


def of_a_population():
    neuron = Neuron(2, activation="erf", bias=False)
    problem = PopulationProblem(neuron, ParticleMeasure([[1.0, 1.0, 0.0]]))
    return euler(problem, ParticleMeasure.gaussian(20, 3, seed=0), frames=4)


def of_very_many():
    """10⁶ particles that were moved once."""
    run = with_inputs(1)
    start = ParticleMeasure.gaussian(1_000_000, 1, seed=0)
    end = ParticleMeasure(1.1 * start.positions)
    return SimpleNamespace(
        **vars(shorten(run, 2)) | {"measures": [start, end], "energy": run.risk[:2]}
    )


SILENT = {"accuracy", "gap"}  # nothing was recorded for them
RUNS = {
    "one frame": (lambda: shorten(on_the_line(), 1), SILENT),
    "failed": (failed, SILENT),
    "exploded": (exploded, SILENT),
    "collapsed": (collapsed, SILENT),
    "p = 1": (of_one_parameter, SILENT | {"phase-portrait"}),
    "p = 100": (lambda: with_inputs(100), SILENT | {"function"}),
    "population": (of_a_population, SILENT),
    "a million": (of_very_many, SILENT | {"phase-portrait"}),
}


@pytest.mark.parametrize("case", RUNS)
def test_every_panel_draws_it_or_says_in_a_sentence_why_not(case):
    make, silent = RUNS[case]
    run, refused = make(), {}
    for name in catalogue:
        try:
            figure = plot.panels(run, name)
        except MeanfieldError as error:
            refused[name] = str(error)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.set_layout_engine("none")
            figure.draw_without_rendering()
    assert set(refused) == silent
    assert not any("\n" in sentence for sentence in refused.values())


@pytest.mark.parametrize("name", catalogue)
def test_a_run_without_frames_has_nothing_to_show(name):
    with pytest.raises(InvalidInputError, match="nothing to show|recorded no"):
        plot.panels(shorten(on_the_line(), 0), name)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_movie_of_a_run_that_exploded_is_drawn(runs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = Scene([exploded()] * runs)
        for time in scene.times(3):
            scene.draw(time)
        scene.stage(20.0).picture()
