"""The panel of the risk over time, and of what else a run recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from meanfield.errors import InvalidInputError
from meanfield.plotting.style import BLUE, INK, ORANGE, QUIET, axes_or_new, shades, theme
from meanfield.plotting.survey import Run, require_frames
from meanfield.typing import Float64Array

__all__ = [
    "TimeMarker",
    "accuracy",
    "accuracy_names",
    "drawable",
    "risk",
    "scale_risk",
    "scale_time",
]

# Share of the largest risk by which an energy must differ to be drawn beside it.
_APART = 0.01
# Beyond it logarithmic axes run out of numbers.
_EXPLODED = 1e60


def accuracy_names(run: Run) -> tuple[str, ...]:
    """Names of recorded variables that are accuracies."""
    return tuple(name for name in run.observables if "accuracy" in name)


def _risk_names(run: Run) -> tuple[str, ...]:
    return tuple(name for name in run.observables if name.endswith("risk"))


def _series(run: Run) -> dict[str, Float64Array]:
    """What the panel of the risk shows, by its label."""
    found = {"training risk": run.risk}
    if run.problem.temperature == 0.0:
        # An energy without entropy is the risk and a penalty: it belongs to the same axis.
        with np.errstate(invalid="ignore"):  # both are infinite at the end of a failed run
            apart = np.abs(run.energy - run.risk)
        if np.any(apart > _APART * np.abs(run.risk).max(initial=0.0)):
            found["energy (risk and penalty)"] = run.energy
    return found | {name.replace("_", " "): run.observables[name] for name in _risk_names(run)}


def risk(
    run: Run | Sequence[Run] | Mapping[str, Run],
    ax: Axes | None = None,
    *,
    limit: Run | None = None,
) -> Axes:
    """Draw the risk over mean-field time: of one run with all its risks, or of several runs.

    Of one run alone, other recorded risks join, and the energy if it contains no entropy
    and differs from the risk visibly. Several runs, or one and the limit, are drawn by
    their training risk. The risk axis is logarithmic if the risk falls by more than a
    factor of 20; the time axis if frames are spaced geometrically.

    Parameters
    ----------
    run : Trajectory, or sequence or mapping of them
        A mapping names the runs; otherwise what distinguishes them does: the width, the
        solver, the seed.
    ax : Axes, optional
        Where to draw; a new figure by default.
    limit : Trajectory, optional
        Drawn behind as a dashed line: a run on a grid, or of very many particles.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If a run has no frames, or there is none.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> starts = [mf.ParticleMeasure.gaussian(count, 3, seed=0) for count in (10, 20, 1000)]
    >>> runs = [mf.simulate(problem, start, ParticleFlow(), t_end=2.0) for start in starts]
    >>> ax = mf.plot.risk(runs[:2], limit=runs[2])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['limit', '$N$ = 10', '$N$ = 20']
    """
    if isinstance(run, Mapping | Sequence) or limit is not None:
        return compared_risks(run, limit, ax)
    require_frames(run.measures)
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        series = _series(run)
        others = iter((ORANGE, INK, QUIET))
        for label, values in series.items():
            main, energy = label == "training risk", label.startswith("energy")
            colour = BLUE if main else QUIET if energy else next(others, QUIET)
            style = "-" if main else (0, (1, 1.4)) if energy else (0, (4, 1.6))
            _add_series(axes, run.times, values, color=colour, label=label, linestyle=style)
        scale_risk(axes, list(series.values()))
        scale_time(axes, run.times)
        joint = any(label.startswith("energy") for label in series)
        axes.set_ylabel("risk, energy" if joint else r"risk $R(\mu_t)$")
        if len(series) > 1:
            axes.legend(loc="best", handlelength=1.8)
        if run.status == "failed":
            note = f"the run failed after t = {run.times[-1]:.4g}"
            axes.text(
                0.98, 0.96, note, transform=axes.transAxes, ha="right", va="top", color=ORANGE
            )
    return axes


def compared_risks(
    runs: Run | Sequence[Run] | Mapping[str, Run], limit: Run | None, ax: Axes | None
) -> Axes:
    """Draw the training risks of several runs and of the limit."""
    named = names_of(runs)
    several = [*named.values(), *([] if limit is None else [limit])]
    if not several:
        raise InvalidInputError("there is no run to show")
    for each in several:
        require_frames(each.measures)
    ordered = len({each.measures[0].weights.size for each in several}) > 1
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        cycle = [entry["color"] for entry in rcParams["axes.prop_cycle"]]
        colours = shades(len(named)) if ordered or len(named) > len(cycle) else cycle
        if limit is not None:
            _add_series(
                axes, limit.times, limit.risk, color=INK if not ordered else ORANGE,
                linestyle=(0, (4, 1.6)), label="limit",
            )  # fmt: skip
        for (label, each), colour in zip(named.items(), colours, strict=False):
            _add_series(axes, each.times, each.risk, color=colour, label=label, linewidth=1.5)
        scale_risk(axes, [each.risk for each in several])
        scale_time(axes, max((each.times for each in several), key=lambda times: float(times[-1])))
        axes.set_ylabel(r"risk $R(\mu_t)$")
        axes.legend(loc="best", handlelength=1.8)
    return axes


def names_of(runs: Run | Sequence[Run] | Mapping[str, Run]) -> dict[str, Run]:
    """Runs by what distinguishes them: widths, solvers, seeds, or else their number."""
    if isinstance(runs, Mapping):
        return dict(runs)
    several = list(runs) if isinstance(runs, Sequence) else [runs]
    traits = [
        [f"$N$ = {len(run.measures[0])}" if len(run.measures) else "" for run in several],
        [str(getattr(getattr(run, "solver", None), "name", "")) for run in several],
        [f"seed {getattr(run, 'seed', 0)}" for run in several],
    ]
    telling = [values for values in traits if len(set(values)) > 1] or traits[:1]
    labels = [", ".join(parts) for parts in zip(*telling, strict=True)]
    if len(set(labels)) < len(labels):
        labels = [f"{label} ({number})" for number, label in enumerate(labels, 1)]
    return dict(zip(labels, several, strict=True))


def accuracy(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the recorded accuracies over mean-field time.

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
        If the run has recorded no accuracy.
    """
    names = accuracy_names(run)
    if not names:
        raise InvalidInputError(
            "the run has recorded no accuracy; give simulate the observer Accuracy(data)"
        )
    with theme():
        axes = axes_or_new(ax, 5.6, 2.4)
        for name, colour in zip(names, (ORANGE, BLUE, QUIET, INK), strict=False):
            values = run.observables[name]
            _add_series(axes, run.times, values, color=colour, label=name.replace("_", " "))
            if len(values) and np.isfinite(values[-1]):
                axes.annotate(
                    f"{values[-1]:.1%}",
                    (float(run.times[-1]), float(values[-1])),
                    (-2, -6),
                    textcoords="offset points",
                    ha="right",
                    va="top",
                    color=colour,
                    fontsize=9,
                )
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        scale_time(axes, run.times)
        axes.set_ylabel(names[0].replace("_", " ") if len(names) == 1 else "accuracy")
        if len(names) > 1:
            axes.legend(loc="lower right")
    return axes


def _add_series(axes: Axes, times: Float64Array, values: Float64Array, **settings: Any) -> None:
    marker = "o" if len(times) == 1 else ""
    axes.plot(times, drawable(values), marker=marker, zorder=3, **settings)


def drawable(values: Float64Array) -> Float64Array:
    """NaN for what no axis shows: values that are not finite, or exploded beyond 10⁶⁰.

    Examples
    --------
    >>> drawable(np.array([1.0, 1e200, np.inf]))
    array([ 1., nan, nan])
    """
    return np.where(np.abs(values) < _EXPLODED, values, np.nan)


def scale_risk(axes: Axes, series: list[Float64Array]) -> None:
    """Logarithmic axis for risks that fall by more than a factor of 20, else one from 0."""
    values = drawable(np.concatenate(series))
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0.0 and values.max() > 20.0 * values.min():
        axes.set_yscale("log")
    elif values.size and values.min() >= 0.0:
        axes.set_ylim(0.0, 1.06 * float(values.max()) or 1.0)


def scale_time(axes: Axes, times: Float64Array) -> None:
    """Label and limit the time axis; logarithmic for geometrically spaced frames."""
    axes.set_xlabel("mean-field time $t$")
    start, end = float(times[0]), float(times[-1])
    positive = times[times > 0.0]
    if len(positive) > 3 and float(np.median(positive)) < 0.15 * end:
        if start > 0.0:
            axes.set_xscale("log")
        else:
            first = float(positive[0])
            # A tenth of the axis below the first time keeps its label apart from the 0.
            room = max(0.3, 0.11 * float(np.log10(end / first)))
            axes.set_xscale("symlog", linthresh=first, linscale=room)
            decades = 10.0 ** np.arange(np.ceil(np.log10(first)), np.log10(end) + 1e-9)
            axes.set_xticks([0.0, *decades])
    if end > start:
        axes.set_xlim(start, end)


class TimeMarker:
    """A dot that runs along the risk, with a hairline.

    Parameters
    ----------
    ax : Axes
        With the times on its horizontal axis.
    times, values : (F,) arrays
        The curve on which the dot runs.
    colour : colour
        Of the dot.
    """

    floor = 2.0

    def __init__(
        self, ax: Axes, times: Float64Array, values: Float64Array, colour: Any = BLUE
    ) -> None:
        self.ax = ax
        self.times = times
        self.values = drawable(values)
        self._line = ax.axvline(times[0], color=QUIET, linewidth=0.9, alpha=0.7, zorder=2)
        (self._dot,) = ax.plot(
            [times[0]], [self.values[0]], "o", color=colour, markersize=8, mec="white", mew=1.4,
            zorder=5, clip_on=False,
        )  # fmt: skip

    def draw(self, time: float) -> None:
        """Move to this time, or to the end of the curve where that comes before."""
        time = float(np.clip(time, self.times[0], self.times[-1]))
        self._line.set_xdata([time, time])
        self._dot.set_data([time], [float(np.interp(time, self.times, self.values))])
