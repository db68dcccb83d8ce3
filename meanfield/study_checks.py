"""Whether what a file says of a comparison of widths fits together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from meanfield.quantities import quantities
from meanfield.typing import Array

__all__ = ["check_study"]

# What every study measures, and what tables are made of.
_NEEDED = ("function_distance", "risk_gap", "sliced_wasserstein", "sliced_wasserstein_null")
# Of it, the largest width and the last time are tested.
_LAST = "deviation"
# The square of what is measured is a number, and so is the sum of many.
_LARGEST = 1e100


def check_study(parts: Mapping[str, Any]) -> None:
    """Raise unless arrays fit to each other and to the widths, seeds, times and steps.

    Parameters
    ----------
    parts : mapping
        Fields of `meanfield.study.Study` by name.

    Raises
    ------
    ValueError
        With what does not fit.

    Examples
    --------
    >>> check_study({"particles": np.array([2, 1])})
    Traceback (most recent call last):
    ValueError: its widths are no increasing integers
    """
    particles = parts["particles"]
    whole = particles.ndim == 1 and len(particles) > 1 and particles.dtype.kind in "iu"
    if not whole or particles[0] < 1 or not (particles[:-1] < particles[1:]).all():
        raise ValueError("its widths are no increasing integers")
    samples = parts["samples"]
    _check_axis("times", parts["times"])
    further: tuple[int, ...] = ()
    if parts["steps"] is not None:
        _check_axis("steps", parts["steps"])
        further = parts["steps"].shape
    for name in _NEEDED:
        if name not in samples:
            raise ValueError(f"it holds no {name}")
    seeds = samples[_NEEDED[0]].shape[1:2]
    if seeds < (2,):
        raise ValueError("it needs two seeds at least")
    shape = (len(particles), *seeds, len(parts["times"]), *further)
    for name, values in samples.items():
        full = len(shape) if name in _NEEDED else values.ndim
        if values.shape[: len(shape)] != shape or values.ndim != full:
            raise ValueError(f"{name} does not fit the widths, seeds and times")
        finite = values if name in quantities else values[-1, :, -1] if name == _LAST else ()
        if np.isnan(finite).any() or (np.abs(values) > _LARGEST).any():
            raise ValueError(f"{name} holds numbers that nothing measures")
    for name, values in parts["reference"].items():
        if values.shape != shape[2:3] or not np.isfinite(values).all():
            raise ValueError(f"{name} of the reference does not fit the times")
    for name, values in parts["predictions"].items():
        fits = values.ndim == 2 if name.endswith("covariance") else values.shape == shape[2:3]
        if not fits or np.isinf(values).any():
            raise ValueError(f"the predicted {name} does not fit the study")
    _check_settings(parts["settings"])


def _check_axis(name: str, values: Array) -> None:
    """Raise unless an axis consists of finite numbers that increase."""
    if values.ndim != 1 or not np.isfinite(values).all() or not (np.diff(values) > 0.0).all():
        raise ValueError(f"its {name} do not increase")


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Raise unless the solvers have names, and the rest can be put into words."""
    solver, reference = settings.get("solver"), settings.get("reference")
    of_reference = reference.get("solver") if isinstance(reference, dict) else None
    for part in (solver, of_reference):
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise ValueError("it does not say which solvers were compared")
        if "sgd" in part["name"] and not isinstance(part.get("step"), float | int):
            raise ValueError(f"it does not say the step of {part['name']}")
    if not isinstance(reference, dict) or not isinstance(reference.get("particles"), int):
        raise ValueError("it does not say how many particles the reference has")
    notes = settings.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError("its notes are no texts")
