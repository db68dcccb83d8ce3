"""What the command line prints: tables for a terminal, plain lines for a pipe."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from meanfield.assignments import parameters_of
from meanfield.dashboard import run_picture
from meanfield.display import Display, Lines, Screen, Shown, is_interactive
from meanfield.wording import duration

if TYPE_CHECKING:
    from meanfield.audit import Audit
    from meanfield.trajectory import Trajectory
    from meanfield.warmup import Warmth
    from meanfield.watching import Glance

__all__ = [
    "audit_tables",
    "catalogue",
    "follow",
    "output",
    "prose",
    "rows",
    "run_summary",
    "scenario_page",
    "warmup_summary",
]

# Wide enough for every line: what goes to a file or another program is never wrapped.
_UNLIMITED = 10_000
_PROSE_WIDTH = 88
# Below this, the reference of a scenario goes under its summary.
_CATALOGUE_WIDTH = 150
# Seconds between two lines about a run that goes on.
_FOLLOWED_INTERVAL = 10.0


def output() -> Console:
    """Console on standard output; in a pipe without colours and without wrapping."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_UNLIMITED)


def catalogue(console: Console, entries: Mapping[str, Any]) -> None:
    """Print name, one line and reference of each scenario."""
    stacked = console.width < _CATALOGUE_WIDTH
    table = (
        _table("name", "what it is, and where it comes from")
        if stacked
        else _table("name", "what it is", "reference")
    )
    for name in sorted(entries):
        scenario = entries[name]
        summary, reference = Text(scenario.summary), Text(scenario.reference, style="dim")
        texts = [Text("\n").join([summary, reference])] if stacked else [summary, reference]
        table.add_row(Text(name, style="bold cyan"), *texts)
    console.print(table)


def scenario_page(console: Console, scenario: Any) -> None:
    """Print the documentation of a scenario and a table of its parameters."""
    console.print(Text(scenario.name, style="bold cyan"))
    console.print()
    console.print(Text(prose(scenario.__doc__ or "", min(console.width, _PROSE_WIDTH))))
    console.print()
    table = _table("parameter", "type", "default", "meaning")
    for name, kind, default, doc in parameters_of(scenario):
        table.add_row(
            Text(name, style="bold cyan"),
            Text(getattr(kind, "__name__", str(kind)), style="yellow"),
            Text(str(default)),
            Text(doc),
        )
    console.print(table)
    first, *others = scenario().build().solvers
    console.print()
    any_other = f"where they apply, with their defaults: meanfield check {scenario.name}"
    listed = ", ".join([f"{first} (default)", *others])
    rows(console, [("solvers", listed), ("and others", any_other)])


def rows(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    """Print labels with their texts in two columns."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for label, text in lines:
        table.add_row(Text(label), Text(text))
    console.print(table)


def run_summary(run: Trajectory, path: Path, seconds: float) -> list[tuple[str, str]]:
    """Return what a run did, first → last, and where it is."""
    found = [
        ("frames", f"{len(run)}, t = {run.times[0]:g} to {run.times[-1]:g}"),
        ("risk", _change(run.risk)),
    ]
    if run.problem.temperature > 0.0 and np.isfinite(run.energy).all():
        found.append(("free energy", _change(run.energy)))
    found += [(name.replace("_", " "), _change(values)) for name, values in run.observables.items()]
    return [
        *found,
        ("time taken", f"{duration(seconds)} ({run.engine} sums)"),
        ("written to", str(path)),
        ("next", f"meanfield plot {path}  or  meanfield animate {path}"),
    ]


def follow(console: Console, seen: Iterable[Glance]) -> Glance:
    """Show how far a run is until it ends: a dashboard on a terminal, elsewhere plain lines.

    Parameters
    ----------
    console : Console
    seen : iterable of Glance
        At least one, as `meanfield.watching.glances` gives them.

    Returns
    -------
    Glance
        The last one.
    """
    with _Followed(console) as followed:
        for glance in seen:
            followed.look(glance)
    assert followed.last is not None
    return followed.last


class _Followed(Shown):
    """What is seen of a run that goes on: the first and the last look are told in any case."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.last: Glance | None = None

    def look(self, glance: Glance) -> None:
        """Show what was seen."""
        is_news = self.last is None or glance.status != "running"
        self.last = glance
        if is_news and not is_interactive(self._console):
            self._write(self.line())
        else:
            self._changed()

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        return Text("") if self.last is None else run_picture(self.last.standing, width, ascii_only)

    def line(self) -> str:
        """What a log says now."""
        return str(self.last)

    def _new_display(self) -> Display:
        if is_interactive(self._console):
            return Screen(self._console, self.picture)
        return Lines(self.line, self._write, _FOLLOWED_INTERVAL)

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)
        self._console.file.flush()


def audit_tables(console: Console, audit: Audit) -> None:
    """Print what each solver found, how far each two differ, and what was not run."""
    titles = {
        "risk": "risk",
        "outputs": "outputs",
        "wasserstein": "W₂",
        "mean": "mean",
        "covariance": "covariance",
    }
    table = _table("solver", "at the end", "risk", "± expected", "outputs ±", "seconds")
    for name, answer in audit.answers.items():
        table.add_row(
            Text(name, style="bold cyan"),
            repr(answer.measure),
            f"{answer.risk:.8g}",
            f"{answer.error.risk:.1e}",
            f"{answer.error.outputs:.1e}",
            f"{answer.seconds:.3g}",
        )
    console.print(table)
    console.print()
    table = _table("difference (allowed)", *titles.values(), "")
    for first, second, found, allowed in audit.pairs():
        cells = [f"{getattr(found, n):.1e} ({getattr(allowed, n):.1e})" for n in titles]
        agree = all(getattr(found, n) <= getattr(allowed, n) for n in titles)
        verdict = Text("agree", style="green") if agree else Text("differ", style="bold red")
        table.add_row(Text(f"{first}, {second}", style="bold cyan"), *cells, verdict)
    console.print(table)
    if audit.refusals:
        console.print()
        rows(console, [(f"not {name}", reason) for name, reason in audit.refusals.items()])


def warmup_summary(warmth: Warmth) -> list[tuple[str, str]]:
    """Return what was compiled, and where it is kept."""
    return [
        ("kernels", f"{warmth.compiled} compiled, {warmth.loaded} loaded"),
        ("time taken", duration(warmth.seconds)),
        ("kept in", str(warmth.directory or "no directory that can be written to")),
    ]


def prose(docstring: str, width: int) -> str:
    r"""Docstring as text to read: without its lists of parameters and its examples.

    Examples
    --------
    >>> print(prose("Fit a ``hat``.\n\nExamples\n--------\n>>> 1 + 1", 80))
    Fit a `hat`.
    """
    parts = re.split(r"(?m)^(\w+)\n-{3,}\n", cleandoc(docstring))
    text = parts[0].strip()
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title not in ("Parameters", "Examples"):
            text += f"\n\n{title}: {' '.join(body.split())}"
    text = text.replace("``", "`")
    return "\n\n".join(_filled(paragraph, width) for paragraph in text.split("\n\n"))


def _filled(paragraph: str, width: int) -> str:
    """Paragraph wrapped anew; tables and indented text stay as they are."""
    if re.search(r"(?m)^(=|\s)", paragraph):
        return paragraph
    return textwrap.fill(
        " ".join(paragraph.split()), width, break_on_hyphens=False, break_long_words=False
    )


def _change(values: Sequence[float] | Any) -> str:
    return f"{values[0]:.4g} → {values[-1]:.4g}"


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, title in enumerate(titles):
        table.add_column(title, no_wrap=number == 0)
    return table
