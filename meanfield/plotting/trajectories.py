"""The panel of the ways that neurons go: in the plane, or one coordinate over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from meanfield.checks import as_count
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.plotting.cloud import add_key
from meanfield.plotting.directions import Directions
from meanfield.plotting.risk import scale_time
from meanfield.plotting.style import FAINT, axes_or_new, theme
from meanfield.plotting.survey import Run, Survey
from meanfield.plotting.view import View, view
from meanfield.typing import Float64Array

__all__ = ["trajectories"]


def trajectories(
    run: Run,
    directions: View | Directions | str | tuple[str, ...] | None = None,
    ax: Axes | None = None,
    *,
    neurons: int = 80,
) -> Axes:
    """Draw the ways that single neurons go, from a small ring to a dot.

    In two directions they are paths in the plane, in one (such as ``"b"``) curves over
    time. Colour is that of the neuron at the end, as in `measure`. Jumps of a kink through
    infinity are left out.

    Parameters
    ----------
    run : Trajectory
        Of particles.
    directions : View, Directions, name of a parameter or of a rule, pair of names, optional
        The most telling ones by default.
    ax : Axes, optional
        Where to draw; a new figure by default.
    neurons : int
        How many, drawn at random among all, always the same ones.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has no frames or no particles, or the directions do not suit.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> mf.plot.trajectories(run, ("w_0", "b"), neurons=10).get_ylabel()
    'bias $b$'
    """
    survey = Survey.of(run.measures)
    if isinstance(run.measures[0], GridMeasure):
        raise InvalidInputError(
            "a density on a grid has no neurons to follow; plot its evolution or its marginals, "
            "or run the solver particle-flow"
        )
    chosen = directions if isinstance(directions, View) else view(run, directions, survey)
    count = len(survey.rows)
    rows = np.random.default_rng(0).choice(
        count, min(as_count("neurons", neurons), count), replace=False
    )
    positions = survey.positions[:, rows]
    flat = chosen.directions.project(positions.reshape(-1, positions.shape[2]))
    paths = flat.reshape(len(positions), len(rows), -1).swapaxes(0, 1)
    if chosen.is_profile:
        times = np.broadcast_to(run.times[survey.frames][:, None], paths.shape)
        paths = np.concatenate([times, paths], axis=2)
    with theme():
        axes = axes_or_new(ax, 5.4, 4.4)
        _frame(axes, chosen, run)
        _draw(axes, paths, chosen.colouring.colours(positions[-1]), _longest(chosen))
        if ax is None:
            add_key(axes, chosen.colouring)
    return axes


def _frame(axes: Axes, chosen: View, run: Run) -> None:
    """Limits and labels, and the lines on which coordinates vanish."""
    labels, limits = chosen.directions.labels, chosen.limits
    if chosen.is_profile:
        scale_time(axes, run.times)
        vertical, label = limits[0], labels[0]
    else:
        axes.set_xlim(*limits[0])
        axes.set_xlabel(labels[0])
        vertical, label = limits[1], labels[1]
        if limits[0][0] < 0.0 < limits[0][1]:
            axes.axvline(0.0, color=FAINT, linewidth=0.9, zorder=0.5)
        if chosen.directions.equal:
            axes.set_aspect("equal")
    axes.set_ylim(*vertical)
    axes.set_ylabel(label)
    if vertical[0] < 0.0 < vertical[1]:
        axes.axhline(0.0, color=FAINT, linewidth=0.9, zorder=0.5)


def _longest(chosen: View) -> float:
    """Length above which a step along the first direction is a jump: of kinks, and no others."""
    low, high = chosen.limits[0]
    return 0.5 * (high - low) if chosen.directions.name == "kinks" else np.inf


def _draw(axes: Axes, paths: Float64Array, colours: Float64Array, longest: float) -> None:
    segments = np.stack([paths[:, :-1], paths[:, 1:]], axis=2).reshape(-1, 2, 2)
    shades = np.repeat(colours, paths.shape[1] - 1, axis=0)
    short = np.abs(segments[:, 1, 0] - segments[:, 0, 0]) < longest
    lines = LineCollection(
        list(segments[short]), colors=list(map(tuple, shades[short])), linewidths=1.0, alpha=0.75
    )
    axes.add_collection(lines, autolim=False)
    ends: Any = list(map(tuple, colours))
    for row, size, face, edge in ((0, 9.0, "white", ends), (-1, 22.0, ends, "white")):
        axes.scatter(
            paths[:, row, 0], paths[:, row, 1], size, facecolors=face, edgecolors=edge,
            linewidths=0.8, zorder=4.0 if row else 3.0,
        )  # fmt: skip
