"""Whether what a file says of a comparison of widths fits together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from meanfield.typing import Array

__all__ = ["check_study"]


def check_study(
    particles: Array,
    times: Array,
    samples: Mapping[str, Array],
    reference: Mapping[str, Array],
    settings: Mapping[str, Any],
    needed: Iterable[str],
) -> None:
    """Raise unless arrays fit to each other and to the widths, seeds and times.

    Parameters
    ----------
    particles : (W,) array
    times : (T,) array
    samples : mapping of str to (W, S, T, …) array
    reference : mapping of str to (T,) array
    settings : mapping
        With the names of the solver and of that of the reference.
    needed : iterable of str
        Names that samples must have.

    Raises
    ------
    ValueError
        With what does not fit.

    Examples
    --------
    >>> check_study(np.array([1, 2]), np.array([0.0, np.nan]), {}, {}, {}, ())
    Traceback (most recent call last):
    ValueError: its times do not increase
    """
    if particles.ndim != 1 or particles.dtype.kind not in "iu" or len(particles) < 2:
        raise ValueError("its widths are no list of integers")
    if particles[0] < 1 or not (particles[:-1] < particles[1:]).all():
        raise ValueError("its widths do not increase")
    if times.ndim != 1 or not np.isfinite(times).all() or not (np.diff(times) > 0.0).all():
        raise ValueError("its times do not increase")
    missing = [name for name in needed if name not in samples]
    if missing:
        raise ValueError(f"it holds no {missing[0]}")
    seeds = samples[next(iter(samples))].shape[1:2]
    for name, values in samples.items():
        if values.shape[:3] != (len(particles), *seeds, len(times)) or seeds < (2,):
            raise ValueError(f"{name} does not fit the widths, seeds and times")
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(f"{name} must hold finite numbers")
    for name, values in reference.items():
        if values.shape != times.shape or not np.isfinite(values).all():
            raise ValueError(f"{name} of the reference does not fit the times")
    _check_settings(settings)


def _check_settings(settings: Mapping[str, Any]) -> None:
    solver, reference = settings.get("solver"), settings.get("reference")
    of_reference = reference.get("solver") if isinstance(reference, dict) else None
    for part in (solver, of_reference):
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise ValueError("it does not say which solvers were compared")
    if not isinstance(reference, dict) or not isinstance(reference.get("particles"), int):
        raise ValueError("it does not say how many particles the reference has")
