"""The package auditing itself: one problem, all solvers that apply, and their differences."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from itertools import combinations
from typing import Any

import numpy as np

from meanfield.checks import as_count
from meanfield.distances import wasserstein
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problems import AnyProblem
from meanfield.quadrature import coarser
from meanfield.simulate import simulate
from meanfield.solver import Solver
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["SOLVERS", "Answer", "Audit", "Difference", "audit", "difference"]

#: Solvers that an audit tries, by the names that the command line knows.
SOLVERS = ("quadrature", "grid", "particle-flow", "langevin", "sgd")

# Two answers agree if they differ by at most this many times the sum of their errors.
_SLACK = 3.0
# Differences below are rounding, whatever errors say.
_ROUNDING = 1e-10
# Runs of half the resolution whose mean square difference is the error of a random method.
_REPLICAS = 3
# They have one particle for so many of the run.
_QUARTER = 4
# Atoms of each measure in exact transport.
_ATOMS = 1000


@dataclass(frozen=True)
class Difference:
    """How far two measures, and the networks that they are, lie apart.

    Attributes
    ----------
    risk : float
        |R(μ) − R(ν)|.
    outputs : float
        Root mean square of f(x_j; μ) − f(x_j; ν) over the data.
    wasserstein : float
        W₂ between at most 1000 atoms of each, which contains their sampling error.
    mean, covariance : float
        Largest entry of the difference of means, and of covariances.
    """

    risk: float
    outputs: float
    wasserstein: float
    mean: float
    covariance: float


@dataclass(frozen=True, eq=False)
class Answer:
    """What one solver finds at the end of the run.

    Attributes
    ----------
    solver : Solver
        With all settings, also those that it chose itself.
    measure : Measure
    risk : float
    error : Difference
        Expected error: the difference to runs of half the resolution.
    seconds : float
        Time of the run itself.
    """

    solver: Any
    measure: Measure
    risk: float
    error: Difference
    seconds: float


@dataclass(frozen=True, eq=False)
class Audit:
    """Answers of all solvers that apply, and why others do not.

    Attributes
    ----------
    problem : Problem
    t_end : float
    answers : mapping of str to Answer
    refusals : mapping of str to str
        Reasons of the solvers that do not apply, by name.
    """

    problem: AnyProblem
    t_end: float
    answers: Mapping[str, Answer]
    refusals: Mapping[str, str]

    def pairs(self) -> Iterator[tuple[str, str, Difference, Difference]]:
        """Names of two solvers, their difference, and the one that their errors explain."""
        for first, second in combinations(self.answers, 2):
            one, other = self.answers[first], self.answers[second]
            found = difference(self.problem, one.measure, other.measure)
            sums = np.add(astuple(one.error), astuple(other.error))
            yield first, second, found, Difference(*(_SLACK * sums + _ROUNDING).tolist())

    @property
    def disagreements(self) -> list[str]:
        """Which pairs of solvers differ by more than expected, and in what."""
        found = []
        for first, second, found_apart, allowed in self.pairs():
            names = [
                entry.name
                for entry in fields(Difference)
                if not getattr(found_apart, entry.name) <= getattr(allowed, entry.name)
            ]
            if names:
                found.append(f"{first} and {second} differ in {', '.join(names)}")
        return found


def audit(
    experiment: Experiment,
    *,
    solvers: Sequence[str] = SOLVERS,
    particles: int | None = None,
    seed: int = 0,
    announce: Callable[[str], None] | None = None,
) -> Audit:
    """Run all solvers that apply on one problem, each also at half its resolution.

    A method at half the resolution has half as many cells or nodes along each axis, or a
    quarter of the particles and a step twice as long. What it finds differs from the run
    itself by at least the error of that run, if the method converges with order ½ or more
    (up to the factor that `Audit` allows).

    Parameters
    ----------
    experiment : Experiment
        For example ``meanfield.experiment.scenarios["relu-1d"]().build()``.
    solvers : sequence of str
        Names to try.
    particles : int, optional
        Neurons of particle methods, at least 4.
    seed : int
    announce : function of a str, optional
        Called with the name of each solver before it is run.

    Returns
    -------
    Audit

    Raises
    ------
    InvalidInputError
        If fewer than two solvers apply, or there are fewer than 4 particles.
    DivergenceError
        If one that applies leaves the finite numbers.
    """
    if particles is not None:
        as_count("particles", particles, least=_QUARTER)
    prepared = replace(experiment, sampling="sobol", particles=particles or experiment.particles)
    answers: dict[str, Answer] = {}
    refusals: dict[str, str] = {}
    for name in solvers:
        if announce is not None:
            announce(name)
        try:
            answers[name] = _answer(prepared, name, seed)
        except InvalidInputError as error:
            refusals[name] = str(error)
    if len(answers) < 2:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refusals.items())
        raise InvalidInputError(
            f"fewer than two solvers apply to {experiment.name}, so there is nothing to compare: "
            f"{reasons}"
        )
    return Audit(experiment.problem, float(experiment.save_at[-1]), answers, refusals)


def difference(problem: AnyProblem, mu: Measure, nu: Measure) -> Difference:
    """Difference of two measures over the parameters of a problem's neuron.

    Parameters
    ----------
    problem : Problem
    mu, nu : Measure

    Examples
    --------
    >>> from meanfield import Dataset, Neuron, Problem
    >>> problem = Problem(Neuron(1, outer="fixed", bias=False), Dataset([[1.0]], [0.0]))
    >>> one, other = ParticleMeasure([[0.0]]), ParticleMeasure([[3.0]])
    >>> apart = difference(problem, one, other)
    >>> apart.wasserstein, apart.mean, apart.covariance
    (3.0, 3.0, 0.0)
    """
    outputs = [problem.outputs(measure) for measure in (mu, nu)]
    risks = [problem.risk(measure) for measure in (mu, nu)]
    return Difference(
        risk=abs(risks[0] - risks[1]),
        outputs=float(np.sqrt(np.mean(np.square(outputs[0] - outputs[1])))),
        wasserstein=wasserstein(_thinned(mu), _thinned(nu)),
        mean=float(np.abs(mu.mean() - nu.mean()).max()),
        covariance=float(np.abs(mu.covariance() - nu.covariance()).max()),
    )


def _answer(experiment: Experiment, name: str, seed: int) -> Answer:
    """A run, and its error by runs of half the resolution."""
    solver = experiment.solver(name)
    if solver.name == "online-sgd":
        raise InvalidInputError("it learns fresh data of the law, the others the sample at hand")
    if getattr(solver, "reaction", 0.0) > 0.0:
        raise InvalidInputError("its masses are born and die, which is another flow")
    begun = time.perf_counter()
    run = _last(experiment, name, seed, None)
    seconds = time.perf_counter() - begun
    measure = run.measures[-1]
    if not hasattr(solver, "place"):
        ends = _smaller_networks(experiment, name, len(measure), seed)
    elif isinstance(measure, ParticleMeasure):
        ends = [_coarser_nodes(experiment, run, seed)]
    else:
        ends = [_last(experiment, name, seed, len(measure) // 2**measure.dim).measures[-1]]
    errors = [astuple(difference(experiment.problem, measure, end)) for end in ends]
    error = Difference(*np.sqrt(np.mean(np.square(errors), axis=0)).tolist())
    # Risks of two resolutions may cross; the outputs tell how far each is off.
    slope = float(np.sqrt(np.mean(np.square(experiment.problem.residual(measure)))))
    error = replace(error, risk=max(error.risk, slope * error.outputs))
    return Answer(run.solver, measure, float(run.risk[-1]), error, seconds)


def _smaller_networks(
    experiment: Experiment, name: str, particles: int, seed: int
) -> list[Measure]:
    """Ends of several runs with a quarter of the particles and steps twice as long."""
    solver = _with_longer_steps(experiment.solver(name))
    coarse = replace(experiment, solvers={name: solver})
    seeds = range(seed + 1, seed + 1 + _REPLICAS)
    return [
        _last(coarse, name, other, max(1, particles // _QUARTER)).measures[-1] for other in seeds
    ]


def _coarser_nodes(experiment: Experiment, run: Trajectory, seed: int) -> Measure:
    """End of a run on half as many quadrature nodes in each parameter."""
    start = coarser(experiment.initial, run.measures[0].to_particles(), seed)
    end = float(run.times[-1])
    coarse = simulate(run.problem, start, run.solver, t_end=end, save_at=[end], seed=seed)
    return coarse.measures[-1]


def _last(experiment: Experiment, name: str, seed: int, particles: int | None) -> Trajectory:
    """A run of which only the end is recorded."""
    ends = replace(experiment, save_at=experiment.save_at[[0, -1]], test=None)
    return ends.run(solver=name, seed=seed, particles=particles)


def _with_longer_steps(solver: Solver[Any]) -> Any:
    step = getattr(solver, "step", None)
    return solver if step is None else replace(solver, step=2.0 * step)  # type: ignore[type-var]


def _thinned(measure: Measure) -> ParticleMeasure:
    """At most 1000 atoms: the first ones of equal mass, else equidistant quantiles.

    The first points of a Sobol sequence cover the space; each fourth one does not.
    """
    particles = measure.to_particles()
    if len(particles) <= _ATOMS:
        return particles
    if particles.is_uniform:
        return ParticleMeasure(particles.positions[:_ATOMS])
    levels = (np.arange(_ATOMS) + 0.5) / _ATOMS
    totals: Float64Array = np.cumsum(particles.weights)
    chosen = np.searchsorted(totals, levels * totals[-1])
    return ParticleMeasure(particles.positions[np.minimum(chosen, len(particles) - 1)])
