"""Stochastic gradient descent of the network of N neurons, in mean-field scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.distributions import DataDistribution, distribution_from_dict
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.mean_field import MeanField
from meanfield.measures import Measure, ParticleMeasure
from meanfield.population import PopulationProblem
from meanfield.problems import AnyProblem
from meanfield.solver import require_noiseless, settings_to_dict
from meanfield.solvers.batches import (
    POINTS_PER_BLOCK,
    block_generator,
    draws_of_points,
    require_points,
    shuffled,
)
from meanfield.solvers.descent import descend
from meanfield.solvers.transport import carried
from meanfield.typing import Float64Array, FloatArray

__all__ = ["SGD", "OnlineSGD", "SGDState"]

# Tolerances of neurons in the mean field: far below the noise of batches.
_RTOL, _ATOL = 1e-6, 1e-8

Batches = Callable[[int, int], tuple[Float64Array, Float64Array, Float64Array]]


@dataclass(frozen=True, eq=False)
class SGDState:
    """Particles after a number of gradient steps.

    Attributes
    ----------
    positions, momenta : (N, p) arrays
    masses : (N,) array
    steps : int
        Number of gradient steps made.
    seed : int
        Seed of the batches.
    """

    positions: FloatArray
    momenta: FloatArray
    masses: Float64Array
    steps: int
    seed: int


class _Descent:
    """What gradient descent has in common, wherever its batches come from."""

    step: float
    batch_size: int
    momentum: float
    state_type: ClassVar[type[SGDState]] = SGDState

    def __post_init__(self) -> None:
        as_number("step", self.step, "positive")
        as_count("batch_size", self.batch_size)
        if not 0.0 <= as_number("momentum", self.momentum) < 1.0:
            raise InvalidInputError(f"momentum must be in [0, 1), got {self.momentum}")

    def carry(
        self, field: MeanField, measure: ParticleMeasure, seed: int, times: Float64Array
    ) -> tuple[ParticleMeasure, ...]:
        """Neurons in the mean field, at the ends of the last steps before the times.

        Raises
        ------
        InvalidInputError
            If there is momentum, whose limit is another flow.
        """
        if self.momentum > 0.0:
            raise InvalidInputError(
                f"momentum={self.momentum:g} makes time pass 1/(1 - {self.momentum:g}) times as "
                "fast as in the mean field; couple a network trained with momentum=0"
            )
        reached = np.minimum(_steps_until(times, self.step) * self.step, times)
        return carried(field, measure, reached, _RTOL, _ATOL)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)

    def _descend(
        self, problem: AnyProblem, state: SGDState, t: float, batches: Batches
    ) -> tuple[SGDState, ParticleMeasure]:
        """Make the steps up to time `t`, block by block of batches, in the state's memory."""
        target = int(_steps_until(t, self.step))
        block, done = _block_steps(self.batch_size), state.steps
        descent = descend(problem, self, state)
        while done < target:
            last = min(target, (done // block + 1) * block)
            with single_threaded_blas():
                descent.steps(*batches(done, last))
            done = last
            if not descent.is_finite():
                raise DivergenceError(
                    f"gradient descent left the finite numbers before t = {done * self.step:.6g}; "
                    f"try a smaller step (it is {self.step:g})",
                    state.steps * self.step,
                )
        descent.finish()
        return replace(state, steps=done), ParticleMeasure(state.positions.copy(), state.masses)


@dataclass(frozen=True)
class SGD(_Descent):
    """Mini-batch gradient descent on the data of the problem.

    One step is θ_i ← θ_i − s ∇Ψ_B(θ_i), where Ψ_B is the potential with the risk of
    the batch B: the network's learning rate is N s, and mean-field time advances by s.
    At time t the measure is that after ⌊t / s⌋ steps.

    Parameters
    ----------
    step : float
        s > 0.
    batch_size : int
        Points in a batch.
    replacement : bool
        True: points are drawn independently with the probabilities of the data's
        weights. False: in epochs, each a random order of all points.
    momentum : float
        β in [0, 1): v ← β v + ∇Ψ_B, θ ← θ − s v.

    Raises
    ------
    InvalidInputError
        For a step that is not positive, a batch below 1, or a momentum outside [0, 1).

    References
    ----------
    Mei, Montanari, Nguyen (2018), eq. 3, without their factor 2.

    Examples
    --------
    >>> SGD(step=0.01, batch_size=32, replacement=False)
    SGD(step=0.01, batch_size=32, replacement=False, momentum=0.0)
    """

    step: float
    batch_size: int = 1
    replacement: bool = True
    momentum: float = 0.0
    name: ClassVar[str] = "sgd"

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> SGDState:
        """State before the first step.

        Raises
        ------
        InvalidInputError
            If a batch is larger than the data (without replacement), the problem is one
            of a population, or the temperature is positive.
        """
        require_noiseless(problem, self.name)
        if isinstance(problem, PopulationProblem):
            raise InvalidInputError(
                "sgd takes its batches from data, which a population problem has none of; use "
                "OnlineSGD with the distribution that draws them, for example Teacher"
            )
        require_points(problem)
        if not self.replacement and self.batch_size > len(problem.data):
            raise InvalidInputError(
                f"batch_size must be at most the number of points, {len(problem.data)}, "
                f"got {self.batch_size}"
            )
        return _start(measure, seed)

    def advance(
        self, problem: AnyProblem, state: SGDState, t: float
    ) -> tuple[SGDState, ParticleMeasure]:
        """State and measure after ⌊t / s⌋ steps."""
        data = problem.data
        points = len(data)
        # Without replacement every point is drawn equally often: its weight is restored here.
        factor = np.ones(points) if self.replacement else points * data.weights

        def batches(first: int, last: int) -> tuple[Float64Array, Float64Array, Float64Array]:
            shape = (last - first, self.batch_size)
            draws = slice(first * self.batch_size, last * self.batch_size)
            drawn = draws_of_points if self.replacement else shuffled
            index = drawn(draws, state.seed, data.weights).reshape(shape)
            return data.inputs[index], data.targets[index], factor[index] / self.batch_size

        return self._descend(problem, state, t, batches)


@dataclass(frozen=True)
class OnlineSGD(_Descent):
    """One-pass gradient descent: every batch is drawn afresh from a distribution.

    The steps are those of `SGD`. The data of the problem serve for measuring the risk
    only; training never sees them.

    Parameters
    ----------
    step : float
        s > 0.
    distribution : DataDistribution or dict
        Law of the data.
    batch_size : int
        Points in a batch.
    momentum : float
        As in `SGD`.

    Raises
    ------
    InvalidInputError
        As in `SGD`; `start` raises it if the distribution does not fit the problem.

    Examples
    --------
    >>> from meanfield.distributions import IsotropicGaussians
    >>> OnlineSGD(1e-3, IsotropicGaussians(dim=4, delta=0.5)).batch_size
    1
    """

    step: float
    distribution: DataDistribution
    batch_size: int = 1
    momentum: float = 0.0
    name: ClassVar[str] = "online-sgd"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "distribution", distribution_from_dict(self.distribution))

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> SGDState:
        """State before the first step.

        Raises
        ------
        InvalidInputError
            If the distribution does not fit the neuron or the loss.
        """
        require_noiseless(problem, self.name)
        require_points(problem)
        if self.distribution.inputs != problem.neuron.inputs:
            raise InvalidInputError(
                f"the distribution has {self.distribution.inputs} inputs but the neuron has "
                f"inputs={problem.neuron.inputs}"
            )
        _, targets = self.distribution.sample(16, np.random.default_rng(0))
        problem.loss.check_targets(targets, problem.neuron.outputs)
        return _start(measure, seed)

    def advance(
        self, problem: AnyProblem, state: SGDState, t: float
    ) -> tuple[SGDState, ParticleMeasure]:
        """State and measure after ⌊t / s⌋ steps."""
        size, block_steps = self.batch_size, _block_steps(self.batch_size)

        def batches(first: int, last: int) -> tuple[Float64Array, Float64Array, Float64Array]:
            generator = block_generator(state.seed, first // block_steps)
            drawn = self.distribution.sample(block_steps * size, generator)
            inside = slice(first % block_steps, first % block_steps + last - first)
            inputs, targets = (
                array.reshape(block_steps, size, array.shape[1])[inside] for array in drawn
            )
            return inputs, targets, np.full((last - first, size), 1.0 / size)

        return self._descend(problem, state, t, batches)


def _start(measure: Measure, seed: int) -> SGDState:
    measure = measure.to_particles()
    positions = measure.positions.copy()
    return SGDState(positions, np.zeros_like(positions), measure.weights, 0, seed)


def _block_steps(batch_size: int) -> int:
    return max(1, POINTS_PER_BLOCK // batch_size)


def _steps_until(t: Any, step: float) -> Any:
    """How many whole steps end at or before a time, or each of an array of them."""
    return np.floor(t / step * (1.0 + 1e-12) + 1e-9)
