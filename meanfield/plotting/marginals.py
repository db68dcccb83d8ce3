"""The panel of a marginal over time as a ridge: one density for each of some moments."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.plotting.directions import Directions
from meanfield.plotting.evolution import column
from meanfield.plotting.style import SEQUENTIAL, axes_or_new, theme
from meanfield.plotting.survey import Run, Survey, pace, stand_in
from meanfield.plotting.view import CELLS, View, view
from meanfield.typing import Float64Array

__all__ = ["marginals", "profile"]

_CURVES = 18
_HEIGHT = 2.4  # of the highest of a curve, in distances of two curves
_STAND_INS = 2**14


def marginals(
    run: Run,
    directions: View | Directions | str | tuple[str, ...] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the law of the neurons in one direction at some times, one curve above the other.

    Times are equidistant in the pace of the run, from the start below to the end above.
    Each curve is a density in units of its own highest value; `evolution` draws the same
    as a heat map.

    Parameters
    ----------
    run : Trajectory
    directions : View, Directions, name of a parameter or of a rule, optional
        Whose first coordinate is shown, such as ``"b"``; the most telling one by default.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has no frames, or the directions do not suit its neurons.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(500, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> mf.plot.marginals(run, "w_0").get_xlabel()
    'inner weight $w$'
    """
    survey = Survey.of(run.measures)
    chosen = directions if isinstance(directions, View) else view(run, directions, survey)
    progress = pace(run, survey)
    wanted = np.linspace(0.0, 1.0, min(_CURVES, len(progress)))
    frames = np.unique([int(np.argmin(np.abs(progress - level))) for level in wanted])
    with theme():
        axes = axes_or_new(ax, 5.0, 4.6)
        colours = SEQUENTIAL(np.linspace(0.35, 0.85, len(frames)))
        for row, frame in enumerate(frames):
            centres, density = profile(chosen, run.measures[int(frame)])
            height = row + _HEIGHT * density
            order = 3.0 - row / len(frames)
            axes.fill_between(centres, row, height, color=colours[row], linewidth=0, zorder=order)
            axes.plot(centres, height, color="white", linewidth=1.4, zorder=order)
        axes.set_xlim(*chosen.limits[0])
        axes.set_xlabel(chosen.directions.labels[0])
        _name_times(axes, run.times[frames])
    return axes


def profile(chosen: View, measure: Measure) -> tuple[Float64Array, Float64Array]:
    """Where, and the density in the first direction of a view in units of its highest value.

    Of a grid in one of its parameters the marginal itself; else masses in cells, smoothed.
    """
    columns = chosen.directions.columns
    if isinstance(measure, GridMeasure) and columns:
        marginal = measure.marginal(columns[0])
        return marginal.axes[0], marginal.density / marginal.density.max()
    particles = stand_in(measure, _STAND_INS)
    edges = np.linspace(*chosen.limits[0], CELLS + 1)
    density = column(chosen, particles.positions, particles.weights)
    return 0.5 * (edges[1:] + edges[:-1]), density


def _name_times(axes: Axes, times: Float64Array) -> None:
    """About six of the times beside their curves."""
    rows = np.unique(np.linspace(0, len(times) - 1, min(len(times), 6)).round().astype(int))
    axes.set_yticks(rows, [f"{times[row]:.3g}" for row in rows])
    axes.set_ylabel("mean-field time $t$")
    axes.set_ylim(-0.3, len(times) - 1 + 1.1 * _HEIGHT)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
