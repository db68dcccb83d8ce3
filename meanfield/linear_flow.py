"""The noiseless flow linearised at weighted nodes, in whole arrays for many directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meanfield.conjugates import curvature_roots
from meanfield.engines.threads import sweep
from meanfield.neuron_jets import NeuronJets
from meanfield.problem import Problem
from meanfield.typing import Float64Array

__all__ = ["LinearFlow"]

# Directions that a thread takes at a time.
_GROUP = 32


@dataclass(frozen=True, eq=False)
class LinearFlow:
    """The flow of nodes, and of small changes of them, at one moment.

    With G = ∂Φ_c(x_j; θ_w)/∂θ, masses c_w, Hessians H_w of the potential and
    S = p ℓ''/α, changes U of the nodes follow U' = −H U − G S δf, where the outputs
    change by δf = α Gᵀ c U and by what else is given.

    Attributes
    ----------
    scale : float
        α.
    masses : (M p, 1) array
        c_w, for each parameter of each node.
    velocity : (M, p) array
    outputs, residuals : (n, k) arrays
        f_j and ℓ'(f_j, y_j).
    jets : NeuronJets
        Neurons at the data.
    features : (M, n k) array
        Φ.
    gradients : (M p, n k) array
        G.
    pull : (n k, M p) array
        α Gᵀ c.
    hessians : (M, p, p) array
        H, with the ridge.
    curvature : (n, k, k) array
        S.
    """

    scale: float
    masses: Float64Array
    velocity: Float64Array
    outputs: Float64Array
    residuals: Float64Array
    jets: NeuronJets
    features: Float64Array
    gradients: Float64Array
    pull: Float64Array
    hessians: Float64Array
    curvature: Float64Array

    @classmethod
    def at(cls, problem: Problem, positions: Float64Array, masses: Float64Array) -> LinearFlow:
        """The flow of `problem` at nodes (M, p) with masses (M,)."""
        nodes, dim = positions.shape
        neuron, data = problem.neuron, problem.data
        jets = NeuronJets.of(neuron, positions, data.inputs)
        features, gradients = jets.features(), jets.gradients()
        outputs = problem.scale * (masses @ features).reshape(len(data), neuron.outputs)
        covector = problem.covector(outputs)
        ridge = problem.ridge.coefficients(neuron)
        velocity = -(gradients @ covector.reshape(-1)).reshape(nodes, dim) - ridge * positions
        roots = curvature_roots(problem.loss, outputs, data.targets)
        factors = (data.weights / problem.scale)[:, None, None]
        spread = np.repeat(masses, dim)[:, None]
        pull = np.ascontiguousarray((problem.scale * spread * gradients).T)
        return cls(
            problem.scale, spread, velocity, outputs,
            problem.loss.derivatives(outputs, data.targets), jets, features, gradients, pull,
            jets.hessians(covector) + np.diag(ridge), factors * (roots @ roots.transpose(0, 2, 1)),
        )  # fmt: skip

    def tangents(self, directions: Float64Array) -> Float64Array:
        """α Gᵀ c U: how outputs at the data change with nodes that move by U (M p, r)."""
        result = np.empty((len(self.pull), directions.shape[1]))

        def work(group: slice) -> None:
            np.matmul(self.pull, directions[:, group], out=result[:, group])

        _in_groups(work, directions.shape[1])
        return result

    def rates(self, directions: Float64Array, changes: Float64Array) -> Float64Array:
        """U' = −H U − G S δf.

        Parameters
        ----------
        directions : (M p, r) array
            U.
        changes : (n k, r) array
            δf: the tangents of U, and what else changes the outputs.
        """
        nodes, dim = self.velocity.shape
        result = np.empty_like(directions)
        pushes = self.pushes(changes)

        def work(group: slice) -> None:
            turned = self.hessians @ directions[:, group].reshape(nodes, dim, -1)
            pulled = self.gradients @ pushes[:, group]
            np.subtract(-turned.reshape(pulled.shape), pulled, out=result[:, group])

        _in_groups(work, directions.shape[1])
        return result

    def pushes(self, changes: Float64Array) -> Float64Array:
        """S δf: how the covector of the data changes with the outputs, (n k, r)."""
        points, count = self.outputs.shape
        shaped = changes.reshape(points, count, changes.shape[1])
        return np.asarray((self.curvature @ shaped).reshape(changes.shape))

    def gradient_noise(self, weights: Float64Array) -> Float64Array:
        """N (M p, n) with N Nᵀ the covariance of the velocity from one drawn data point.

        Parameters
        ----------
        weights : (n,) array
            Probabilities p_j of the points.
        """
        points, count = self.outputs.shape
        shaped = self.gradients.reshape(-1, points, count)
        single = np.einsum("ijc,jc->ij", shaped, self.residuals) / self.scale
        return np.asarray((single - (single @ weights)[:, None]) * np.sqrt(weights))

    def fastest(self, direction: Float64Array, rounds: int) -> tuple[float, Float64Array]:
        """Largest rate at which a change of the nodes grows or decays, by power iteration.

        Parameters
        ----------
        direction : (M p, 1) array
            Where to begin.
        rounds : int
            Number of iterations.

        Returns
        -------
        (float, (M p, 1) array)
            The rate, and the direction of it.
        """
        rate = 0.0
        for _ in range(rounds):
            image = self.rates(direction, self.tangents(direction))
            rate = float(np.sqrt(np.sum(self.masses * image**2)))
            if rate == 0.0:
                break
            direction = image / rate
        return rate, direction


def _in_groups(work: Callable[[slice], None], columns: int) -> None:
    """Do work on groups of columns, on all threads; the groups do not depend on their number."""
    starts = range(0, columns, _GROUP)
    sweep(lambda g, thread: work(slice(starts[g], starts[g] + _GROUP)), len(starts))
