"""The panel of the leading direction over time: one density for each moment."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from scipy.ndimage import gaussian_filter1d

from meanfield.plotting.directions import Directions
from meanfield.plotting.risk import scale_time
from meanfield.plotting.style import SEQUENTIAL, axes_or_new, theme
from meanfield.plotting.survey import Run, Survey
from meanfield.plotting.view import CELLS, View, view
from meanfield.typing import Array, Float64Array

__all__ = ["column", "evolution"]


def evolution(
    run: Run,
    directions: View | Directions | str | tuple[str, ...] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the law of the neurons in one direction as it changes over time.

    Each column of the picture is the density at one time of the first coordinate of the
    directions, in units of its own highest value.

    Parameters
    ----------
    run : Trajectory
    directions : View, Directions, name of a rule, or tuple of parameter names, optional
        By default the most telling ones: see
        `meanfield.plotting.directions.choose_directions`.
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
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> mf.plot.evolution(run, "b").get_ylabel()
    'bias $b$'
    """
    survey = Survey.of(run.measures)
    chosen = directions if isinstance(directions, View) else view(run, directions, survey)
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        columns = np.stack(
            [
                column(chosen, frame, masses)
                for frame, masses in zip(survey.positions, survey.weights, strict=True)
            ],
            axis=1,
        )
        times = run.times[survey.frames]
        low, high = chosen.limits[0]
        alone = len(times) == 1
        axes.pcolormesh(
            times + [-0.5, 0.5] if alone else times,
            np.linspace(low, high, CELLS),
            np.repeat(columns, 2, axis=1) if alone else columns,
            cmap=SEQUENTIAL,
            shading="gouraud",
            vmin=0.0,
            vmax=1.3,
            rasterized=True,
        )
        scale_time(axes, times)
        if alone:
            axes.set_xticks(times)
        axes.set_ylim(low, high)
        axes.set_ylabel(chosen.directions.labels[0])
    return axes


def column(chosen: View, positions: Array, masses: Float64Array) -> Float64Array:
    """Density in the first direction of a view, smoothed, in units of its highest value."""
    values = chosen.directions.project(positions)[:, 0]
    counts, _ = np.histogram(values, CELLS, chosen.limits[0], weights=masses)
    smooth = gaussian_filter1d(counts, 3.0, mode="constant")
    return np.asarray(smooth / (smooth.max() or 1.0))
