"""Panels by name, and several of them on one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meanfield.checks import as_number
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
from meanfield.plotting.survey import Run, require_frames
from meanfield.plotting.tangents import kernel_alignment, kernel_spectrum
from meanfield.plotting.trajectories import trajectories
from meanfield.plotting.view import view
from meanfield.registry import Registry

__all__ = ["Panel", "catalogue", "panels"]

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
    takes : set of str
        What else it takes: ``"directions"`` if it shows parameters, ``"index"`` if it
        shows one frame, ``"limit"`` if it compares runs.
    """

    summary: str
    draw: Callable[..., Axes]
    takes: frozenset[str] = frozenset()


def _measure(run: Run, index: int = -1, *, directions: Directed, ax: Axes) -> Axes:
    measure, chosen = measure_at(run, index), view(run, directions)
    Cloud(ax, chosen).draw(measure)
    note_outside(ax, chosen.outside(measure))
    add_key(ax, chosen.colouring)
    return ax


def _trajectories(run: Run, *, directions: Directed, ax: Axes) -> Axes:
    chosen = view(run, directions)
    add_key(trajectories(run, chosen, ax), chosen.colouring)
    return ax


_WAYS, _FRAME = frozenset({"directions"}), frozenset({"index"})
#: Vocabulary of panels of a run by name.
catalogue: Registry[Panel] = Registry("panel")
for _name, _panel in {
    "measure": Panel("the neurons at one time", _measure, _WAYS | _FRAME),
    "function": Panel("what the network has learned at one time", function, _FRAME),
    "risk": Panel("the risk over time; of several runs", risk, frozenset({"limit"})),
    "accuracy": Panel("recorded accuracies over time", accuracy),
    "energy": Panel("the free energy over time", energy),
    "gap": Panel("the certificate of optimality over time", gap),
    "dissipation": Panel("how fast the energy falls, against theory", dissipation),
    "evolution": Panel("the law of one coordinate over time: heat map", evolution, _WAYS),
    "marginals": Panel("the law of one coordinate over time: ridge", marginals, _WAYS),
    "trajectories": Panel("the ways of single neurons", _trajectories, _WAYS),
    "phase-portrait": Panel("velocities at one time", phase_portrait, _WAYS | _FRAME),
    "kernel-spectrum": Panel("eigenvalues of the tangent kernel over time", kernel_spectrum),
    "kernel-alignment": Panel("the tangent kernel and the target", kernel_alignment),
}.items():
    catalogue.register(_name, _panel)


def panels(
    run: Run | Sequence[Run] | Mapping[str, Run],
    names: str | Sequence[str] = "risk",
    path: str | Path | None = None,
    *,
    limit: Run | None = None,
    directions: Directed = None,
    time: float | None = None,
    force: bool = False,
) -> Figure:
    """Draw panels on one page.

    Parameters
    ----------
    run : Trajectory, or sequence or mapping of them
        Of several runs the panel is `risk`.
    names : str or sequence of str
        Names of panels, such as ``"risk"`` or ``"phase-portrait"``.
    path : path, optional
        File to write: ``.png``, ``.pdf`` or ``.svg``.
    limit : Trajectory, optional
        For the panel `risk`, to draw beside the others.
    directions : name of a parameter or of a rule, or pair of parameter names, optional
        For the panels that show parameters.
    time : float, optional
        For the panels of one frame: the one nearest to it; the last by default.
    force : bool
        Overwrite an existing file.

    Returns
    -------
    Figure
        Outside pyplot; it shows itself in a notebook and can be changed further.

    Raises
    ------
    InvalidInputError
        If a name is unknown, a panel cannot show this run, or no panel takes what is given.
    FileError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> figure = mf.plot.panels(run, ["risk", "marginals"], directions="b")
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['(a) ', '(b) ']
    """
    chosen = [names] if isinstance(names, str) else list(names)
    if not chosen:
        raise InvalidInputError(f"names must hold at least one panel of {', '.join(catalogue)}")
    drawn = {name: catalogue[name] for name in (str(each).replace("_", "-") for each in chosen)}
    if isinstance(run, Mapping | Sequence) and set(drawn) != {"risk"}:
        raise InvalidInputError("several runs can be drawn together in the panel risk only")
    given: dict[str, Any] = {"limit": limit, "directions": directions}
    if time is not None:
        given["index"] = _nearest(run, time)
    given = {key: value for key, value in given.items() if value is not None}
    _require_takers(drawn, given)
    if path is not None:
        check_target(path, PICTURES, force)
    figure = _filled(run, list(drawn.values()), given)
    if path is not None:
        save_figure(figure, path, force)
    return figure


def _nearest(run: Any, time: float) -> int:
    """Number of the frame nearest to a time of the run."""
    require_frames(run.measures)
    if not run.times[0] <= as_number("time", time) <= run.times[-1]:
        raise InvalidInputError(
            f"time must be from {run.times[0]:g} to {run.times[-1]:g}, got {time:g}"
        )
    return int(np.argmin(np.abs(run.times - time)))


def _require_takers(drawn: Mapping[str, Panel], given: Mapping[str, Any]) -> None:
    for key in given:
        if not any(key in panel.takes for panel in drawn.values()):
            takers = ", ".join(name for name, panel in catalogue.items() if key in panel.takes)
            word = "time" if key == "index" else key
            raise InvalidInputError(
                f"{', '.join(drawn)} takes no {word}; it is for the panels {takers}"
            )


def _filled(run: Any, drawn: Sequence[Panel], given: Mapping[str, Any]) -> Figure:
    columns = min(len(drawn), 2 if len(drawn) == 4 else 3)
    rows = -(-len(drawn) // columns)
    with theme():
        figure = new_figure(5.2 * columns, 3.9 * rows)
        for number, panel in enumerate(drawn):
            ax = figure.add_subplot(rows, columns, number + 1)
            extra = {key: value for key, value in given.items() if key in panel.takes}
            if "directions" in panel.takes:
                extra.setdefault("directions", None)
            panel.draw(run, ax=ax, **extra)
            if len(drawn) > 1:
                ax.set_title(f"({chr(ord('a') + number)}) {ax.get_title(loc='left')}")
    return figure
