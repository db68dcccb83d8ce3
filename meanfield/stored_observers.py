"""Observers in a trajectory file: what a resumed run needs to go on recording.

Observers that describe themselves by ``to_dict`` are kept; what they hold is plain
settings and the arrays of data or measures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from meanfield.inspection import parsed, whole
from meanfield.observers import Observer
from meanfield.scales import write_arrays

__all__ = ["describe_observers", "read_observers", "write_observers"]

Description = Mapping[str, Any]

# Parts of observers that are arrays, with their dimensions.
_ARRAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "data": {"inputs": ("point", "input"), "targets": ("point", "target"), "weights": ("point",)},
    "measure": {"positions": ("neuron", "parameter"), "weights": ("neuron",)},
}


def describe_observers(observers: Sequence[Observer]) -> dict[str, dict[str, Any]]:
    """Descriptions of the observers that record something and can be rebuilt, by name.

    Examples
    --------
    >>> from meanfield.observers import OptimalityGap
    >>> describe_observers([OptimalityGap(), print])
    {'optimality_gap': {'kind': 'optimality-gap', 'name': 'optimality_gap'}}
    """
    return {
        str(observer.name): observer.to_dict()
        for observer in observers
        if hasattr(observer, "name") and hasattr(observer, "to_dict")
    }


def write_observers(file: Any, described: Mapping[str, Description]) -> None:
    """Write descriptions of observers into a new file, each a group with its settings."""
    for name, description in described.items():
        group = file.create_group(f"observers/{name}")
        settings = {key: value for key, value in description.items() if key not in _ARRAYS}
        group.attrs["settings"] = json.dumps(settings)
        for part in _ARRAYS.keys() & description.keys():
            write_arrays(group.create_group(part), _ARRAYS[part], description[part])


def read_observers(file: Any) -> dict[str, dict[str, Any]]:
    """Descriptions of observers in an open file, by name.

    Raises
    ------
    ValueError
        If arrays are missing, or something is not what it should be.
    """
    found = {}
    for name, group in file.get("observers", {}).items():
        description = parsed(group, "settings")
        for part in _ARRAYS.keys() & group.keys():
            axes = _ARRAYS[part]
            description[part] = {key: whole(group, f"{part}/{key}", len(axes[key])) for key in axes}
        found[name] = description
    return found
