"""Panels by name, and several of them on one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield.errors import InvalidInputError
from meanfield.plotting.cloud import Cloud, add_key, note_outside
from meanfield.plotting.dissipation import dissipation
from meanfield.plotting.energy import energy, gap
from meanfield.plotting.evolution import evolution
from meanfield.plotting.function import function, measure_at
from meanfield.plotting.marginals import marginals
from meanfield.plotting.phase_portrait import phase_portrait
from meanfield.plotting.risk import accuracy, risk
from meanfield.plotting.style import PICTURES, check_target, new_figure, save_figure, theme
from meanfield.plotting.survey import Run
from meanfield.plotting.tangents import kernel_alignment, kernel_spectrum
from meanfield.plotting.trajectories import trajectories
from meanfield.plotting.view import view
from meanfield.registry import Registry

__all__ = ["Panel", "page", "panels"]

Directed = str | tuple[str, ...] | None


@dataclass(frozen=True)
class Panel:
    """A panel of a run by name.

    Parameters
    ----------
    summary : str
        What it shows, in a line.
    draw : callable
        Of a run, with the keyword ``ax``, and ``directions`` if it takes any.
    directed : bool
        Whether it shows parameters, so that it takes directions.
    """

    summary: str
    draw: Callable[..., Axes]
    directed: bool = False


def _measure(run: Run, directions: Directed, ax: Axes) -> Axes:
    measure, chosen = measure_at(run, -1), view(run, directions)
    Cloud(ax, chosen).draw(measure)
    note_outside(ax, chosen.outside(measure))
    add_key(ax, chosen.colouring)
    return ax


def _trajectories(run: Run, directions: Directed, ax: Axes) -> Axes:
    chosen = view(run, directions)
    add_key(trajectories(run, chosen, ax), chosen.colouring)
    return ax


#: Vocabulary of panels of a run by name.
panels: Registry[Panel] = Registry("panel")
for _name, _panel in {
    "measure": Panel("the neurons at the end", _measure, directed=True),
    "function": Panel("what the network has learned at the end", function),
    "risk": Panel("the risk over time; of several runs beside each other", risk),
    "accuracy": Panel("recorded accuracies over time", accuracy),
    "energy": Panel("the free energy over time", energy),
    "gap": Panel("the certificate of optimality over time", gap),
    "dissipation": Panel("how fast the energy falls, against theory", dissipation),
    "evolution": Panel("the law of one coordinate over time: heat map", evolution, directed=True),
    "marginals": Panel("the law of one coordinate over time: ridge", marginals, directed=True),
    "trajectories": Panel("the ways of single neurons", _trajectories, directed=True),
    "phase-portrait": Panel("velocities, with the neurons", phase_portrait, directed=True),
    "kernel-spectrum": Panel("eigenvalues of the tangent kernel over time", kernel_spectrum),
    "kernel-alignment": Panel("the tangent kernel and the target", kernel_alignment),
}.items():
    panels.register(_name, _panel)


def page(
    run: Run,
    names: str | Sequence[str],
    path: str | Path | None = None,
    *,
    directions: Directed = None,
    force: bool = False,
) -> Figure:
    """Draw panels of a run on one page.

    Parameters
    ----------
    run : Trajectory
    names : str or sequence of str
        Names of panels, such as ``"risk"`` or ``"phase-portrait"``.
    path : path, optional
        File to write: ``.png``, ``.pdf`` or ``.svg``.
    directions : name of a parameter or of a rule, or pair of parameter names, optional
        For the panels that show parameters.
    force : bool
        Overwrite an existing file.

    Returns
    -------
    Figure
        Outside pyplot; it shows itself in a notebook and can be changed further.

    Raises
    ------
    InvalidInputError
        If a name is unknown, or a panel cannot show this run.
    FileError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> figure = mf.plot.page(run, ["risk", "marginals"], directions="b")
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['(a) ', '(b) ']
    """
    chosen = [names] if isinstance(names, str) else list(names)
    if not chosen:
        raise InvalidInputError(f"names must hold at least one panel of {', '.join(panels)}")
    drawn = [panels[str(name).replace("_", "-")] for name in chosen]
    if path is not None:
        check_target(path, PICTURES, force)
    columns = min(len(drawn), 2 if len(drawn) == 4 else 3)
    rows = -(-len(drawn) // columns)
    with theme():
        figure = new_figure(5.2 * columns, 3.9 * rows)
        for number, panel in enumerate(drawn):
            ax = figure.add_subplot(rows, columns, number + 1)
            extra = {"directions": directions} if panel.directed else {}
            panel.draw(run, ax=ax, **extra)
            if len(drawn) > 1:
                ax.set_title(f"({chr(ord('a') + number)}) {ax.get_title(loc='left')}")
    if path is not None:
        save_figure(figure, path, force)
    return figure
