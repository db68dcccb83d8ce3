"""Runs that go wrong: each is ended, with the reason and advice in its file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import meanfield as mf
from meanfield.cli import run as command
from meanfield.errors import DivergenceError
from meanfield.simulate import simulate
from meanfield.solvers import (
    SGD,
    BirthDeath,
    CircleFlow,
    ConicFlow,
    GridFlow,
    Langevin,
    ParticleFlow,
    QuadratureFlow,
)
from oracles import LinearNeuron, line_data

LINEAR = LinearNeuron(line_data()).problem
CURVED = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)
POINTS = np.array([[-1.0], [0.3], [1.0]])
START = mf.ParticleMeasure.gaussian(16, 1, seed=0)
BALANCED = mf.ParticleMeasure([[1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])


def target(size, neuron=CURVED, **options):
    """A problem whose targets are of this size."""
    return mf.Problem(neuron, mf.Dataset(POINTS, size * np.array([0.5, -0.2, 1.0])), **options)


def on_grid():
    return mf.GridMeasure.from_density(lambda x: np.exp(-0.5 * x[:, 0] ** 2), [-6.0], [6.0], 60)


RELU = mf.Neuron(1, activation="relu")
GONE = {
    "euler": (LINEAR, START, ParticleFlow("euler", step=100.0), r"smaller step \(it is 100\)"),
    "rk4": (LINEAR, START, ParticleFlow("rk4", step=100.0), r"smaller step \(it is 100\)"),
    "dopri5": (target(1e100), START, ParticleFlow(), "step size fell to .* looser tolerances"),
    "quadrature": (target(1e100), START, QuadratureFlow(), "step size fell to"),
    "birth-death": (target(1e100), START, BirthDeath(), "step size fell to"),
    "sgd": (LINEAR, START, SGD(100.0), r"smaller step \(it is 100\)"),
    "langevin": (LINEAR, START, Langevin(100.0), r"smaller step \(it is 100\)"),
    "conic": (target(1e100, RELU), BALANCED, ConicFlow(0.1), r"smaller step \(it is 0\.1\)"),
    "circle": (target(1e150, RELU), BALANCED, CircleFlow(8), "end the run earlier, add a ridge"),
    "muscl": (target(1e100), on_grid(), GridFlow("muscl"), "step size fell to .* more cells"),
    "noisy grid": (target(1e100, temperature=0.1), on_grid(), GridFlow("strang"), "fell to"),
    "reacting grid": (target(1e100), on_grid(), GridFlow("muscl", reaction=1.0), "fell to"),
}


@pytest.mark.parametrize("name", GONE)
def test_run_that_blows_up_is_ended_and_its_file_says_why(tmp_path, name):
    problem, start, solver, sentence = GONE[name]
    path = tmp_path / "run.h5"
    with pytest.raises(DivergenceError, match=sentence) as caught:
        simulate(problem, start, solver, t_end=1e5, save_at=[0.0, 500.0, 1e5], store=path)
    run = mf.open(path)
    assert (run.status, run.reason) == ("failed", str(caught.value))
    assert 1 <= len(run) < 3
    assert np.isfinite(run.risk).all()
    assert caught.value.time < 1e5


@pytest.mark.parametrize(
    ("problem", "start", "sentence"),
    [
        (target(1e200), START, "the risk is inf at t = 0; no step .* scale the data down"),
        (LINEAR, mf.ParticleMeasure([[1e200]]), "the risk is inf at t = 0"),
        (target(1.0, ridge=1.0), mf.ParticleMeasure([[1e200]]), "the penalty is inf at t = 0"),
    ],
)
def test_start_beyond_all_numbers_is_not_blamed_on_a_step(problem, start, sentence):
    with pytest.raises(DivergenceError, match=sentence):
        simulate(problem, start, SGD(0.1), t_end=1.0)


class Frozen(SGD):
    """Shows a particle at infinity, where the outputs of tanh are finite."""

    def advance(self, problem, state, t):
        state, measure = super().advance(problem, state, t)
        positions = np.full(measure.positions.shape, np.inf if t > 0.5 else 1.0)
        return state, mf.ParticleMeasure.trusted(positions, measure.weights)


def test_infinite_particles_are_seen_behind_finite_outputs():
    with pytest.raises(DivergenceError, match="the penalty is nan at t = 1; try a smaller step"):
        simulate(target(1.0), START, Frozen(0.1), t_end=1.0, save_at=[0.5, 1.0])


class Backwards(ParticleFlow):
    """Shows the flow from its end to its start."""

    def advance(self, problem, state, t):
        return state, super().advance(problem, self.start(problem, START, 0), 1.0 - t)[1]


def test_energy_that_rises_against_the_promise_ends_the_run():
    seen = []
    with pytest.raises(DivergenceError, match=r"the energy rose from .* at t = 0\.5, but the flow"):
        simulate(
            LINEAR, START, Backwards(), t_end=1.0, save_at=[0.0, 0.5, 1.0],
            observers=[lambda frame: seen.append(frame.energy)],
        )  # fmt: skip
    assert len(seen) == 2
    assert seen[1] > seen[0]


def test_gradient_descent_with_long_steps_may_raise_the_energy():
    run = simulate(LINEAR, START, ParticleFlow("euler", step=3.5), t_end=7.0, save_at=[0.0, 7.0])
    assert run.status == "complete"
    assert run.energy[1] > run.energy[0]


def test_mass_at_a_wall_is_reported_once_also_over_a_resumption(tmp_path):
    path = tmp_path / "run.h5"
    grid = mf.GridMeasure.from_density(lambda x: np.exp(-0.5 * x[:, 0] ** 2), [-2.0], [2.0], 20)
    problem = target(1.0, temperature=0.1)
    stop = 3

    def interrupt(frame):
        if frame.index == stop:
            raise KeyboardInterrupt

    with (
        pytest.warns(UserWarning, match="mass is next to the lower wall") as told,
        pytest.raises(KeyboardInterrupt),
    ):
        simulate(
            problem, grid, GridFlow("strang"), t_end=1.0, save_at=np.linspace(0, 1, 6),
            store=path, observers=[interrupt],
        )  # fmt: skip
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mf.resume(path).status == "complete"


def test_error_of_an_observer_leaves_a_file_that_says_so(tmp_path):
    def break_down(frame):
        if frame.index == 2:
            raise ZeroDivisionError("by an observer")

    with pytest.raises(ZeroDivisionError, match="by an observer"):
        simulate(
            LINEAR, START, ParticleFlow(), t_end=1.0, store=tmp_path / "run.h5",
            observers=[break_down],
        )  # fmt: skip
    run = mf.open(tmp_path / "run.h5")
    assert (run.status, run.reason) == ("failed", "ZeroDivisionError: by an observer")
    assert len(run) == 2
    assert mf.resume(tmp_path / "run.h5").status == "complete"


def test_terminal_says_what_the_file_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("x,y\n-1.0,0.5\n0.3,-0.2\n1.0,1.0\n")
    (tmp_path / "wild.toml").write_text(
        '[data]\nfile = "points.csv"\ntargets = "y"\n[neuron]\nactivation = "linear"\n'
        'outer = "fixed"\nbias = false\n[initial]\nlaw = "gaussian"\nparticles = 16\n'
        "[solvers.sgd]\nstep = 100.0\n[time]\nt_end = 1e6\nframes = 11\n"
    )
    assert command(["simulate", "wild.toml", "--quiet"]) == 1
    said, run = capsys.readouterr().err, mf.open("wild.h5")
    assert run.status == "failed"
    assert said == f"meanfield: {run.reason}; wild.h5 holds the frames before\n"
