import json

import numpy as np
import pytest

from meanfield.cells import Cells
from meanfield.datasets import Dataset
from meanfield.distributions import IsotropicGaussians, Teacher
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.linearised import hessian_products, output_tangents
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.orbits import Orbits
from meanfield.problem import Problem
from meanfield.problems import problem_from_dict
from meanfield.reduced import ReducedProblem
from meanfield.reductions import gaussian_points, multi_index, radial
from meanfield.simulate import simulate
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD, OnlineSGD
from meanfield.trajectory import open as open_run

TANH = Neuron(5, activation="tanh")


def target(points):
    return np.tanh(2.0 * points[:, 0]) + 0.1 * points[:, 1]


def small(dim=5, **settings):
    points, weights = gaussian_points(1, dim, (5, 3))
    return multi_index(
        Neuron(dim, activation="tanh"), Dataset(points, target(points), weights),
        kept=1, nodes=12, **settings,
    )  # fmt: skip


def particles(count=20, seed=0):
    return Gaussian(4).sample(count, seed)


def test_without_kept_inputs_it_is_the_radial_reduction():
    neuron, law = Neuron(6, activation="softplus", bias=False), IsotropicGaussians(6, 0.5)
    settings = {"ridge": 0.1, "temperature": 0.3}
    one = radial(neuron, law, nodes=5, **settings)
    other = multi_index(neuron, law.lengths(5), kept=0, nodes=40, **settings)
    measure = Gaussian(2, mean=(0.0, 2.0), std=0.3).sample(9, seed=1)
    assert other.problem.volume == one.problem.volume
    for method in ("outputs", "velocity", "risk", "penalty"):
        np.testing.assert_allclose(
            getattr(other.problem, method)(measure), getattr(one.problem, method)(measure),
            rtol=1e-12, atol=1e-13,
        )  # fmt: skip
    where = measure.positions
    np.testing.assert_allclose(
        other.problem.potential(measure, where), one.problem.potential(measure, where), rtol=1e-12
    )


def test_rings_of_neurons_and_data_are_followed_exactly():
    # In R³ with the last two inputs reduced, 48 equal angles average tanh to rounding.
    count = 48
    angles = 2.0 * np.pi * np.arange(count) / count
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    reduced_data = np.array([[0.5, 0.8], [-1.0, 1.5]])
    labels = np.array([1.0, -0.5])
    points = np.vstack(
        [np.column_stack([np.full(count, z), rho * ring]) for z, rho in reduced_data]
    )
    neuron = Neuron(3, activation="tanh")
    full = Problem(neuron, Dataset(points, np.repeat(labels, count)), ridge=0.2)
    reduction = multi_index(neuron, Dataset(reduced_data, labels), kept=1, nodes=24, ridge=0.2)
    few = particles(4)
    where = few.positions
    where = np.column_stack([where[:, :2], np.abs(where[:, 2:3]), where[:, 3:]])
    neurons = np.vstack(
        [
            np.column_stack([np.full(count, a), np.full(count, w), r * ring, np.full(count, b)])
            for a, w, r, b in where
        ]
    )
    many, few = ParticleMeasure(neurons), ParticleMeasure(where)
    assert reduction.problem.energy(few) == pytest.approx(full.energy(many), rel=1e-12)
    np.testing.assert_allclose(reduction.reduce(many).positions[::count], where, rtol=1e-14)
    speed, slow = full.velocity(many)[::count], reduction.problem.velocity(few)
    # The first angle of each ring is along the first of the reduced inputs.
    np.testing.assert_allclose(slow, speed[:, [0, 1, 2, 4]], rtol=1e-9, atol=1e-12)


def test_a_network_in_many_dimensions_has_the_reduced_outputs():
    dim = 12
    reduction = small(dim)
    start = Gaussian(dim + 2, std=(1.0,) + (0.3,) * dim + (1.0,)).sample(4000, seed=0)
    x = np.random.default_rng(1).standard_normal((2000, dim))
    reduced = np.column_stack([x[:, 0], np.linalg.norm(x[:, 1:], axis=1)])
    full = Problem(reduction.neuron, Dataset(x, target(reduced)))
    flow = ParticleFlow(method="heun", step=0.25)
    run = simulate(full, start, flow, t_end=1.5)
    twin = simulate(reduction.problem, reduction.reduce(start), flow, t_end=1.5)
    there = full.predict(run.measures[-1], x[:50])[:, 0]
    here = reduction.problem.predict(twin.measures[-1], reduced[:50])[:, 0]
    began = full.predict(start, x[:50])[:, 0]
    # 2000 points and 4000 neurons leave fluctuations of 1/√2000 of outputs of size one.
    assert np.sqrt(np.mean((there - here) ** 2)) < 0.05
    assert np.sqrt(np.mean((there - began) ** 2)) > 0.2


def test_velocities_are_minus_the_gradient_of_the_potential():
    problem, measure, width = small(temperature=0.2, ridge=0.1).problem, particles(6), 1e-5
    velocity = problem.velocity(measure)
    for column in range(4):
        shift = width * np.eye(4)[column]
        right, left = (problem.potential(measure, measure.positions + s * shift) for s in (1, -1))
        # width² Ψ''' / 6 and 1e-16 / width.
        np.testing.assert_allclose(velocity[:, column], -(right - left) / (2 * width), atol=1e-6)


def test_the_linearised_flow_knows_the_orbits():
    problem, measure, width = small(temperature=0.2).problem, particles(6), 1e-5
    along = Gaussian(4).sample(6, seed=3).positions
    ahead, behind = (ParticleMeasure(measure.positions + s * width * along) for s in (1, -1))
    change = (problem.outputs(ahead) - problem.outputs(behind)) / (2 * width)
    np.testing.assert_allclose(output_tangents(problem, measure, along), change, atol=1e-8)
    covector = problem.covector(problem.outputs(measure))
    right, middle, left = (
        problem.potential_at(measure.positions + s * 100 * width * along, covector)
        for s in (1, 0, -1)
    )
    bends = np.einsum("ij,ij->i", along, hessian_products(problem, measure, along))
    np.testing.assert_allclose((right - 2 * middle + left) / 1e-6, bends, rtol=1e-3, atol=1e-4)


def test_cells_of_a_grid_know_the_orbits():
    neuron = Neuron(4, activation="tanh", outer="fixed", bias=False)
    points, weights = gaussian_points(1, 4, (3, 2))
    problem = multi_index(
        neuron, Dataset(points, target(points), weights), kept=1, nodes=8, temperature=0.1
    ).problem
    grid = GridMeasure.from_density(
        lambda q: q[:, 1] ** 2 * np.exp(-np.square(q).sum(axis=1)), (-4.0, 0.0), (4.0, 4.0), 24
    )
    cells = Cells(problem, grid)
    outputs = cells.outputs(grid.weights)
    np.testing.assert_allclose(outputs, problem.outputs(grid), atol=1e-10)
    np.testing.assert_allclose(
        cells.potential(problem.covector(outputs)), problem.potential(grid, grid.positions),
        atol=1e-10,
    )  # fmt: skip


def test_many_gaussian_inputs_are_the_limit_of_spheres():
    data = Dataset(np.linspace(-1.0, 1.0, 4)[:, None], np.zeros(4))
    neuron = Neuron(2000, activation="tanh")
    limit = multi_index(neuron, data, kept=1, nodes=20).problem
    finite = multi_index(
        neuron, Dataset(np.column_stack([data.inputs, np.full(4, np.sqrt(1999.0))]), np.zeros(4)),
        kept=1, nodes=20,
    ).problem  # fmt: skip
    # A coordinate on the sphere of radius √m differs from a normal one by O(1/m).
    difference = limit.outputs(particles()) - finite.outputs(particles())
    assert 0.0 < np.abs(difference).max() < 1e-3


def test_it_is_stored_and_rebuilt(tmp_path):
    problem = small(temperature=0.0, ridge=0.1).problem
    described = problem.to_dict()
    data = described.pop("data")
    rebuilt = problem_from_dict({**json.loads(json.dumps(described)), "data": data})
    assert isinstance(rebuilt, ReducedProblem) and rebuilt.orbits == problem.orbits
    flow = ParticleFlow(method="heun", step=0.1)
    simulate(problem, particles(), flow, t_end=0.2, store=tmp_path / "run.h5")
    run = open_run(tmp_path / "run.h5")
    assert run.problem.orbits == problem.orbits
    assert run.problem.risk(run.measures[-1]) == run.risk[-1]


def test_averages_and_spreads_are_transposes():
    orbits, rng = Orbits.sphere(5, 7), np.random.default_rng(0)
    sums, covector = rng.standard_normal((21, 2)), rng.standard_normal((3, 2))
    pairing = np.sum(orbits.averaged(sums) * covector)
    assert np.sum(sums * orbits.spread(covector)) == pytest.approx(pairing, rel=1e-13)


def test_what_does_not_apply_is_refused():
    problem = small().problem
    with pytest.raises(InvalidInputError, match="batches cannot be taken of a reduced problem"):
        SGD(0.1).start(problem, particles(), 0)
    teacher = Teacher(Neuron(2, activation="tanh"), width=2)
    with pytest.raises(InvalidInputError, match="batches cannot be taken of a reduced problem"):
        OnlineSGD(0.1, teacher).start(problem, particles(), 0)
    with pytest.raises(InvalidInputError, match="batches cannot be taken of a reduced problem"):
        Langevin(0.1, batch_size=2).start(problem, particles(), 0)
    with pytest.raises(InvalidInputError, match="no bound is available for a reduced problem"):
        problem.optimality_gap(particles())
    with pytest.raises(InvalidInputError, match=r"must have the 3 inputs \(z, ρ\) .* got 1"):
        multi_index(TANH, Dataset([[1.0]], [1.0]), kept=2)
    with pytest.raises(InvalidInputError, match="kept must be below the 5 inputs, got 5"):
        multi_index(TANH, Dataset([[1.0]], [1.0]), kept=5)
    with pytest.raises(InvalidInputError, match="orbits must be Orbits, got NoneType"):
        ReducedProblem(Neuron(1), Dataset([[1.0]], [1.0]))
