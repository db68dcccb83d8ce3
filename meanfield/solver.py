"""What a solver is: settings, a state, and two methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.measures import Measure
from meanfield.problems import AnyProblem
from meanfield.registry import EntryPointRegistry, from_settings

__all__ = [
    "Solver",
    "default_solver",
    "recordings",
    "require_noiseless",
    "settings_to_dict",
    "solver_from_dict",
    "solvers",
    "state_from_arrays",
    "state_to_arrays",
    "steps_of",
]

State = TypeVar("State")

#: Vocabulary of solvers by name, filled by the entry points ``meanfield.solvers``.
solvers = EntryPointRegistry("meanfield.solvers", "solver")
#: What stands for the solver of a run that was made elsewhere and only recorded, by name.
recordings = EntryPointRegistry("meanfield.recordings", "recording")


class Solver(Protocol[State]):
    """A method that evolves a measure: frozen settings, and a state of plain arrays.

    Attributes
    ----------
    name : str
        Name in the vocabulary.
    state_type : type
        Dataclass of the state: arrays and numbers only, so that any state can be
        stored and rebuilt bit for bit.
    collective : bool, optional
        True if all sums over particles are those of `Problem` and `meanfield.stages`,
        and the arrays of the state are (N,) or (…, N, p): then several processes can
        share the particles.
    changes_masses : bool, optional
        True if the particles of its measures have other masses at other times, so that each
        frame keeps them.
    place : method, optional
        ``place(problem, law, particles, t_end, seed)`` makes the initial measure of the
        kind that the method needs, of the law μ_0: a grid, or nodes of a quadrature.
        `particles` is how many cells or nodes the user wants in total, None if the method
        is to choose. Without it, particles are drawn from the law.
    follows_velocity : bool, optional
        True if frames are particles that move by −∇Ψ: the time derivatives of their
        outputs are then known exactly.
    carry : method, optional
        ``carry(field, measure, seed, times)`` gives the measures at the times whose
        particles start as those of a network and make the same steps, with the same noise,
        in a `MeanField`: what couples the network to its limit.
    energy_rise : method, optional
        ``energy_rise(problem)`` is by how much, relative to 1 + |F|, the energy may rise
        from frame to frame through errors of the method, which otherwise lowers it: a run
        in which it rises more has failed. Without it nothing is promised.
    observers : method, optional
        ``observers(problem, law, measure, seed)`` gives the observers that estimate the error
        of a run from that initial measure, or its distance from the optimum.
    """

    name: ClassVar[str]
    state_type: ClassVar[type[Any]]

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> State:
        """State at time 0.

        Raises
        ------
        InvalidInputError
            If the method does not apply to the problem.
        """
        ...

    def advance(self, problem: AnyProblem, state: State, t: float) -> tuple[State, Measure]:
        """State from which later times can be reached, and the measure at time `t`.

        The method keeps its own sequence of steps and may be beyond `t` internally:
        how often one asks never changes the trajectory. The given state is used up:
        its memory may serve the new one. The measure has memory of its own.

        Raises
        ------
        DivergenceError
            If particles leave the finite numbers.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        ...


def default_solver(name: str, t_end: float) -> Any:
    """Solver of that name with its defaults, and a thousandth of the run as its step.

    Parameters
    ----------
    name : str
        Name in the vocabulary.
    t_end : float
        Time at which the run ends; only methods that need a step use it.

    Raises
    ------
    InvalidInputError
        If the name is unknown, or the method needs further settings.

    Examples
    --------
    >>> default_solver("langevin", t_end=10.0).step
    0.01
    """
    kind = solvers[name]
    required = [
        entry.name
        for entry in fields(kind)
        if entry.default is MISSING and entry.default_factory is MISSING
    ]
    if set(required) - {"step"}:
        raise InvalidInputError(
            f"the solver {name} has no defaults for {', '.join(required)}; give them in the table "
            f"[solvers.{name}] of a TOML file, or make the solver in Python"
        )
    return kind(**dict.fromkeys(required, t_end / 1000.0))


def settings_to_dict(solver: Any) -> dict[str, Any]:
    """Name and fields of a solver, nested parts through their own ``to_dict``."""
    described: dict[str, Any] = {"name": solver.name}
    for setting in fields(solver):
        value = getattr(solver, setting.name)
        described[setting.name] = value.to_dict() if hasattr(value, "to_dict") else value
    return described


def state_to_arrays(state: Any) -> dict[str, Any]:
    """Arrays and numbers of a state by name."""
    return {entry.name: getattr(state, entry.name) for entry in fields(state)}


def state_from_arrays(state_type: type[State], arrays: Mapping[str, Any]) -> State:
    """State from the arrays and numbers that `state_to_arrays` gave."""
    kinds = {"int": int, "float": float}
    return state_type(
        **{
            entry.name: kinds.get(str(entry.type), np.asarray)(arrays[entry.name])
            for entry in fields(state_type)  # type: ignore[arg-type]
        }
    )


def steps_of(solver: Any, state: Any) -> tuple[float | None, int | None]:
    """Length of the step in mean-field time, and number of steps made, where there are any.

    A state says so by its ``next_step`` and ``steps``, a method of fixed step by its ``step``.

    Examples
    --------
    >>> from meanfield.solvers import SGD
    >>> steps_of(SGD(step=0.1), None)
    (0.1, None)
    """
    step = getattr(state, "next_step", None) or getattr(solver, "step", None)
    steps = getattr(state, "steps", None)
    return (
        None if step is None else float(step),
        None if steps is None else int(steps),
    )


def require_noiseless(problem: AnyProblem, name: str) -> None:
    """Raise unless the temperature is 0.

    Raises
    ------
    InvalidInputError
        If the problem has noise, which a method without noise would silently drop.
    """
    if problem.temperature > 0.0:
        raise InvalidInputError(
            f"the solver {name} has no noise, but the temperature is {problem.temperature:g}; "
            "use the solver langevin or grid, or set the temperature of the problem to 0"
        )


def solver_from_dict(described: Mapping[str, Any]) -> Any:
    """Solver from the dictionary that its ``to_dict`` makes.

    Raises
    ------
    InvalidInputError
        If the name or a setting is unknown, or a setting is missing.

    Examples
    --------
    >>> solver_from_dict({"name": "particle-flow", "method": "euler", "step": 0.1})
    ParticleFlow(method='euler', step=0.1)
    """
    name = described.get("name", "")
    solver = recordings[name] if name in recordings else solvers[name]
    return from_settings(solver, "solver", described)
