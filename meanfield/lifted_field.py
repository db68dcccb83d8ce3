"""The mean field of a reduced problem, in which the full neurons move."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.problem import Problem
from meanfield.reductions import Reduction
from meanfield.solver import Solver, require_noiseless
from meanfield.typing import Float64Array, FloatArray

__all__ = ["LiftedMeanField"]


class LiftedMeanField:
    """The limit of a symmetric problem: neurons of R^p in the mean field of a reduction.

    A neuron whose vector w has become its length r in the reduction keeps the direction of w:
    it stands at w(t) = w(0) r(t)/r(0), where r moves in the reduced mean field. So any
    number of neurons in any dimension cost what lengths do.

    Parameters
    ----------
    field : MeanField
        Of a run of the reduced problem.
    reduction : Reduction
    problem : Problem
        Of the full neurons; its data are a sample of the law that the reduction is made for.

    Attributes
    ----------
    field, reduction, problem
        As given.
    times : (F,) array
        Of the frames of the field.
    interpolation_error : float
        Of the field.

    Raises
    ------
    InvalidInputError
        If the three do not belong together, or there is noise.

    Examples
    --------
    >>> import meanfield as mf
    >>> from meanfield.distributions import IsotropicGaussians
    >>> from meanfield.solvers import ParticleFlow
    >>> neuron, law = mf.Neuron(40, outer="fixed", bias=False), IsotropicGaussians(40, 0.8)
    >>> problem, start = mf.Problem(neuron, law.dataset(100, seed=0)), mf.Gaussian(40, std=0.1)
    >>> reduction = mf.reductions.radial(neuron, law, nodes=8)
    >>> nodes = mf.quadrature(reduction.law(start), "gauss-hermite", 10)
    >>> run = mf.simulate(reduction.problem, nodes, ParticleFlow(), t_end=1.0)
    >>> field = LiftedMeanField(mf.MeanField(run), reduction, problem)
    >>> network = start.sample(3, seed=0).positions
    >>> path = field.transport(network, [0.0, 1.0])  # all 40 weights keep their proportions
    >>> bool(np.ptp(path[1] / path[0], axis=1).max() < 1e-9)
    True
    """

    def __init__(self, field: MeanField, reduction: Reduction, problem: Problem) -> None:
        if field.problem != reduction.problem or reduction.neuron != problem.neuron:
            raise InvalidInputError(
                "the mean field must be that of a run of the reduced problem, and the reduction "
                "that of the neuron of the full problem"
            )
        require_noiseless(problem, "lifted mean field")
        self.field, self.reduction, self.problem = field, reduction, problem
        self.times, self.interpolation_error = field.times, field.interpolation_error

    def __repr__(self) -> str:
        return f"<LiftedMeanField: {self.problem.neuron.dim} parameters in {self.field!r}>"

    def check_times(self, times: Any) -> Float64Array:
        """Times as an array; see `MeanField.check_times`."""
        return self.field.check_times(times)

    def predict(self, measure: ParticleMeasure, inputs: Any) -> Float64Array:
        """Outputs (m, k) at full inputs (m, d) of the limit whose reduced law is `measure`."""
        return self.reduction.problem.predict(measure, self.reduction.points(inputs))

    def velocity(self, t: float, positions: Any) -> FloatArray:
        """Velocities of neurons at given full parameters (N, p), shape (N, p)."""
        measure = self._measure(positions)
        reduced = self.reduction.reduce(measure).positions
        velocities: FloatArray = self.field.velocity(t, reduced)
        return self.reduction.place(measure.positions, velocities)

    def potential(self, t: float, positions: Any) -> Float64Array:
        """Potential Ψ(θ; u(t)) at given full parameters (N, p), shape (N,)."""
        return self.field.potential(t, self.reduction.reduce(self._measure(positions)).positions)

    def transport(
        self, positions: Any, times: Any = None, *, rtol: float = 1e-6, atol: float = 1e-8
    ) -> FloatArray:
        """Positions (T, N, p) of full neurons that move in the field; see `MeanField.transport`."""
        measure = self._measure(positions)
        reduced = self.reduction.reduce(measure).positions
        path = self.field.transport(reduced, times, rtol=rtol, atol=atol)
        return np.asarray([self.reduction.place(measure.positions, part) for part in path])

    def carry(
        self, solver: Solver[Any], measure: Measure, seed: int, times: Float64Array
    ) -> tuple[ParticleMeasure, ...]:
        """Neurons in the limit as a solver carries them; see `MeanField.carry`."""
        start = measure.to_particles()
        path = self.field.carry(solver, self.reduction.reduce(start), seed, times)
        return tuple(
            ParticleMeasure(self.reduction.place(start.positions, part.positions), start.weights)
            for part in path
        )

    def _measure(self, positions: Any) -> ParticleMeasure:
        measure = ParticleMeasure(positions)
        self.problem.check_measure(measure)
        return measure
