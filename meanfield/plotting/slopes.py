"""Slopes of a comparison and their intervals, as a table to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from meanfield.plotting.style import BLUE, INK, ORANGE, QUIET, axes_or_new, theme
from meanfield.quantities import quantities
from meanfield.rates import Rate, signed

if TYPE_CHECKING:
    from meanfield.study import Study

__all__ = ["draw_slopes"]

# Slopes that are shown; longer intervals are cut.
_RANGE = (-1.6, 0.8)


def draw_slopes(study: Study, *, index: int = -1, ax: Axes | None = None) -> Axes:
    """Fitted slope of each quantity with its 95 % interval, and what theory predicts.

    A tick marks the predicted slope; intervals that miss it are orange.

    Parameters
    ----------
    study : Study
    index : int
        Number of the time.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with theme():
        ax = axes_or_new(ax, 4.6, 3.6)
        rates = [
            (quantities[name].title, rate)
            for name, rate in study.rates_at(index).items()
            if np.isfinite(rate.slope)
        ]
        if study.steps is not None:
            rates += [
                (f"{quantities[name].title}, in the step", study.step_rate(name, index))
                for name in ("coupling_distance", "function_distance")
                if name in study.samples
            ]
        for row, (title, rate) in enumerate(rates):
            _row(ax, row, title, rate)
        slopes = [rate.slope for _, rate in rates]
        shown = np.clip([value for _, rate in rates for value in _extent(rate)], *_RANGE)
        low, high = min([*shown, *slopes, -0.5]), max([*shown, *slopes, 0.0])
        ax.set(xlim=(low - 0.1, high + 0.1), ylim=(len(rates) - 0.3, -0.9), xlabel="slope")
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    return ax


def _row(ax: Axes, row: int, title: str, rate: Rate) -> None:
    colour = ORANGE if rate.consistent is False else BLUE
    if rate.has_interval:
        ax.plot([rate.lower, rate.upper], [row, row], color=colour, lw=2.0)
    ax.plot([rate.slope], [row], "o", color=colour, ms=5.5)
    if rate.expected is not None:
        ax.plot([rate.expected] * 2, [row - 0.16, row + 0.16], color=INK, lw=1.4)
    text = signed(rate.slope)
    if np.isfinite(rate.error):
        text += f" ± {rate.error:.2f}"
    options: Any = {"xycoords": ("axes fraction", "data"), "fontsize": 9}
    ax.annotate(title, (0.0, row - 0.46), color=INK, ha="left", va="center", **options)
    ax.annotate(text, (1.0, row - 0.46), color=QUIET, ha="right", va="center", **options)


def _extent(rate: Rate) -> list[float]:
    values = [rate.slope, rate.lower, rate.upper]
    if rate.expected is not None:
        values.append(rate.expected)
    return [value for value in values if np.isfinite(value)]
