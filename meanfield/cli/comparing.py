"""The verbs that compare: networks with their limit, solvers with each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meanfield.cli.options import (
    CheckedParticles,
    CheckedSolvers,
    Cluster,
    End,
    FigureOut,
    Force,
    PageOut,
    Quiet,
    Reference,
    Replicas,
    ResumeStudy,
    Seed,
    Settings,
    SolverName,
    Source,
    Steps,
    StudyOut,
    TaskNumber,
    Widths,
    Workers,
)
from meanfield.cli.speech import say
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.safeguards import check_output, data_file, running

if TYPE_CHECKING:
    from meanfield.study import Study

__all__ = ["compare", "check"]

_PICTURES = (".png", ".pdf", ".svg")


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
    _check_files(path, figure, page, force)
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
        limit = str(run.reference) if run.is_complete else None
        _say_study(study, [path, figure, page], limit)
    run.finish(study)


def _check_files(path: Path, figure: Path | None, page: Path | None, force: bool) -> None:
    """Raise unless the picture and the page of a study can be written."""
    if figure is not None:
        check_output(figure, force, _PICTURES)
        if figure.absolute() == path.absolute():
            raise InvalidInputError(f"--out and --figure are the same file, {path}")
    if page is not None:
        check_output(page, force, (".html",))


def _say_study(study: Study, files: list[Path | None], limit: str | None) -> None:
    from meanfield import report

    console = report.output()
    console.print(str(study), markup=False, soft_wrap=True)
    console.print()
    written = " and ".join(str(file) for file in files if file is not None)
    known = [] if limit is None else [("the limit", limit)]
    report.rows(console, [("written to", written), *known])


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


def _say_solver(name: str) -> None:
    say(f"running {name}, then at half its resolution")
