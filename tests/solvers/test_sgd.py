"""Stochastic gradient descent: exact recursions, full batches, reproducible batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from meanfield.datasets import Dataset
from meanfield.distributions import IsotropicGaussians
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.solvers.batches import draws_of_points, shuffled
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD, OnlineSGD
from oracles import LinearNeuron, line_data


def classes(points=40, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((points, 3))
    labels = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)
    return Problem(Neuron(3, 3, activation="relu"), Dataset(x, labels), loss="cross_entropy")


def final(problem, start, solver, t, seed=0):
    return simulate(problem, start, solver, t_end=t, save_at=[0.0, t], seed=seed).measures[-1]


def test_a_batch_of_all_points_is_a_euler_step():
    problem = classes()
    start = ParticleMeasure.gaussian(50, problem.neuron.dim, seed=1)
    step = 0.1
    descent = SGD(step=step, batch_size=len(problem.data), replacement=False)
    got = final(problem, start, descent, 2.0).positions
    flow = final(problem, start, ParticleFlow(method="euler", step=step), 2.0).positions
    # the same sums in another order, 20 steps
    np.testing.assert_allclose(got, flow, atol=1e-12)


def test_momentum_is_that_of_pytorch():
    problem = classes()
    particles, step = 20, 0.05
    start = ParticleMeasure.gaussian(particles, problem.neuron.dim, seed=1)
    parameters = torch.tensor(start.positions.copy(), requires_grad=True)
    descent = torch.optim.SGD([parameters], lr=particles * step, momentum=0.9)
    x, labels = torch.tensor(problem.data.inputs), torch.tensor(problem.data.targets[:, 0]).long()
    for _ in range(30):
        descent.zero_grad()
        hidden = torch.relu(x @ parameters[:, 3:6].T + parameters[:, 6])
        outputs = hidden @ parameters[:, :3] / particles
        torch.nn.functional.cross_entropy(outputs, labels).backward()
        descent.step()
    solver = SGD(step=step, batch_size=len(problem.data), replacement=False, momentum=0.9)
    got = final(problem, start, solver, 30 * step).positions
    np.testing.assert_allclose(got, parameters.detach().numpy(), atol=1e-10)


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_one_step_is_the_gradient_of_its_batch(replacement, batch_size):
    problem = classes()
    start = ParticleMeasure.gaussian(10, problem.neuron.dim, seed=2)
    solver = SGD(step=0.5, batch_size=batch_size, replacement=replacement)
    got = final(problem, start, solver, 0.5, seed=9).positions
    drawn = draws_of_points if replacement else shuffled
    index = drawn(slice(0, batch_size), 9, problem.data.weights)
    batch = Dataset(problem.data.inputs[index], problem.data.targets[index])
    part = Problem(problem.neuron, batch, loss="cross_entropy")
    np.testing.assert_allclose(got, start.positions + 0.5 * part.velocity(start), atol=1e-14)


def test_mean_and_spread_follow_the_exact_recursions():
    # O7: f = m x with m the mean of the particles; m_{k+1} − m* = (1 − s x²)(m_k − m*) + s x e
    # for a random point (x, y) with residual e = y − m* x: closed recursions for both moments.
    data = line_data(points=5)
    oracle = LinearNeuron(data)
    x, y, p = data.inputs[:, 0], data.targets[:, 0], data.weights
    residual = y - oracle.limit * x
    step, steps, repetitions = 0.3, 12, 4000
    mean, square = 1.0 - oracle.limit, (1.0 - oracle.limit) ** 2
    for _ in range(steps):
        square = (
            p @ (1 - step * x**2) ** 2 * square
            + 2 * step * p @ ((1 - step * x**2) * x * residual) * mean
            + step**2 * p @ (x * residual) ** 2
        )
        mean = p @ (1 - step * x**2) * mean
    solver, start = SGD(step=step), ParticleMeasure([[1.0]])
    state = solver.start(oracle.problem, start, 0)
    ends = []
    for seed in range(repetitions):
        state = solver.start(oracle.problem, start, seed)
        _, measure = solver.advance(oracle.problem, state, steps * step)
        ends.append(measure.positions[0, 0] - oracle.limit)
    ends = np.array(ends)
    standard_error = ends.std() / np.sqrt(repetitions)
    assert abs(ends.mean() - mean) < 4 * standard_error
    assert abs((ends**2).mean() - square) < 4 * (ends**2).std() / np.sqrt(repetitions)


def test_an_epoch_visits_every_point_once():
    drawn = shuffled(slice(0, 30), seed=5, weights=np.full(10, 0.1)).reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in drawn)
    assert not np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize("drawn", [draws_of_points, shuffled])
@pytest.mark.parametrize("uniform", [True, False])
def test_draws_do_not_depend_on_how_they_are_asked_for(drawn, uniform):
    weights = np.full(10, 0.1) if uniform else np.arange(1, 11) / 55
    whole = drawn(slice(0, 40000), seed=1, weights=weights)
    parts = [drawn(slice(a, a + 8000), 1, weights) for a in range(0, 40000, 8000)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_draws_follow_the_weights():
    weights = np.arange(1, 11) / 55
    counts = np.bincount(draws_of_points(slice(0, 200000), 0, weights), minlength=10) / 200000
    # binomial standard error is at most sqrt(0.15 / 2e5) = 9e-4
    np.testing.assert_allclose(counts, weights, atol=4e-3)


@pytest.mark.parametrize(
    "solver",
    [
        SGD(step=0.01, batch_size=8),
        SGD(step=0.01, batch_size=8, replacement=False, momentum=0.5),
    ],
)
def test_number_of_saves_does_not_change_the_trajectory(solver):
    problem = classes()
    start = ParticleMeasure.gaussian(16, problem.neuron.dim, seed=3)
    few = simulate(problem, start, solver, t_end=2.0, save_at=[0.0, 2.0], seed=1)
    many = simulate(problem, start, solver, t_end=2.0, save_at=np.linspace(0, 2, 57), seed=1)
    assert np.array_equal(few.measures[-1].positions, many.measures[-1].positions)


def test_seed_decides_the_bits():
    problem = classes()
    start = ParticleMeasure.gaussian(16, problem.neuron.dim, seed=3)
    solver = SGD(step=0.05, batch_size=4)
    ends = [final(problem, start, solver, 1.0, seed).positions for seed in (1, 1, 2)]
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def online_problem(dim=6):
    law = IsotropicGaussians(dim=dim, delta=0.8)
    neuron = Neuron(dim, activation="tanh", bias=True)
    return law, Problem(neuron, law.dataset(500, seed=1))


def test_online_steps_do_not_depend_on_saves_and_learn():
    law, problem = online_problem()
    start = ParticleMeasure.gaussian(64, problem.neuron.dim, seed=0)
    solver = OnlineSGD(step=0.01, distribution=law, batch_size=5)
    few = simulate(problem, start, solver, t_end=3.0, save_at=[0.0, 3.0], seed=1)
    many = simulate(problem, start, solver, t_end=3.0, save_at=np.linspace(0, 3, 31), seed=1)
    assert np.array_equal(few.measures[-1].positions, many.measures[-1].positions)
    assert few.risk[-1] < few.risk[0]


def test_online_batches_have_the_law_of_the_data():
    # the mean of one very large step is the velocity on the population; compare with a
    # dataset of independent points: both have relative error about 1/sqrt(20000) = 0.7 %
    law, problem = online_problem()
    start = ParticleMeasure.gaussian(8, problem.neuron.dim, seed=0)
    solver = OnlineSGD(step=1.0, distribution=law, batch_size=20000)
    moved = final(problem, start, solver, 1.0).positions - start.positions
    reference = Problem(problem.neuron, law.dataset(20000, seed=7)).velocity(start)
    assert np.abs(moved - reference).max() < 0.05 * np.abs(reference).max()


def test_single_precision_is_kept():
    problem = classes()
    start = ParticleMeasure.gaussian(16, problem.neuron.dim, seed=3, dtype="float32")
    assert final(problem, start, SGD(step=0.1, batch_size=4), 1.0).positions.dtype == np.float32


def test_large_step_diverges_with_a_sentence():
    problem = Problem(
        Neuron(1, activation="square", outer="fixed", bias=False), Dataset([[3.0]], [1.0])
    )
    with pytest.raises(DivergenceError, match="left the finite numbers before t"):
        final(problem, ParticleMeasure([[5.0]]), SGD(step=1.0), 60.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step": 0.0}, "step must be a positive finite number, got 0.0"),
        ({"step": 0.1, "batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"step": 0.1, "momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_settings_are_explained(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        SGD(**settings)


def test_batch_larger_than_the_data_is_refused_without_replacement():
    problem = classes(points=10)
    start = ParticleMeasure.gaussian(4, problem.neuron.dim, seed=0)
    with pytest.raises(InvalidInputError, match="at most the number of points, 10, got 11"):
        final(problem, start, SGD(step=0.1, batch_size=11, replacement=False), 1.0)


def test_distribution_that_does_not_fit_is_refused():
    _, problem = online_problem(dim=6)
    start = ParticleMeasure.gaussian(4, problem.neuron.dim, seed=0)
    solver = OnlineSGD(step=0.1, distribution=IsotropicGaussians(dim=5, delta=0.5))
    with pytest.raises(InvalidInputError, match="distribution has 5 inputs"):
        final(problem, start, solver, 1.0)
