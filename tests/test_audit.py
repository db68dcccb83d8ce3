"""The audit: solvers that agree agree, one that is wrong is named, one that cannot says why."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from meanfield import Dataset, Neuron, Problem
from meanfield.audit import audit, difference
from meanfield.cli import run
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment, scenarios
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.solvers import SGD, OnlineSGD, ParticleFlow

FLOW = ParticleFlow(method="rk4", step=0.05)


@dataclass(frozen=True)
class HalfSpeed(ParticleFlow):
    """A solver whose time runs at half its pace: a wrong constant."""

    name: ClassVar[str] = "half-speed"

    def advance(self, problem, state, t):
        return super().advance(problem, state, 0.5 * t)


def experiment(solver=FLOW, temperature=0.0):
    """A linear neuron w x on three points: every particle is shifted by the same number."""
    data = Dataset([[-1.0], [0.5], [1.0]], [-1.0, 0.8, 0.6])
    neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    return Experiment(
        name="line",
        problem=Problem(neuron, data, temperature=temperature),
        initial=Gaussian(1, mean=-1.0, std=0.5),
        particles=200,
        save_at=np.array([0.0, 1.0]),
        solvers={"particle-flow": solver, "sgd": SGD(0.02)},
    )


@pytest.fixture(scope="module")
def sound():
    return audit(experiment())


def test_solvers_of_every_kind_agree_with_each_other_and_with_the_closed_form(sound):
    assert list(sound.answers) == ["quadrature", "grid", "particle-flow", "langevin", "sgd"]
    assert sound.disagreements == [] and sound.refusals == {}
    data = experiment().problem.data
    x, y = data.inputs[:, 0], data.targets[:, 0]
    squares, products = data.weights @ x**2, data.weights @ (x * y)
    limit = products / squares
    mean = limit + (-1.0 - limit) * np.exp(-squares)
    for name, answer in sound.answers.items():
        # A coarse run may hit the limit by chance; then what remains is rounding.
        allowed = 3.0 * answer.error.mean + 1e-6
        assert abs(answer.measure.mean()[0] - mean) <= allowed, name
    assert abs(sound.answers["quadrature"].measure.mean()[0] - mean) < 1e-9


def test_expected_errors_order_solvers_as_their_methods_do(sound):
    errors = {name: answer.error.outputs for name, answer in sound.answers.items()}
    assert errors["quadrature"] < 1e-8 < errors["grid"] < errors["sgd"]


def test_a_wrong_solver_is_named(sound):
    found = audit(experiment(HalfSpeed("rk4", step=0.05)), solvers=("quadrature", "particle-flow"))
    (sentence,) = found.disagreements
    assert sentence.startswith("quadrature and particle-flow differ in risk, outputs")


def test_solvers_that_do_not_apply_say_why():
    noisy = audit(experiment(temperature=0.1))
    assert list(noisy.answers) == ["grid", "langevin"] and noisy.disagreements == []
    assert "langevin" in noisy.refusals["sgd"] and "grid" in noisy.refusals["quadrature"]


def test_online_data_are_another_problem():
    small = scenarios["two-gaussians"](particles=8, t_end=0.01, points=20, dim=4).build()
    assert isinstance(small.solver("sgd"), OnlineSGD)
    found = audit(small, solvers=("particle-flow", "langevin", "sgd"))
    assert found.refusals["sgd"].startswith("it learns fresh data of the law")


@pytest.mark.parametrize("particles", [0, 3])
def test_too_few_particles_have_no_quarter(particles):
    with pytest.raises(
        InvalidInputError, match=f"particles must be an integer >= 4, got {particles}"
    ):
        audit(experiment(temperature=0.1), particles=particles)


def test_one_solver_alone_has_nothing_to_be_compared_with():
    with pytest.raises(InvalidInputError, match="fewer than two solvers apply to line.*sgd has no"):
        audit(experiment(temperature=0.1), solvers=("grid", "sgd"))


def test_a_difference_is_zero_for_equal_measures_and_symmetric(rng):
    problem = experiment().problem
    one, other = (ParticleMeasure(rng.standard_normal((30, 1))) for _ in range(2))
    same = difference(problem, one, one)
    assert (same.risk, same.outputs, same.wasserstein, same.mean) == (0.0, 0.0, 0.0, 0.0)
    assert difference(problem, one, other) == difference(problem, other, one)


def test_many_sobol_points_are_thinned_to_points_of_the_same_law():
    many, few = (ParticleMeasure.gaussian(n, 2, seed=0, sampling="sobol") for n in (4000, 1000))
    problem = Problem(Neuron(1, outer="fixed"), Dataset([[1.0]], [0.0]))
    assert difference(problem, many, few).wasserstein < 0.1


def test_the_verb_prints_tables_and_fails_if_solvers_differ(monkeypatch, capsys):
    def built(solver):
        few = replace(experiment(solver), particles=60)
        monkeypatch.setattr("meanfield.source.named_experiment", lambda *_: few)
        monkeypatch.setattr(Experiment, "build", lambda self: self, raising=False)

    built(FLOW)
    assert run(["check", "line"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("agree") == 10 and "quadrature, grid" in printed
    assert run(["check", "line", "--solvers", "quadrature,particles"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("agree") == 1
    assert "meanfield: running particles, then at half its resolution\n" in printed.err
    assert run(["check", "line", "--solvers", "quadrature,partcles"]) == 2
    assert "unknown solver 'partcles'; did you mean 'particle-flow'" in capsys.readouterr().err
    assert run(["check", "line", "--solvers", "sgd,sgd"]) == 2
    assert "--solvers takes different solvers, got 'sgd,sgd'" in capsys.readouterr().err
    built(HalfSpeed("rk4", step=0.05))
    assert run(["check", "line"]) == 1
    printed = capsys.readouterr()
    assert "differ" in printed.out and "grid and particle-flow differ in" in printed.err
