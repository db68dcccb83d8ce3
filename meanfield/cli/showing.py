"""The verbs that show: scenarios, runs and studies."""

from __future__ import annotations

from pathlib import Path

from meanfield.cli.options import (
    Arrows,
    DataFile,
    Example,
    Follow,
    Force,
    LimitFile,
    Megabytes,
    MovieClock,
    MovieDirections,
    MovieLayout,
    MovieOut,
    MovieSeconds,
    NoBrowser,
    PanelDirections,
    PanelNames,
    PanelTime,
    PictureOut,
    Port,
    Quiet,
    RunFiles,
    RunOrStudyFiles,
    ScenarioName,
    Verify,
)
from meanfield.cli.speech import announce
from meanfield.errors import InvalidInputError
from meanfield.safeguards import check_output, is_study, open_run, running, tidied

__all__ = ["scenarios", "info", "plot", "animate", "view"]

_PICTURES = (".png", ".pdf", ".svg")
# Of the page that view serves; known here, since --help is not to load the server.
_PORT = 8765
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


def info(path: DataFile, follow: Follow = False, verify: Verify = False) -> None:
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
        if verify:
            raise InvalidInputError(f"{path} is a comparison of widths; --verify is for runs")
        console.print(str(Study.open(path)), markup=False, soft_wrap=True)
        return
    trajectory = open_run(path)
    if follow:
        from meanfield.run_file import follow_run

        follow_run(path)
        return
    verified = []
    if verify:
        from meanfield.verification import verify as verification

        verified = [("verified", str(verification(path)))]
    lines = trajectory.describe() + verified
    if trajectory.is_being_written:
        lines.append(("to follow it", f"meanfield info --follow {path}"))
    elif trajectory.status != "complete":
        lines.append(("to continue", f"meanfield simulate --resume {path}"))
    report.rows(console, lines)


def plot(
    paths: RunOrStudyFiles,
    panel: PanelNames = None,
    limit: LimitFile = None,
    directions: PanelDirections = None,
    time: PanelTime = None,
    out: PictureOut = None,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Draw a run, or a comparison, on one page.

    Of a run: the measure at telling times, the risk, and what the network learns,
    or the panels that you name. Of several runs: their risks. Of a comparison:
    distances to the limit against the width.

    For example:
    $ meanfield plot run.h5
    $ meanfield plot run.h5 --out run.pdf
    $ meanfield plot run.h5 --panel phase-portrait --time 2 --out portrait.svg
    $ meanfield plot run-64.h5 run-256.h5 --limit grid.h5 --out risks.png
    """
    first = paths[0]
    if any(is_study(path) for path in paths):
        if len(paths) > 1 or panel or limit or directions or time is not None:
            raise InvalidInputError(
                "a comparison of widths is drawn alone: meanfield plot STUDY.h5 [--out FILE]"
            )
        target = check_output(out or first.with_suffix(".png"), force, _PICTURES)
        _plot_study(first, target, force)
        announce(target, quiet)
        return
    names = panel or (["risk"] if len(paths) > 1 or limit else [])
    target = out or first.with_name(f"{'-'.join([first.stem, *names])}.png")
    check_output(target, force, _PICTURES)
    runs = [open_run(path) for path in paths]
    shown = tuple(directions.split(",")) if directions and "," in directions else directions
    with running(None):
        if not names:
            from meanfield.plotting.overview import overview

            if time is not None:
                raise InvalidInputError("--time is for --panel; the overview shows four times")
            overview(runs[0], target, directions=shown, force=force)
        else:
            from meanfield.plotting.catalogue import panels

            panels(
                runs[0] if len(runs) == 1 else runs, names, target, directions=shown, time=time,
                limit=open_run(limit) if limit else None, force=force,
            )  # fmt: skip
    announce(target, quiet)


def _plot_study(path: Path, target: Path, force: bool) -> None:
    from meanfield.study import Study

    study = Study.open(path)
    with running(None):
        study.figure(target, force=force)


def animate(
    paths: RunFiles,
    out: MovieOut = None,
    layout: MovieLayout = None,
    clock: MovieClock = "pace",
    directions: MovieDirections = None,
    arrows: Arrows = False,
    seconds: MovieSeconds = 8.0,
    megabytes: Megabytes = 15.0,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Make a movie of a run, or of several side by side; or an interactive page.

    It shows the moving neurons, and beside or below them what the network learns. A page
    is one file that any browser opens, without network; it has a clock of its own.

    For example:
    $ meanfield animate run.h5
    $ meanfield animate run.h5 --out run.gif --seconds 3 --clock log
    $ meanfield animate narrow.h5 wide.h5 limit.h5 --out together.mp4
    $ meanfield animate run.h5 --out run.html
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
    pair = tuple(directions.split(",")) if directions and "," in directions else directions
    if target.suffix.lower() == ".html":
        from meanfield.page.document import write_page

        if layout is not None or clock != "pace" or arrows:
            raise InvalidInputError("a page has its own layout and clock; drop these options")
        with running(None):
            write_page(
                trajectories, target, seconds=seconds, megabytes=megabytes, directions=pair,
                force=force,
            )  # fmt: skip
        announce(target, quiet)
        return
    from meanfield.plotting.movie import animate as draw

    with running(None), tidied():
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


def view(
    paths: RunFiles,
    port: Port = _PORT,
    no_browser: NoBrowser = False,
    seconds: MovieSeconds = 8.0,
    megabytes: Megabytes = 15.0,
    quiet: Quiet = False,
) -> None:
    """Look at one or several runs in the browser, also while they go on.

    The page is served to this machine alone, and takes new frames as they are made.
    Ctrl-C ends it; runs go on.

    For example:
    $ meanfield view run.h5
    $ meanfield view narrow.h5 wide.h5 --port 9000
    """
    for path in paths:
        open_run(path)
    from meanfield.page.server import serve

    serve(
        paths,
        port=port,
        browser=not no_browser,
        say=print if not quiet else lambda text: None,
        seconds=seconds,
        megabytes=megabytes,
    )
