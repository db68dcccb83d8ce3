"""Whether a file holds the run that is to go on, and in which entries it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.frames import FileSource
from meanfield.launcher import rank_count
from meanfield.layout import Header
from meanfield.trajectory import Trajectory

if TYPE_CHECKING:
    from meanfield.experiment import Experiment

__all__ = ["check_same_run", "differences", "planned_end"]

# Relative difference of initial positions that a frame of single precision explains.
_ROUNDING = 1e-4
# Differences that a message lists.
_LISTED = 3


def differences(stored: Any, given: Any, name: str = "") -> list[str]:
    """Entries in which two nested descriptions differ, each with both values.

    Parameters
    ----------
    stored, given : mappings, sequences, arrays or numbers
    name : str
        Where they are, as a prefix.

    Examples
    --------
    >>> differences({"ridge": {"outer": 0.0, "inner": 1.0}}, {"ridge": {"outer": 0.1}})
    ['ridge.outer is 0.0, not 0.1', 'ridge.inner is 1.0, not absent']
    """
    if isinstance(stored, Mapping) and isinstance(given, Mapping):
        prefix = f"{name}." if name else ""
        found = []
        for key in {**stored, **given}:
            pair = (stored.get(key, "absent"), given.get(key, "absent"))
            found += differences(*pair, f"{prefix}{key}")
        return found
    if isinstance(stored, np.ndarray) and isinstance(given, np.ndarray):
        return _of_arrays(stored, given, name)
    if _plain(stored) == _plain(given):
        return []
    return [f"{name} is {stored}, not {given}"]


def _of_arrays(stored: Any, given: Any, name: str) -> list[str]:
    if stored.shape != given.shape:
        return [f"{name} has the shape {stored.shape}, not {given.shape}"]
    where = np.argwhere(stored != given)
    if not len(where):
        return []
    first = tuple(where[0].tolist())
    place = ", ".join(map(str, first))
    return [
        f"{name}[{place}] is {stored[first]:g}, not {given[first]:g}, as {len(where)} of its "
        f"{stored.size} entries are others"
    ]


def _plain(value: Any) -> Any:
    """A value as JSON gives it back: sequences are lists."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    return value


def planned_end(path: Path) -> float:
    """Time at which the run in a file was to end when it was first started.

    Raises
    ------
    FileError
        If the file is missing or unreadable.
    """
    source = FileSource(path)
    return float(source.header().times[source.planned - 1])


def check_same_run(
    path: Path, experiment: Experiment, solver: Any, seed: int, particles: int | None = None
) -> None:
    """Raise unless the file holds the run that is described, or a longer one.

    Parameters
    ----------
    path : Path
    experiment : Experiment
    solver : Solver
    seed : int
    particles : int, optional
        What the user wants in total, if the solver places cells or nodes: it may round.

    Raises
    ------
    FileError
        If the file is missing or unreadable.
    InvalidInputError
        If it holds another run; the message says what differs.
    """
    source = FileSource(path)
    header = source.header()
    found = (
        _of_problems(header, experiment)
        or _of_solvers(header, solver)
        or differences(header.seed, seed, "the seed")
        or _of_sizes(header, experiment, solver, particles)
        or _of_times(header.times[: source.planned], experiment.save_at)
        or _of_starts(path, experiment, solver, seed)
    )
    if found:
        more = f", and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise InvalidInputError(
            f"{path} holds another run: {'; '.join(found[:_LISTED])}{more}; --resume needs the "
            "same command, or the file alone"
        )


def _of_problems(header: Header, experiment: Experiment) -> list[str]:
    if header.problem == experiment.problem:
        return []
    pair = (header.problem.to_dict(), experiment.problem.to_dict())
    return differences(*pair, "problem") or ["another problem"]


def _of_solvers(header: Header, solver: Any) -> list[str]:
    if getattr(solver, "could_be", lambda other: other == solver)(header.solver):
        return []
    return [f"the solver is {header.solver}, not {solver}"]


def _of_sizes(
    header: Header, experiment: Experiment, solver: Any, particles: int | None
) -> list[str]:
    found = len(header.support)
    wanted = particles or found if hasattr(solver, "place") else experiment.particles
    if hasattr(solver, "place") and 0.5 <= found / wanted <= 2.0:
        return []
    return [] if found == wanted else [f"it has {found} {header.support.unit}, not {wanted}"]


def _of_times(stored: Any, given: Any) -> list[str]:
    if np.array_equal(stored, given):
        return []
    words = [f"{len(times)} frames up to t = {times[-1]:g}" for times in (stored, given)]
    alike = " at other times" if words[0] == words[1] else ""
    return [f"it has {words[0]}, not {words[1]}{alike}"]


def _of_starts(path: Path, experiment: Experiment, solver: Any, seed: int) -> list[str]:
    """Whether frame 0 is what the solver makes of the experiment's neurons."""
    run = Trajectory.open(path)
    if hasattr(solver, "place") or rank_count() > 1 or not len(run) or run.times[0] > 0.0:
        return []
    state = run.solver.start(run.problem, experiment.start(seed=seed), seed)
    start = run.solver.advance(run.problem, state, 0.0)[1].positions
    first = run.measures[0].positions
    if start.shape != first.shape or np.allclose(start, first, _ROUNDING, _ROUNDING):
        return []
    return ["its neurons started from another initial law"]
