"""The figure of a comparison of widths: three rates, and the distance in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from meanfield.plotting.style import BLUE, INK, ORANGE, QUIET, axes_or_new, new_figure, theme
from meanfield.typing import Float64Array

if TYPE_CHECKING:
    from meanfield.study import Study

__all__ = ["draw", "draw_in_time", "draw_rate"]

_LABELS = {
    "function_distance": r"$\|f_N - f\|$",
    "risk_gap": r"$|\,\mathrm{mean}\;R_N - R\,|$",
    "sliced_wasserstein": r"sliced $W_2(\mu_N, \mu)$",
}
_POWERS = {-0.5: r"$\propto N^{-1/2}$", -1.0: r"$\propto N^{-1}$"}
# The guide of the expected slope runs this factor below the fit.
_GUIDE_OFFSET = 0.4


def draw(study: Study) -> Figure:
    """Figure of four panels: a rate each for three quantities, and the distance in time.

    Parameters
    ----------
    study : Study

    Returns
    -------
    matplotlib.figure.Figure
    """
    with theme():
        figure = new_figure(8.6, 6.6)
        panels = figure.subplots(2, 2).ravel()
        for ax, name in zip(panels, _LABELS, strict=False):
            draw_rate(study, name, ax=ax)
        draw_in_time(study, ax=panels[3])
        end = f"{study.times[-1]:g}"
        titles = (
            f"(a) outputs at $t = {end}$",
            f"(b) risk at $t = {end}$",
            f"(c) parameters at $t = {end}$",
            "(d) outputs in time",
        )
        for ax, title in zip(panels, titles, strict=True):
            ax.set_title(title)
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    return figure


def draw_rate(study: Study, name: str, *, index: int = -1, ax: Axes | None = None) -> Axes:
    """One quantity against the width, with its fitted law and the expected slope.

    Bars are one standard error; faint points are single seeds; an open marker is a
    negative mean.

    Parameters
    ----------
    study : Study
    name : str
        ``"function_distance"``, ``"risk_gap"`` or ``"sliced_wasserstein"``.
    index : int
        Number of the time.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with theme():
        ax = axes_or_new(ax, 4.6, 3.6)
        values, errors = (part[:, index] for part in study.values(name))
        ax.set(xscale="log", yscale=_scale(values), xlabel="width $N$", ylabel=_LABELS[name])
        _seeds(ax, study.particles, np.abs(study.samples[name][:, :, index]))
        if name == "sliced_wasserstein":
            _null(ax, study, index)
        rate = study.rates_at(index)[name]
        if np.isfinite(rate.slope):
            _law(ax, study.particles, lambda count: np.abs(rate(count)), rate.interval)
        if rate.expected in _POWERS and values.any():
            _guide(ax, study, np.abs(values), rate.expected)
        _points(ax, study.particles, values, errors)
        _width_axis(ax, study.particles)
        _value_axis(ax, np.abs(values), np.abs(study.samples[name][:, :, index]))
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="upper right", handlelength=1.6, borderaxespad=0.2)
    return ax


def draw_in_time(study: Study, *, ax: Axes | None = None) -> Axes:
    """Root mean square function distance against time, one line per width.

    Bands are one standard error.

    Parameters
    ----------
    study : Study
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with theme():
        ax = axes_or_new(ax, 4.6, 3.6)
        values, errors = study.values("function_distance")
        shades = _shades(len(study.particles))
        for shade, value, error in zip(shades, values, errors, strict=True):
            low = np.maximum(value - error, 0.2 * value)
            ax.fill_between(study.times, low, value + error, color=shade, alpha=0.18, lw=0)
            ax.plot(study.times, value, "o-", color=shade, ms=3.5, lw=1.5)
        ax.set(yscale=_scale(values), xlabel="time $t$", ylabel=_LABELS["function_distance"])
        ax.margins(x=0.02)
        _few_labels(ax)
        _name_lines(ax, study, values[:, -1], shades)
    return ax


def _name_lines(ax: Axes, study: Study, ends: Float64Array, shades: list[Any]) -> None:
    if ax.get_yscale() != "log":
        return
    bottom, top = np.log(ax.get_ylim())
    heights = np.exp(_apart(np.log(np.maximum(ends, 1e-300)), 0.055 * (top - bottom)))
    for count, shade, height in zip(study.particles, shades, heights, strict=True):
        ax.annotate(
            f"$N$ = {count}" if count == study.particles[0] else str(count),
            (study.times[-1], height),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=shade,
        )


def _scale(values: Float64Array) -> str:
    """Logarithmic, unless all is zero, as for a deterministic initial law."""
    return "log" if values.any() else "linear"


def _seeds(ax: Axes, particles: Any, samples: Float64Array) -> None:
    spread = np.exp(np.linspace(-0.09, 0.09, samples.shape[1]))
    ax.plot(
        (particles[:, None] * spread).ravel(), samples.ravel(), ".", color=BLUE, alpha=0.35, ms=4,
        mew=0,
    )  # fmt: skip


def _points(ax: Axes, particles: Any, values: Float64Array, errors: Float64Array) -> None:
    size = np.abs(values)
    low = np.minimum(errors, 0.9 * size)
    for negative in (False, True):
        chosen = (values < 0.0) == negative
        ax.errorbar(
            particles[chosen],
            size[chosen],
            yerr=(low[chosen], errors[chosen]),
            fmt="o",
            color=BLUE,
            mfc="white" if negative else BLUE,
            ms=5.0,
            mew=1.2,
            lw=1.2,
            capsize=2.5,
            zorder=4,
        )


def _law(
    ax: Axes, particles: Any, law: Callable[[Any], Float64Array], text: str, colour: str = BLUE
) -> None:
    ends = np.array([particles[0] / 1.3, particles[-1] * 1.3])
    ax.plot(ends, law(ends), color=colour, lw=1.6, label=f"slope {text}", zorder=3)


def _guide(ax: Axes, study: Study, values: Float64Array, slope: float) -> None:
    ends = study.particles[[0, -1]].astype(float)
    positive = values > 0.0
    level = np.exp(np.mean(np.log(values[positive]) - slope * np.log(study.particles[positive])))
    ax.plot(
        ends, _GUIDE_OFFSET * level * ends**slope, "--", color=QUIET, lw=1.1, label=_POWERS[slope]
    )


def _null(ax: Axes, study: Study, index: int) -> None:
    samples = study.samples["sliced_wasserstein_null"][:, :, index]
    values = np.sqrt((samples**2).mean(axis=1))
    ax.plot(
        study.particles, values, "s:", color=ORANGE, ms=4.5, mfc="white", lw=1.2,
        label="iid sample of the limit",
    )  # fmt: skip


def _width_axis(ax: Axes, particles: Any) -> None:
    ax.xaxis.set_major_locator(FixedLocator(list(particles)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(count) for count in particles])
    ax.set_xlim(particles[0] / 1.5, particles[-1] * 1.5)


def _value_axis(ax: Axes, values: Float64Array, samples: Float64Array) -> None:
    """Limits with room for the legend, without the few seeds next to zero; few labels."""
    positive = values[values > 0.0]
    if positive.size:
        bottom = min(0.7 * positive.min(), np.quantile(samples[samples > 0.0], 0.1))
        top = max(positive.max(), np.quantile(samples, 0.95))
        ax.set_ylim(bottom / (top / bottom) ** 0.05, top * (top / bottom) ** 0.25)
    _few_labels(ax)


def _few_labels(ax: Axes) -> None:
    """Powers of ten, or 1, 2, 5 times them where there are fewer than two decades."""
    if ax.get_yscale() != "log":
        return
    bottom, top = ax.get_ylim()
    short = np.log10(top / bottom) < 2.0
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if short else (1.0,)))
    if short and bottom >= 1e-4:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _apart(values: Float64Array, least: float) -> Float64Array:
    """The same decreasing values, moved up where two are closer than `least`."""
    moved = values.copy()
    for item in range(len(values) - 2, -1, -1):
        moved[item] = max(moved[item], moved[item + 1] + least)
    return moved - max(0.0, float((moved - values).mean()))


def _shades(count: int) -> list[Any]:
    from matplotlib.colors import LinearSegmentedColormap

    ramp = LinearSegmentedColormap.from_list("widths", ["#84b3d8", BLUE, INK])
    return [ramp(level) for level in np.linspace(0.0, 1.0, count)]
