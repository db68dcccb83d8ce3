"""The panel of the dissipation: how fast the energy falls, and what theory says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.plotting.risk import drawable, scale_time
from meanfield.plotting.style import BLUE, ORANGE, axes_or_new, note, theme
from meanfield.plotting.survey import Run, require_frames, spread, unrecorded
from meanfield.problems import AnyProblem
from meanfield.typing import Float64Array

__all__ = ["dissipation", "dissipation_of"]

_WORK = 300_000_000  # pairs of neurons and data for all frames together
_FEWEST, _MOST = 8, 64  # frames
# Differences of energies below this share of them are rounding.
_ROUNDING = 1e-13


def dissipation(run: Run, ax: Axes | None = None) -> Axes:
    """Draw how fast the energy falls against ∫ |∇Ψ|² dμ, which it is for a gradient flow.

    Steps are differences of the recorded energies, −(F(t') − F(t))/(t' − t): the mean of
    the dissipation between two frames. The curve is ∫ |∇Ψ|² dμ_t, of birth and death
    α ∫ |∇Ψ|² dμ + β Var_μ Ψ; of noise on a grid, Ψ + τ log μ stands for Ψ. For a flow the
    curve runs through the steps; what SGD loses to its noise shows between them. Relu
    neurons that are held with their kink at a data point count in the curve as if they
    moved, so that it may run above.

    Parameters
    ----------
    run : Trajectory
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has no frames, or particles with noise, whose energy is infinite.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> mf.plot.dissipation(run).get_ylabel()
    'dissipation $-dF/dt$'
    """
    require_frames(run.measures)
    if not np.isfinite(run.energy).any():
        raise InvalidInputError(
            "the energy of particles with noise is infinite, so that it has no rate; "
            "plot the dissipation of a run of the solver grid"
        )
    frames = _frames(run)
    with np.errstate(over="ignore"):  # of a run that exploded
        found = [dissipation_of(run, run.measures[int(frame)]) for frame in frames]
        expected, rates = drawable(np.array(found)), drawable(_rates(run))
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        if len(rates):
            axes.stairs(
                rates, run.times, baseline=None, color=ORANGE, linewidth=4.0, alpha=0.5, zorder=2,
                label=r"$-\Delta F/\Delta t$ between frames",
            )  # fmt: skip
        marker = "o" if len(frames) == 1 else ""
        axes.plot(
            run.times[frames],
            expected,
            marker=marker,
            color=BLUE,
            linewidth=1.3,
            zorder=3,
            label=_formula(run),
        )
        _scale(axes, expected, rates)
        if unrecorded(run):
            note(axes, f"the curve from {len(run.measures[0])} recorded neurons", right=True)
        scale_time(axes, run.times)
        axes.set_ylabel("dissipation $-dF/dt$")
        axes.legend(loc="upper right")
    return axes


def dissipation_of(run: Run, measure: Measure) -> float:
    """−dF/dt at a measure, as the flow that the run follows has it."""
    problem = run.problem
    if problem.temperature > 0.0 and isinstance(measure, GridMeasure):
        motion = _on_a_grid(problem, measure)
    else:
        velocity = np.asarray(problem.velocity(measure), dtype=np.float64)
        motion = float(measure.weights @ np.einsum("ip,ip->i", velocity, velocity))
    transport, reaction = _coefficients(run)
    if reaction == 0.0:
        return transport * motion
    variation = problem.potential(measure, measure.positions)
    if problem.temperature > 0.0 and isinstance(measure, GridMeasure):
        density = measure.density.reshape(-1)
        logarithm = np.log(density, out=np.zeros_like(density), where=density > 0.0)
        variation = variation + problem.temperature * logarithm
    spread = variation - measure.weights @ variation
    return transport * motion + reaction * float(measure.weights @ spread**2)


def _coefficients(run: Run) -> tuple[float, float]:
    """Rates of transport and of reaction: 1 and 0, unless the solver has others."""
    solver: Any = getattr(run, "solver", None)
    return getattr(solver, "transport", 1.0), getattr(solver, "reaction", 0.0)


def _on_a_grid(problem: AnyProblem, grid: GridMeasure) -> float:
    """∫ |∇(Ψ + τ log μ)|² dμ by differences over faces, with the logarithmic mean of μ there.

    With it μ ∇ log μ is ∇μ on the grid, too. Faces next to an empty cell carry nothing.
    """
    potential = problem.potential(grid, grid.positions).reshape(grid.shape)
    total = 0.0
    for axis, width in enumerate(grid.spacing):
        low, high = (
            np.moveaxis(grid.density, axis, 0)[part] for part in (slice(None, -1), slice(1, None))
        )
        full = (low > 0.0) & (high > 0.0)
        logarithm = np.log(high[full]) - np.log(low[full])
        close = np.abs(logarithm) < 1e-6
        mean = np.where(close, low[full], (high - low)[full] / np.where(close, 1.0, logarithm))
        rise = np.diff(np.moveaxis(potential, axis, 0), axis=0)[full]
        force = (rise + problem.temperature * logarithm) / width
        total += float(np.sum(mean * force**2)) * grid.volume
    return total


def _frames(run: Run) -> Any:
    """Frames at which ∫ |∇Ψ|² dμ is computed: fewer of large measures."""
    pairs = len(run.measures[0]) * len(run.problem.data)
    return spread(len(run.measures), int(np.clip(_WORK // pairs, _FEWEST, _MOST)))


def _rates(run: Run) -> Float64Array:
    """Falls of the energy between frames over time; NaN where they are rounding."""
    energy = run.energy
    falls = -np.diff(energy)
    known = np.abs(falls) > _ROUNDING * np.abs(energy[:-1])
    return np.where(known, falls, np.nan) / np.diff(run.times)


def _formula(run: Run) -> str:
    transport, reaction = _coefficients(run)
    noisy = run.problem.temperature > 0.0
    variation = r"(\Psi+\tau\,\log\mu)" if noisy else r"\Psi"
    motion = rf"\int|\nabla{variation}|^2\,d\mu"
    if reaction > 0.0:
        factor = "" if transport == 1.0 else f"{transport:g}"
        return rf"${factor}{motion}+{reaction:g}\,\mathrm{{Var}}_\mu{variation}$"
    return f"${motion}$"


def _scale(axes: Axes, expected: Float64Array, rates: Float64Array) -> None:
    """Logarithmic where it falls far; steps at which the energy rises are then counted."""
    values = np.concatenate([expected, rates])
    expected = expected[np.isfinite(expected)]
    positive = values[values > 0.0]
    rises = int(np.sum(rates < 0.0))
    if positive.size and expected.size and expected.max() > 20.0 * expected.min():
        axes.set_yscale("log", nonpositive="mask")
        low = max(positive.min(), 1e-4 * expected[expected > 0.0].min())
        axes.set_ylim(0.3 * low, 10.0 * positive.max())
        if rises:
            note(axes, f"the energy rises in {rises} of {len(rates)} steps, not drawn")
    elif not rises:
        axes.set_ylim(0.0, 1.3 * float(values.max(initial=0.0, where=values > 0.0)) or 1.0)
