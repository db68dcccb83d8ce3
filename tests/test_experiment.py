"""Experiments: which solver a name means, and where its measure starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import meanfield as mf
from meanfield.cli import run
from meanfield.compare import compare
from meanfield.distributions import Teacher
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.solver import default_solver, settings_to_dict, solvers
from meanfield.solvers.birth_death import BirthDeath
from meanfield.solvers.langevin import Langevin, LangevinState
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD, OnlineSGD
from meanfield.trajectory import Trajectory
from oracles import LinearNeuron, line_data

LINEAR = LinearNeuron(line_data())
TEACHER = Teacher(Neuron(3), 2)
FLOW = ParticleFlow(method="euler", step=0.1)


def experiment(solvers, problem=LINEAR.problem):
    return Experiment(
        "line", problem, Gaussian(problem.neuron.dim), 20, np.array([0.0, 0.5, 2.0]), solvers
    )


@dataclass(frozen=True)
class Rest:
    """Nothing moves on a grid that the solver chooses: 10 cells, or as many as one wants."""

    name: ClassVar[str] = "rest"
    state_type: ClassVar[type] = LangevinState

    def place(self, problem, law, particles, t_end, seed):
        assert (problem, law, t_end) == (LINEAR.problem, Gaussian(1), 2.0)
        return GridMeasure.from_density(law.density, -6.0, 6.0, particles or 10)

    def start(self, problem, measure, seed):
        return LangevinState(measure.density.copy(), measure.lower, measure.upper, 0, seed)

    def advance(self, problem, state, t):
        return state, GridMeasure.trusted(state.positions, state.stages, state.masses)

    def to_dict(self):
        return settings_to_dict(self)


@pytest.fixture
def with_rest(monkeypatch):
    """The vocabulary of solvers with this one."""
    kind, find, has = type(solvers), type(solvers).__getitem__, type(solvers).__contains__
    monkeypatch.setattr(kind, "__getitem__", lambda s, n: Rest if n == "rest" else find(s, n))
    monkeypatch.setattr(kind, "__contains__", lambda s, n: n == "rest" or has(s, n))


@pytest.mark.parametrize(
    ("known", "name", "expected"),
    [
        ({"particle-flow": FLOW}, None, FLOW),
        ({"particle-flow": FLOW}, "particles", FLOW),
        ({"sgd": SGD(0.1)}, "particles", ParticleFlow()),
        ({"sgd": SGD(0.1)}, "particle-flow", ParticleFlow()),
        ({"particle-flow": FLOW, "online-sgd": OnlineSGD(0.1, TEACHER)}, "sgd",
         OnlineSGD(0.1, TEACHER)),
        ({"online-sgd": OnlineSGD(0.1, TEACHER), "sgd": SGD(0.1)}, "sgd", SGD(0.1)),
        ({"particle-flow": FLOW}, "sgd", SGD(0.002)),
        ({"particle-flow": FLOW}, "langevin", Langevin(0.002)),
        ({"particle-flow": FLOW, "langevin": Langevin(0.5)}, "langevin", Langevin(0.5)),
        ({"particles": FLOW}, "particles", FLOW),
        ({"particle-flow": FLOW}, "birth-death", BirthDeath()),
    ],
)  # fmt: skip
def test_a_name_means_the_experiments_solver_or_one_with_defaults(known, name, expected):
    assert experiment(known).solver(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("particle", "did you mean 'particle-flow'.* known: .*, online-sgd, particle-flow, quad"),
        ("lagnevin", "unknown solver 'lagnevin'; did you mean 'langevin'"),
        ("partciles", "did you mean 'particle-flow'"),
        ("online-sgd", r"online-sgd has no defaults for step, distribution; give them in the table "
         r"\[solvers.online-sgd\]"),
    ],
)  # fmt: skip
def test_a_solver_that_cannot_be_had_is_explained(name, message):
    with pytest.raises(InvalidInputError, match=message):
        experiment({"particle-flow": FLOW}).solver(name)


def test_default_steps_do_not_depend_on_how_often_a_run_is_saved():
    assert default_solver("langevin", 3.0) == Langevin(0.003)


@pytest.mark.parametrize("name", ["particles", "sgd"])
def test_solvers_without_noise_name_those_with_it(name):
    noisy = Problem(LINEAR.problem.neuron, LINEAR.data, temperature=0.1)
    with pytest.raises(InvalidInputError, match="has no noise, .* use the solver langevin or grid"):
        experiment({"langevin": Langevin(0.1)}, noisy).run(solver=name)


def test_a_solver_places_its_own_measure(with_rest):
    started = experiment({"rest": Rest()}).start(solver="rest")
    assert started == GridMeasure.from_density(Gaussian(1).density, -6.0, 6.0, 10)
    assert len(experiment({"rest": Rest()}).start(30, solver="rest")) == 30
    assert isinstance(experiment({"rest": Rest()}).start(), ParticleMeasure)
    done = experiment({"particle-flow": FLOW}).run(solver="rest", particles=12)
    assert done.measures[-1].shape == (12,) and done.unit == "cells"
    assert len(experiment({"rest": Rest()}).run().measures[0]) == 10


def test_particles_of_other_solvers_are_drawn_as_ever():
    prepared = experiment({"particle-flow": FLOW})
    assert prepared.start(7, seed=3, solver="particles") == Gaussian(1).sample(7, 3)
    assert prepared.run(seed=3).measures[0] == Gaussian(1).sample(20, 3)


def test_networks_are_not_compared_by_a_solver_that_moves_no_neurons(with_rest):
    with pytest.raises(InvalidInputError, match="the solver rest does not move; compare takes"):
        compare(experiment({"particle-flow": FLOW}), [4, 8], 2, solver="rest")


TOML = """
[data]
file = "line.csv"
[neuron]
activation = "linear"
outer = "fixed"
bias = false
[initial]
law = "gaussian"
[time]
t_end = 2.0
frames = 3
"""


def test_the_command_line_runs_a_grid_and_says_what_it_is(with_rest, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Rest, "place", lambda self, problem, law, particles, t_end, seed: (
        GridMeasure.from_density(law.density, -6.0, 6.0, particles or 10)
    ))  # fmt: skip
    (tmp_path / "line.toml").write_text(TOML)
    rows = zip(LINEAR.data.inputs[:, 0], LINEAR.data.targets[:, 0], strict=True)
    (tmp_path / "line.csv").write_text("x,y\n" + "\n".join(f"{x},{y}" for x, y in rows))
    command = ["simulate", "line.toml", "--solver", "rest", "--quiet"]
    assert run([*command, "--particles", "16"]) == 0
    assert Trajectory.open("line.h5").measures[1].shape == (16,)
    assert run(["info", "line.h5"]) == 0
    assert "16 cells, w_0 from -6 to 6" in capsys.readouterr().out
    # The same command continues it; another number of cells, or another solver, does not.
    assert run([*command, "--particles", "16", "--resume"]) == 0
    assert run([*command, "--resume"]) == 0
    assert run([*command, "--particles", "64", "--resume"]) == 2
    assert "it has 16 cells, not 64" in capsys.readouterr().err
    assert run([*command[:2], "--solver", "langevin", "--quiet", "--resume"]) == 2
    assert "the solver is Rest()" in capsys.readouterr().err
    assert run(["plot", "line.h5", "--quiet"]) == 0
    assert (tmp_path / "line.png").stat().st_size > 10_000


def test_an_interrupted_quadrature_run_goes_on_with_its_error_estimate(tmp_path):
    wave = Problem(Neuron(1, outer="fixed", bias=False), line_data())
    described, path = experiment({"particle-flow": FLOW}, wave), tmp_path / "run.h5"

    def stop(frame):
        if frame.index == 2:
            raise KeyboardInterrupt

    whole = described.run(solver="quadrature")
    assert 0.0 < whole.observables["quadrature_error"][-1] < 1e-9
    with pytest.raises(KeyboardInterrupt):
        described.run(path, solver="quadrature", observers=[stop])
    done = mf.resume(path)
    assert done.status == "complete"
    assert list(done.measures) == list(whole.measures)
    for name, values in whole.observables.items():
        assert values.tolist() == done.observables[name].tolist()
    assert done.solver.rule == "panels"
