"""How many frames and neurons a page holds, so that it stays small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.checks import as_number
from meanfield.typing import Float64Array, IntArray

__all__ = ["Budget", "frames_in_pace"]

#: Neurons that a page shows at most; of more, so many stand for all.
MOST_PARTICLES = 20_000
MOST_FRAMES = 121
_FEWEST_FRAMES, _FEWEST_PARTICLES = 24, 500
_CODE = 0.45e6  # bytes of the program in a page
_DEFLATED = 0.8  # of 16-bit numbers, as measured; base64 makes 4 bytes of 3
_CLOUD, _NEURONS, _FUNCTION = 0.5, 0.3, 0.2


@dataclass(frozen=True)
class Budget:
    """Room for one run in a page.

    Parameters
    ----------
    megabytes : float
        Size of the whole page.
    runs : int
        Number of runs in it.
    """

    megabytes: float = 15.0
    runs: int = 1

    def __post_init__(self) -> None:
        as_number("megabytes", self.megabytes, "positive")

    @property
    def numbers(self) -> float:
        """Numbers of 16 bits that there is room for."""
        room = max(self.megabytes * 1e6 - _CODE, 0.2e6) / self.runs
        return room / (4.0 / 3.0 * _DEFLATED) / 2.0

    def cloud(self, particles: int, frames: int, columns: int) -> tuple[int, int]:
        """Number of particles and of frames to show, with so many numbers each.

        Frames go first; below 24 of them, particles.

        Examples
        --------
        >>> Budget().cloud(1024, 81, 4), Budget().cloud(10**6, 500, 4)
        ((1024, 81), (20000, 42))
        """
        room = _CLOUD * self.numbers / columns
        shown, kept = min(particles, MOST_PARTICLES), min(frames, MOST_FRAMES)
        if shown * kept > room:
            kept = min(kept, max(int(room / shown), _FEWEST_FRAMES))
            shown = min(shown, max(int(room / kept), _FEWEST_PARTICLES))
            kept = min(kept, max(int(room / shown), 2))
        return shown, kept

    def neurons(self, shown: int, frames: int, dim: int) -> tuple[int, int]:
        """Number of neurons whose parameters are held, and of frames of them."""
        room = _NEURONS * self.numbers / dim
        asked, kept = shown, frames
        if asked * kept > room:
            kept = min(kept, max(int(room / asked), 12))
            asked = max(min(asked, int(room / kept)), 1)
        return asked, kept

    def points(self, frames: int, outputs: int, wanted: int) -> int:
        """Number of points at which the learned function is held."""
        return int(min(wanted, max(_FUNCTION * self.numbers / (frames * outputs), 16)))


def frames_in_pace(progress: Float64Array, count: int) -> IntArray:
    """Numbers of at most `count` frames, equidistant in the pace of the run.

    The first and the last are among them.

    Examples
    --------
    >>> frames_in_pace(np.array([0.0, 0.4, 0.8, 0.9, 1.0]), 3)
    array([0, 2, 4])
    """
    total = len(progress)
    if count >= total:
        return np.arange(total)
    # A part of the pace is the frames' number, so that no two wanted places coincide often.
    places = 0.5 * progress + 0.5 * np.linspace(0.0, 1.0, total)
    wanted = np.linspace(0.0, 1.0, count)
    nearest = np.clip(np.searchsorted(places, wanted), 1, total - 1)
    nearest -= wanted - places[nearest - 1] < places[nearest] - wanted
    return np.unique(np.r_[0, nearest, total - 1]).astype(np.int64)
