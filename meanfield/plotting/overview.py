"""The overview of a run on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec

from meanfield.grids import GridMeasure
from meanfield.measures import ParticleMeasure
from meanfield.plotting.cloud import Cloud, add_key, note_outside
from meanfield.plotting.directions import Directions
from meanfield.plotting.energy import energy, gap, has_free_energy, has_gap
from meanfield.plotting.evolution import evolution
from meanfield.plotting.function import Curve, function_panel
from meanfield.plotting.risk import accuracy, accuracy_names, drawable, risk
from meanfield.plotting.style import (
    BLUE,
    PICTURES,
    QUIET,
    SEQUENTIAL,
    check_target,
    in_math,
    new_figure,
    save_figure,
    theme,
    time_text,
)
from meanfield.plotting.survey import Run, Survey, telling_frames
from meanfield.plotting.view import View, view
from meanfield.typing import Float64Array

__all__ = ["overview"]


def overview(
    run: Run,
    path: str | Path | None = None,
    *,
    directions: Directions | str | tuple[str, ...] | None = None,
    force: bool = False,
) -> Figure:
    """Draw a run on one page: the measure at telling times, the risk, and what is learned.

    Above, the measure at the first and the last frame and two between, equidistant in
    the pace of the run (the mean of time, way of the particles, and change of log risk,
    each scaled to 1), in the two most telling directions of parameter space. Below, the
    risk over time (with recorded test risks and accuracies; with the energy, where ridge
    sets it apart), the free energy of a noisy run and its distance from the minimum
    (where certificates are recorded), and the learned function for one input, the
    decision map for two, the law of the neurons in the leading direction over time for
    more.

    Parameters
    ----------
    run : Trajectory
        Finished, running or failed: what it holds is drawn.
    path : path, optional
        File to write: ``.png``, ``.pdf`` or ``.svg``.
    directions : Directions, name of a rule, or pair of parameter names, optional
        Which directions of parameter space; see
        `meanfield.plotting.directions.choose_directions` for the rule.
    force : bool
        Overwrite an existing file.

    Returns
    -------
    Figure
        Outside pyplot; it shows itself in a notebook and can be changed further.

    Raises
    ------
    InvalidInputError
        If the run has no frames, the suffix is unknown, or directions do not suit.
    FileError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> data = mf.Dataset([[-1.0], [0.0], [1.0]], [1.0, 0.0, 1.0])
    >>> problem = mf.Problem(mf.Neuron(inputs=1, activation="relu"), data)
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow("heun", step=0.02), t_end=2.0)
    >>> figure = mf.plot.overview(run)
    >>> figure.savefig("run.png")  # doctest: +SKIP
    """
    if path is not None:
        check_target(path, PICTURES, force)
    survey = Survey.of(run.measures)
    chosen = view(run, directions, survey)
    frames = telling_frames(run, survey)
    with theme():
        figure = new_figure(12.8, 7.2)
        above, below = list(figure.subfigures(2, 1, height_ratios=[1.0, 0.9]))  # type: ignore[arg-type]
        _draw_snapshots(above, run, chosen, frames)
        widths = [1.7 if run.problem.neuron.inputs == 2 else 1.25, 1.0]
        if has_free_energy(run) or has_gap(run):
            widths = [1.0, 1.0, 1.0]
        grid = below.add_gridspec(1, len(widths), width_ratios=widths, wspace=0.04)
        _draw_risk(below, grid[0], run, frames)
        if len(widths) > 2:
            _draw_energy(below, grid[1], run, frames)
        _draw_right(below.add_subplot(grid[len(widths) - 1]), run, chosen, frames)
        above.suptitle(_headline(run), x=0.012, ha="left", fontsize=10.5, color=QUIET)
    if path is not None:
        save_figure(figure, path, force)
    return figure


def _headline(run: Run) -> str:
    problem, measure = run.problem, run.measures[-1]
    neuron = problem.neuron
    outer = "" if neuron.outer == "fixed" else "a\\,"
    name = neuron.activation.name.replace("_", "\\_")
    inner = "w \\cdot x" + (" + b" if neuron.bias else "")
    uniform = isinstance(measure, ParticleMeasure) and measure.is_uniform
    size = f"{len(measure)} {'neurons' if uniform else 'weighted nodes'}"
    if isinstance(measure, GridMeasure):
        size = f"grid of {' x '.join(str(count) for count in measure.shape)} cells"
    words = f"{size}  $\\Phi = {outer}\\mathrm{{{name}}}({inner})$"
    words += f"   ·   {problem.setting.replace('_', '-')} in {neuron.inputs} dimension"
    words += "s" if neuron.inputs > 1 else ""
    solver = getattr(getattr(run, "solver", None), "name", "")
    return words + (f"   ·   {solver}" if solver else "")


def _draw_snapshots(figure: SubFigure, run: Run, chosen: View, frames: Sequence[int]) -> None:
    grid = figure.add_gridspec(1, len(frames), wspace=0.03)
    group: list[Axes] = []
    for column, frame in enumerate(frames):
        first = group[0] if group else None
        ax = figure.add_subplot(grid[column], sharex=first, sharey=first)
        measure = run.measures[frame]
        Cloud(ax, chosen).draw(measure)
        note_outside(ax, chosen.outside(measure))
        ax.set_title(in_math(time_text(float(run.times[frame]), float(run.times[-1]))))
        ax.set_xlabel("")
        if column > 0:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
        group.append(ax)
    figure.supxlabel(chosen.directions.labels[0], fontsize=10)
    add_key(group, chosen.colouring)


def _draw_risk(figure: SubFigure, place: SubplotSpec, run: Run, frames: Sequence[int]) -> None:
    if accuracy_names(run):
        grid = place.subgridspec(2, 1, height_ratios=[1.7, 1.0], hspace=0.04)
        ax = figure.add_subplot(grid[0])
        risk(run, ax)
        lower = figure.add_subplot(grid[1], sharex=ax)
        accuracy(run, lower)
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    else:
        ax = risk(run, figure.add_subplot(place))
    _mark(ax, run, run.risk, frames)
    ax.set_title("risk of the network")


def _draw_energy(figure: SubFigure, place: SubplotSpec, run: Run, frames: Sequence[int]) -> None:
    """The free energy above the certificate, or the one of the two that there is."""
    panels = [energy] * has_free_energy(run) + [gap] * has_gap(run)
    grid = place.subgridspec(len(panels), 1, hspace=0.04)
    first: Axes | None = None
    for row, draw in enumerate(panels):
        ax = draw(run, figure.add_subplot(grid[row], sharex=first))
        if draw is energy:
            _mark(ax, run, run.energy, frames)
        if row + 1 < len(panels):
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
        if first is None:
            first = ax
            title = "free energy" if draw is energy else "gap to the least energy"
            ax.set_title(title + (" and gap to its minimum" if len(panels) > 1 else ""))


def _mark(ax: Axes, run: Run, values: Float64Array, frames: Sequence[int]) -> None:
    """Dots at the times of the snapshots."""
    chosen = list(frames)
    ax.plot(
        run.times[chosen], drawable(values[chosen]), "o", color=BLUE, markersize=7, mec="white",
        mew=1.3, zorder=5, clip_on=False,
    )  # fmt: skip


def _draw_right(ax: Axes, run: Run, chosen: View, frames: Sequence[int]) -> None:
    problem = run.problem
    if problem.neuron.inputs > 2:
        evolution(run, chosen, ax)
        ax.set_title("law of the neurons over time")
        return
    measure = run.measures[frames[-1]]
    panel = function_panel(ax, problem, len(measure))
    panel.draw(measure)
    if isinstance(panel, Curve):
        _draw_earlier(panel, run, frames)
        ax.set_title("learned function")
    else:
        ax.set_title("learned function at the end")


def _draw_earlier(panel: Curve, run: Run, frames: Sequence[int]) -> None:
    """Functions at the earlier times, the paler the earlier."""
    values = [panel.values(run.measures[frame]) for frame in frames]
    panel.fit_limits(values)
    several = values[0].shape[1] > 1
    labels = [in_math(time_text(float(run.times[f]), float(run.times[-1]))) for f in frames]
    for number, (label, curve) in enumerate(zip(labels[:-1], values[:-1], strict=True)):
        settings: dict[str, Any] = {"linewidth": 1.5, "zorder": 3.5}
        shade = (number + 1.0) / len(frames)
        settings |= {"alpha": 0.35} if several else {"color": SEQUENTIAL(0.1 + 0.4 * shade)}
        panel.add_lines(curve, **settings)[0].set_label(label)
    panel.lines[0].set_label(labels[-1])
    if len(frames) > 1 and not several:
        handles, words = panel.ax.get_legend_handles_labels()
        handles, words = handles[1:] + handles[:1], words[1:] + words[:1]
        panel.ax.legend(handles, words, loc="best", handlelength=1.4, labelspacing=0.3)
