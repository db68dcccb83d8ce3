"""What a user names to run: a scenario or a file, with settings of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from meanfield.assignments import configured_scenario, parse_text, read_assignments
from meanfield.configuration import ExperimentFile
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.experiment import ALIASES, Experiment, scenarios
from meanfield.solver import solvers

__all__ = [
    "named_experiment",
    "read_reference",
    "read_solvers",
    "read_steps",
    "read_widths",
]

# What has more digits is no number of particles.
_DIGITS = 30


def named_experiment(
    source: str, settings: Sequence[str] | None, shorthands: Mapping[str, int | float | None]
) -> Any:
    """What a user names: it has a ``name``, and ``build()`` makes the experiment.

    Parameters
    ----------
    source : str
        Name of a scenario, or path of a TOML file.
    settings : list of str, optional
        Assignments ``key=value``.
    shorthands : dict of str to number or None
        Values of ``particles`` and ``t_end``, where they have options of their own.

    Returns
    -------
    Scenario or ExperimentFile

    Raises
    ------
    InvalidInputError
        If the name, a key or a value is not allowed.
    FileError
        If the file cannot be read.

    Examples
    --------
    >>> named_experiment("relu-1d", ["function=hat"], {"particles": 10}).build().particles
    10
    """
    from_file = source.endswith(".toml")
    homes = {"particles": "initial.particles", "t_end": "time.t_end"} if from_file else {}
    texts = list(settings or [])
    texts += [f"{homes.get(k, k)}={value}" for k, value in shorthands.items() if value is not None]
    assignments = read_assignments(texts)
    if from_file:
        return ExperimentFile.read(source, assignments)
    if source not in scenarios and os.path.isfile(source):
        raise InvalidInputError(f"{source} is no TOML file: its name must end in .toml")
    return configured_scenario(scenarios[source], assignments)


def read_solvers(text: str, experiment: Experiment) -> list[str]:
    """Names of solvers from a text such as ``grid,langevin``.

    Raises
    ------
    InvalidInputError
        If a solver is unknown, or one comes twice.

    Examples
    --------
    >>> read_solvers("quadrature, sgd", scenarios["relu-1d"]().build())
    ['quadrature', 'sgd']
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in {*solvers, *ALIASES, *experiment.solvers}:
            raise unknown_name("solver", name, {*solvers, *experiment.solvers})
    if len(set(names)) < len(names):
        raise InvalidInputError(f"--solvers takes different solvers, got {text!r}")
    return names


def read_widths(text: str) -> list[int]:
    """Widths from a text such as ``64,256,1024``.

    Raises
    ------
    InvalidInputError
        If the text is no list of integers.

    Examples
    --------
    >>> read_widths("64,256")
    [64, 256]
    """
    try:
        return list(parse_text("particles", list[int], text))
    except InvalidInputError:
        raise InvalidInputError(
            f"--particles takes widths such as 64,256,1024, got {text!r}"
        ) from None


def read_steps(text: str | None) -> list[float] | None:
    """Steps from a text such as ``0.1,0.05``.

    Raises
    ------
    InvalidInputError
        If the text is no list of numbers.

    Examples
    --------
    >>> read_steps("0.1,0.05")
    [0.1, 0.05]
    """
    if text is None:
        return None
    try:
        return list(parse_text("steps", list[float], text))
    except InvalidInputError:
        raise InvalidInputError(f"--steps takes steps such as 0.1,0.05, got {text!r}") from None


def read_reference(text: str | None) -> int | str | None:
    """What stands for the limit: a name or a number of particles.

    Examples
    --------
    >>> read_reference("grid"), read_reference("4096")
    ('grid', 4096)
    """
    count = (text or "").removeprefix("-")
    return int(text) if text and count.isdecimal() and len(count) < _DIGITS else text
