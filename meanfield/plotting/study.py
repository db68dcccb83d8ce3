"""The figure of a comparison: rates with their predictions, the distance in time, slopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from meanfield.plotting.slopes import draw_slopes
from meanfield.plotting.style import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    axes_or_new,
    new_figure,
    shades,
    theme,
)
from meanfield.quantities import statistics
from meanfield.rates import power_mean, standard_error
from meanfield.typing import Float64Array

if TYPE_CHECKING:
    from meanfield.study import Study

__all__ = ["draw", "draw_in_time", "draw_parameters", "draw_rate", "draw_steps"]

_LABELS = {
    "coupling_distance": r"coupling distance $D_N$",
    "function_distance": r"$\|f_N - f\|$",
    "test_function_distance": r"$\|f_N - f\|$ on held-out inputs",
    "risk_gap": r"$|\,\mathrm{mean}\;R_N - R\,|$",
    "risk_fluctuation": r"standard deviation of $R_N$",
    "sliced_wasserstein": r"sliced $W_2(\mu_N, \mu)$",
}
_TITLES = {
    "coupling_distance": "neurons beside the limit",
    "function_distance": "outputs",
    "risk_gap": "risk",
}
_POWERS = {-0.5: r"$\propto N^{-1/2}$", -1.0: r"$\propto N^{-1}$"}
# The guide of the expected slope runs this factor below the fit.
_GUIDE_OFFSET = 0.5
_MARKERS = {"sliced_wasserstein": "o", "wasserstein_2": "s"}


def draw(study: Study) -> Figure:
    """Figure of all that a study holds: rates, parameters, time, steps, and slopes.

    Parameters
    ----------
    study : Study

    Returns
    -------
    matplotlib.figure.Figure
    """
    end = f"at $t = {study.times[-1]:g}$"
    panels: list[tuple[str, Callable[[Axes], Any]]] = [
        (f"{title} {end}", lambda ax, name=name: draw_rate(study, name, ax=ax))  # type: ignore[misc]
        for name, title in _TITLES.items()
        if name in study.quantities
    ]
    panels.append((f"parameters {end}", lambda ax: draw_parameters(study, ax=ax)))
    panels.append(("outputs in time", lambda ax: draw_in_time(study, ax=ax)))
    if study.steps is not None:
        if "coupling_distance" in study.samples:
            name = "coupling_distance"
            panels.append(("neurons in time", lambda ax: draw_in_time(study, name=name, ax=ax)))
        panels.append((f"width and step {end}", lambda ax: draw_steps(study, ax=ax)))
    panels.append((f"slopes {end}", lambda ax: draw_slopes(study, ax=ax)))
    columns = -(-len(panels) // 2)
    with theme():
        figure = new_figure(3.9 * columns, 6.8)
        axes = figure.subplots(2, columns).ravel()
        for number, (ax, (title, drawn)) in enumerate(zip(axes, panels, strict=False)):
            drawn(ax)
            ax.set_title(f"({chr(ord('a') + number)}) {title}")
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    return figure


def draw_rate(study: Study, name: str, *, index: int = -1, ax: Axes | None = None) -> Axes:
    """One quantity against the width, with its fitted law, prediction and expected slope.

    Bars are one standard error; faint points are single seeds; an open marker is a
    negative mean. With the risk gap also its standard deviation over seeds.

    Parameters
    ----------
    study : Study
    name : str
        One of `Study.quantities`, such as ``"function_distance"`` or ``"risk_gap"``.
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
        samples = np.abs(study.sample(name)[:, :, index])
        label = _LABELS.get(name, name)
        ax.set(xscale="log", yscale=_scale(values), xlabel="width $N$", ylabel=label)
        _seeds(ax, study.particles, samples)
        shown = [np.abs(values)]
        if name == "risk_gap" and study.sample("risk_fluctuation")[:, :, index].any():
            shown.append(_fluctuation(ax, study, index))
        rate = study.rates_at(index)[name]
        if np.isfinite(rate.slope):
            _law(ax, study.particles, lambda count: np.abs(rate(count)), rate.interval)
        predicted = study.predicted(name)
        if predicted is not None and predicted[:, index].any():
            shown.append(_prediction(ax, study, name, index))
        elif rate.expected in _POWERS and values.any():
            shown.append(_guide(ax, study, np.abs(values), rate.expected))
        _points(ax, study.particles, values, errors)
        _width_axis(ax, study.particles)
        _value_axis(ax, np.concatenate(shown), samples)
        _legend(ax)
    return ax


def draw_parameters(study: Study, *, index: int = -1, ax: Axes | None = None) -> Axes:
    """Distances of the parameters to the limit, each beside that of an iid sample of it.

    Filled: networks; open: iid samples of the limit. Where the two coincide, the distance
    measures nothing but sampling.

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
        shown = []
        for name, marker in _MARKERS.items():
            if name not in study.statistics:
                continue
            for suffix, colour, face in (("", BLUE, BLUE), ("_null", ORANGE, "white")):
                samples = study.sample(name + suffix)[:, :, index]
                rows = [row[np.isfinite(row)] for row in samples]
                known = np.array([len(row) > 1 for row in rows])
                if not known.any():
                    continue
                rows = [row for row in rows if len(row) > 1]
                values, errors = (
                    np.array([of(row, 2) for row in rows]) for of in (power_mean, standard_error)
                )
                title = statistics[name].title
                ax.errorbar(
                    study.particles[known] * (0.97 if suffix else 1.03), values, yerr=errors,
                    fmt=marker + (":" if suffix else "-"), color=colour, mfc=face, ms=5.0, lw=1.2,
                    capsize=2.5, label=f"{title}, iid limit" if suffix else title,
                )  # fmt: skip
                shown.append(values)
        scale = _scale(np.concatenate(shown)) if shown else "linear"
        ax.set(xscale="log", yscale=scale, xlabel="width $N$", ylabel="distance to the limit")
        _width_axis(ax, study.particles)
        if shown:
            _value_axis(ax, np.concatenate(shown), np.concatenate(shown), room=0.5)
        _legend(ax)
    return ax


def draw_in_time(study: Study, *, name: str = "function_distance", ax: Axes | None = None) -> Axes:
    """Root mean square of a distance against time, one line per width.

    Bands are one standard error; dashed lines are predictions.

    Parameters
    ----------
    study : Study
    name : str
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with theme():
        ax = axes_or_new(ax, 4.6, 3.6)
        values, errors = study.values(name)
        predicted = study.predicted(name)
        colours = shades(len(study.particles))
        for number, (shade, value, error) in enumerate(zip(colours, values, errors, strict=True)):
            low = np.maximum(value - error, 0.2 * value)
            ax.fill_between(
                study.times, low, value + error, where=value > 0.0, color=shade, alpha=0.18, lw=0
            )
            positive = np.where(value > 0.0, value, np.nan) if values.any() else value
            ax.plot(study.times, positive, "o-", color=shade, ms=3.5, lw=1.5)
            if predicted is not None:
                known = np.where(predicted[number] > 0.0, predicted[number], np.nan)
                label = "predicted" if number == 0 else None
                ax.plot(study.times, known, "--", color=shade, lw=1.0, zorder=1, label=label)
        ax.set(yscale=_scale(values), xlabel="time $t$", ylabel=_LABELS[name])
        ax.margins(x=0.02)
        if predicted is not None and ax.get_yscale() == "log":
            bottom, top = ax.get_ylim()
            ax.set_ylim(bottom, top * (top / bottom) ** 0.15)
        _few_labels(ax)
        _legend(ax)
        _name_lines(ax, study, values[:, -1], colours)
    return ax


def draw_steps(
    study: Study, *, name: str = "function_distance", index: int = -1, ax: Axes | None = None
) -> Axes:
    """Mean squares against the step of SGD, one line per width, and the fit C/N + D s.

    Parameters
    ----------
    study : Study
        Of several steps.
    name : str
    index : int
        Number of the time.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with theme():
        ax = axes_or_new(ax, 4.6, 3.6)
        assert study.steps is not None
        squares = study.samples[name][:, :, index] ** 2
        values = squares.mean(axis=1)
        errors = squares.std(axis=1, ddof=1) / np.sqrt(study.seeds)
        fit = study.expansion(name, index)
        lengths = np.geomspace(study.steps[0] / 1.4, study.steps[-1] * 1.4, 60)
        colours = shades(len(study.particles))
        lines = np.maximum(fit(study.particles[:, None], lengths), 1e-300)
        for shade, count, value, error in zip(
            colours, study.particles, values, errors, strict=True
        ):
            ax.errorbar(
                study.steps, value, yerr=(np.minimum(error, 0.9 * value), error), fmt="o",
                color=shade, ms=4.5, lw=1.2, capsize=2.5, label=f"$N$ = {count}",
            )  # fmt: skip
        for shade, line in zip(colours, lines, strict=True):
            ax.plot(lengths, line, color=shade, lw=1.3)
        ax.set(xscale="log", yscale=_scale(values), xlabel="step of SGD")
        ax.set_ylabel("mean square of " + _LABELS[name])
        ax.xaxis.set_major_locator(FixedLocator(list(study.steps)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{step:g}" for step in study.steps])
        _value_axis(ax, np.append(values, lines), values.ravel(), room=0.15)
        ax.legend(loc="upper left", handlelength=1.2, borderaxespad=0.2)
    return ax


def _name_lines(ax: Axes, study: Study, ends: Float64Array, colours: list[Any]) -> None:
    if ax.get_yscale() != "log":
        return
    bottom, top = np.log(ax.get_ylim())
    heights = np.exp(_apart(np.log(np.maximum(ends, 1e-300)), 0.055 * (top - bottom)))
    for count, shade, height in zip(study.particles, colours, heights, strict=True):
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
            label="negative" if negative and chosen.any() else None,
        )


def _law(
    ax: Axes, particles: Any, law: Callable[[Any], Float64Array], text: str, colour: str = BLUE
) -> None:
    ends = np.array([particles[0] / 1.3, particles[-1] * 1.3])
    ax.plot(ends, law(ends), color=colour, lw=1.6, label=f"slope {text}", zorder=3)


def _guide(ax: Axes, study: Study, values: Float64Array, slope: float) -> Float64Array:
    ends = study.particles[[0, -1]].astype(float)
    positive = values > 0.0
    level = np.exp(np.mean(np.log(values[positive]) - slope * np.log(study.particles[positive])))
    heights = np.asarray(_GUIDE_OFFSET * level * ends**slope)
    ax.plot(ends, heights, "--", color=QUIET, lw=1.1, label=_POWERS[slope])
    return heights


def _prediction(ax: Axes, study: Study, name: str, index: int) -> Float64Array:
    widths = np.geomspace(study.particles[0] / 1.3, study.particles[-1] * 1.3, 40)
    predicted = study.predicted(name, widths)
    assert predicted is not None
    ax.plot(widths, predicted[:, index], "--", color=INK, lw=1.2, label="predicted", zorder=3.5)
    return np.asarray(predicted[:, index])


def _fluctuation(ax: Axes, study: Study, index: int) -> Float64Array:
    values = study.values("risk_fluctuation")[0][:, index]
    ax.plot(
        study.particles, values, "s:", color=ORANGE, ms=4.5, mfc="white", lw=1.2,
        label="standard deviation",
    )  # fmt: skip
    return values


def _legend(ax: Axes) -> None:
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper right", handlelength=1.6, borderaxespad=0.2)


def _width_axis(ax: Axes, particles: Any) -> None:
    ax.xaxis.set_major_locator(FixedLocator(list(particles)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(count) for count in particles])
    ax.set_xlim(particles[0] / 1.5, particles[-1] * 1.5)


def _value_axis(ax: Axes, values: Float64Array, samples: Float64Array, room: float = 0.35) -> None:
    """Limits with room for the legend, without the few seeds next to zero; few labels."""
    positive = values[values > 0.0]
    if positive.size and ax.get_yscale() == "log":
        bottom = min(0.8 * positive.min(), np.quantile(samples[samples > 0.0], 0.1))
        top = max(1.2 * positive.max(), np.quantile(samples, 0.95))
        ax.set_ylim(bottom / (top / bottom) ** 0.05, top * (top / bottom) ** room)
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
