"""Assignments ``key=value`` of the command line, read by the type of what they set."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from meanfield.errors import InvalidInputError, unknown_name

__all__ = [
    "assign_nested",
    "configured_scenario",
    "parameters_of",
    "parse_text",
    "read_assignments",
]

_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}


def read_assignments(texts: Iterable[str]) -> dict[str, str]:
    """Split texts of the form ``key=value``.

    Raises
    ------
    InvalidInputError
        If a text has no ``=``, or a key comes twice.

    Examples
    --------
    >>> read_assignments(["points=100", "function=hat"])
    {'points': '100', 'function': 'hat'}
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise InvalidInputError(
                f"--set takes key=value, for example --set particles=100, got {text!r}"
            )
        if key in found:
            raise InvalidInputError(f"{key} is given twice: {found[key]} and {value}")
        found[key] = value
    return found


def parse_text(name: str, kind: Any, text: str) -> Any:
    """Value of type `kind` that a text stands for.

    Parameters
    ----------
    name : str
        What is set, for the message.
    kind : type
        ``int``, ``float``, ``bool``, ``str``, an optional one of these, or a ``list``
        or ``tuple`` of them, written with commas.
    text : str

    Raises
    ------
    InvalidInputError
        If the text is no such value.

    Examples
    --------
    >>> parse_text("step", float, "1e-3"), parse_text("bias", bool, "no")
    (0.001, False)
    >>> parse_text("widths", list[int], "64,256")
    [64, 256]
    >>> parse_text("particles", int, "many")
    Traceback (most recent call last):
    meanfield.errors.InvalidInputError: particles must be an integer, got 'many'
    """
    value: Any = text
    if get_origin(kind) in (list, tuple):
        value = [part.strip() for part in text.strip("[]()").split(",") if part.strip()]
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        allowed = _WORDS.get(kind, f"of type {kind}")
        raise InvalidInputError(f"{name} must be {allowed}, got {text!r}") from None


def parameters_of(scenario: Any) -> list[tuple[str, Any, Any, str]]:
    """Name, type, default and meaning of each parameter of a scenario class."""
    hints = get_type_hints(scenario)
    return [
        (entry.name, hints[entry.name], entry.default, str(entry.metadata.get("doc", "")))
        for entry in fields(scenario)
    ]


def configured_scenario(scenario: Any, assignments: Mapping[str, str]) -> Any:
    """Scenario with some of its parameters set.

    Parameters
    ----------
    scenario : type
        Class of the scenario.
    assignments : mapping of str to str
        Texts by the name of the parameter.

    Raises
    ------
    InvalidInputError
        If there is no such parameter, or the value is not allowed.

    Examples
    --------
    >>> from meanfield.experiment import scenarios
    >>> configured_scenario(scenarios["relu-1d"], {"points": "20"}).points
    20
    """
    kinds = {name: kind for name, kind, _, _ in parameters_of(scenario)}
    values = {}
    for name, text in assignments.items():
        if name not in kinds:
            raise unknown_name(f"parameter of {scenario.name}", name, kinds)
        values[name] = parse_text(name, kinds[name], text)
    return scenario(**values)


def assign_nested(described: Mapping[str, Any], assignments: Mapping[str, str]) -> dict[str, Any]:
    """Copy of nested tables with values set by dotted keys.

    Values are read as in TOML; what is no TOML value is a text.

    Raises
    ------
    InvalidInputError
        If a key leads through something that is no table.

    Examples
    --------
    >>> assign_nested({"neuron": {"bias": True}}, {"neuron.activation": "relu", "time.t_end": "5"})
    {'neuron': {'bias': True, 'activation': 'relu'}, 'time': {'t_end': 5}}
    """
    result = {key: _copied(value) for key, value in described.items()}
    for key, text in assignments.items():
        *way, last = key.split(".")
        table: Any = result
        for part in way:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise InvalidInputError(f"cannot set {key}: {part} is a value, not a table")
        table[last] = _toml_value(text)
    return result


def _copied(value: Any) -> Any:
    return {key: _copied(part) for key, part in value.items()} if isinstance(value, dict) else value


def _toml_value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # integers of too many digits are no TOML error
        return text
    return read["value"] if list(read) == ["value"] else text
