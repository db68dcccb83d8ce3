"""The verbs that show: scenarios, runs and studies."""

from __future__ import annotations

from pathlib import Path

from meanfield.cli.options import (
    Arrows,
    DataFile,
    Example,
    Follow,
    Force,
    MovieClock,
    MovieDirections,
    MovieLayout,
    MovieOut,
    MovieSeconds,
    PictureOut,
    Quiet,
    RunFiles,
    ScenarioName,
)
from meanfield.cli.speech import announce
from meanfield.errors import InvalidInputError
from meanfield.safeguards import check_output, is_study, open_run, running

__all__ = ["scenarios", "info", "plot", "animate"]

_PICTURES = (".png", ".pdf", ".svg")
_MOVIES = (".mp4", ".webm", ".gif", ".png", ".html")


def scenarios(
    name: ScenarioName = None,
    example: Example = False,
) -> None:
    """List the scenarios, or explain one with all its parameters.

    For example:
    $ meanfield scenarios
    $ meanfield scenarios two-gaussians
    $ meanfield scenarios --example > moons.toml
    """
    from meanfield import report

    if example:
        from meanfield.configuration import example as text

        print(text(), end="")
        return
    from meanfield.experiment import scenarios as known

    console = report.output()
    if name is not None:
        report.scenario_page(console, known[name])
        return
    report.catalogue(console, known)
    if console.is_terminal:
        console.print("\nmeanfield scenarios NAME explains one and lists its parameters.")


def info(path: DataFile, follow: Follow = False) -> None:
    """Say in words what a file holds.

    With --follow it shows how far a run is that another process makes, and when it
    will end, until it does. Ctrl-C stops looking; the run goes on.

    For example:
    $ meanfield info run.h5
    $ meanfield info study.h5
    $ meanfield info --follow run.h5
    """
    from meanfield import report

    console = report.output()
    if is_study(path):
        from meanfield.study import Study

        if follow:
            raise InvalidInputError(f"{path} is a comparison of widths; --follow is for runs")
        console.print(str(Study.open(path)), markup=False, soft_wrap=True)
        return
    trajectory = open_run(path)
    if follow:
        from meanfield.run_file import follow_run

        follow_run(path)
        return
    lines = trajectory.describe()
    if trajectory.is_being_written:
        lines.append(("to follow it", f"meanfield info --follow {path}"))
    elif trajectory.status != "complete":
        lines.append(("to continue", f"meanfield simulate --resume {path}"))
    report.rows(console, lines)


def plot(
    path: DataFile,
    out: PictureOut = None,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Draw a run, or a comparison, on one page.

    Of a run: the measure at telling times, the risk, and what the network learns.
    Of a comparison: distances to the limit against the width.

    For example:
    $ meanfield plot run.h5
    $ meanfield plot run.h5 --out run.pdf
    """
    of_widths = is_study(path)
    target = check_output(out or path.with_suffix(".png"), force, _PICTURES)
    if of_widths:
        from meanfield.study import Study

        study = Study.open(path)
        with running(None):
            study.figure(target, force=force)
    else:
        trajectory = open_run(path)
        from meanfield.plotting.overview import overview as draw

        with running(None):
            draw(trajectory, target, force=force)
    announce(target, quiet)


def animate(
    paths: RunFiles,
    out: MovieOut = None,
    layout: MovieLayout = None,
    clock: MovieClock = "pace",
    directions: MovieDirections = None,
    arrows: Arrows = False,
    seconds: MovieSeconds = 8.0,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Make a movie of a run, or of several side by side.

    It shows the moving neurons, and beside or below them what the network learns.

    For example:
    $ meanfield animate run.h5
    $ meanfield animate run.h5 --out run.gif --seconds 3 --clock log
    $ meanfield animate narrow.h5 wide.h5 limit.h5 --out together.mp4
    """
    from meanfield.checks import as_number

    as_number("seconds", seconds, "positive")
    for path in paths:
        is_study(path)  # what is to be shown comes before where it is to go
    named = paths[0].with_suffix(".mp4") if len(paths) == 1 else Path("side-by-side.mp4")
    target = check_output(out or named, force, _MOVIES)
    if target.suffix.lower() == ".png":
        from meanfield.plotting.numbered import check_numbered

        check_numbered(target, force)
    trajectories = [open_run(path) for path in paths]
    from meanfield.plotting.movie import animate as draw

    pair = tuple(directions.split(",")) if directions and "," in directions else directions
    with running(None):
        movie = draw(
            trajectories if len(trajectories) > 1 else trajectories[0],
            target,
            layout=layout,
            clock=clock,
            directions=pair,
            arrows=arrows,
            seconds=seconds,
            progress=not quiet,
            force=force,
        )
        announce(movie, quiet)
