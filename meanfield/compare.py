"""How far networks of width N are from the limit N → ∞, and at what rate that closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.conduct import carry_out
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.problem import Problem
from meanfield.reference import Reference, choose_reference
from meanfield.solver import Solver, require_noiseless
from meanfield.study import Study
from meanfield.study_times import solver_steps, study_times
from meanfield.tasks import Plan

__all__ = ["compare", "plan_study"]

_PROJECTIONS = 64
# Parameters beyond which nodes of a quadrature rule move for hours.
_MOST_OF_QUADRATURE = 8
_NOISELESS = ("particle-flow", "sgd", "online-sgd")


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
    workers: Any = 1,
    folder: str | Path | None = None,
    progress: bool = False,
) -> Study:
    """Train networks of several widths and measure their distance to the limit.

    Every network starts from N independent neurons and is trained by `solver`. The
    reference stands for the limit. At each time, with f_N, R_N, μ_N of the network and f, R,
    μ of the reference, the study records for each width and seed

    - ``coupling_distance``: D_N = ((1/N) Σ_i |X_i − X̄_i|²)^½, where X̄_i starts as the
      neuron X_i, sees the same noise, and moves in the mean field of the reference. It has no
      sampling error, and closes like N^−½.
    - ``function_distance``: (Σ_j p_j |f_N(x_j) − f(x_j)|²)^½ over the data, and
      ``test_function_distance`` over held-out data. Root mean squares over seeds close
      like N^−½.
    - ``risk_gap``: R_N − R with its sign. Its mean over seeds closes like 1/N, while a
      single seed scatters around it by up to N^−½.
    - ``sliced_wasserstein``, and at the last time ``wasserstein_1``, ``wasserstein_2``,
      ``sinkhorn``, ``energy`` and ``marginal_wasserstein`` (of each parameter): distances
      between the parameters of μ_N and μ. They measure mostly that N points are a coarse
      picture of μ, so there are also
    - the same with ``_null``: of N independent draws from the reference.
      `Study.excesses` compares the two.

    Where the linearised flow predicts constants (`meanfield.fluctuations`), the study holds
    them too, and the test of √N (f_N − f) against its predicted covariance.

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
    reference : int or str, optional
        What stands for the limit: ``"grid"``, ``"quadrature"``, ``"particles"`` or a number
        of particles; see `meanfield.reference.choose_reference`.
    steps : sequence of float, optional
        Steps of SGD, increasing, at least two: networks are trained with each of them.
    times : (T,) array, optional
        Times to look at, increasing, within those of the experiment; by default five of
        its frames, from the first to the last. SGD and Langevin dynamics stand at whole steps
        only: times must then be multiples of all their steps, and the default ones are moved
        to the nearest.
    projections : int
        Directions of the sliced distance.
    seed : int
        Seed of the whole study. A network's random numbers follow from this seed, its
        width and its replica only, so adding widths or seeds changes no other network.
    workers : int, str, distributed.Client or None
        Who trains the networks: so many processes of this machine (1: this process; None:
        as many as it has cores), or a cluster of Dask: ``"local"``, the address of a
        scheduler such as ``"tcp://host:8786"``, or a client. The result is the same.
    folder : path, optional
        Of the study: the reference and what is finished are kept there, and a study that
        was stopped goes on from there when it is called again.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Study
        Of the networks that finished; ``settings["failures"]`` lists the others, of which a
        warning tells.

    Raises
    ------
    InvalidInputError
        If arguments do not make a study: fewer than two widths or seeds, widths out of
        order, a reference that is not wider than they are, times outside the experiment or
        between steps, a folder of another study.
    DivergenceError
        If the reference leaves the finite numbers.
    MeanfieldError
        If so many networks failed that there is nothing to compare, or a cluster does not
        answer.

    Notes
    -----
    Without noise the reference is the experiment's ``particle-flow``. Gradient descent
    with a finite step has an error of its own (its mean of the order of the step, its
    scatter of the order of the root of the step), which does not vanish with N: the curves
    then level off, and slopes come out flatter: several `steps` separate the two, by a fit
    of C/N + D s to the squares, see `Study.expansion` and `Study.step_rate`. If the
    experiment only has one-pass gradient descent, that is the reference too, with other
    random batches.

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
    plan = plan_study(
        experiment,
        particles,
        seeds,
        solver=solver,
        reference=reference,
        steps=steps,
        times=times,
        projections=projections,
        seed=seed,
    )
    return carry_out(plan, workers=workers, folder=folder, progress=progress)


def plan_study(
    experiment: Experiment,
    particles: Sequence[int],
    seeds: int,
    *,
    solver: str | Solver[Any] | None = None,
    reference: int | str | None = None,
    steps: Sequence[float] | None = None,
    times: Any = None,
    projections: int = _PROJECTIONS,
    seed: int = 0,
) -> Plan:
    """Plan of a study: all that it depends on, checked. Arguments as in `compare`."""
    if not isinstance(experiment.problem, Problem):
        raise InvalidInputError(
            "compare measures outputs on the data of a Problem, got a "
            f"{type(experiment.problem).__name__}"
        )
    widths = _check_widths(particles)
    as_count("seeds", seeds, least=2)
    as_count("seed", seed, least=0)
    as_count("projections", projections)
    method = _solver(experiment, solver)
    _require_networks(method, experiment.problem)
    methods = (method,) if steps is None else _with_steps(method, steps)
    stand_in = _reference(experiment, reference, widths, method)
    frames = np.asarray(experiment.save_at, dtype=np.float64)
    return Plan(
        experiment=experiment,
        methods=methods,
        reference=stand_in,
        widths=tuple(widths),
        seeds=seeds,
        times=study_times(frames, times, solver_steps([*methods, stand_in.solver])),
        projections=projections,
        seed=seed,
    )


def _solver(experiment: Experiment, wanted: Any) -> Any:
    if wanted is None or isinstance(wanted, str):
        return experiment.solver(wanted)
    if isinstance(wanted, type) or not all(hasattr(wanted, part) for part in ("name", "advance")):
        raise InvalidInputError(
            "solver must be a name such as 'sgd' or a solver such as SGD(step=0.01), "
            f"got {wanted!r}"
        )
    return wanted


def _require_networks(method: Any, problem: Problem) -> None:
    """Raise unless a solver trains networks of finite width on a problem."""
    if getattr(method, "changes_masses", False):
        raise InvalidInputError(
            f"networks of finite width have neurons of equal mass, which the solver {method.name} "
            "changes; compare takes particles, sgd or langevin"
        )
    if hasattr(method, "place"):
        raise InvalidInputError(
            f"networks of finite width consist of neurons, which the solver {method.name} does not "
            "move; compare takes particles, sgd or langevin"
        )
    if method.name in _NOISELESS:
        require_noiseless(problem, method.name)


def _reference(
    experiment: Experiment, wanted: int | str | None, widths: Sequence[int], method: Any
) -> Reference:
    dim = experiment.problem.neuron.dim
    if wanted == "quadrature" and dim > _MOST_OF_QUADRATURE:
        raise InvalidInputError(
            f"quadrature as the reference would take hours: neurons have {dim} parameters, and it "
            f'serves up to {_MOST_OF_QUADRATURE}; use reference="particles" (--reference '
            "particles), Sobol points of the same flow"
        )
    return choose_reference(experiment, wanted, widths, method)


def _with_steps(method: Any, steps: Sequence[float]) -> tuple[Solver[Any], ...]:
    if "sgd" not in method.name:
        raise InvalidInputError(
            f"steps are those of sgd, but the networks are trained by {method.name}; choose "
            'solver="sgd" (--solver sgd) or leave out the steps'
        )
    sizes = [as_number("steps", step, "positive") for step in steps]
    if len(sizes) < 2 or any(second <= first for first, second in pairwise(sizes)):
        raise InvalidInputError(
            "steps must be at least two and increase, got "
            + (", ".join(f"{size:g}" for size in sizes) or "none")
        )
    return tuple(replace(method, step=size) for size in sizes)


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
