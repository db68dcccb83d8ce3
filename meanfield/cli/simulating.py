"""The verb that makes runs."""

from __future__ import annotations

import time
from pathlib import Path

from meanfield.cli.options import (
    End,
    Force,
    FrameDtype,
    FrameParticles,
    Particles,
    Quiet,
    Resume,
    RunOut,
    Seed,
    Settings,
    SolverName,
    Source,
)
from meanfield.errors import InvalidInputError
from meanfield.launcher import launched_rank
from meanfield.safeguards import check_output, data_file, frame_recording, running

__all__ = ["simulate"]


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
