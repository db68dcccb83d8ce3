"""The command line: what a user types, and what an error says."""

from __future__ import annotations

import os
import sys
import time
import warnings
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer

from meanfield.errors import FileError, InvalidInputError, MeanfieldError
from meanfield.launcher import launched_rank, rank_count
from meanfield.options import (
    CheckedParticles,
    CheckedSolvers,
    Cluster,
    DataFile,
    End,
    Example,
    FigureOut,
    Follow,
    Force,
    FrameDtype,
    FrameParticles,
    MovieOut,
    MovieSeconds,
    PageOut,
    Particles,
    PictureOut,
    Quiet,
    Reference,
    Replicas,
    Resume,
    ResumeStudy,
    RunFile,
    RunOut,
    ScenarioName,
    Seed,
    Settings,
    SolverName,
    Source,
    Sources,
    Steps,
    StudyOut,
    TaskNumber,
    Verb,
    Verbs,
    Widths,
    Workers,
    WorkingVerb,
    spread_settings,
    usage_sentence,
)
from meanfield.safeguards import (
    Stopped,
    check_output,
    data_file,
    frame_recording,
    is_study,
    open_run,
    running,
)

__all__ = ["app", "main", "run"]

# Everything heavy is imported inside the verbs: help must appear at once.

_MISTAKE, _FAILURE = 2, 1
_LONGEST = 1000
_PICTURES = (".png", ".pdf", ".svg")
_MOVIES = (".mp4", ".gif", ".html")

app = typer.Typer(
    cls=Verbs,
    name="meanfield",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def _meanfield(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.")
    ] = False,
) -> None:
    """Neural networks trained as probability measures: simulate, compare, look.

    A first run, a picture and a movie of it:
    $ meanfield simulate teacher-student
    $ meanfield plot teacher-student.h5
    $ meanfield animate teacher-student.h5
    """
    if version:
        from meanfield import __version__

        print(f"meanfield {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=Verb)
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


@app.command(cls=WorkingVerb)
def simulate(
    source: Source,
    solver: SolverName = None,
    particles: Particles = None,
    t_end: End = None,
    seed: Seed = 0,
    settings: Settings = None,
    out: RunOut = None,
    frame_particles: FrameParticles = None,
    frame_dtype: FrameDtype = None,
    resume: Resume = False,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Simulate the training of a network and record it in a file.

    A run that was stopped goes on with --resume and its file, or with the same
    command and --resume, and ends as if it had never stopped. A later --t-end makes
    it longer.

    For example:
    $ meanfield simulate digits
    $ meanfield simulate relu-1d --set function=hat --t-end 200 --out hat.h5
    $ meanfield simulate moons.toml --solver sgd --particles 256 --seed 1
    $ meanfield simulate teacher-student --solver langevin
    $ meanfield simulate --resume hat.h5 --t-end 400
    """
    from meanfield.run_file import check_file_alone, continue_run, summarise

    if Path(source).suffix.lower() in (".h5", ".hdf5"):
        given = {"--solver": solver, "--particles": particles, "--set": settings, "--out": out}
        check_file_alone(source, resume, seed, force, given)
        continue_run(Path(source), t_end, quiet)
        return
    from meanfield.source import named_experiment

    described = named_experiment(source, settings, {"particles": particles, "t_end": t_end})
    path = data_file(out or Path(f"{described.name}.h5"))
    recording = frame_recording(frame_particles, frame_dtype)
    if resume and force:
        raise InvalidInputError("--resume continues a file and --force replaces it: give one")
    if resume:
        from meanfield.same_run import check_same_run, planned_end

        end = planned_end(path)
        if t_end is not None and t_end > end:
            described = named_experiment(source, settings, {"particles": particles, "t_end": end})
        experiment = described.build()
        check_same_run(path, experiment, experiment.solver(solver), seed, particles)
        continue_run(path, t_end, quiet)
        return
    check_output(path, force)
    experiment = described.build()
    experiment.solver(solver)
    quiet = quiet or launched_rank() > 0
    started = time.monotonic()
    with running(path), experiment.shared():
        done = experiment.run(
            path, seed=seed, solver=solver, particles=particles, progress=not quiet,
            force=force, recording=recording,
        )  # fmt: skip
    if not quiet:
        summarise(done, path, started)


@app.command(cls=WorkingVerb)
def compare(
    source: Source,
    particles: Widths = "64,256,1024",
    seeds: Replicas = 10,
    solver: SolverName = None,
    steps: Steps = None,
    reference: Reference = None,
    t_end: End = None,
    seed: Seed = 0,
    settings: Settings = None,
    out: StudyOut = None,
    figure: FigureOut = None,
    page: PageOut = None,
    workers: Workers = None,
    cluster: Cluster = None,
    task: TaskNumber = None,
    resume: ResumeStudy = False,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Measure how far finite networks are from the limit, and the rate.

    Each network is trained from independent neurons; the limit is the flow of a
    much finer measure. Slopes of the distances against the width are fitted over
    all seeds. A study that was stopped goes on with the same command.

    For example:
    $ meanfield compare teacher-student --seeds 20
    $ meanfield compare digits --particles 32,64,128 --report digits.html
    $ meanfield compare digits --cluster tcp://10.0.0.1:8786
    """
    from meanfield.source import named_experiment, read_reference, read_steps, read_widths

    widths, lengths = read_widths(particles), read_steps(steps)
    stand_in = read_reference(reference)
    described = named_experiment(source, settings, {"t_end": t_end})
    path = data_file(out or Path(f"{described.name}-study.h5"))
    check_output(path, force)
    if figure is not None:
        check_output(figure, force, _PICTURES)
        if figure.absolute() == path.absolute():
            raise InvalidInputError(f"--out and --figure are the same file, {path}")
    if page is not None:
        check_output(page, force, (".html",))
    if workers is not None and cluster is not None:
        raise InvalidInputError("--workers are processes here, --cluster elsewhere: give one")
    from meanfield.compare import plan_study
    from meanfield.study_run import StudyRun

    plan = plan_study(
        described.build(), widths, seeds, solver=solver, reference=stand_in, steps=lengths,
        seed=seed,
    )  # fmt: skip
    run = StudyRun(plan, path, force)
    run.check(resume)
    if task is not None:
        run.do_task(task)
        if not quiet:
            print(f"task {task} of {len(plan.tasks)} is done")
        return
    study = run.do_all(workers if cluster is None else cluster, progress=not quiet)
    with running(None):
        if figure is not None:
            study.figure(figure, force=force)
        if page is not None:
            study.report(page, force=force)
    if not quiet:
        from meanfield import report

        console = report.output()
        console.print(str(study), markup=False, soft_wrap=True)
        console.print()
        written = [str(part) for part in (path, figure, page) if part is not None]
        limit = [("the limit", str(run.reference))] if run.is_complete else []
        report.rows(console, [("written to", " and ".join(written)), *limit])
    run.finish(study)


@app.command(cls=WorkingVerb)
def check(
    source: Source,
    solvers: CheckedSolvers = None,
    particles: CheckedParticles = None,
    t_end: End = None,
    seed: Seed = 0,
    settings: Settings = None,
    quiet: Quiet = False,
) -> None:
    """Run all solvers that apply on one problem and compare what they find.

    Each is run at half its resolution too, which tells the error to expect. Exit
    status 1 if two solvers differ by more than their errors explain.

    The first table has a line for each solver: the risk at the end with its
    expected error, and that of the outputs ("outputs ±", root mean square over
    the data). The second has a line for each two solvers: how far apart they are
    in risk, outputs, W₂ and the largest entries of mean and covariance, and in
    parentheses what is allowed: three times the sum of the two expected errors.
    W₂ is the exact distance between 1000 atoms of each measure (all, where there
    are fewer), so that it holds their sampling error too, as does what is allowed.

    For example:
    $ meanfield check gibbs-1d --t-end 10
    $ meanfield check digits --solvers particle-flow,sgd --t-end 1
    """
    from meanfield.source import named_experiment, read_solvers

    experiment = named_experiment(source, settings, {"t_end": t_end}).build()
    from meanfield.audit import SOLVERS, audit

    names = SOLVERS if solvers is None else read_solvers(solvers, experiment)
    with running(None):
        found = audit(
            experiment, solvers=names, particles=particles, seed=seed,
            announce=None if quiet else _say_solver,
        )  # fmt: skip
    if not quiet:
        from meanfield import report

        report.audit_tables(report.output(), found)
    if found.disagreements:
        raise MeanfieldError("; ".join(found.disagreements))


@app.command(cls=Verb)
def animate(
    path: RunFile,
    out: MovieOut = None,
    seconds: MovieSeconds = 8.0,
    quiet: Quiet = False,
    force: Force = False,
) -> None:
    """Make a movie of a run.

    It shows the moving neurons, and beside them what the network learns.

    For example:
    $ meanfield animate run.h5
    $ meanfield animate run.h5 --out run.gif --seconds 3
    """
    from meanfield.checks import as_number

    as_number("seconds", seconds, "positive")
    is_study(path)  # what is to be shown comes before where it is to go
    target = check_output(out or path.with_suffix(".mp4"), force, _MOVIES)
    trajectory = open_run(path)
    from meanfield.plotting.movie import animate as draw

    with running(None):
        movie = draw(trajectory, target, seconds=seconds, progress=not quiet, force=force)
        _announce(movie, quiet)


@app.command(cls=Verb)
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
        from meanfield.plotting.overview import plot as draw

        with running(None):
            draw(trajectory, target, force=force)
    _announce(target, quiet)


@app.command(cls=Verb)
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


@app.command(cls=Verb)
def compress(path: RunFile, quiet: Quiet = False) -> None:
    """Compress the file of a complete run, without loss.

    It is replaced by a smaller one with the same contents, which everything that
    reads HDF5 opens as before. Positions recorded in float32 take half the space
    from the start: see --frame-dtype of meanfield simulate.

    For example:
    $ meanfield compress run.h5
    """
    is_study(path)
    from meanfield.compression import compress as shrink

    with running(None):
        ratio = shrink(path)
    if not quiet:
        from meanfield import report

        size = f"{path.stat().st_size / 1e6:.4g} MB, {ratio:.2f} times smaller"
        report.rows(report.output(), [("written to", f"{path} ({size})")])


@app.command(cls=Verb)
def warmup(sources: Sources = None, quiet: Quiet = False) -> None:
    """Compile ahead, so that no later run has to wait for it.

    Kernels are kept in the user's cache, or in the folder NUMBA_CACHE_DIR.

    For example:
    $ meanfield warmup
    $ meanfield warmup digits moons.toml
    """
    from meanfield.engines.threads import thread_count
    from meanfield.warmup import warm_up

    with running(None):
        warmth = warm_up(sources or (), thread_count(), progress=not quiet)
    if not quiet:
        from meanfield import report

        report.rows(report.output(), report.warmup_summary(warmth))


def main() -> NoReturn:
    """Entry point of the command ``meanfield``: run it and exit with its status."""
    warnings.showwarning = _say_warning
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a → must not stop an old terminal
    if rank_count() == 1:
        sys.exit(run(sys.argv[1:]))
    from meanfield.ranks import run_on_ranks

    sys.exit(run_on_ranks(run, sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : list of str
        Without the name of the command.

    Returns
    -------
    int
        0; 2 for a mistake in the call, a configuration or a file; 1 for a run that
        failed; 130 for one that was interrupted.

    Examples
    --------
    >>> run(["--version"])
    meanfield 0.1.0
    0
    """
    try:
        if rank_count() > 1:
            from meanfield.ranks import check_command

            check_command(arguments)
        status = app(args=spread_settings(arguments), prog_name="meanfield", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except Stopped as error:
        return _say(str(error), error.status)
    except (InvalidInputError, FileError) as error:
        return _say(str(error), _MISTAKE)
    except typer.TyperException as error:
        return _say(usage_sentence(error, arguments), error.exit_code)
    except MeanfieldError as error:
        return _say(str(error), _FAILURE)
    except MemoryError as error:
        return _say(f"not enough memory: {error}", _FAILURE)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE


def _say(message: str, status: int = 0) -> int:
    """Print one line on standard error, of bearable length and without commands to a terminal."""
    words = " ".join(message.split())
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST // 2]} … {words[-_LONGEST // 2 :]}"
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    print(f"meanfield: {shown}", file=sys.stderr, flush=True)
    return status


def _say_solver(name: str) -> None:
    _say(f"running {name}, then at half its resolution")


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _say(f"warning: {message}")


def _announce(path: Any, quiet: bool) -> None:
    if not quiet:
        from meanfield import report

        report.rows(report.output(), [("written to", str(path))])
