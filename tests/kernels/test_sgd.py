"""Gradient steps, compiled on tiles and by an engine, against plain NumPy steps."""

from dataclasses import dataclass

import numpy as np
import pytest

from dense import bounds, dense
from engine_cases import ROUNDING
from meanfield.datasets import Dataset
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.regularizers import Ridge
from meanfield.solvers.descent import CompiledSteps, ParallelSteps, descend
from meanfield.solvers.sgd import SGD


@dataclass
class Particles:
    """What moves."""

    positions: np.ndarray
    momenta: np.ndarray
    masses: np.ndarray


@dataclass
class Setting:
    """A problem, particles of unequal mass, and batches with unequal weights."""

    neuron: Neuron
    particles: int
    batch: int
    dtype: str = "float64"
    momentum: float = 0.5
    loss: str = "squared"
    ridge: Ridge = Ridge(outer=0.3, inner=0.1)
    steps: int = 4

    def __post_init__(self):
        rng = np.random.default_rng(self.particles + self.batch)
        shape = (self.steps, self.batch)
        self.inputs = rng.standard_normal((*shape, self.neuron.inputs)).astype("f4").astype("f8")
        self.targets = rng.standard_normal((*shape, self.neuron.outputs))
        self.factors = rng.uniform(0.5, 1.5, shape) / self.batch
        data = Dataset(self.inputs[0], self.targets[0])
        self.problem = Problem(self.neuron, data, self.loss, ridge=self.ridge, scale=1.5)
        self.solver = SGD(0.25, batch_size=self.batch, momentum=self.momentum)
        self.start = rng.standard_normal((self.particles, self.neuron.dim)).astype(self.dtype)
        self.momenta = 0.1 * rng.standard_normal(self.start.shape).astype(self.dtype)
        self.masses = rng.dirichlet(np.ones(self.particles))

    def fresh(self):
        return Particles(self.start.copy(), self.momenta.copy(), self.masses)

    def by(self, kind, steps=None):
        """Positions and momenta after all steps, in float64."""
        moving, chosen = self.fresh(), slice(0, steps)
        descent = kind(self.problem, self.solver, moving)
        descent.steps(self.inputs[chosen], self.targets[chosen], self.factors[chosen])
        assert descent.is_finite()
        descent.finish()
        assert moving.positions.dtype == moving.momenta.dtype == np.dtype(self.dtype)
        return moving.positions.astype(float), moving.momenta.astype(float)

    def exact(self):
        """The same by whole matrices; and a bound on the rounding of one step."""
        positions, momenta = self.start.astype(float), self.momenta.astype(float)
        scale, limit = self.problem.scale, np.zeros(positions.shape)
        ridge = self.problem.ridge.coefficients(self.neuron)
        for x, y, factor in zip(self.inputs, self.targets, self.factors, strict=True):
            nothing = np.zeros((self.batch, self.neuron.outputs))
            outputs = scale * dense(self.neuron, positions, self.masses, x, nothing).outputs
            u = self.problem.loss.derivatives(outputs, y) * factor[:, None] / scale
            arrays = self.neuron, positions, self.masses, x, u
            force = dense(*arrays).gradients + ridge * positions
            worst = bounds(*arrays, ROUNDING[self.dtype], crossing=0.0)
            limit += worst.gradients + ROUNDING[self.dtype] * (1.0 + np.abs(positions))
            momenta = self.momentum * momenta + force if self.momentum else momenta
            positions = positions - self.solver.step * (momenta if self.momentum else force)
        return positions, momenta, limit


def check(setting, *kinds):
    positions, momenta, limit = setting.exact()
    for kind in kinds:
        got, kept = setting.by(kind)
        # Rounding of early steps is carried along, at most tenfold in four steps of 1/4.
        assert (np.abs(got - positions) <= 10 * limit).all(), kind
        if setting.momentum:
            assert (np.abs(kept - momenta) <= 10 * limit).all(), kind
        else:
            np.testing.assert_array_equal(kept, setting.momenta)


BOTH = CompiledSteps, ParallelSteps


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("particles", [1, 15, 16, 17, 511, 512, 513, 1025])
def test_sizes_around_tiles(particles, momentum):
    # A batch of one takes the loops, one of 4 with 9 inputs BLAS.
    check(Setting(Neuron(9, 1, "tanh"), particles, 4, momentum=momentum), *BOTH)
    check(Setting(Neuron(9, 1, "tanh"), particles, 1, momentum=momentum), *BOTH)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("inputs", "batch"), [(1, 1), (7, 4), (8, 3), (8, 4), (9, 33)], ids=str)
def test_batches_and_inputs_on_both_sides_of_blas(inputs, batch, dtype):
    check(Setting(Neuron(inputs, 3, "tanh"), 37, batch, dtype), *BOTH)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("outer", "bias"), [("trained", False), ("fixed", True), ("fixed", False)])
def test_forms_of_neurons(outer, bias, dtype):
    check(Setting(Neuron(2, 1, "tanh", outer, bias), 21, 5, dtype), *BOTH)


def test_several_outputs_of_a_kinked_activation():
    check(Setting(Neuron(2, 2, "relu"), 21, 5), CompiledSteps)


def test_without_ridge():
    check(Setting(Neuron(2, 1, "tanh"), 21, 5, ridge=Ridge()), *BOTH)


@pytest.mark.parametrize("kind", BOTH)
def test_steps_in_one_call_or_several_give_the_same_bits(kind):
    setting = Setting(Neuron(9, 1, "tanh"), 600, 4)
    moving = setting.fresh()
    descent = kind(setting.problem, setting.solver, moving)
    for step in range(setting.steps):
        one = slice(step, step + 1)
        descent.steps(setting.inputs[one], setting.targets[one], setting.factors[one])
    descent.finish()
    np.testing.assert_array_equal(moving.positions, setting.by(kind)[0])
    np.testing.assert_array_equal(moving.momenta, setting.by(kind)[1])


@pytest.mark.parametrize("kind", BOTH)
def test_no_steps_change_nothing(kind):
    setting = Setting(Neuron(9, 1, "tanh"), 600, 4)
    positions, momenta = setting.by(kind, steps=0)
    np.testing.assert_array_equal(positions, setting.start)
    np.testing.assert_array_equal(momenta, setting.momenta)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_noticed(kind, broken):
    setting = Setting(Neuron(9, 1, "tanh"), 600, 4)
    setting.start[123, 4] = broken
    descent = kind(setting.problem, setting.solver, setting.fresh())
    assert not descent.is_finite()


def test_the_size_decides_who_makes_the_steps():
    neuron = Neuron(9, 1, "tanh")
    small, large = Setting(neuron, 10, 1), Setting(neuron, 5000, 200, steps=1)
    assert isinstance(descend(small.problem, small.solver, small.fresh()), CompiledSteps)
    assert isinstance(descend(large.problem, large.solver, large.fresh()), ParallelSteps)
