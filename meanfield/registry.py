"""Vocabularies: the names by which pluggable parts are found everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from meanfield.errors import InvalidInputError, unknown_name

__all__ = ["EntryPointRegistry", "Registry", "from_settings"]

Value = TypeVar("Value")


class Registry(Mapping[str, Value], Generic[Value]):
    """A mapping from names to parts whose look-up errors name the nearest entry.

    Parameters
    ----------
    kind : str
        What the registry holds, in the singular, for messages.

    Examples
    --------
    >>> shapes = Registry[int]("shape")
    >>> shapes.register("circle", 1)
    >>> shapes["circle"]
    1
    >>> shapes["cirlce"]
    Traceback (most recent call last):
    meanfield.errors.InvalidInputError: unknown shape 'cirlce'; did you mean 'circle'? known: circle
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Value] = {}

    def register(self, name: str, value: Value) -> None:
        """Add an entry; a name that is taken by something else is an error."""
        if self._entries.get(name, value) != value:
            raise InvalidInputError(f"the {self.kind} name {name!r} is taken already")
        self._entries[name] = value

    def __getitem__(self, name: str) -> Value:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise unknown_name(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class EntryPointRegistry(Mapping[str, Any]):
    """A vocabulary filled by installed packages, loaded entry by entry on demand.

    The core finds solvers and scenarios this way without importing them, and
    other packages add their own by declaring the same entry-point group.

    Parameters
    ----------
    group : str
        Entry-point group, for example ``"meanfield.solvers"``.
    kind : str
        What the group holds, in the singular, for messages.
    """

    def __init__(self, group: str, kind: str) -> None:
        self.group = group
        self.kind = kind
        self._found: tuple[list[str], dict[str, EntryPoint]] | None = None

    def _points(self) -> dict[str, EntryPoint]:
        """Entries by name; the folders of packages are searched once, which takes a while."""
        if self._found is None or self._found[0] != sys.path:
            self._found = list(sys.path), {p.name: p for p in entry_points(group=self.group)}
        return self._found[1]

    def __getitem__(self, name: str) -> Any:
        points = self._points()
        if name not in points:
            self._found = None  # a package may have been installed since
            points = self._points()
        if name not in points:
            raise unknown_name(self.kind, name, points)
        return points[name].load()

    def __contains__(self, name: object) -> bool:
        return name in self._points()

    def __iter__(self) -> Iterator[str]:
        return iter(self._points())

    def __len__(self) -> int:
        return len(self._points())


def from_settings(part: Any, kind: str, described: Mapping[str, Any]) -> Any:
    """A part with the settings of a dictionary, which are the fields of its class.

    Parameters
    ----------
    part : dataclass
        What its name stands for.
    kind : str
        What it is, in the singular, for messages.
    described : mapping
        Settings; its ``name`` is left aside.

    Raises
    ------
    InvalidInputError
        If a setting is unknown or missing.

    Examples
    --------
    >>> from meanfield.laws import Sphere
    >>> from_settings(Sphere, "law", {"name": "sphere", "dim": 2})
    Sphere(dim=2, radius=1.0)
    """
    settings = {key: value for key, value in described.items() if key != "name"}
    known = {entry.name: entry for entry in fields(part)}
    for setting in settings:
        if setting not in known:
            raise unknown_name(f"setting of the {kind} {part.name}", setting, known)
    for setting, entry in known.items():
        required = entry.default is MISSING and entry.default_factory is MISSING
        if required and setting not in settings:
            raise InvalidInputError(f"the {kind} {part.name} needs the setting {setting}")
    return part(**settings)
