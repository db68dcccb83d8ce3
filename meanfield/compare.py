"""How far networks of width N are from the limit N → ∞, and at what rate that closes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array
from meanfield.design import methods_of, study_settings, together
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.limit import Limit, limit_from_run
from meanfield.predictions import predict
from meanfield.problem import Problem
from meanfield.reference import choose_reference, run_reference
from meanfield.replica import Replica, measure_replica
from meanfield.solver import Solver
from meanfield.study import Study
from meanfield.typing import Float64Array

__all__ = ["compare"]

_PROJECTIONS = 64
# Fractions of the end time at which a study looks by default.
_TELLING = (0.0, 0.125, 0.25, 0.5, 1.0)


def compare(
    experiment: Experiment,
    particles: Sequence[int] = (64, 256, 1024),
    seeds: int = 10,
    *,
    solver: str | Solver[Any] | None = None,
    reference: int | str | None = None,
    steps: Sequence[float] | None = None,
    times: Any = None,
    projections: int = _PROJECTIONS,
    seed: int = 0,
    progress: bool = False,
) -> Study:
    """Train networks of several widths and measure their distance to the limit.

    Every network starts from N independent neurons and is trained by `solver`. The
    reference is the flow of a much finer measure, whose neurons are placed by a scrambled
    Sobol sequence. At each time, with f_N, R_N, μ_N of the network and f, R, μ of the
    reference, the study records for each width and seed

    - ``function_distance``: (Σ_j p_j |f_N(x_j) − f(x_j)|²)^½ over the data. Its root mean
      square over seeds closes like N^−½.
    - ``risk_gap``: R_N − R with its sign. Its mean over seeds closes like 1/N, while a
      single seed scatters around it by up to N^−½.
    - ``sliced_wasserstein``: sliced W₂ between the parameters of μ_N and μ. This measures
      mostly that N points are a coarse picture of μ, so there is also
    - ``sliced_wasserstein_null``: the same for N independent draws from the reference.
      `Study.excess` is the mean difference of the squares.

    Parameters
    ----------
    experiment : Experiment
        Problem, initial law, solvers and times.
    particles : sequence of int
        Widths N, increasing, at least two.
    seeds : int
        Networks of each width, at least 2; intervals of rates need 5.
    solver : str or Solver, optional
        Of the networks: a name among the experiment's solvers, or a solver; the
        experiment's default otherwise.
    reference : int, optional
        Number of particles of the reference; by default the power of two that is at least
        16 times the largest width, and at least 4096.
    times : (T,) array, optional
        Times to look at, increasing, within those of the experiment; by default five of
        its frames, from the first to the last.
    projections : int
        Directions of the sliced distance.
    seed : int
        Seed of the whole study. A network's random numbers follow from this seed, its
        width and its replica only, so adding widths or seeds changes no other network.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Study

    Raises
    ------
    InvalidInputError
        If arguments do not make a study: fewer than two widths or seeds, widths out of
        order, a reference that is not wider than they are, times outside the experiment.
    DivergenceError
        If a network or the reference leaves the finite numbers.

    Notes
    -----
    The reference is the experiment's ``particle-flow`` where it has one. Gradient descent
    with a finite step has an error of its own (its mean of the order of the step, its
    scatter of the order of the root of the step), which does not vanish with N: the curves
    then level off, and slopes come out flatter. If the experiment only has one-pass
    gradient descent, that is the reference too, with other random batches.

    References
    ----------
    Mei, Montanari, Nguyen (2018), theorem 3; Sirignano, Spiliopoulos (2020), central limit
    theorem; Chen, Rotskoff, Bruna, Vanden-Eijnden (2020), on fluctuations.

    Examples
    --------
    >>> import numpy as np
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> x = np.linspace(-1, 1, 8)
    >>> problem = mf.Problem(mf.Neuron(1, activation="tanh"), mf.Dataset(x, x**2))
    >>> experiment = mf.Experiment(
    ...     "parabola", problem, mf.Gaussian(3), particles=100,
    ...     save_at=np.linspace(0, 1, 11), solvers={"particle-flow": ParticleFlow()},
    ... )
    >>> study = mf.compare(experiment, particles=(16, 64), seeds=20)
    >>> study
    Study('parabola', particles=(16, 64), 20 seeds, 5 times)
    >>> study.rates["function_distance"].consistent
    True
    """
    if not isinstance(experiment.problem, Problem):
        raise InvalidInputError(
            "compare measures outputs on the data of a Problem, got a "
            f"{type(experiment.problem).__name__}"
        )
    widths = _check_widths(particles)
    as_count("seeds", seeds, least=2)
    as_count("seed", seed, least=0)
    as_count("projections", projections)
    stand_in = choose_reference(experiment, reference, widths)
    moments = _study_times(experiment, times)
    method = experiment.solver(solver) if solver is None or isinstance(solver, str) else solver
    if hasattr(method, "place"):
        raise InvalidInputError(
            f"networks of finite width consist of neurons, which the solver {method.name} does not "
            "move; compare takes particles, sgd or langevin"
        )
    lengths, methods = methods_of(method, steps)
    run = run_reference(
        experiment, stand_in.solver, particles=stand_in.particles, times=moments, seed=seed
    )
    limit = limit_from_run(run, experiment, moments, widths=widths, projections=projections)
    predictions, notes = predict(experiment, methods[0], moments, seed)
    parts = []
    for one in methods:
        replicas = [
            Replica(experiment.problem, experiment.initial, one, width, seed, number)
            for width in widths
            for number in range(seeds)
        ]
        parts.append(_measure_all(replicas, limit, (len(widths), seeds), progress))
    settings = study_settings(
        experiment, methods[0], stand_in, run, widths=widths, projections=projections, seed=seed,
        notes=notes,
    )  # fmt: skip
    return Study(
        experiment.name,
        np.array(widths),
        moments,
        together(parts),
        _expected(limit),
        _plain(settings),
        lengths,
        predictions,
    )


def _expected(limit: Limit) -> dict[str, Float64Array]:
    """What a network of infinite width reaches."""
    if limit.test_accuracy is None:
        return {"risk": limit.risk}
    return {"risk": limit.risk, "test_accuracy": limit.test_accuracy}


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings in the types of JSON, so that a file gives back what was put in."""
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=lambda value: value.tolist()))
    return plain


def _measure_all(
    replicas: Sequence[Replica], limit: Limit, shape: tuple[int, int], progress: bool
) -> dict[str, Float64Array]:
    """Samples of each quantity, in the order of the replicas."""
    results = []
    with _bar(sum(replica.particles for replica in replicas), progress) as advance:
        for replica in replicas:
            results.append(measure_replica(replica, limit))
            advance(replica.particles)
    samples = {name: np.array([result[name] for result in results]) for name in results[0]}
    return {name: array.reshape(*shape, *array.shape[1:]) for name, array in samples.items()}


def _check_widths(particles: Sequence[int]) -> list[int]:
    try:
        widths = [as_count("particles", count) for count in particles]
    except TypeError:
        raise InvalidInputError(
            f"particles must be a sequence of widths such as (64, 256, 1024), got {particles!r}"
        ) from None
    if len(widths) < 2:
        raise InvalidInputError(
            "a comparison needs at least two widths, got "
            + (", ".join(str(width) for width in widths) or "none")
        )
    if any(second <= first for first, second in pairwise(widths)):
        raise InvalidInputError(
            "widths must increase, got " + ", ".join(str(width) for width in widths)
        )
    return widths


def _study_times(experiment: Experiment, times: Any) -> Float64Array:
    frames = np.asarray(experiment.save_at, dtype=np.float64)
    if times is None:
        wanted = np.asarray(_TELLING) * frames[-1]
        nearest = np.abs(frames - wanted[:, None]).argmin(axis=1)
        return np.asarray(frames[np.unique(nearest)])
    moments = as_finite_array("times", np.atleast_1d(times), 1).astype(np.float64)
    end = float(frames[-1])
    if (np.diff(moments) <= 0.0).any() or moments[0] < 0.0 or moments[-1] > end * (1 + 1e-12):
        raise InvalidInputError(
            f"times must increase within the experiment's [0, {end:g}], got "
            + ", ".join(f"{moment:g}" for moment in moments)
        )
    if moments[-1] == 0.0:
        raise InvalidInputError("times must hold at least one time after 0")
    return moments


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Any]:
    """Progress bar with the remaining time on standard error; a function that moves it."""
    if not progress:
        yield lambda amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("networks"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        whole = bar.add_task("networks", total=total)
        yield lambda amount: bar.advance(whole, amount)
