from dataclasses import dataclass, fields
from inspect import cleandoc
from typing import ClassVar

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.experiment import scenarios
from meanfield.scenarios import (
    Digits,
    Gibbs1D,
    Relu1D,
    Scenario,
    TeacherStudent,
    TwoGaussians,
    TwoGaussiansRadial,
)
from meanfield.scenarios.scenario import choice, count, frame_times, parameter, within
from meanfield.solver import solver_from_dict

ALL = [Digits, Gibbs1D, Relu1D, TeacherStudent, TwoGaussians, TwoGaussiansRadial]
SMALL = {
    "digits": {},
    "gibbs-1d": {},
    "relu-1d": {"points": 10},
    "teacher-student": {"points": 20, "test_points": 10},
    "two-gaussians": {"points": 20, "dim": 5},
    "two-gaussians-radial": {"nodes": 6, "dim": 5},
}
each = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)


def tiny(scenario):
    return scenario(particles=5, t_end=0.2, frames=3, **SMALL[scenario.name])


def test_the_catalogue_holds_the_scenarios_by_name():
    for scenario in ALL:
        assert scenarios[scenario.name] is scenario


@each
def test_every_parameter_is_documented(scenario):
    described = cleandoc(scenario.__doc__)
    for entry in fields(scenario):
        assert entry.metadata["doc"]
        assert f"\n{entry.name} : {entry.type}, default {entry.default!r}\n" in described


@each
def test_a_scenario_says_what_it_is(scenario):
    assert scenario.name and len(scenario.summary) < 80 and scenario.reference
    assert {"particles", "t_end", "frames"} <= {entry.name for entry in fields(scenario)}


@each
def test_default_parameters_pass_their_own_checks(scenario):
    assert scenario() == scenario(**vars(scenario()))


@each
def test_a_tiny_run_works_with_every_solver(scenario):
    experiment = tiny(scenario).build()
    assert experiment.name == scenario.name and len(experiment.solvers) == 2
    for name, solver in experiment.solvers.items():
        assert solver.name == name
        assert solver_from_dict(solver.to_dict()) == solver
        run = experiment.run(solver=name)
        np.testing.assert_array_equal(run.times, experiment.save_at)
        assert len(run) == 3 and run.times[0] == 0.0 and run.times[-1] == 0.2
        assert np.isfinite(run.risk).all()


@each
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"particles": 0}, "particles must be an integer >= 1, got 0"),
        ({"particles": 2.5}, "particles must be an integer >= 1, got 2.5"),
        ({"t_end": 0.0}, "t_end must be a positive finite number, got 0.0"),
        ({"frames": 1}, "frames must be an integer >= 2, got 1"),
    ],
)
def test_mistakes_are_named(scenario, wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        scenario(**wrong)


@pytest.mark.parametrize("scenario", [one for one in ALL if hasattr(one, "batch_size")])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step": -0.1}, "step must be a positive finite number, got -0.1"),
    ],
)
def test_mistakes_of_gradient_steps_are_named(scenario, wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        scenario(**wrong)


def test_names_and_intervals_say_what_is_allowed():
    with pytest.raises(InvalidInputError, match="unknown colour 'grene'; did you mean 'green'"):
        choice(["red", "green"])("colour", "grene")
    with pytest.raises(InvalidInputError, match=r"share must be in \[0, 1\], got 1.5"):
        within(0, 1)("share", 1.5)


def test_frame_times_start_at_zero_and_end_at_the_end():
    times = frame_times(7.3, 12, power=2.0)
    assert times[0] == 0.0 and times[-1] == 7.3
    assert (np.diff(times, n=2) > 0.0).all()


def test_a_scenario_of_ones_own_needs_fields_and_build_only():
    @dataclass(frozen=True)
    class Own(Scenario):
        """A scenario."""

        name: ClassVar[str] = "own"
        particles: int = parameter(3, "number of neurons", count())

    assert "particles : int, default 3" in Own.__doc__
    with pytest.raises(NotImplementedError, match="the scenario own does not say how to build"):
        Own().build()


@pytest.mark.parametrize("scenario", [Digits, Relu1D, TeacherStudent, TwoGaussians])
def test_a_batch_has_points(scenario):
    with pytest.raises(InvalidInputError, match="batch_size must be an integer >= 1, got 0"):
        scenario(batch_size=0)
