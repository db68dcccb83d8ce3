"""One run beside another: a network that was trained, and its limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array
from meanfield.coupling import limit_path
from meanfield.distances import coupling, function, sliced_wasserstein
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.laws import InitialLaw
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.simulate import simulate
from meanfield.slices import SlicedTarget, random_directions
from meanfield.solver import solvers
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["TrajectoryComparison", "compare_trajectories", "compare_with_limit"]

# Frames that are compared unless the user names their times.
_FRAMES = 11
# Times that differ by less than this fraction of the last are the same.
_SLACK = 1e-9
_PROJECTIONS = 64
_NULL_DRAWS = 19
_LEAST_REFERENCE = 4096
_REFERENCE_FACTOR = 16


@dataclass(frozen=True, eq=False, repr=False)
class TrajectoryComparison:
    """A run against a reference, at times of frames that both have.

    Attributes
    ----------
    times : (T,) array
    function_distance : (T,) array
        (Σ_j p_j |f(x_j) − f_ref(x_j)|²)^½ over the points of the comparison.
    risk, reference_risk : (T,) arrays
        R of both measures, in the problem of the reference.
    sliced_wasserstein : (T,) array
        Sliced W₂ between the parameters.
    sliced_wasserstein_null : (T, R) array
        The same for N independent draws from the reference, R times: what sampling alone
        makes of it. NaN if the run is no network of equal masses.
    coupling : (T,) array or None
        Distance D(t) from the same initial neurons, carried by the mean field of the
        reference: see `meanfield.coupling.coupling_distance`.
    uncoupled : str
        Why there is no coupling, if there is none.
    heading : str
        What was compared, in words.
    """

    times: Float64Array
    function_distance: Float64Array
    risk: Float64Array
    reference_risk: Float64Array
    sliced_wasserstein: Float64Array
    sliced_wasserstein_null: Float64Array
    coupling: Float64Array | None
    uncoupled: str = ""
    heading: str = ""

    @property
    def risk_gap(self) -> Float64Array:
        """R − R_ref with its sign, (T,)."""
        return self.risk - self.reference_risk

    @property
    def p_values(self) -> Float64Array:
        """How often N independent draws are at least as far away, (T,).

        (1 + number of the R draws whose sliced W₂ is at least that of the run) / (R + 1):
        uniform if the neurons are independent draws from the reference.
        """
        draws = self.sliced_wasserstein_null
        reached = (draws >= self.sliced_wasserstein[:, None]).sum(axis=1)
        known = np.isfinite(draws).all(axis=1)
        return np.where(known, (1.0 + reached) / (1.0 + draws.shape[1]), np.nan)

    def table(self) -> str:
        """Plain-text table, one line a time."""
        columns = {
            "t": self.times,
            "function distance": self.function_distance,
            "risk": self.risk,
            "risk gap": self.risk_gap,
            "sliced W₂": self.sliced_wasserstein,
            "same, iid limit": self.sliced_wasserstein_null.mean(axis=1),
            "p": self.p_values,
        }
        if self.coupling is not None:
            columns["coupling"] = self.coupling
        cells = [[title, *(f"{value:.3g}" for value in v)] for title, v in columns.items()]
        sizes = [max(len(cell) for cell in column) for column in cells]
        lines = [
            "  ".join(cell.rjust(size) for cell, size in zip(line, sizes, strict=True))
            for line in zip(*cells, strict=True)
        ]
        return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])

    def __str__(self) -> str:
        parts = [self.heading, self.table()]
        if self.uncoupled:
            parts.append(f"no coupling: {self.uncoupled}")
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        return (
            f"<TrajectoryComparison: {len(self.times)} times, t = {self.times[0]:g} to "
            f"{self.times[-1]:g}, function distance {self.function_distance[-1]:.3g}, "
            f"risk gap {self.risk_gap[-1]:.3g} at the end>"
        )

    def _repr_html_(self) -> str:
        from meanfield.notebook import preformatted

        return preformatted(str(self))


def compare_trajectories(
    run: Trajectory,
    reference: Trajectory,
    *,
    times: Any = None,
    inputs: Any = None,
    projections: int = _PROJECTIONS,
    null_draws: int = _NULL_DRAWS,
    seed: int = 0,
) -> TrajectoryComparison:
    """Distances of a run from another with the same neuron, at frames that both have.

    Parameters
    ----------
    run : Trajectory
        For example of a network that was recorded.
    reference : Trajectory
        Its limit: the flow of many particles, a grid, a quadrature.
    times : (T,) array, optional
        Times of frames of both runs; by default 11 of the common ones, from the first to
        the last.
    inputs : (m, d) array, optional
        Points where outputs are compared, with equal weights; by default the data of the
        reference with theirs.
    projections : int
        Directions of the sliced distance.
    null_draws : int
        How often N independent neurons are drawn from the reference for the null.
    seed : int
        Of the directions and the draws.

    Returns
    -------
    TrajectoryComparison

    Raises
    ------
    InvalidInputError
        If neurons differ, or a time is not that of a frame of both.

    Notes
    -----
    The coupling needs the same problem on data, first frames at time 0, and at least three
    frames of the reference; the frames between which neurons move in the mean field should
    be close, which a warning tells.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import SGD, ParticleFlow
    >>> x = np.linspace(-1, 1, 8)
    >>> problem = mf.Problem(mf.Neuron(1), mf.Dataset(x, x**2))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, SGD(0.01, batch_size=8), t_end=1.0)
    >>> many = mf.ParticleMeasure.gaussian(1024, 3, seed=0, sampling="sobol")
    >>> limit = mf.simulate(problem, many, ParticleFlow(), t_end=1.0)
    >>> found = mf.compare_trajectories(run, limit, times=[0.0, 0.5, 1.0])
    >>> found.function_distance.shape, found.coupling.round(3)
    ((3,), array([0.   , 0.027, 0.05 ]))
    """
    if run.problem.neuron != reference.problem.neuron:
        raise InvalidInputError(
            f"the runs must have the same neuron, got {run.problem.neuron!r} and "
            f"{reference.problem.neuron!r}"
        )
    as_count("projections", projections)
    as_count("null_draws", null_draws)
    as_count("seed", seed, least=0)
    pairs = _common_frames(run, reference, times)
    problem, rows = reference.problem, []
    with single_threaded_blas():
        for number, (mine, other) in enumerate(pairs):
            measure, limit = run.measures[mine], reference.measures[other]
            sliced, null = _sliced(measure, limit, projections, null_draws, (seed, number))
            distance = function(problem, measure, limit, inputs)
            rows.append((distance, problem.risk(measure), problem.risk(limit), sliced, null))
    distances, risks, reference_risks, sliced_distances, nulls = zip(*rows, strict=True)
    chosen = reference.times[[other for _, other in pairs]]
    coupled, why_not = _coupling(run, reference, [mine for mine, _ in pairs], chosen)
    return TrajectoryComparison(
        times=chosen,
        function_distance=np.array(distances),
        risk=np.array(risks),
        reference_risk=np.array(reference_risks),
        sliced_wasserstein=np.array(sliced_distances),
        sliced_wasserstein_null=np.array(nulls),
        coupling=coupled,
        uncoupled=why_not,
        heading=f"{_described(run)} against {_described(reference)}",
    )


def compare_with_limit(
    run: Trajectory,
    initial: InitialLaw,
    *,
    particles: int | None = None,
    store: str | Path | None = None,
    **settings: Any,
) -> TrajectoryComparison:
    """Distances of a run from its limit of infinitely many neurons, which is computed first.

    The limit is the gradient flow of particles that a scrambled Sobol sequence places in the
    law of the initial neurons.

    Parameters
    ----------
    run : Trajectory
        A network without noise, whose neurons were drawn from the law.
    initial : InitialLaw
        The law μ_0, for example ``mf.Gaussian(dim)``.
    particles : int, optional
        Of the limit; by default the power of two that is at least 16 times the number of
        neurons, and at least 4096.
    store : path, optional
        HDF5 file for the limit's frames, which are otherwise held in memory: 101, and those
        of the run.
    **settings
        As in `compare_trajectories`; `seed` is that of the sequence, too.

    Raises
    ------
    InvalidInputError
        If the law does not fit, the problem is noisy, or what `compare_trajectories` raises.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import SGD
    >>> x = np.linspace(-1, 1, 8)
    >>> problem = mf.Problem(mf.Neuron(1), mf.Dataset(x, x**2))
    >>> law = mf.Gaussian(3)
    >>> run = mf.simulate(problem, law.sample(50, seed=0), SGD(0.01, batch_size=8), t_end=1.0)
    >>> found = mf.compare_with_limit(run, law)
    >>> len(found.times), bool(found.function_distance.max() < 0.5)
    (11, True)
    """
    if not hasattr(initial, "sample"):
        raise InvalidInputError(
            f"initial must be the law of the neurons, such as mf.Gaussian(3), got {initial!r}; "
            "compare with a run by compare_trajectories"
        )
    seed = as_count("seed", settings.get("seed", 0), least=0)
    least = max(_REFERENCE_FACTOR * run.particles, _LEAST_REFERENCE)
    count = 1 << (least - 1).bit_length() if particles is None else particles
    end = float(run.times[-1]) if len(run) else 0.0
    if end == 0.0:
        raise InvalidInputError("the run has no frame after time 0, and nothing to compare")
    start = initial.sample(as_count("particles", count), seed, "sobol")
    frames = np.union1d(np.linspace(0.0, end, 101), run.times)
    apart = np.append(np.diff(frames) > _SLACK * end, True)
    limit = simulate(
        run.problem,
        start,
        solvers["particle-flow"](),
        t_end=end,
        save_at=frames[apart],
        store=store,
    )
    return compare_trajectories(run, limit, **settings)


def _described(run: Trajectory) -> str:
    return f"{run.solver.name} with {run.particles} {run.unit}"


def _common_frames(run: Trajectory, reference: Trajectory, times: Any) -> list[tuple[int, int]]:
    """Numbers of the frames to compare, in both runs."""
    if not len(run) or not len(reference):
        raise InvalidInputError("a run without frames cannot be compared")
    slack = _SLACK * max(run.times[-1], reference.times[-1])
    nearest = np.abs(reference.times[:, None] - run.times).argmin(axis=0)
    shared = np.flatnonzero(np.abs(reference.times[nearest] - run.times) <= slack)
    advice = "save both at the same times, as in save_at=run.times"
    if not len(shared):
        raise InvalidInputError(f"the runs have no frames at the same time; {advice}")
    if times is None:
        ends = np.linspace(0, len(shared) - 1, min(_FRAMES, len(shared)))
        chosen = shared[np.round(ends).astype(int)]
    else:
        moments = as_finite_array("times", np.atleast_1d(times), 1).astype(np.float64)
        places = np.abs(run.times[shared, None] - moments).argmin(axis=0)
        chosen = shared[places]
        missing = np.abs(run.times[chosen] - moments) > slack
        if missing.any():
            raise InvalidInputError(
                f"the runs have no common frame at t = {moments[missing][0]:g}; {advice}"
            )
        if (np.diff(chosen) <= 0).any():
            raise InvalidInputError("times must increase")
    return [(int(mine), int(nearest[mine])) for mine in chosen]


def _sliced(
    measure: Measure,
    limit: Measure,
    projections: int,
    draws: int,
    key: tuple[int, int],
) -> tuple[float, Float64Array]:
    """Sliced W₂ of a measure from the limit, and of independent draws from the limit."""
    seed, number = key
    if not (isinstance(measure, ParticleMeasure) and measure.is_uniform):
        distance = sliced_wasserstein(measure, limit, projections=projections, seed=seed)
        return distance, np.full(draws, np.nan)
    particles, neurons = limit.to_particles(), len(measure)
    directions = random_directions(measure.dim, projections, seed)
    target = SlicedTarget.of(particles, (neurons,), directions)[neurons]
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    chosen = generator.choice(len(particles), size=(draws, neurons), p=particles.weights)
    null = [
        target.distance(ParticleMeasure.trusted(positions, measure.weights))
        for positions in particles.positions[chosen]
    ]
    return target.distance(measure), np.array(null)


def _coupling(
    run: Trajectory, reference: Trajectory, frames: list[int], times: Float64Array
) -> tuple[Float64Array | None, str]:
    """D at the times, or why there is none."""
    if run.problem != reference.problem:
        return None, "the runs have different problems"
    if run.times[0] != 0.0:
        return None, f"the first frame of the run is at t = {run.times[0]:g}, not 0"
    try:
        path = limit_path(MeanField(reference), run.solver, run.measures[0], run.seed, times)
        pairs = zip((run.measures[frame] for frame in frames), path, strict=True)
        return np.array([coupling(measure, beside) for measure, beside in pairs]), ""
    except InvalidInputError as error:
        return None, str(error)
