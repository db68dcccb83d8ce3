"""The command line: thin, and friendly to people who mistype.

Numerical libraries are imported inside the verbs, so that help is quick.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meanfield.errors import DivergenceError, FileError, InvalidInputError, MeanfieldError

if TYPE_CHECKING:
    from meanfield.experiment import Experiment

__all__ = ["app", "main"]

app = typer.Typer(
    name="meanfield",
    help="Train a neural network as a probability measure: simulate, compare, look.",
    epilog="Start with: meanfield scenarios",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

What = Annotated[
    str, typer.Argument(metavar="SCENARIO|FILE.toml", help="Name of a scenario, or a TOML file.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN.h5", help="File that simulate has written.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a parameter; may be repeated."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress and no summary.")]
SolverName = Annotated[
    str | None, typer.Option("--solver", metavar="NAME", help="One of the scenario's solvers.")
]


@app.command(epilog="Example: meanfield scenarios digits")
def scenarios(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the parameters of this one.")
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a TOML file to start from.")
    ] = False,
) -> None:
    """List what can be run, or the parameters of one scenario."""
    from meanfield import catalogue

    if example:
        print(catalogue.example(), end="")
    elif name is None:
        catalogue.show_all()
    else:
        catalogue.show_one(name)


@app.command(epilog="Example: meanfield simulate digits --particles 256 --out digits.h5")
def simulate(
    what: What,
    solver: SolverName = None,
    particles: Annotated[int | None, typer.Option(metavar="N", help="Number of neurons.")] = None,
    t_end: Annotated[
        float | None, typer.Option("--t-end", metavar="T", help="Mean-field time of the end.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of everything random.")] = 0,
    settings: Set = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN.h5", help="File to write; NAME.h5 by default.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the unfinished run in the file.")
    ] = False,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Let a measure of neurons evolve, and write its trajectory."""
    from meanfield.simulate import resume as continue_run

    experiment = _experiment(what, particles, t_end, settings)
    path = out or Path(f"{experiment.name}.h5")
    begin = time.perf_counter()
    if resume:
        run = continue_run(path, observers=experiment.observers(), progress=not quiet)
    else:
        run = experiment.run(path, seed=seed, solver=solver, progress=not quiet, force=force)
    if not quiet:
        print(f"{experiment.name}: {len(run)} frames in {time.perf_counter() - begin:.1f} s")
        for label, values in {"risk": run.risk, **run.observables}.items():
            print(f"  {label.replace('_', ' '):<14} {values[0]:.4g} → {values[-1]:.4g}")
        print(f"  wrote {path}; look at it with: meanfield plot {path}")


@app.command(epilog="Example: meanfield compare relu-1d --particles 64,128,256 --seeds 10")
def compare(
    what: What,
    particles: Annotated[
        str, typer.Option(metavar="N,N,…", help="Widths of the networks, increasing.")
    ] = "64,256,1024",
    seeds: Annotated[int, typer.Option(metavar="R", help="Networks of each width.")] = 10,
    solver: SolverName = None,
    reference: Annotated[
        int | None,
        typer.Option(metavar="N", help="Neurons of the limit; 16 times the widest by default."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the whole study.")] = 0,
    settings: Set = None,
    out: Annotated[Path, typer.Option(metavar="STUDY.h5", help="File to write.")] = Path(
        "study.h5"
    ),
    figure: Annotated[
        Path | None, typer.Option(metavar="STUDY.png", help="Picture to write as well.")
    ] = None,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Measure how networks of finite width approach their limit, and at what rate."""
    from meanfield.compare import compare as study_of

    widths = _widths(particles)
    experiment = _experiment(what, None, None, settings)
    _check_output(out, (".h5",), force)
    if figure is not None:
        _check_output(figure, (".png", ".pdf", ".svg"), force)
    study = study_of(
        experiment, widths, seeds, solver=solver, reference=reference, seed=seed,
        progress=not quiet,
    )  # fmt: skip
    study.save(out, force=force)
    if figure is not None:
        study.figure(figure, force=force)
    if not quiet:
        print(study)
        print(f"wrote {out}" + (f" and {figure}" if figure else ""))


@app.command(epilog="Example: meanfield animate digits.h5 --out digits.mp4")
def animate(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(metavar="MOVIE", help="A .mp4 (default), .gif or .html file.")
    ] = None,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Make a movie of the neurons and of what they compute."""
    import warnings

    from meanfield.plotting import animate as make_movie
    from meanfield.trajectory import Trajectory

    path = out or run.with_suffix(".mp4")
    _check_output(path, (".mp4", ".gif", ".html"), force)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        made = make_movie(Trajectory.open(run), path, progress=not quiet, force=force)
    for warning in caught:
        print(f"meanfield: {warning.message}", file=sys.stderr)
    if not quiet:
        print(f"wrote {made}")


@app.command(epilog="Example: meanfield plot relu-1d.h5 --out relu.pdf")
def plot(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="A .png (default), .pdf or .svg file.")
    ] = None,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Draw risk, measure and learned function of a run."""
    from meanfield.plotting import plot as draw
    from meanfield.trajectory import Trajectory

    path = out or run.with_suffix(".png")
    _check_output(path, (".png", ".pdf", ".svg"), force)
    draw(Trajectory.open(run), path, force=force)
    if not quiet:
        print(f"wrote {path}")


@app.command(epilog="Example: meanfield info digits.h5")
def info(run: Run) -> None:
    """Say in words what a file holds."""
    from rich.console import Console
    from rich.table import Table

    from meanfield.study import Study
    from meanfield.trajectory import Trajectory

    try:
        rows = Trajectory.open(run).describe()
    except FileError as error:
        try:
            print(Study.open(run))
        except FileError:
            raise error from None
        return
    table = Table(show_header=False, box=None)
    for label, text in rows:
        table.add_row(label, text)
    Console(soft_wrap=not sys.stdout.isatty()).print(table)


def _experiment(
    what: str, particles: int | None, t_end: float | None, settings: list[str] | None
) -> Experiment:
    """Experiment of a scenario or a TOML file, with what the options set."""
    from meanfield.configuration import build_scenario, load_configuration, parse_settings

    pairs = parse_settings(settings or [])
    is_file = what.endswith(".toml")
    shorthands: dict[str, Any] = {
        "initial.particles" if is_file else "particles": particles,
        "time.t_end" if is_file else "t_end": t_end,
    }
    pairs |= {key: str(value) for key, value in shorthands.items() if value is not None}
    return load_configuration(what, pairs) if is_file else build_scenario(what, pairs)


def _widths(text: str) -> list[int]:
    try:
        return [int(width) for width in text.split(",")]
    except ValueError:
        raise InvalidInputError(
            f"--particles takes whole numbers with commas between, got {text!r}"
        ) from None


def _check_output(path: Path, suffixes: tuple[str, ...], force: bool) -> None:
    """Find out before any computing whether a file can be written."""
    if path.suffix.lower() not in suffixes:
        raise InvalidInputError(f"{path}: the file must end in {', '.join(suffixes)}")
    if not path.absolute().parent.is_dir():
        raise FileError(f"there is no folder {path.absolute().parent} to write to")
    if path.exists() and not force:
        raise FileError(f"{path} exists already; use --force to overwrite it")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every mistake of a user ends in one sentence."""
    try:
        app(args=arguments)
    except (InvalidInputError, FileError) as error:
        _stop(str(error), 2)
    except DivergenceError as error:
        _stop(f"{error} (frames up to t = {error.time:.6g} are kept)", 1)
    except MeanfieldError as error:
        _stop(str(error), 1)
    except KeyboardInterrupt:
        _stop("stopped; a simulation goes on with --resume", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _stop(str(error), 1)


def _stop(message: str, status: int) -> None:
    print(f"meanfield: {message}", file=sys.stderr)
    sys.exit(status)
