"""The mean field of a run: the path of outputs in which any further neuron moves."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array, as_number
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.interpolation import cubic, cubic_error, difference_slopes, thinned_miss
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problem import Problem
from meanfield.solver import Solver, solvers
from meanfield.stages import combine
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array, FloatArray

__all__ = ["MeanField"]

# Frames that it takes to estimate the error of the interpolation.
_LEAST_FRAMES = 3
# How far the fastest neuron moves for the derivative along the velocities.
_REACH = 1e-3
_ONE = np.ones(1)
# What half the distance of frames takes from an error of order 4.
_HALVED = 16.0
# Error of the outputs between frames, in units of the scale plus their size, that is reported;
# with kinks, where paths are not known better.
_TOLERANCE, _KINKED = 1e-4, 1e-3


class MeanField:
    """The recorded path of outputs f(t) at the data, which is all that neurons feel.

    A neuron in the mean field moves by dθ/dt = −∇Ψ(θ; u(t)), where the covector
    u_j(t) = α⁻¹ p_j ℓ'(f_j(t), y_j) does not depend on it: any number of neurons can be
    carried along, independently, without solving for the measure again.

    Between frames, f is a cubic in time through the outputs and their derivatives: an
    error of order 4 in the distance of frames. Derivatives are those along the velocities,
    D_θ f · (−∇Ψ), where frames follow the flow of particles; for grids and noisy runs they
    are differences of order 4 between frames.

    Parameters
    ----------
    run : Trajectory
        At least 3 frames of a `Problem`, with particles, nodes or a grid, at any
        temperature. Of a run that stopped or failed, the frames it made count. They are
        read one at a time.

    Attributes
    ----------
    problem : Problem
    times : (F,) array
        Of the frames; the mean field is known from the first to the last.
    interpolation_error : float
        Estimated largest error of the outputs between two frames: how far a cubic over two
        intervals misses the frame between, over 16 (less where they differ). The frames of
        stochastic methods fluctuate; theirs is how far cubics through every second frame
        miss the others.

    Raises
    ------
    InvalidInputError
        If the problem has no data, or there are fewer than 3 frames.

    Warns
    -----
    UserWarning
        If frames of a deterministic run are too far apart; it says how many suffice.

    Notes
    -----
    Memory is that of 2 F n k numbers; the run is not needed any more.

    References
    ----------
    Sznitman (1991), Topics in propagation of chaos; Mei, Montanari, Nguyen (2018), section
    on the nonlinear dynamics.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.solvers import ParticleFlow
    >>> neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]))
    >>> start = mf.ParticleMeasure([[-0.5], [0.5]])
    >>> run = mf.simulate(problem, start, ParticleFlow(), t_end=1.0)
    >>> field = mf.MeanField(run)
    >>> field.outputs(0.5).round(6)  # 1 − exp(−t)
    array([[0.393469]])
    >>> field.transport([[2.0]], [0.0, 0.5])[:, 0, 0].round(6)  # all neurons shift alike
    array([2.      , 2.393469])
    """

    def __init__(self, run: Trajectory) -> None:
        if not isinstance(run, Trajectory):
            raise InvalidInputError(
                f"a mean field is made of a run, a Trajectory, got {type(run).__name__}; "
                "meanfield.simulate and meanfield.open give one"
            )
        problem = run.problem
        if not isinstance(problem, Problem):
            raise InvalidInputError(
                "a mean field is the outputs at data, and a population problem has none; "
                "simulate a data set drawn from the teacher, such as problem.sampled"
            )
        if len(run) < _LEAST_FRAMES:
            raise InvalidInputError(
                f"a mean field needs at least {_LEAST_FRAMES} frames, the run has {len(run)}; "
                "save more, for example save_at=np.linspace(0, t_end, 101)"
            )
        self.problem = problem
        self.times = np.array(run.times)
        moving = getattr(run.solver, "follows_velocity", False)
        if moving:
            pairs = [_outputs_and_slopes(problem, measure) for measure in run.measures]
            self._values, self._slopes = (np.stack(part) for part in zip(*pairs, strict=True))
            self.interpolation_error = cubic_error(self.times, self._values, self._slopes)
        else:
            self._values = np.stack([problem.outputs(measure) for measure in run.measures])
            self._slopes = difference_slopes(self.times, self._values)
            self.interpolation_error = thinned_miss(self.times, self._values)
        smooth = isinstance(run.measures[0], GridMeasure) or getattr(
            run.solver, "changes_masses", False
        )
        if smooth:
            self.interpolation_error /= _HALVED
        if moving or smooth:
            self._warn_of_distance()

    def __repr__(self) -> str:
        return (
            f"<MeanField: {len(self.times)} frames, t = {self.times[0]:g} to "
            f"{self.times[-1]:g}, outputs to {self.interpolation_error:.1e} between them>"
        )

    def _repr_html_(self) -> str:
        from meanfield.notebook import card

        rows = [
            ("problem", self.problem.setting),
            ("frames", f"{len(self.times)}, t = {self.times[0]:g} to {self.times[-1]:g}"),
            ("outputs between frames", f"known to {self.interpolation_error:.1e}"),
        ]
        return card("MeanField", rows)

    def _warn_of_distance(self) -> None:
        squares = np.square(self._values).sum(axis=2) @ self.problem.data.weights
        tolerance = _KINKED if self.problem.neuron.activation.kinks else _TOLERANCE
        allowed = tolerance * (self.problem.scale + float(np.sqrt(squares.max())))
        if self.interpolation_error <= allowed:
            return
        intervals = len(self.times) - 1
        enough = int(np.ceil(intervals * (self.interpolation_error / allowed) ** 0.25)) + 1
        warnings.warn(
            f"the {len(self.times)} frames of the run are too far apart: between them the "
            f"outputs are known to {self.interpolation_error:.1e} only; save {enough} frames "
            "or more, or closer ones where the outputs change fast",
            UserWarning,
            stacklevel=3,
        )

    # -- the field at any time ---------------------------------------------------------------

    def outputs(self, t: float) -> Float64Array:
        """Outputs f(x_j; μ_t) at the data, shape (n, k).

        Raises
        ------
        InvalidInputError
            If the run has not recorded the time.
        """
        time = float(self.check_times([as_number("t", t)])[0])
        left = np.searchsorted(self.times, time, side="right") - 1
        return self.outputs_between(min(int(left), len(self.times) - 2), time)

    def covector(self, t: float) -> Float64Array:
        """u_j(t) = α⁻¹ p_j ℓ'(f_j, y_j), shape (n, k); see `Problem.covector`."""
        return self.problem.covector(self.outputs(t))

    def velocity(self, t: float, positions: Any) -> FloatArray:
        """Velocities −∇Ψ(θ; u(t)) of neurons at given parameters (N, p), shape (N, p)."""
        where = self.check_positions(positions)
        return self.problem.velocity_under(where, self.covector(t))

    def potential(self, t: float, positions: Any) -> Float64Array:
        """Potential Ψ(θ; u(t)) at given parameters (N, p), shape (N,)."""
        where = self.check_positions(positions)
        return self.problem.potential_at(where, self.covector(t))

    def outputs_between(self, left: int, t: float) -> Float64Array:
        """Outputs at a time after frame `left` and before the next: unchecked, for solvers."""
        return cubic(self.times, self._values, self._slopes, left, t)

    # -- neurons carried along ---------------------------------------------------------------

    def transport(
        self, positions: Any, times: Any = None, *, rtol: float = 1e-6, atol: float = 1e-8
    ) -> FloatArray:
        """Positions of neurons that move in the mean field from its first frame on.

        dX/dt = −∇Ψ(X; u(t)) by the Dormand–Prince method, where each neuron halves the
        intervals between frames as often as it needs: its path has the same bits
        whichever others are carried along, for any times asked for and number of threads.

        Parameters
        ----------
        positions : (N, p) array
            At the first frame.
        times : (T,) array, optional
            Non-decreasing, within the run; by default those of the frames.
        rtol, atol : float
            Tolerances of one step, relative and absolute, for each neuron.

        Returns
        -------
        (T, N, p) array

        Raises
        ------
        InvalidInputError
            If shapes do not fit, positions are not finite, times lie outside the run, or
            the problem is noisy: see `meanfield.coupling.limit_path`.
        DivergenceError
            If no step is short enough.

        Notes
        -----
        With a kinked activation the velocity jumps in θ and no tolerance can be met there:
        steps are then at least an eighth of an interval between frames, and tolerances at
        least 1e-4 and 1e-6.
        """
        where = self.check_positions(positions)
        as_number("rtol", rtol, "positive")
        as_number("atol", atol, "positive")
        chosen = self.times if times is None else self.check_times(times)
        flow = solvers["particle-flow"](rtol=rtol, atol=atol)
        path = flow.carry(self, ParticleMeasure(where), 0, chosen)
        return np.stack([measure.positions for measure in path])

    def carry(
        self, solver: Solver[Any], measure: Measure, seed: int, times: Float64Array
    ) -> tuple[ParticleMeasure, ...]:
        """Neurons of a network in the mean field, with the noise that a solver gives them.

        Unchecked; see `meanfield.coupling.limit_path`.
        """
        path: tuple[ParticleMeasure, ...] = solver.carry(  # type: ignore[attr-defined]
            self, measure.to_particles(), seed, times
        )
        return path

    # -- what users hand over ----------------------------------------------------------------

    def check_times(self, times: Any) -> Float64Array:
        """Times as an array, which do not decrease and lie within the run.

        Raises
        ------
        InvalidInputError
            Otherwise.
        """
        chosen = as_finite_array("times", times, 1).astype(np.float64)
        first, last = float(self.times[0]), float(self.times[-1])
        slack = 1e-12 * last
        if chosen.min() < first - slack or chosen.max() > last + slack:
            outside = chosen.min() if chosen.min() < first - slack else chosen.max()
            raise InvalidInputError(
                f"the mean field is recorded from t = {first:g} to {last:g}, got t = {outside:g}"
            )
        if (np.diff(chosen) < 0.0).any():
            raise InvalidInputError("times must not decrease")
        return np.clip(chosen, first, last)

    def check_positions(self, positions: Any) -> FloatArray:
        """Positions (N, p) as a finite array.

        Raises
        ------
        InvalidInputError
            If they are not finite, or not over the parameters of the neuron.
        """
        where = ParticleMeasure(positions)
        self.problem.check_measure(where)
        return where.positions


def _outputs_and_slopes(problem: Problem, measure: Measure) -> tuple[Float64Array, Float64Array]:
    """Outputs at the data and their time derivatives, for particles that move by −∇Ψ.

    The derivative along the velocities is a difference of order 4 whose steps are so short
    that rounding is most of its error.
    """
    positions = measure.positions.astype(np.float64)
    velocity, outputs = problem.velocity_at(positions, measure.weights)
    fastest = float(np.abs(velocity).max())
    if fastest == 0.0:
        return outputs, np.zeros_like(outputs)
    step, moved = _REACH / fastest, np.empty_like(positions)

    def shifted(factor: float) -> Float64Array:
        combine(positions, factor * step, _ONE, velocity[None], moved)
        return problem.outputs_at(moved, measure.weights)

    near, far = shifted(1.0) - shifted(-1.0), shifted(2.0) - shifted(-2.0)
    return outputs, (8.0 * near - far) / (12.0 * step)
