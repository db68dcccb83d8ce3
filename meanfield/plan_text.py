"""The plan of a study as text and arrays, by which processes know that they do the same one."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from meanfield.kernels.directory import source_hash
from meanfield.typing import Array

__all__ = ["difference", "digest", "joined", "package_versions", "split"]

_ARRAY = "array in arrays.npz"


def package_versions() -> dict[str, str]:
    """Versions that results depend on."""
    found = {"python": platform.python_version()}
    for name in ("meanfield-flow", "numpy", "scipy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return {**found, "kernels": str(source_hash())}


def split(described: dict[str, Any]) -> tuple[Any, dict[str, Array]]:
    """Values of JSON with the digests of arrays, and the arrays by name.

    Examples
    --------
    >>> plain, arrays = split({"seed": 0, "times": np.array([0.0, 1.0])})
    >>> plain["seed"], list(arrays), joined(plain, arrays)["times"].tolist()
    (0, ['times'], [0.0, 1.0])
    """
    arrays: dict[str, Array] = {}

    def plain(value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return {str(key): plain(part, f"{name}.{key}") for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(part, f"{name}.{index}") for index, part in enumerate(value)]
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            arrays[name] = value
            content = f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
            return {_ARRAY: name, "digest": hashlib.sha256(content).hexdigest()}
        return value

    return {key: plain(value, key) for key, value in described.items()}, arrays


def joined(value: Any, arrays: Mapping[str, Array]) -> Any:
    """The inverse of `split`."""
    if isinstance(value, list):
        return [joined(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return arrays[value[_ARRAY]]
    return {key: joined(part, arrays) for key, part in value.items()}


def difference(name: str, found: Any, wanted: Any) -> str:
    """What a folder has, and what it should have."""
    if isinstance(found, (int, str)):
        return f"{name} = {found}, not {wanted}"
    if name == "widths":
        return f"the widths {', '.join(map(str, found))}, not {', '.join(map(str, wanted))}"
    titles = {
        "initial": "initial law",
        "methods": "solver",
        "times": "set of times",
        "frames": "set of frames",
    }
    return f"another {titles.get(name, name)}"


def digest(text: str) -> str:
    """Digest of the text of a plan, which every file of its results holds."""
    return hashlib.sha256(text.encode()).hexdigest()
