"""Assignments of the command line."""

from __future__ import annotations

import pytest

from meanfield.assignments import (
    assign_nested,
    configured_scenario,
    parameters_of,
    parse_text,
    read_assignments,
)
from meanfield.errors import InvalidInputError
from meanfield.experiment import scenarios


@pytest.mark.parametrize("text", ["", "=", "=3", "points=", "points"])
def test_texts_without_key_or_value_are_refused(text):
    with pytest.raises(InvalidInputError, match="--set takes key=value"):
        read_assignments([text])


def test_a_value_may_hold_an_equals_sign():
    assert read_assignments(["initial.std={ a = 1.0 }"]) == {"initial.std": "{ a = 1.0 }"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "12", 12),
        (float, "1e-3", 1e-3),
        (float, "3", 3.0),
        (bool, "false", False),
        (bool, "yes", True),
        (str, "12", "12"),
        (float | None, "0.5", 0.5),
        (list[int], "[1, 2]", [1, 2]),
        (tuple[float, ...], "1,2.5", (1.0, 2.5)),
    ],
)
def test_values_are_read_by_the_type_of_what_they_set(kind, text, value):
    found = parse_text("it", kind, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "allowed"),
    [(int, "1.5", "an integer"), (float, "x", "a number"), (bool, "perhaps", "true or false")],
)
def test_a_wrong_value_is_told_what_is_allowed(kind, text, allowed):
    with pytest.raises(InvalidInputError, match=f"^it must be {allowed}, got '{text}'$"):
        parse_text("it", kind, text)


@pytest.mark.parametrize("name", sorted(scenarios))
def test_every_parameter_of_every_scenario_can_be_set_to_its_default(name):
    defaults = {key: str(default) for key, _, default, _ in parameters_of(scenarios[name])}
    assert configured_scenario(scenarios[name], defaults) == scenarios[name]()


@pytest.mark.parametrize("name", sorted(scenarios))
def test_every_parameter_of_every_scenario_is_explained(name):
    assert all(doc for _, _, _, doc in parameters_of(scenarios[name]))


def test_nested_assignments_leave_the_original_alone():
    original = {"neuron": {"bias": True}}
    changed = assign_nested(original, {"neuron.bias": "false", "name": "other"})
    assert changed == {"neuron": {"bias": False}, "name": "other"}
    assert original == {"neuron": {"bias": True}}


def test_a_text_that_would_smuggle_in_more_toml_stays_a_text():
    assert assign_nested({}, {"name": "1\nother = 2"}) == {"name": "1\nother = 2"}
