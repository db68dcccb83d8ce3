"""Noisy flow on a grid where transport dominates: heat and transport in turns."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TypeAlias

import numpy as np

from meanfield.engines.threads import thread_count
from meanfield.solvers.grid_field import Attempt, GridField
from meanfield.solvers.muscl import Muscl
from meanfield.solvers.scharfetter_gummel import ScharfetterGummel
from meanfield.typing import Float64Array

__all__ = ["CosineHeat", "Strang"]

#: Density after the heat flow of the cells, from a density and a time.
Heat: TypeAlias = Callable[[Float64Array, float], Float64Array]

# Cells from which on threads share a transform.
_MANY = 2**17


class Strang:
    """Half a step of heat, a step of transport by `Muscl`, half a step of heat.

    The heat flow of the cells is exact. Of second order in time and space for any ratio of
    transport to noise. Near its state of rest, which is that of the
    flow up to O(dt² + h²) only, a step can raise the energy; then `ScharfetterGummel`, which
    rests where the energy is least, makes it.

    Parameters
    ----------
    field : GridField
    heat : type
        What makes the heat flow of a field: from a density and a time, a density.

    References
    ----------
    Strang (1968), SIAM J. Numer. Anal. 5, eq. 1.3.
    """

    def __init__(self, field: GridField, heat: Callable[[GridField], Heat]) -> None:
        self.field = field
        self._transport = Muscl(field)
        self._resting = ScharfetterGummel(field)
        self._heat = heat(field)

    def first_step(self, outputs: Float64Array) -> float:
        """Half the longest step of the transport."""
        return self._transport.first_step(outputs)

    def step(self, density: Float64Array, outputs: Float64Array, length: float) -> Attempt:
        """Make a step; its error is that of the transport."""
        field = self.field
        warmed = self._heat(density, 0.5 * length)
        moved = self._transport.step(warmed, field.outputs(warmed), length)
        if length > moved.longest:
            return Attempt(density, outputs, longest=moved.longest)
        final = self._heat(moved.density, 0.5 * length)
        reached = field.outputs(final)
        if field.energy(final, reached) > field.energy(density, outputs):
            rested = self._resting.step(density, outputs, length)
            longest = min(rested.longest, moved.longest)
            return Attempt(rested.density, rested.outputs, rested.error, rested.feedback, longest)
        return Attempt(final, reached, moved.error, moved.feedback, moved.longest)


class CosineHeat:
    """The heat flow of the cells by cosine transforms, at one cost for any time.

    Densities below 1e-16 of the largest are rounding.

    Parameters
    ----------
    field : GridField

    References
    ----------
    Strang (1999), SIAM Rev. 41 (DCT-II).
    """

    def __init__(self, field: GridField) -> None:
        self._decay = [
            field.temperature * (2.0 / spacing * np.sin(np.pi * np.arange(n) / (2 * n))) ** 2
            for n, spacing in zip(field.shape, field.spacing, strict=True)
        ]

    def __call__(self, density: Float64Array, time: float) -> Float64Array:
        """Density after some time."""
        from scipy.fft import dctn, idctn

        workers = thread_count() if density.size >= _MANY else 1
        factors = reduce(np.multiply.outer, [np.exp(-time * decay) for decay in self._decay])
        waves = dctn(density, norm="ortho", workers=workers)
        waves *= factors
        warmed = idctn(waves, norm="ortho", workers=workers, overwrite_x=True)
        # The flow keeps densities positive, rounding where they are tiny does not.
        np.maximum(warmed, 0.0, out=warmed)
        return np.asarray(warmed * (density.sum() / warmed.sum()))
