import numpy as np
import pytest

from meanfield.activations import leaky_relu
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.reductions import balanced
from meanfield.simulate import simulate
from meanfield.solver import solver_from_dict, state_from_arrays, state_to_arrays
from meanfield.solvers.conic_flow import ConicFlow, ConicState
from meanfield.solvers.particle_flow import ParticleFlow
from oracles import ProductNeuron

RELU = Neuron(1, activation="relu")


def problem(ridge=0.0, neuron=RELU, temperature=0.0):
    x = np.linspace(-1.0, 1.0, 9)
    return Problem(neuron, Dataset(x, np.sin(3.0 * x) + 0.3), ridge=ridge, temperature=temperature)


def start(particles=60, seed=1, neuron=RELU):
    return balanced(neuron, Gaussian(neuron.dim, std=0.8).sample(particles, seed))


def end(problem, measure, solver, t=2.0):
    return solver.advance(problem, solver.start(problem, measure, 0), t)[1]


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_it_is_the_flow_of_the_particles(ridge):
    here, measure = problem(ridge), start()
    steps = (0.1, 0.05, 0.025)
    ends = [
        [here.outputs(end(here, measure, solver)) for solver in solvers]
        for solvers in ((ConicFlow(h), ParticleFlow(method="rk4", step=h)) for h in steps)
    ]
    differences = [np.abs(conic - particles).max() for conic, particles in ends]
    # Both take steps of order four and cross the same kinks; the particles leave the
    # balance a little there, to first order.
    assert differences[0] < 3e-6
    assert differences[2] < 0.5 * differences[0]
    # The kinks themselves cost more, with either.
    fine = here.outputs(end(here, measure, ParticleFlow(method="rk4", step=0.005)))
    assert np.abs(ends[2][0] - fine).max() < 5e-4


def test_neurons_that_never_cross_a_point_are_followed_with_order_four():
    # All data on one side of every kink: the neurons are linear, their flow is smooth.
    data = Dataset(np.linspace(1.0, 2.0, 5), np.linspace(0.5, 1.5, 5))
    rng = np.random.default_rng(0)
    inner = np.column_stack([0.5 + rng.random(8), 0.5 + rng.random(8)])
    measure = balanced(RELU, ParticleMeasure(np.column_stack([np.ones(8), inner])))
    here = Problem(RELU, data)
    exact = end(here, measure, ParticleFlow(rtol=1e-12, atol=1e-13), 1.0).positions
    errors = [
        np.abs(end(here, measure, ConicFlow(step), 1.0).positions - exact).max()
        for step in (0.1, 0.05)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.3)


def test_particles_stay_balanced_exactly():
    found = end(problem(), start(), ConicFlow(0.1)).positions
    lengths = np.linalg.norm(found[:, 1:], axis=1)
    np.testing.assert_allclose(np.abs(found[:, 0]), lengths, rtol=1e-14)
    # The particle flow drifts from the balance, to first order: it crosses kinks.
    drifted = end(problem(), start(), ParticleFlow(method="rk4", step=0.1)).positions
    drift = np.abs(np.abs(drifted[:, 0]) - np.linalg.norm(drifted[:, 1:], axis=1)).max()
    assert 1e-10 < drift < 5e-3


def test_signs_and_masses_stay():
    measure = start(20)
    weights = np.arange(1.0, 21.0) / 210.0
    measure = ParticleMeasure(measure.positions, weights)
    found = end(problem(), measure, ConicFlow(0.1))
    np.testing.assert_array_equal(np.sign(found.positions[:, 0]), np.sign(measure.positions[:, 0]))
    np.testing.assert_array_equal(found.weights, weights)


def test_the_energy_falls():
    here = problem(ridge=0.05)
    run = simulate(here, start(), ConicFlow(0.05), t_end=3.0, save_at=np.linspace(0.0, 3.0, 13))
    assert (np.diff(run.energy) < 0.0).all()


def test_how_often_one_looks_changes_nothing():
    here, solver = problem(), ConicFlow(0.1)
    often = solver.start(here, start(), 0)
    for t in (0.05, 0.33, 0.7, 0.71, 1.0):
        often, shown = solver.advance(here, often, t)
    once = end(here, start(), solver, 1.0)
    np.testing.assert_array_equal(shown.positions, once.positions)


def test_a_state_is_rebuilt_bit_for_bit():
    here, solver = problem(), ConicFlow(0.1, method="heun")
    state, _ = solver.advance(here, solver.start(here, start(), 0), 0.5)
    rebuilt = state_from_arrays(ConicState, state_to_arrays(state))
    one, other = (solver.advance(here, s, 1.0)[1] for s in (state, rebuilt))
    np.testing.assert_array_equal(one.positions, other.positions)
    assert solver_from_dict(solver.to_dict()) == solver


def test_a_neuron_that_is_zero_stays_zero():
    positions = np.vstack([start(5).positions, np.zeros((1, 3))])
    found = end(problem(), ParticleMeasure(positions), ConicFlow(0.1))
    np.testing.assert_array_equal(found.positions[-1], 0.0)
    assert np.abs(found.positions[:-1]).min() > 0.0


def test_a_population_of_inputs_serves_as_well():
    neuron = Neuron(2, activation="relu", bias=False)
    here = PopulationProblem(neuron, ParticleMeasure([[1.0, 0.6, -0.8]]))
    measure = balanced(neuron, Gaussian(3).sample(12, seed=0))
    found = end(here, measure, ConicFlow(0.02), 1.0)
    exact = end(here, measure, ParticleFlow(rtol=1e-10, atol=1e-12), 1.0)
    # The velocity of the population is smooth: fourth order, 0.02⁴ = 1.6e-7.
    np.testing.assert_allclose(found.positions, exact.positions, atol=1e-6)


def test_what_does_not_apply_is_refused():
    solver, measure = ConicFlow(), start(4)
    with pytest.raises(InvalidInputError, match="homogeneous activation.*got the activation tanh"):
        solver.start(problem(neuron=Neuron(1)), measure, 0)
    fixed = problem(neuron=Neuron(1, activation="relu", outer="fixed"))
    with pytest.raises(InvalidInputError, match="one trained outer weight"):
        solver.start(fixed, Gaussian(2).sample(4, seed=0), 0)
    with pytest.raises(InvalidInputError, match="equal ridge strengths, got 0.1"):
        solver.start(problem(ridge={"outer": 0.1, "inner": 0.0}), measure, 0)
    with pytest.raises(InvalidInputError, match="the solver conic has no noise"):
        solver.start(problem(temperature=0.1), measure, 0)
    with pytest.raises(InvalidInputError, match="unknown method 'rk5'"):
        ConicFlow(0.1, method="rk5")
    with pytest.raises(InvalidInputError, match="a balance needs one trained outer weight"):
        balanced(Neuron(1, outer="fixed"), Gaussian(2).sample(4, seed=0))


def test_leaky_neurons_are_homogeneous_too():
    neuron = Neuron(1, activation=leaky_relu(0.2), bias=False)
    here, measure = problem(neuron=neuron), start(6, neuron=neuron)
    found, exact = end(here, measure, ConicFlow(0.02)), end(here, measure, ParticleFlow(rtol=1e-10))
    # On the line without bias directions are ±1: nothing crosses a kink.
    np.testing.assert_allclose(found.positions, exact.positions, atol=1e-7)


# -- any start: a² − |w|² is the label of a hyperbola ------------------------------------------


def labels(measure):
    """a² − |w|² of each particle, and the size a² + |w|² to which rounding is relative."""
    squares = measure.positions**2
    return squares[:, 0] - squares[:, 1:].sum(axis=1), squares.sum(axis=1)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_neurons_of_any_label_follow_the_exact_flow_of_products(sign):
    exact = ProductNeuron(Dataset([[1.0], [-0.5]], [2.0 * sign, -1.5 * sign]))
    # Of all kinds: |a| below, at and above |w|, and parameters that are 0. The growth of
    # a w takes a and w through 0 in neurons that begin with the other sign.
    positions = [[0.3, 1.0], [-0.4, 0.6], [1.0, 1.0], [-0.7, 0.7], [1.2, -0.4], [-0.6, 0.2],
                 [0.8, 0.2], [0.0, 0.5], [0.8, 0.0], [0.0, 0.0]]  # fmt: skip
    measure = ParticleMeasure(positions, np.arange(1.0, 11.0) / 55.0)
    truth = exact.positions(measure.positions, measure.weights, 2.0)
    crossed = (truth * measure.positions < 0.0).any(axis=0)
    assert crossed.all()
    errors = [
        np.abs(end(exact.problem, measure, ConicFlow(step)).positions - truth).max()
        for step in (0.1, 0.05)
    ]
    assert errors[1] < 1e-5
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.35)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_labels_are_kept_exactly_whatever_the_steps(ridge):
    measure = Gaussian(3).sample(80, seed=2)
    found = end(problem(ridge), measure, ConicFlow(0.25, method="heun"))
    (before, _), (after, sizes) = labels(measure), labels(found)
    assert (before < 0.0).any() and (before > 0.0).any()
    # Only rounding: of the squares, and of the logarithms over the steps.
    exact = before * np.exp(-4.0 * ridge)
    np.testing.assert_allclose(after, exact, rtol=0.0, atol=2e-14 * sizes.max())


def test_unbalanced_relu_neurons_are_those_of_the_particle_flow():
    here, measure = problem(0.05), Gaussian(3, std=0.8).sample(60, seed=4)
    fine = end(here, measure, ParticleFlow(method="rk4", step=0.0025))
    errors = []
    for step in (0.05, 0.0125):
        found = end(here, measure, ConicFlow(step))
        errors.append(np.abs(found.positions - fine.positions).max())
        assert np.abs(here.outputs(found) - here.outputs(fine)).max() < 0.1 * step
    # Kinks: first order along paths.
    assert errors[1] < 0.5 * errors[0] < 0.05
    assert (np.sign(found.positions[:, 0]) != np.sign(measure.positions[:, 0])).any()


def test_inner_weights_that_are_pulled_to_zero_are_held_there():
    # f > y = 0 whatever w does: relu(w x) + relu(-w x) only costs.
    data = Dataset([[1.0], [-1.0]], [-1.0, -1.0])
    here = Problem(Neuron(1, activation="relu", bias=False), data)
    measure = ParticleMeasure([[2.0, 0.4], [1.5, -0.3]])
    found = end(here, measure, ConicFlow(0.01), 1.0).positions
    # Within a step of 0, |velocity| <= 2, and on the hyperbola a = √(a_0² − w_0² + w²).
    assert np.abs(found[:, 1]).max() < 0.02
    np.testing.assert_allclose(found[:, 0], np.sqrt([3.84, 2.16] + found[:, 1] ** 2), rtol=1e-14)


def test_states_of_single_precision_stay_single():
    measure = Gaussian(3).sample(10, seed=0, dtype="float32")
    found = end(problem(), measure, ConicFlow(0.1))
    assert found.positions.dtype == np.float32
    double = end(problem(), ParticleMeasure(measure.positions.astype(float)), ConicFlow(0.1))
    np.testing.assert_allclose(found.positions, double.positions, rtol=1e-3, atol=1e-4)
