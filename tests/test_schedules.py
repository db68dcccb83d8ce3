"""Schedules of temperatures: their ends, their monotony, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.errors import InvalidInputError
from meanfield.schedules import (
    Exponential,
    Logarithmic,
    PiecewiseLinear,
    schedule_from_dict,
)

SCHEDULES = [
    Exponential(initial=2.0, rate=0.3),
    Logarithmic(initial=2.0, time=0.5),
    PiecewiseLinear([1.0, 2.0, 6.0], [2.0, 1.0, 0.25]),
]


@given(
    schedule=st.sampled_from(SCHEDULES),
    times=st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)),
)
def test_temperatures_fall_from_the_first_to_that_of_the_problem(schedule, times):
    early, late = (schedule.temperature(time, 0.25) for time in sorted(times))
    assert schedule.temperature(0.0, 0.25) == pytest.approx(2.0, rel=1e-15)
    assert 2.0 >= early >= late >= 0.25


def test_the_end_is_that_of_the_problem():
    exponential, logarithmic, linear = SCHEDULES
    assert exponential.temperature(200.0, 0.25) == 0.25
    assert linear.temperature(7.0, 0.25) == 0.25
    # 1.75 / log(t / time) is what is left.
    assert logarithmic.temperature(1e9, 0.25) == pytest.approx(0.25 + 1.75 / np.log(2e9), rel=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_can_be_rebuilt(schedule):
    assert schedule_from_dict(schedule.to_dict()) == schedule == schedule_from_dict(schedule)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Exponential(-1.0, 1.0), "initial temperature must be a nonnegative"),
        (lambda: Exponential(1.0, 0.0), "rate of the schedule must be a positive"),
        (lambda: Logarithmic(1.0, -1.0), "time of the schedule must be a positive"),
        (lambda: PiecewiseLinear([0.0, 0.0], [1.0, 0.0]), "needs increasing times"),
        (lambda: PiecewiseLinear([0.0, 1.0], [1.0]), "one temperature >= 0 each"),
        (lambda: PiecewiseLinear([0.0], [-1.0]), "one temperature >= 0 each"),
        (lambda: SCHEDULES[2].temperature(0.0, 0.5), "schedule is 0.25, but the problem has 0.5"),
        (lambda: schedule_from_dict({"name": "expo"}), "unknown schedule 'expo'"),
        (
            lambda: schedule_from_dict({"name": "exponential", "initial": 1.0}),
            "needs the setting rate",
        ),
        (
            lambda: schedule_from_dict({"name": "exponential", "start": 1.0}),
            "unknown setting of the schedule exponential 'start'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
