"""The panels of the tangent kernel: its spectrum over time, and what it is aligned with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from meanfield.checks import as_count
from meanfield.engines.threads import single_threaded_blas
from meanfield.plotting.function import probabilities_of_targets
from meanfield.plotting.risk import drawable, scale_time
from meanfield.plotting.style import BLUE, ORANGE, QUIET, axes_or_new, shades, theme
from meanfield.plotting.survey import Run, represented, require_frames, spread, unrecorded
from meanfield.tangent_kernel import tangent_kernel
from meanfield.typing import Float64Array

__all__ = ["KernelModes", "kernel_alignment", "kernel_modes", "kernel_spectrum"]

_MOST_FRAMES = 20
_MOST_NEURONS = 2**12
_MOST_OUTPUTS = 600  # points times outputs
_WORK = 400_000_000  # neurons times pairs of outputs, for one frame
_FLOOR = 1e-8  # of the largest eigenvalue: what is smaller learns nothing in a run


@dataclass(frozen=True, eq=False)
class KernelModes:
    """Eigenvalues of the tangent kernel over time, and what lies in its eigenvectors.

    Attributes
    ----------
    times : (f,) array
    rates : (f, r) array
        Eigenvalues of √p_i K(x_i, x_j) √p_j, the largest first.
    alignment : (f,) array
        ⟨y, K y⟩ / (|K| |y|²) with the Frobenius norm and the weights √p.
    residual : (f, r) array
        Shares of |√p u|² in the eigenvectors, for u = ℓ'(f, y).
    points : int
        Number of points of the data at which the kernel was taken.
    """

    times: Float64Array
    rates: Float64Array
    alignment: Float64Array
    residual: Float64Array
    points: int


def kernel_modes(run: Run) -> KernelModes:
    """Modes of the tangent kernel at no more than 20 frames of a run.

    On at most 600 outputs at points of the data, taken evenly, fewer for many neurons; of
    more than 4096 neurons so many stand for all.

    Raises
    ------
    InvalidInputError
        If the run has no frames.
    """
    require_frames(run.measures)
    problem = run.problem
    neurons = min(len(run.measures[0]), _MOST_NEURONS)
    most = min(_MOST_OUTPUTS, int(np.sqrt(_WORK / neurons)))
    rows = spread(len(problem.data), max(most // problem.neuron.outputs, 1))
    inputs, masses = problem.data.inputs[rows], problem.data.weights[rows]
    roots = np.sqrt(np.repeat(masses / masses.sum(), problem.neuron.outputs))
    target = roots * _centred(run)[rows].reshape(-1)
    frames = spread(len(run.measures), _MOST_FRAMES)
    rates, alignment, residual = [], [], []
    for frame in frames:
        measure = run.measures[int(frame)]
        errors = roots * problem.loss.derivatives(
            problem.predict(measure, inputs), problem.data.targets[rows]
        ).reshape(-1)
        kernel = tangent_kernel(problem, represented(measure, _MOST_NEURONS), inputs)
        kernel *= roots[:, None] * roots
        unit = float(np.abs(kernel).max()) or 1.0  # squares of a run that exploded overflow
        kernel /= unit
        errors /= float(np.abs(errors).max()) or 1.0
        with single_threaded_blas():
            values, vectors = np.linalg.eigh(kernel)
        rates.append(unit * values[::-1])
        size = np.linalg.norm(kernel) * (target @ target)
        alignment.append(target @ kernel @ target / size if size > 0.0 else np.nan)
        parts = (vectors[:, ::-1].T @ errors) ** 2
        residual.append(parts / parts.sum() if parts.sum() > 0.0 else np.full(len(parts), np.nan))
    shares, points = np.array(residual), len(rows)
    return KernelModes(run.times[frames], np.array(rates), np.array(alignment), shares, points)


def kernel_spectrum(run: Run, ax: Axes | None = None, *, count: int = 10) -> Axes:
    """Draw the largest eigenvalues of the tangent kernel over time.

    They are those of √p_i K(x_i, x_j) √p_j (of K/n for equal weights): the rates, in
    mean-field time, at which a kernel that stood still would learn with the squared
    loss. In the kernel regime the lines are level; see `meanfield.tangent_kernel`.

    Parameters
    ----------
    run : Trajectory
    ax : Axes, optional
        Where to draw; a new figure by default.
    count : int
        How many eigenvalues.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has no frames.

    Notes
    -----
    On at most 600 outputs at points of the data, taken evenly, fewer for many neurons,
    which the picture then says: the values are those of learning from these points alone.
    Of more than 4096 neurons so many stand for all. Values below 1e-8 of the largest are
    left out.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> len(mf.plot.kernel_spectrum(run).lines)
    2
    """
    modes = kernel_modes(run)
    shown = drawable(modes.rates[:, : as_count("count", count)])
    shown = np.where(shown >= _FLOOR * np.nanmax(shown), shown, np.nan)
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        colours = shades(shown.shape[1])[::-1]
        for number, (values, colour) in enumerate(zip(shown.T, colours, strict=True)):
            axes.plot(
                modes.times, values, color=colour, linewidth=2.2 if number == 0 else 1.3,
                marker="o" if len(modes.times) == 1 else "", zorder=3.0 - number / len(colours),
            )  # fmt: skip
        if np.nanmin(shown) > 0.0 and np.nanmax(shown) > 20.0 * np.nanmin(shown):
            axes.set_yscale("log")
        _finish(axes, run, modes)
        axes.set_ylabel(
            "eigenvalues of $K/n$" if _equal(run) else r"eigenvalues of $\sqrt{p}K\sqrt{p}$"
        )
    return axes


def kernel_alignment(run: Run, ax: Axes | None = None, *, top: int = 5) -> Axes:
    """Draw how far the tangent kernel points at the target, and what is left to learn.

    The alignment ⟨y, K y⟩ / (|K|_F |y|²) is 1 for K = y yᵀ. The share of the residual
    ℓ'(f, y) in the leading eigenvectors is what the kernel learns quickly; what remains
    in the others is slow. Both take the weights of the data; targets of classes
    are their indicators less 1/k.

    Parameters
    ----------
    run : Trajectory
    ax : Axes, optional
        Where to draw; a new figure by default.
    top : int
        How many eigenvectors lead.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If the run has no frames.

    Notes
    -----
    On the same points and neurons as `kernel_spectrum`.

    References
    ----------
    Cristianini, Shawe-Taylor, Elisseeff, Kandola (2001), "On kernel-target alignment".

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> problem = mf.Problem(mf.Neuron(inputs=1), mf.Dataset([[-1.0], [1.0]], [-1.0, 1.0]))
    >>> start = mf.ParticleMeasure.gaussian(50, 3, seed=0)
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0)
    >>> mf.plot.kernel_alignment(run, top=1).get_ylabel()
    'tangent kernel'
    """
    modes = kernel_modes(run)
    leading = min(as_count("top", top), modes.residual.shape[1])
    share = modes.residual[:, :leading].sum(axis=1)
    with theme():
        axes = axes_or_new(ax, 5.6, 3.6)
        marker = "o" if len(modes.times) == 1 else ""
        words = "eigenvector" if leading == 1 else f"{leading} eigenvectors"
        axes.plot(
            modes.times, modes.alignment, color=BLUE, marker=marker, zorder=3,
            label="alignment with the target",
        )  # fmt: skip
        axes.plot(
            modes.times, share, color=ORANGE, marker=marker, linestyle=(0, (4, 1.6)), zorder=3,
            label=f"residual in the leading {words}",
        )  # fmt: skip
        axes.axhline(1.0, color=QUIET, linewidth=0.8, zorder=1)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_yticks(np.linspace(0.0, 1.0, 6))
        axes.set_ylim(0.0, 1.25)
        _finish(axes, run, modes)
        axes.set_ylabel("tangent kernel")
        axes.legend(loc="upper right")
    return axes


def _finish(axes: Axes, run: Run, modes: KernelModes) -> None:
    """The time axis, and a note if the kernel is that of some neurons or points only."""
    scale_time(axes, modes.times)
    count = len(run.problem.data)
    parts = [f"of {len(run.measures[0])} recorded neurons"] if unrecorded(run) else []
    if modes.points < count:
        parts.append(f"at {modes.points} of {count} points of the data")
    if parts:
        axes.set_title(", ".join(parts), loc="right", fontsize=8.0, color=QUIET)


def _centred(run: Run) -> Float64Array:
    """Targets as outputs that are aimed at, (n, k); of labels ±1 and of classes less 1/k."""
    problem = run.problem
    if problem.loss.name == "cross_entropy":
        return probabilities_of_targets(problem) - 1.0 / problem.neuron.outputs
    return problem.data.targets


def _equal(run: Run) -> bool:
    weights = run.problem.data.weights
    return bool(np.ptp(weights) < 1e-12)
