"""The panel of the velocity field in a plane of two directions, with the neurons in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from meanfield.checks import as_vector
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.plotting.arrows import projected_motion, velocity_of_measure
from meanfield.plotting.cloud import Cloud
from meanfield.plotting.directions import Directions
from meanfield.plotting.function import measure_at
from meanfield.plotting.style import INK, QUIET, axes_or_new, in_math, note, theme, time_text
from meanfield.plotting.survey import Run, represented
from meanfield.plotting.view import View, view
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array

__all__ = ["phase_portrait"]

_CELLS = 60  # of the potential and the stream lines, along each axis
_ARROWS = 14  # along each axis
_MOST_NEURONS = 2**15
_LEVELS = 14
_CROWD = 0.02  # share of the fullest cell of arrows below which a cell shows none
_STREAM = "#4d5563"


def phase_portrait(
    run: Run,
    index: int = -1,
    directions: View | Directions | str | tuple[str, ...] | None = None,
    ax: Axes | None = None,
    *,
    at: Any | None = None,
) -> Axes:
    """Draw the velocity −∇Ψ(·; μ_t) in a plane, with the neurons of one frame.

    Neurons of two parameters: stream lines of −∇Ψ everywhere, with level lines of Ψ, or of
    the density if there is a grid; that is all there is. Neurons of more parameters have
    no velocity field in a plane; drawn is one of two things that exist:

    - by default the mean velocity of the neurons that lie at a point of the plane: the
      field that transports the law of the two coordinates (arrows, where neurons are);
    - with `at`, the section through one neuron: the two components of −∇Ψ that lie in
      the plane, all other parameters held at those of `at`. Other neurons are outside of
      it and not drawn.

    With noise it is the drift alone.

    Parameters
    ----------
    run : Trajectory
    index : int
        Number of the frame; negative ones count from the end.
    directions : View, Directions, name of a rule, or pair of parameter names, optional
        Two of them; the most telling ones by default. With `at`, a pair of parameters.
    ax : Axes, optional
        Where to draw; a new figure by default.
    at : (p,) array, optional
        Parameters of the neuron through which the section goes.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If there is but one direction, no such frame, or `at` does not fit.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> neuron = mf.Neuron(inputs=1, outer="fixed")
    >>> problem = mf.Problem(neuron, mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 2, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> ax = mf.plot.phase_portrait(run)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('inner weight $w$', 'bias $b$')
    """
    measure = measure_at(run, index)
    chosen = directions if isinstance(directions, View) else view(run, directions)
    if chosen.is_profile and directions is None and measure.dim > 1:
        chosen = view(run, "principal")
    if chosen.is_profile:
        raise InvalidInputError(
            "a phase portrait needs two directions, got one: name two parameters, or plot "
            "the evolution or the trajectories"
        )
    through = None if at is None else _neuron(at, measure.dim, chosen)
    with theme():
        axes = axes_or_new(ax, 5.0, 4.4)
        cloud = Cloud(axes, chosen)
        if through is None and not _is_whole(chosen, measure.dim):
            cloud.draw(measure)
            cloud.fade()
            _draw_means(axes, chosen, run.problem, measure)
        else:
            _draw_section(axes, chosen, run.problem, measure, through)
            if through is None:
                cloud.draw(measure)
                if isinstance(measure, GridMeasure):
                    cloud.fade()
        text = in_math(time_text(float(run.times[index]), float(run.times[-1])))
        axes.set_title(text, color=QUIET)
    return axes


def _is_whole(chosen: View, dim: int) -> bool:
    """Whether the plane is all of the parameters."""
    return dim == 2 and len(chosen.directions.columns) == 2


def _neuron(at: Any, dim: int, chosen: View) -> Float64Array:
    if len(chosen.directions.columns) != 2:
        raise InvalidInputError(
            "a section needs two parameters as directions, such as directions=('w_0', 'b')"
        )
    if np.size(at) != dim:
        raise InvalidInputError(f"at must hold {dim} parameters, got {np.size(at)}")
    return as_vector("at", at, dim)


def _velocities(problem: AnyProblem, measure: Measure, points: Float64Array) -> Float64Array:
    """−∇Ψ(θ; μ) at any θ, shape (m, p)."""
    if isinstance(problem, Problem):
        covector = problem.covector(problem.outputs(measure))
        return np.asarray(problem.velocity_under(points, covector))
    return velocity_of_measure(problem, measure, points)


def _draw_section(
    axes: Axes, chosen: View, problem: AnyProblem, measure: Measure, through: Float64Array | None
) -> None:
    sides = [np.linspace(low, high, _CELLS + 1) for low, high in chosen.limits]
    plane = np.stack(np.meshgrid(*sides), axis=-1)
    columns = list(chosen.directions.columns)
    points = np.tile(np.zeros(2) if through is None else through, (plane.size // 2, 1))
    points[:, columns] = plane.reshape(-1, 2)
    potential = problem.potential(measure, points).reshape(plane.shape[:2])
    across, along = (
        _velocities(problem, measure, points)[:, columns].reshape(plane.shape).transpose(2, 0, 1)
    )
    levels = np.quantile(potential, np.linspace(0.0, 1.0, _LEVELS + 1))
    if np.ptp(potential) > 0.0:
        if not isinstance(measure, GridMeasure):
            axes.contour(
                *sides, potential, np.unique(levels), colors=[QUIET], linewidths=0.6, alpha=0.55,
                linestyles="solid", zorder=1,
            )  # fmt: skip
        speed = np.hypot(across, along)
        width = 0.3 + 0.9 * np.sqrt(speed / (speed.max() or 1.0))
        axes.streamplot(
            sides[0],
            sides[1],
            across,
            along,
            color=_STREAM,
            linewidth=width,
            density=1.0,
            arrowsize=0.8,
            zorder=2.6,
        )
    axes.set_xlim(*chosen.limits[0])
    axes.set_ylim(*chosen.limits[1])
    if through is not None:
        axes.plot(*through[columns], "o", color=INK, markersize=6, mec="white", zorder=4)
        note(axes, f"the other {len(through) - 2} parameters held fixed")


@dataclass(frozen=True, eq=False)
class _Means:
    """Mean places and velocities (m, 2) of the neurons in each cell, and their masses (m,)."""

    places: Float64Array
    velocities: Float64Array
    masses: Float64Array


def _draw_means(axes: Axes, chosen: View, problem: AnyProblem, measure: Measure) -> None:
    means = _means(chosen, problem, measure)
    kept = means.masses > _CROWD * means.masses.max(initial=0.0)
    spans = np.ptp(np.asarray(chosen.limits), axis=1)
    speeds = np.max(np.abs(means.velocities[kept]) * _ARROWS / spans, axis=1, initial=0.0)
    fast = float(np.quantile(speeds, 0.9)) if speeds.size else 0.0
    if fast == 0.0:
        note(axes, "the neurons stand still")
        return
    length = _round_down(1.7 / fast)
    arrows = axes.quiver(
        *means.places[kept].T, *means.velocities[kept].T, angles="xy", scale_units="xy",
        scale=1.0 / length, color=INK, width=0.005, minlength=0.0, zorder=4,
    )  # fmt: skip
    arrows.set_path_effects([withStroke(linewidth=1.2, foreground="white")])
    words = f"arrows: mean way in a time of {length:g}"
    axes.set_title(words, loc="right", fontsize=8.0, color=QUIET)


def _means(chosen: View, problem: AnyProblem, measure: Measure) -> _Means:
    shown = represented(measure, _MOST_NEURONS)
    positions = np.asarray(shown.positions, dtype=np.float64)
    velocities = _velocities(problem, measure, positions)
    points, rates = projected_motion(chosen.directions, positions, velocities)
    low, high = np.asarray(chosen.limits).T
    with np.errstate(invalid="ignore", over="ignore"):
        cells = np.floor((points - low) / (high - low) * _ARROWS)
    inside = ((cells >= 0.0) & (cells < _ARROWS)).all(axis=1) & np.isfinite(rates).all(axis=1)
    numbers = (cells[inside] @ [_ARROWS, 1.0]).astype(int)
    values = np.column_stack([np.ones(len(numbers)), points[inside], rates[inside]])
    values *= shown.weights[inside][:, None]
    sums = np.zeros((_ARROWS**2, 5))
    np.add.at(sums, numbers, values)
    sums = sums[sums[:, 0] > 0.0]
    return _Means(sums[:, 1:3] / sums[:, :1], sums[:, 3:] / sums[:, :1], sums[:, 0])


def _round_down(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is at most `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(factor * power for factor in (1.0, 2.0, 5.0) if factor * power <= value))
