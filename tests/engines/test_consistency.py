"""What sums must satisfy among themselves, and what the public surface refuses."""

import itertools

import numpy as np
import pytest

from dense import split
from engine_cases import CLIP, DTYPES, HAT, Case
from meanfield.activations import activations
from meanfield.datasets import Dataset
from meanfield.engines.choice import choose_engine
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD

SHAPES = [(1, 1), (3, 1), (11, 1), (2, 3)]


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
def test_potentials_integrate_to_the_pairing_with_the_outputs(inputs, outputs, name):
    case = Case(Neuron(inputs, outputs, name), particles=300, points=90)
    for engine in case.engines():
        sums = case.sums(engine)
        # ∫ Σ_j <u_j, Φ(x_j; θ)> dμ = Σ_j <u_j, f_j>: sums of terms of size one.
        assert case.masses @ sums.potentials == pytest.approx(
            np.sum(case.covector * sums.outputs), rel=1e-12, abs=1e-13
        )


@pytest.mark.parametrize(
    ("activation", "inputs", "outputs"),
    [
        *itertools.product([activations["tanh"], activations["relu"], CLIP, HAT], [1], [1]),
        *itertools.product([activations["tanh"], activations["relu"], HAT], [2], [3]),
    ],
)
def test_gradients_are_differences_of_potentials(inputs, outputs, activation, rng):
    case = Case(Neuron(inputs, outputs, activation), particles=60, points=9)
    direction, width = rng.standard_normal(case.positions.shape), 1e-6
    _, inner, bias = split(case.neuron, case.positions)
    z = inner @ case.inputs.T + bias[:, None]
    smooth = np.ones(case.particles, bool)
    for kink in activation.kinks:
        smooth &= (np.abs(z - kink) > 1e-5).all(axis=1)
    for engine in case.engines():
        ends = [engine.potentials(case.positions + s * width * direction, case.covector)
                for s in (1, -1)]  # fmt: skip
        slopes = (ends[0] - ends[1]) / (2 * width)
        expected = (case.sums(engine).gradients * direction).sum(axis=1)
        # Roundings of 1e-16 over the width.
        np.testing.assert_allclose(slopes[smooth], expected[smooth], atol=1e-8)
    assert smooth.sum() > 50


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("neuron", "points"),
    [
        (Neuron(1, 1, "tanh"), 90),
        (Neuron(1, 1, "tanh"), 900),
        (Neuron(1, 1, "relu"), 90),
        (Neuron(11, 1, "tanh"), 90),
        (Neuron(11, 3, "tanh"), 90),
        (Neuron(200, 1, "tanh"), 20),
    ],
)
def test_gradients_under_a_covector_are_those_of_each_particle_alone(neuron, points, dtype, rng):
    case = Case(neuron, particles=700, points=points, dtype=dtype, spread=3.0)
    engine = choose_engine(neuron, case.inputs, dtype)
    pulled = case.pulled(engine)
    rounding = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(pulled, case.sums(engine).gradients, rtol=rounding, atol=rounding)
    for chosen in ([0], [699], rng.choice(700, 5), rng.choice(700, 300)):
        np.testing.assert_array_equal(case.pulled(engine, chosen), pulled[chosen])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_that_are_not_finite_are_refused(bad, dtype):
    positions = np.ones((3, 3), dtype)
    positions[1, 2] = bad
    with pytest.raises(InvalidInputError, match="positions"):
        ParticleMeasure(positions)
    with pytest.raises(InvalidInputError, match="inputs"):
        Dataset([[0.0], [bad]], [0.0, 1.0])
    problem = Problem(Neuron(1, activation="relu"), Dataset([[0.0], [1.0]], [0.0, 1.0]))
    measure = ParticleMeasure(np.ones((2, 3), dtype))
    with pytest.raises(InvalidInputError, match="positions"):
        problem.potential(measure, positions)
    with pytest.raises(InvalidInputError, match="inputs"):
        problem.predict(measure, [[bad]])


@pytest.mark.parametrize("solver", [ParticleFlow("euler", step=40.0), SGD(40.0)])
@pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
def test_a_run_that_blows_up_ends_with_a_sentence(solver, inputs, outputs, rng):
    data = Dataset(rng.standard_normal((20, inputs)), 10.0 * rng.standard_normal((20, outputs)))
    problem = Problem(Neuron(inputs, outputs, "relu"), data)
    start = ParticleMeasure.gaussian(8, problem.neuron.dim, seed=1, dtype="float32")
    with pytest.raises(DivergenceError, match="left the finite numbers"):
        simulate(problem, start, solver, t_end=400 * 40.0, save_at=[0.0, 400 * 40.0])
