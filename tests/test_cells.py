import numpy as np
import pytest

from meanfield.cells import Cells
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.regularizers import Ridge


def problem_of(neuron, **settings):
    rng = np.random.default_rng(5)
    data = Dataset(rng.uniform(-1, 1, (6, neuron.inputs)), rng.uniform(-1, 1, (6, neuron.outputs)))
    return Problem(neuron, data, **settings)


def grid_of(shape):
    values = np.random.default_rng(1).random(shape)
    values /= values.mean() * np.prod(np.linspace(2.0, 3.0, len(shape)))
    return GridMeasure(values, -1.0, np.linspace(1.0, 2.0, len(shape)))


def dense(neuron, theta, inputs):
    """Φ(x_j; θ_m), shape (M, n, k), by the formula alone."""
    outer = neuron.outer_columns
    inner = theta[:, outer : outer + neuron.inputs] @ inputs.T
    if neuron.bias:
        inner = inner + theta[:, -1:]
    a = theta[:, :outer] if outer else np.ones((len(theta), 1))
    return np.tanh(inner)[:, :, None] * a[:, None, :]


@pytest.mark.parametrize(
    ("neuron", "shape"),
    [
        (Neuron(1, outer="fixed", bias=False), (9,)),
        (Neuron(1, outer="fixed"), (5, 4)),
        (Neuron(1, bias=False), (5, 4)),
        (Neuron(1), (5, 4, 3)),
        (Neuron(2, outer="fixed"), (3, 4, 5)),
        (Neuron(1, outputs=2, bias=False), (3, 4, 5)),
    ],
    ids=["w", "w-b", "a-w", "a-w-b", "w-w-b", "a-a-w"],
)
def test_cells_compute_what_the_formulas_say(neuron, shape):
    problem = problem_of(neuron, ridge=Ridge(0.3, 0.7), scale=2.5)
    grid = grid_of(shape)
    cells = Cells(problem, grid)
    values = dense(neuron, grid.positions, problem.data.inputs)
    outputs = cells.outputs(grid.weights)
    # Sums of up to 60 numbers up to 5.
    np.testing.assert_allclose(outputs, 2.5 * np.tensordot(grid.weights, values, 1), atol=1e-13)
    strength = np.where(np.arange(neuron.dim) < neuron.outer_columns, 0.3, 0.7)
    confinement = 0.5 * grid.positions**2 @ strength
    np.testing.assert_allclose(cells.confinement, confinement, atol=1e-15)
    covector = problem.covector(outputs)
    potential = cells.potential(covector)
    expected = np.einsum("mnk,nk->m", values, covector) + confinement
    np.testing.assert_allclose(potential, expected, atol=1e-13)
    if neuron.outputs == 1:  # Engines of particles say the same.
        np.testing.assert_allclose(outputs, problem.outputs(grid), atol=1e-13)
        particles = problem.potential(grid, grid.positions)
        np.testing.assert_allclose(potential, particles, atol=1e-13)


def test_the_energy_of_a_grid_is_finite_with_noise():
    problem = problem_of(Neuron(1, outer="fixed", bias=False), ridge=0.5, temperature=0.25)
    grid = GridMeasure.from_density(Gaussian(1, std=0.7).density, -6.0, 6.0, 100)
    entropy = -0.5 * np.log(2 * np.pi * np.e * 0.49)
    expected = problem.risk(grid) + 0.25 * 0.49 + 0.25 * entropy
    assert problem.energy(grid) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InvalidInputError, match="entropy is infinite; use risk, or a GridMeasure"):
        problem.energy(ParticleMeasure([[0.0]]))


def test_the_energy_of_a_population_problem_takes_grids_too():
    neuron = Neuron(1, activation="erf", outer="fixed", bias=False)
    problem = PopulationProblem(neuron, ParticleMeasure([[1.0]]), temperature=0.5)
    grid = GridMeasure(np.full(10, 0.1), -5.0, 5.0)
    assert problem.energy(grid) == pytest.approx(problem.risk(grid) + 0.5 * np.log(0.1), abs=1e-14)


def test_outputs_of_a_fine_grid_are_those_of_the_law():
    problem = problem_of(Neuron(1, outer="fixed"))
    grid = GridMeasure.from_density(Gaussian(2).density, -7.0, 7.0, (60, 60))
    # w x + b is normal with variance 1 + x², and tanh is odd.
    np.testing.assert_allclose(Cells(problem, grid).outputs(grid.weights), 0.0, atol=1e-12)
    shifted = GridMeasure.from_density(Gaussian(2, (0.0, 0.5)).density, -7.0, 8.0, (60, 60))
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = np.sqrt(1.0 + problem.data.inputs**2)
    exact = np.tanh(0.5 + spread * nodes) @ weights / np.sqrt(2 * np.pi)
    # Poles of tanh(w x + b) at distance π/2 bound the midpoint error: exp(−π² / h) with h = 1/4.
    outputs = Cells(problem, shifted).outputs(shifted.weights)
    np.testing.assert_allclose(outputs[:, 0], exact, atol=1e-7)


@pytest.mark.parametrize(
    ("problem", "shape", "message"),
    [
        (
            problem_of(Neuron(3)),
            (4,),
            r"a grid covers at most 3 parameters, the neuron has 5 \(a_0, w_0, w_1, w_2, b\); "
            "use particle-flow or quadrature",
        ),
        (problem_of(Neuron(1)), (4, 4), "the measure has 2 parameters, but the neuron has 3"),
        (
            PopulationProblem(
                Neuron(2, activation="relu", bias=False), ParticleMeasure([[1.0, 0.0, 1.0]])
            ),
            (3, 3, 3),
            "a grid needs a problem on data, because a population risk sums over all pairs",
        ),
    ],
    ids=["five", "other", "population"],
)
def test_a_grid_that_cannot_serve_says_why(problem, shape, message):
    with pytest.raises(InvalidInputError, match=message):
        Cells(problem, grid_of(shape))
