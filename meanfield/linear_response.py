"""Response of the flow to its start and to its gradient noise, carried along with the nodes.

Both are random fields over the nodes of which only second moments are asked for, so few
directions carry them: a start reweighted by 1 + ε b for each function b of a basis, and
the principal directions of the accumulated noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.linear_flow import LinearFlow
from meanfield.mean_shift import covariances_of, curved_outputs, curved_rates
from meanfield.neuron_jets import NeuronJets
from meanfield.problem import Problem
from meanfield.typing import Float64Array

__all__ = ["RESOLUTION", "LinearResponse"]

# Singular values below this part of the largest are left out. They are orthogonal to what is
# kept, so that variances lack the square of it.
_NEGLIGIBLE = 1e-5
# Length of a step, in units of the fastest rate of the linearised flow: Runge and Kutta's
# steps are then wrong by 1e-6, Simpson's rule by 5e-5, for the fastest directions.
RESOLUTION = 0.15
_MOST_STEPS = 200_000
# Numbers that may be held at a time: 4 GB.
_MOST_NUMBERS = 2**29


@dataclass(frozen=True, eq=False)
class LinearResponse:
    """Nodes at a time, and what has become of small changes before it.

    Attributes
    ----------
    problem : Problem
    masses : (M,) array
        c_w.
    time : float
    positions : (M, p) array
        X_w.
    flow : LinearFlow
        At the nodes.
    basis : (M, r) array
        √c_w b(X_w(0)), orthonormal, for functions b of the start with mean 0.
    influence : (M p, r) array
        Derivative of the nodes for a start of the masses c (1 + ε b).
    noise : (M p, q) array
        Z, with ε Z Zᵀ the covariance of the nodes under gradient noise of steps ε.
    shift : (M p, 1) array
        N times the mean change of the nodes at width N.
    fastest : (M p, 1) array
        Direction that changes fastest.
    """

    problem: Problem
    masses: Float64Array
    time: float
    positions: Float64Array
    flow: LinearFlow
    basis: Float64Array
    influence: Float64Array
    noise: Float64Array
    shift: Float64Array
    fastest: Float64Array

    @classmethod
    def start(
        cls, problem: Problem, positions: Float64Array, masses: Float64Array
    ) -> LinearResponse:
        """Response at time 0: nothing has moved.

        Raises
        ------
        InvalidInputError
            If the arrays would not fit into memory.
        """
        nodes, dim = positions.shape
        _require_memory(nodes, dim, 18 * len(problem.data) * problem.neuron.outputs)
        empty = np.empty((nodes * dim, 0))
        ripple = np.cos(np.arange(nodes * dim))[:, None]
        response = cls(
            problem, masses, 0.0, positions, LinearFlow.at(problem, positions, masses),
            np.empty((nodes, 0)), empty, empty, np.zeros((nodes * dim, 1)), ripple,
        )  # fmt: skip
        return response.including(response.flow.features)

    def including(self, features: Float64Array) -> LinearResponse:
        """The same response, with functions of the start (M, s) in the span of the basis."""
        root = np.sqrt(self.masses)[:, None]
        scaled = root * (features - self.masses @ features)
        rest = _without(self.basis, _without(self.basis, scaled))
        added = _left_vectors(rest, _NEGLIGIBLE * float(np.linalg.norm(scaled)))
        if added.shape[1] == 0:
            return self
        added = np.linalg.qr(_without(self.basis, _without(root / np.linalg.norm(root), added)))[0]
        nodes, dim = self.positions.shape
        _require_memory(nodes, dim, 8 * (self.basis.shape[1] + added.shape[1]))
        unmoved = np.zeros((len(self.influence), added.shape[1]))
        return replace(
            self,
            basis=np.hstack([self.basis, added]),
            influence=np.hstack([self.influence, unmoved]),
        )

    def bias(self, jets: NeuronJets, gradients: Float64Array) -> Float64Array:
        """N times the mean change of outputs at width N, at the points of the jets, (m k, 1)."""
        covariances = covariances_of(self.influence, self.positions.shape[1])
        curved = curved_outputs(
            jets, gradients, self.masses, self.basis, self.influence, covariances
        )
        return self.problem.scale * (gradients.T @ (self.flow.masses * self.shift) + curved)

    def projected(self, features: Float64Array) -> Float64Array:
        """Components (s, r) of functions of the start (M, s) in the basis."""
        root = np.sqrt(self.masses)[:, None]
        return np.asarray((root * features).T @ self.basis)

    def advanced(self, time: float, step: float | None) -> LinearResponse:
        """The response at a later time, by pairs of steps no longer than `step`.

        Raises
        ------
        DivergenceError
            If nodes or their changes leave the finite numbers.
        InvalidInputError
            If the flow is too stiff for explicit steps.
        """
        response, rounds = self, 8 if self.time == 0.0 else 2
        while response.time < time:
            rate, fastest = response.flow.fastest(response.fastest, rounds)
            if not np.isfinite(rate):
                raise DivergenceError(
                    f"the linearised flow left the finite numbers at t = {response.time:.6g}; "
                    "try a smaller step, or a start nearer to 0",
                    self.time,
                )
            left = time - response.time
            longest = min(left, step or np.inf, RESOLUTION / rate if rate > 0.0 else np.inf)
            if left > _MOST_STEPS * longest:
                raise InvalidInputError(
                    f"the flow's fastest rate, {rate:.3g}, asks for {left / longest:.0f} steps to "
                    f"t = {time:g}, more than {_MOST_STEPS}; take shorter times or smaller inputs"
                )
            pairs = int(np.ceil(left / (2.0 * longest) - 1e-9))
            response = replace(response, fastest=fastest)._pair(left / (2 * pairs))
            if pairs == 1:
                response = replace(response, time=time)
            rounds = 2
        return response

    def _pair(self, step: float) -> LinearResponse:
        """Two steps; gradient noise enters by Simpson's rule at their three ends."""
        response = self._with_noise(step / 3.0)._step(step)._with_noise(4.0 * step / 3.0)
        return response._step(step)._with_noise(step / 3.0)

    def _with_noise(self, duration: float) -> LinearResponse:
        """The same, after gradient noise of the present moment for some time."""
        fresh = np.sqrt(duration) * self.flow.gradient_noise(self.problem.data.weights)
        noise = np.hstack([self.noise, fresh])
        squares, directions = np.linalg.eigh((self.flow.masses * noise).T @ noise)
        kept = squares > max(_NEGLIGIBLE**2 * squares[-1], 0.0)
        return replace(self, noise=noise @ directions[:, kept])

    def _step(self, step: float) -> LinearResponse:
        """One step of Runge and Kutta's method of order 4, for the nodes and their changes."""
        flows = [self.flow]
        for part in (0.5, 0.5, 1.0):
            stage = self.positions + part * step * flows[-1].velocity
            flows.append(LinearFlow.at(self.problem, stage, self.masses))
        velocities = [flow.velocity for flow in flows]
        moved = self.positions + step * _average(velocities)
        after = LinearFlow.at(self.problem, moved, self.masses)
        wider = self.including(after.features)
        changes = wider._changes_after(flows, step)
        width = wider.basis.shape[1]
        return replace(
            wider, time=self.time + step, positions=moved, flow=after,
            influence=changes[:, :width], noise=changes[:, width:-1], shift=changes[:, -1:],
        )  # fmt: skip

    def _changes_after(self, flows: list[LinearFlow], step: float) -> Float64Array:
        """Influence, noise and shift, side by side, after a step with the flow at its stages."""
        start = np.hstack([self.influence, self.noise, self.shift])
        rates: list[Float64Array] = []
        for flow, part in zip(flows, (0.0, 0.5, 0.5, 1.0), strict=True):
            rates.append(self._rates(flow, start + part * step * rates[-1] if rates else start))
        return start + step * _average(rates)

    def _rates(self, flow: LinearFlow, changes: Float64Array) -> Float64Array:
        """Rates of influence, noise and shift, side by side."""
        width = self.basis.shape[1]
        influence = changes[:, :width]
        covariances = covariances_of(influence, self.positions.shape[1])
        curved = curved_outputs(
            flow.jets, flow.gradients, self.masses, self.basis, influence, covariances
        )
        outputs = flow.tangents(changes)
        outputs[:, :width] += flow.scale * self.projected(flow.features)
        outputs[:, -1:] += flow.scale * curved
        rates = flow.rates(changes, outputs)
        rates[:, -1:] += curved_rates(
            self.problem, flow, outputs[:, :width], influence, covariances
        )
        return rates


def _average(slopes: list[Float64Array]) -> Float64Array:
    first, second, third, fourth = slopes
    return np.asarray((first + 2.0 * (second + third) + fourth) / 6.0)


def _without(basis: Float64Array, columns: Float64Array) -> Float64Array:
    """Columns minus their projections on an orthonormal basis."""
    return np.asarray(columns - basis @ (basis.T @ columns))


def _left_vectors(matrix: Float64Array, least: float) -> Float64Array:
    """Orthonormal columns that span the left singular vectors with values above `least`."""
    rows, columns = matrix.shape
    if columns <= rows:
        squares, vectors = np.linalg.eigh(matrix.T @ matrix)
        return np.asarray(np.linalg.qr(matrix @ vectors[:, squares > least**2])[0])
    squares, vectors = np.linalg.eigh(matrix @ matrix.T)
    return np.asarray(vectors[:, squares > least**2])


def _require_memory(nodes: int, dim: int, arrays: int) -> None:
    needed = nodes * dim * arrays
    if needed > _MOST_NUMBERS:
        raise InvalidInputError(
            f"fluctuations of {nodes} nodes of {dim} parameters would take "
            f"{needed * 8 / 1e9:.0f} GB, more than the {_MOST_NUMBERS * 8 / 1e9:.0f} GB that are "
            "allowed; take fewer nodes (see meanfield.quadrature) or a part of the data"
        )
