"""Frames in memory, for runs without a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from meanfield.layout import Header
from meanfield.typing import Array

__all__ = ["MemoryStore"]


class MemoryStore:
    """Frames in memory, for runs without a file."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.committed = 0
        self.status, self.reason = "running", ""

    def create(self, header: Header) -> None:
        """Make room for all frames."""
        self.header = replace(header, times=header.times.copy())
        frames = len(header.times)
        self.values = {
            name: np.empty((frames, *variable.shape), variable.dtype)
            for name, variable in header.support.variables.items()
        }
        self.scalars = {name: np.full(frames, np.nan) for name in header.scalars}

    def write_frame(
        self, index: int, time: float, values: Mapping[str, Array], scalars: Mapping[str, float]
    ) -> None:
        """Copy one frame."""
        for name, array in values.items():
            self.values[name][index] = array
        for name, value in scalars.items():
            self.scalars[name][index] = value
        assert self.header is not None
        self.header.times[index] = time
        self.committed = index + 1

    def write_state(self, index: int, arrays: Mapping[str, Any]) -> None:
        """Memory does not outlive the process: there is nothing to resume from."""

    def finish(self, status: str, reason: str = "") -> None:
        """Remember how the run ended."""
        self.status, self.reason = status, reason

    def close(self) -> None:
        """Nothing to release."""

    def trajectory(self) -> Any:
        """Return the trajectory of the committed frames."""
        from meanfield.frames import MemorySource
        from meanfield.trajectory import Trajectory

        return Trajectory(MemorySource(self))
