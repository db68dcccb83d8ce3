"""What tells runs apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from matplotlib.figure import Figure

from meanfield.neurons import Neuron
from meanfield.plotting.titles import named_runs
from pictured_runs import on_a_grid, on_the_line, shorten


def titles(*runs):
    return named_runs(runs)[1]


def test_one_run_needs_no_title():
    assert named_runs(on_the_line())[1] == [""]


def test_widths_tell_apart():
    assert titles(on_the_line(4), on_the_line(16)) == ["N = 4", "N = 16"]


def test_solvers_and_sizes_tell_apart():
    grid = on_a_grid(Neuron(1, outer="fixed"), (16, 17), frames=2)
    other = shorten(grid, 2)
    other.measures = [each.sample(4, seed=0) for each in grid.measures]
    other.solver = SimpleNamespace(name="langevin")
    assert titles(grid, other) == ["grid, 16 × 17 cells", "langevin, N = 4"]


def test_of_equal_runs_seeds_names_or_numbers_tell():
    first, second = on_the_line(4), shorten(on_the_line(4), 3)
    assert titles(first, second) == ["run (1)", "run (2)"]
    first.seed, second.seed = 3, 5
    assert titles(first, second) == ["seed 3", "seed 5"]


def test_names_of_files_are_no_formulas():
    first, second = on_the_line(4), on_the_line(4)
    first.path, second.path = Path("x_{$.h5"), Path("$\\frac{$.h5")
    figure = Figure()
    for number, title in enumerate(titles(first, second)):
        ax = figure.add_subplot(1, 2, number + 1)
        ax.set_title(title)
    figure.draw_without_rendering()


def test_scales_tell_apart():
    runs = [on_the_line(4), on_the_line(4)]
    for run, scale in zip(runs, (1.0, 100.0), strict=True):
        run.problem = SimpleNamespace(neuron=run.problem.neuron, scale=scale)
    assert titles(*runs) == ["α = 1", "α = 100"]


def test_names_that_are_given_are_kept():
    assert named_runs({"lazy": on_the_line(4)})[1] == ["lazy"]
