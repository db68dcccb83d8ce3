"""Independent neurons in a recorded mean field, each with steps of its own length."""

from __future__ import annotations

import numpy as np

from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError
from meanfield.mean_field import MeanField
from meanfield.measures import ParticleMeasure
from meanfield.solver import require_noiseless
from meanfield.solvers.tableaus import tableaus
from meanfield.stages import combine
from meanfield.typing import Array, Float64Array, FloatArray, IntArray

__all__ = ["carried"]

_TABLEAU = tableaus["dopri5"]
_NODES = _TABLEAU.coupling.sum(axis=1)
# Halvings of an interval between frames: more are refused, or not made at kinks.
_MOST, _MOST_KINKED = 12, 3
# Tolerances, relative and absolute, below which kinks only cost time.
_KINKED = 1e-4, 1e-6
# Numbers of a block of neurons, whose stages stay small.
_BLOCK = 2**18


def carried(
    field: MeanField, measure: ParticleMeasure, times: Float64Array, rtol: float, atol: float
) -> tuple[ParticleMeasure, ...]:
    """Measures at the times, whose neurons start at the first frame and follow −∇Ψ(·; u(t)).

    Parameters
    ----------
    field : MeanField
    measure : ParticleMeasure
    times : (T,) array
        As `MeanField.check_times` gives them.
    rtol, atol : float
        Tolerances of one step.

    Raises
    ------
    InvalidInputError
        If the problem has noise.
    DivergenceError
        If no step is short enough.
    """
    require_noiseless(field.problem, "transport")
    positions = measure.positions
    path = np.empty((len(times), *positions.shape), positions.dtype)
    size = max(1, _BLOCK // measure.dim)
    needed = int(np.searchsorted(field.times, times.max()))
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    with single_threaded_blas(), quiet:
        for first in range(0, len(positions), size):
            block = slice(first, first + size)
            travellers = _Travellers(field, positions[block], rtol, atol)
            path[times == field.times[0], block] = positions[block]
            for left in range(needed):
                travellers.cross(left, times, path[:, block])
    return tuple(ParticleMeasure.trusted(where, measure.weights) for where in path)


class _Travellers:
    """Neurons at a frame, their velocities, and the steps that each has found to suit it."""

    def __init__(self, field: MeanField, positions: FloatArray, rtol: float, atol: float) -> None:
        self._field = field
        self._kinked = bool(field.problem.neuron.activation.kinks)
        self._most = _MOST_KINKED if self._kinked else _MOST
        least = _KINKED if self._kinked else (0.0, 0.0)
        self._rtol, self._atol = max(rtol, least[0]), max(atol, least[1])
        self._positions = positions.copy()
        covector = field.covector(float(field.times[0]))
        self._velocities = field.problem.velocity_under(self._positions, covector)
        self._steps = np.full(len(positions), np.inf)

    def cross(self, left: int, times: Float64Array, path: FloatArray) -> None:
        """Go from frame `left` to the next; positions at times between go to `path` (T, N, p)."""
        start, end = self._field.times[left : left + 2]
        asked = np.flatnonzero((times > start) & (times <= end))
        places = (times[asked] - start) / (end - start)
        pending = np.arange(len(self._positions))
        while len(pending) > 0:
            halvings = self._halvings(pending, float(end - start))
            failed = []
            for number in np.unique(halvings):
                members = pending[halvings == number]
                ends, velocities, errors, shown = self._pass(left, 2**number, members, places)
                accepted = (errors <= 1.0) | (self._kinked and number == self._most)
                self._learn(members, errors, (end - start) / 2**number)
                self._check(ends[accepted], accepted, int(number), left)
                kept = members[accepted]
                self._positions[kept], self._velocities[kept] = ends[accepted], velocities[accepted]
                path[asked[:, None], kept] = shown[:, accepted]
                failed.append(members[~accepted])
            pending = np.concatenate(failed)

    def _halvings(self, members: IntArray, width: float) -> IntArray:
        wanted = np.ceil(np.log2(width / self._steps[members]))
        return np.clip(wanted, 0, self._most).astype(np.int64)

    def _learn(self, members: IntArray, errors: Float64Array, step: float) -> None:
        """The step that suits each neuron next, from its error with this one."""
        factor = (2.0 * np.maximum(errors, 1e-10)) ** (-1.0 / _TABLEAU.order)
        limit = np.where(errors <= 1.0, 4.0, 0.5)
        self._steps[members] = step * np.clip(factor, 0.1, limit)

    def _check(self, ends: FloatArray, accepted: Array, halvings: int, left: int) -> None:
        """Raise if a neuron has left the finite numbers, or would need a shorter step."""
        time = float(self._field.times[left])
        if not np.isfinite(ends).all() or (halvings == self._most and not accepted.all()):
            raise DivergenceError(
                f"a neuron moves too fast for {2**halvings} steps between the frames from t = "
                f"{time:.6g} on; save more frames, or try looser tolerances",
                time,
            )

    def _pass(
        self, left: int, count: int, members: IntArray, places: Float64Array
    ) -> tuple[FloatArray, FloatArray, Float64Array, FloatArray]:
        """Ends, velocities there, largest errors, and positions at places in the interval.

        All that happens to a neuron here depends on itself and on `count` only.
        """
        positions = self._positions[members]
        stages = np.empty((_TABLEAU.stages, *positions.shape), positions.dtype)
        stages[-1] = self._velocities[members]
        shown = np.empty((len(places), *positions.shape), positions.dtype)
        errors = np.zeros(len(members))
        following, spare = np.empty_like(positions), np.empty_like(positions)
        start, end = (float(time) for time in self._field.times[left : left + 2])
        step = (end - start) / count
        for number in range(count):
            stages[0] = stages[-1]
            for i in range(1, _TABLEAU.stages):
                row = _TABLEAU.coupling[i, :i]
                where = combine(positions, step, row, stages, following)
                time = min(start + (number + float(_NODES[i])) * step, end)
                self._write(left, time, where, stages[i])
            self._add_errors(positions, following, step, stages, spare, errors)
            if (errors > 1.0).all() and not (self._kinked and count == 2**self._most):
                break
            here = np.clip(np.ceil(places * count) - 1, 0, count - 1) == number
            for place in np.flatnonzero(here):
                fraction = float(places[place] * count - number)
                _interpolate(positions, following, step, stages, fraction, shown[place])
            positions, following = following, positions
        return positions, stages[-1], errors, shown

    def _write(self, left: int, time: float, where: FloatArray, out: FloatArray) -> None:
        problem = self._field.problem
        covector = problem.covector(self._field.outputs_between(left, time))
        problem.velocity_under(where, covector, out)

    def _add_errors(
        self,
        before: FloatArray,
        after: FloatArray,
        step: float,
        stages: FloatArray,
        spare: FloatArray,
        errors: Float64Array,
    ) -> None:
        """Raise `errors` (N,) to those of a step, root mean squares over scaled coordinates.

        The first above 1 stays, so that it does not matter how long others go on.
        """
        assert _TABLEAU.error is not None
        other = combine(after, -step, _TABLEAU.error, stages, spare)
        scale = self._atol + self._rtol * np.maximum(np.abs(before), np.abs(after))
        squares = np.square((after - other) / scale, dtype=np.float64)
        found = np.nan_to_num(np.sqrt(squares.mean(axis=1)), nan=np.inf)
        np.maximum(errors, found, out=errors, where=errors <= 1.0)


def _interpolate(
    before: FloatArray,
    after: FloatArray,
    step: float,
    stages: FloatArray,
    fraction: float,
    out: FloatArray,
) -> None:
    """Write positions at a fraction of a step into `out`."""
    if fraction >= 1.0:
        out[:] = after
        return
    table = _TABLEAU.interpolation
    powers = fraction ** np.arange(1, table.shape[1] + 1)
    combine(before, step, table @ powers, stages, out)
