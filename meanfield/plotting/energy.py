"""The panels of the free energy over time, and of the certificate of optimality."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from meanfield.errors import InvalidInputError
from meanfield.plotting.risk import drawable, scale_time
from meanfield.plotting.style import BLUE, ORANGE, axes_or_new, theme
from meanfield.plotting.survey import Run, require_frames
from meanfield.typing import Float64Array

__all__ = ["energy", "gap", "has_free_energy", "has_gap"]

_GAP = "optimality_gap"
# A logarithmic axis ends so far below the largest gap: what is smaller is rounding.
_DECADES = 1e-14


def has_free_energy(run: Run) -> bool:
    """Whether a run has an entropy, and so an energy of another kind than its risk."""
    return run.problem.temperature > 0.0 and bool(np.isfinite(run.energy).any())


def has_gap(run: Run) -> bool:
    """Whether a run has recorded certificates of optimality."""
    return _GAP in run.observables and bool(np.isfinite(run.observables[_GAP]).any())


def energy(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the free energy F(μ_t) over mean-field time.

    If the run has recorded `optimality_gap`, a band shows where min F lies: below F(μ_t),
    and above every F(μ_s) − gap_s, s ≤ t.

    Parameters
    ----------
    run : Trajectory
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has no frames, or an infinite energy: that of noisy particles.
    """
    require_frames(run.measures)
    values, times = drawable(run.energy), run.times
    if not np.isfinite(values).any():
        raise InvalidInputError(
            "the run has no finite energy to show: the entropy of particles is infinite; "
            "plot its risk, or run the solver grid"
        )
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        axes.plot(times, values, color=BLUE, zorder=3, marker="o" if len(times) == 1 else "")
        if has_gap(run):
            bound = np.fmax.accumulate(values - run.observables[_GAP])
            axes.fill_between(
                times, bound, values, color=ORANGE, alpha=0.18, linewidth=0, zorder=2,
                label=r"$\min\,F$ lies here",
            )  # fmt: skip
            _show_the_end_of(axes, values, bound)
            axes.legend(loc="upper right", handlelength=1.4)
        scale_time(axes, times)
        axes.set_ylabel(r"energy $F(\mu_t)$")
    return axes


def gap(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the certificate over mean-field time: F(μ_t) − min F is at most this.

    Parameters
    ----------
    run : Trajectory
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has recorded no certificate.
    """
    if not has_gap(run):
        raise InvalidInputError(
            "the run has recorded no certificate; give simulate the observer OptimalityGap()"
        )
    values = run.observables[_GAP]
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        shown = np.where(values > _DECADES * np.nanmax(values), values, np.nan)
        axes.plot(
            run.times, shown, color=ORANGE, zorder=3, marker="o" if len(run.times) == 1 else ""
        )
        finite = shown[np.isfinite(shown)]
        if finite.size and finite.max() > 20.0 * finite.min():
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0.0)
        scale_time(axes, run.times)
        axes.set_ylabel("certified gap")
    return axes


def _show_the_end_of(axes: Axes, energy: Float64Array, bound: Float64Array) -> None:
    """Limits that hold the energy, and of a wide band what the energy is comparable to."""
    energy, bound = energy[np.isfinite(energy)], bound[np.isfinite(bound)]
    high, low = float(energy.max()), float(energy.min())
    room = (high - low) or abs(high) or 1.0
    low = max(float(bound.min()), low - 1.5 * room)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
