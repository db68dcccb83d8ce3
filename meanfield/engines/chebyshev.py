"""One input, one output, much data and an analytic activation: few nodes for many points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from meanfield.engines.direct import DirectEngine
from meanfield.engines.ellipses import ANALYTIC, reaches
from meanfield.engines.engine import Covector
from meanfield.engines.threads import add_in_order, cut, single_threaded_blas, sweep
from meanfield.kernels import chebyshev, direct
from meanfield.kernels.compilation import read_only
from meanfield.neurons import Neuron
from meanfield.typing import Array, Float64Array, FloatArray, IntArray

__all__ = ["ChebyshevEngine", "is_analytic"]

# Numbers of nodes: particles use the smallest that their steepness allows.
_NODES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
# Interpolation is as exact as rounding: this many units in the last place.
_ULPS = 8.0
# Nodes may be rounded by this fraction of the distance 5 / p² between the outermost ones.
_ROUNDING = 0.025
# A level must save the dense sums of so many particles for each node it adds.
_PARTICLES_PER_NODE = 1 / 8
# Fewer pairs of particle and data point than this are summed sooner than sorted.
_PAIRS = 2**18
# Particles, and data points, that make a group worth a call.
_PARTICLES, _POINTS = 8192, 8192


def is_analytic(neuron: Neuron) -> bool:
    """Whether bounds on the activation in the complex plane are known."""
    return neuron.activation.functions is None and neuron.activation.name in ANALYTIC


@dataclass(frozen=True)
class _Nodes:
    """Points x_l (p,) as the particles see them, and the way from values to a series.

    `transform` (p, p) turns values at the points, rounded as they are, into coefficients
    of T_0 … T_{p-1}.
    """

    points: tuple[Array]
    transform: Float64Array

    @classmethod
    def on(cls, centre: float, half: float, count: int, dtype: Any) -> _Nodes:
        exact = np.cos(np.pi * np.arange(count) / (count - 1))
        points = (centre + half * exact).astype(dtype)
        rounded = np.clip((points - np.float64(centre)) / half, -1.0, 1.0)
        series = np.cos(np.arccos(rounded)[:, None] * np.arange(count))
        with single_threaded_blas():
            transform = np.linalg.inv(series)
            # Elimination leaves tens of units in the last place, Newton's step hardly one.
            transform += transform @ (np.eye(count) - series @ transform)
        return cls((read_only(points),), transform)


@dataclass(frozen=True)
class _Plan:
    """Which particles use which level of nodes, group by group, and which use none."""

    groups: list[slice]
    order: IntArray
    starts: IntArray
    counts: IntArray
    steepness: Array

    @cached_property
    def dense(self) -> IntArray:
        """Particles beyond all levels."""
        return np.flatnonzero(self.steepness >= len(self.counts))

    @property
    def levels(self) -> list[int]:
        """Levels with any particles."""
        return np.flatnonzero(self.counts).tolist()

    def members(self, group: int) -> Iterator[tuple[int, IntArray]]:
        """Levels with the numbers, within a group, of their particles."""
        order, starts = self.order[self.groups[group]], self.starts[group]
        for level in self.levels:
            if starts[level] < starts[level + 1]:
                yield level, order[starts[level] : starts[level + 1]]


class ChebyshevEngine:
    """Sums at p Chebyshev nodes of the data's interval, and one series for all n points.

    A particle is a smooth function of x: its values at p nodes determine it. Outputs are
    added up at the nodes, turned into coefficients and evaluated at the data; the other
    way, the covector's moments Σ_k u_k T_j(t_k) become a covector at the nodes. This is
    the exact gradient of the interpolated network. A pass costs O(N p + n p), with p from
    16 to 512 by the steepness |w| h of each particle, where h is half the length of the
    data's interval; particles too steep for n/2 nodes are summed at the data themselves.

    The nodes of a particle are so many that σ, σ' and t σ', for t in [-1, 1], have at
    most 8 ulp of error (`ellipses` gives the proof). With |x| <= X this adds at most
    8 ulp × Σ_i m_i |a_i| to outputs, 8 ulp × |a| Σ_k |u_k| to potentials, and
    8 ulp × (1 + X) max(1, |a|) Σ_k |u_k| to gradients, for any biases and weights.

    Parameters
    ----------
    neuron : Neuron
        With one input, one output and an activation that `is_analytic`.
    inputs : (n, 1) array
    dtype : numpy dtype
        float32 or float64; series are float64.
    """

    name: ClassVar[str] = "chebyshev"

    def __init__(self, neuron: Neuron, inputs: Float64Array, dtype: Any) -> None:
        self.neuron = neuron
        self.dtype = np.dtype(dtype)
        self._direct = DirectEngine(neuron, inputs, dtype)
        self._typed = neuron.activation.typed
        self._columns = (neuron.outer_columns, int(neuron.bias))
        self.load(inputs)

    def load(self, inputs: Array) -> None:
        """Take data (n, 1) in the place of those at hand."""
        self._direct.load(inputs)
        points = self._direct.points[0].astype(np.float64)
        low, high = float(points.min()), float(points.max())
        self._centre = 0.5 * (low + high)
        self._half = 0.5 * (high - low) or 1.0
        self._scaled = np.clip((points - self._centre) / self._half, -1.0, 1.0)
        unit = float(np.finfo(self.dtype).eps)
        offset = unit * (1.0 + abs(self._centre) / self._half)
        self.nodes = tuple(
            p for p in _NODES if 2 * p <= len(points) and offset * p**2 <= 5.0 * _ROUNDING
        )
        allowed = reaches(self.neuron.activation.name, _NODES, _ULPS * unit)
        self._limits = allowed[: len(self.nodes)] / self._half
        self._cache: dict[int, _Nodes] = {}

    def outputs(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Σ_i m_i Φ(x_j; θ_i) at every data point, shape (n, 1)."""
        plan = self._plan(positions)
        if not plan.levels:
            return self._direct.outputs(positions, masses)
        return self._outputs(positions, masses, plan)

    def potentials(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j u_j Φ(x_j; θ_i) for every particle, shape (N,)."""
        plan = self._plan(positions)
        if not plan.levels:
            return self._direct.potentials(positions, covector)
        result = np.empty(len(positions))
        self._pull(chebyshev.pull_potentials, positions, covector, plan, result)
        if len(plan.dense) > 0:
            result[plan.dense] = self._direct.potentials(positions[plan.dense], covector)
        return result

    def gradients(
        self, positions: FloatArray, covector: Float64Array, gradients: FloatArray
    ) -> None:
        """Write ∇_θ Σ_j u_j Φ(x_j; θ_i) into `gradients` (N, p).

        Every particle uses the nodes of its level, however few others do.
        """
        self._pull_gradients(positions, covector, self._every_level(positions), gradients)

    def velocity_pass(
        self,
        positions: FloatArray,
        masses: Float64Array,
        covector: Covector,
        gradients: FloatArray,
    ) -> Float64Array:
        """Outputs (n, 1); gradients (N, p) are written."""
        plan = self._plan(positions)
        if not plan.levels:
            return self._direct.velocity_pass(positions, masses, covector, gradients)
        outputs = self._outputs(positions, masses, plan)
        self._pull_gradients(positions, covector(outputs), plan, gradients)
        return outputs

    def _pull_gradients(
        self, positions: FloatArray, covector: Float64Array, plan: _Plan, gradients: FloatArray
    ) -> None:
        if plan.levels:
            self._pull(chebyshev.pull_gradients, positions, covector, plan, gradients)
        if len(plan.dense) > 0:
            part = gradients[plan.dense]
            self._direct.gradients(positions[plan.dense], covector, part)
            gradients[plan.dense] = part

    def _plan(self, positions: FloatArray) -> _Plan:
        """Levels as far as they save time; particles beyond them use none."""
        plan = self._every_level(positions)
        used = self._worthwhile(np.diff(plan.starts).sum(axis=0))
        return replace(plan, counts=plan.counts[:used])

    def _every_level(self, positions: FloatArray) -> _Plan:
        count = len(self.nodes)
        groups = cut(len(positions), _PARTICLES)
        weights = positions[:, self._columns[0]]
        levels, order = np.empty(len(positions), np.uint8), np.empty(len(positions), np.int64)
        starts = np.zeros((len(groups), count + 2), np.int64)

        def work(g: int, thread: int) -> None:
            part = levels[groups[g]]
            chebyshev.find_levels(weights[groups[g]], self._limits, part, starts[g, 1:])
            np.cumsum(starts[g], out=starts[g])
            chebyshev.sort_by_level(part, starts[g], order[groups[g]])

        sweep(work, len(groups))
        counts = np.diff(starts).sum(axis=0)
        return _Plan(groups, order, starts, counts[:count], levels)

    def _worthwhile(self, counts: IntArray) -> int:
        """How many levels save more than their share of the series costs."""
        if counts.sum() * len(self._scaled) < _PAIRS:
            return 0
        for level in reversed(range(len(self.nodes))):
            added = self.nodes[level] - (self.nodes[level - 1] if level > 0 else 0)
            if counts[level] >= _PARTICLES_PER_NODE * added:
                return level + 1
        return 0

    def _outputs(self, positions: FloatArray, masses: Float64Array, plan: _Plan) -> Float64Array:
        outputs = np.zeros(len(self._scaled))
        if len(plan.dense) > 0:
            outputs = self._direct.outputs(positions[plan.dense], masses[plan.dense])[:, 0]
        series, chunks = self._series(positions, masses, plan), self._chunks()

        def work(c: int, thread: int) -> None:
            chebyshev.add_series(series, self._scaled[chunks[c]], outputs[chunks[c]])

        sweep(work, len(chunks))
        return outputs[:, None]

    def _series(self, positions: FloatArray, masses: Float64Array, plan: _Plan) -> Float64Array:
        """Coefficients of the outputs of all particles that use nodes."""
        nodes = {level: self._level(level) for level in plan.levels}
        values = {level: np.zeros((len(plan.groups), self.nodes[level])) for level in nodes}

        def work(g: int, thread: int) -> None:
            group = plan.groups[g]
            for level, members in plan.members(g):
                direct.add_outputs(
                    self._typed, read_only(positions[group][members]),
                    read_only(masses[group][members]), *self._columns,
                    nodes[level].points, values[level][g],
                )  # fmt: skip

        sweep(work, len(plan.groups))
        series = np.zeros(self.nodes[plan.levels[-1]])
        for level, parts in values.items():
            # A sum without BLAS, whose own threads would change the rounding.
            coefficients = np.einsum("jl,l->j", nodes[level].transform, add_in_order(parts))
            series[: self.nodes[level]] += coefficients
        return series

    def _pull(
        self,
        kernel: Any,
        positions: FloatArray,
        covector: Float64Array,
        plan: _Plan,
        result: FloatArray,
    ) -> None:
        """Write what `kernel` makes of the covector at the nodes into rows of `result`."""
        where = read_only(positions)
        moments = self._moments(covector[:, 0], self.nodes[plan.levels[-1]])
        nodes = {level: self._level(level) for level in plan.levels}
        factors = {
            level: np.einsum("jl,j->l", of.transform, moments[: self.nodes[level]]).astype(
                positions.dtype
            )
            for level, of in nodes.items()
        }

        def work(g: int, thread: int) -> None:
            group = plan.groups[g]
            for level, members in plan.members(g):
                kernel(
                    self._typed, where[group], members, *self._columns,
                    nodes[level].points[0], factors[level], result[group],
                )  # fmt: skip

        sweep(work, len(plan.groups))

    def _moments(self, covector: Float64Array, count: int) -> Float64Array:
        """Σ_k u_k T_j(t_k) for j < `count`."""
        chunks = self._chunks()
        parts = np.zeros((len(chunks), count))

        def work(c: int, thread: int) -> None:
            chebyshev.add_moments(self._scaled[chunks[c]], covector[chunks[c]], parts[c])

        sweep(work, len(chunks))
        return add_in_order(parts)

    def _chunks(self) -> list[slice]:
        return cut(len(self._scaled), _POINTS)

    def _level(self, level: int) -> _Nodes:
        if level not in self._cache:
            self._cache[level] = _Nodes.on(self._centre, self._half, self.nodes[level], self.dtype)
        return self._cache[level]
