import json

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.gibbs import gibbs
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.linearised import hessian_products
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.radial_laws import RadialGaussian
from meanfield.simulate import simulate
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.langevin import Langevin
from meanfield.volumes import RadialVolume, volume_from_dict

SQUARE = Neuron(1, activation="square", outer="fixed", bias=False)


def radius(dim, *, ridge=0.5, temperature=0.3):
    """The Ornstein–Uhlenbeck process of R^dim seen through lengths: an outputless neuron."""
    data = Dataset([[0.0]], [0.0])
    volume = RadialVolume(0, dim - 1)
    return Problem(SQUARE, data, ridge=ridge, temperature=temperature, volume=volume)


def test_velocities_are_minus_the_gradient_of_the_potential():
    problem = Problem(
        SQUARE, Dataset([[1.0], [2.0]], [0.5, 1.0]), ridge=0.1, temperature=0.2,
        volume=RadialVolume(0, 4.0),
    )  # fmt: skip
    measure, width = ParticleMeasure([[0.3], [1.1], [-0.7]]), 1e-6
    right, left = (
        problem.potential(measure, measure.positions + sign * width) for sign in (1.0, -1.0)
    )
    # Errors of differences: width² Ψ''' / 6 and 1e-16 / width.
    np.testing.assert_allclose(
        problem.velocity(measure)[:, 0], -(right - left) / (2 * width), atol=1e-8
    )
    bends = problem.potential(measure, measure.positions + 1e-4)
    bends += problem.potential(measure, measure.positions - 1e-4)
    bends -= 2.0 * problem.potential(measure, measure.positions)
    products = hessian_products(problem, measure, np.ones((3, 1)))
    np.testing.assert_allclose(products[:, 0], bends / 1e-8, rtol=1e-5)


def test_the_potential_is_even_and_its_penalty_the_mean():
    problem = radius(5)
    measure = ParticleMeasure([[0.5], [-2.0]], [0.25, 0.75])
    values = problem.potential(measure, measure.positions)
    np.testing.assert_array_equal(values, problem.potential(measure, -measure.positions))
    exact = 0.25 * measure.positions[:, 0] ** 2 - 0.3 * 4 * np.log([0.5, 2.0])
    np.testing.assert_allclose(values, exact, rtol=1e-15)
    assert problem.penalty(measure) == pytest.approx(measure.weights @ exact, rel=1e-15)


def test_without_noise_there_is_no_geometry():
    problem = radius(5, temperature=0.0)
    measure = ParticleMeasure([[0.0], [2.0]])
    np.testing.assert_array_equal(problem.velocity(measure), -0.5 * measure.positions)
    assert problem.energy(measure) == 0.5


@pytest.mark.parametrize("dim", [2, 40])
def test_the_free_energy_is_least_at_the_law_of_the_lengths_of_a_gaussian(dim):
    problem = radius(dim, ridge=1.0, temperature=0.5)

    def length(spread):
        return GridMeasure.from_density(
            lambda r: r[:, 0] ** (dim - 1.0) * np.exp(-(r[:, 0] ** 2) / (2 * spread)),
            0.0, 12.0, 3000,
        )  # fmt: skip

    # N(0, s I): the energy over R^d is d/2 (λ s − τ log s) up to a constant, least at τ/λ.
    energies = {spread: problem.energy(length(spread)) for spread in (0.5, 0.8)}
    difference = 0.5 * dim * (0.8 - 0.5) - 0.25 * dim * np.log(0.8 / 0.5)
    # The midpoint rule has an error of h² / 24 times the end slope, which is 1 in the plane.
    assert energies[0.8] - energies[0.5] == pytest.approx(difference, abs=1e-5)


@pytest.mark.parametrize("dim", [2, 3, 40])
def test_lengths_of_an_ornstein_uhlenbeck_process(dim):
    problem, count, t, start = radius(dim), 20_000, 0.5, 1.2
    solver = Langevin(step=0.005, method="heun")
    measure = ParticleMeasure(np.full((count, 1), start))
    _, measure = solver.advance(problem, solver.start(problem, measure, seed=5), t)
    decay = np.exp(-2.0 * 0.5 * t)
    exact = start**2 * decay + 0.3 * dim * (1.0 - decay) / 0.5
    squares = measure.positions[:, 0] ** 2
    # Four standard errors, and an error of O(step) near 0 in few dimensions.
    tolerance = 4.0 * squares.std() / np.sqrt(count) + 0.005 * exact
    assert squares.mean() == pytest.approx(exact, abs=tolerance)


@pytest.mark.parametrize("method", ["euler-maruyama", "heun", "leimkuhler-matthews"])
def test_particles_next_to_zero_are_not_thrown_away(method):
    # In the plane a step of noise leaves particles at any distance from 0: with the slope
    # 1/r itself the mean of r² is infinite after one step more.
    problem, count = radius(2), 20_000
    measure = RadialGaussian(1, 0, 2, std=np.sqrt(0.6)).sample(count, seed=1, sampling="sobol")
    solver = Langevin(step=0.02, method=method)
    _, after = solver.advance(problem, solver.start(problem, measure, seed=3), 0.8)
    squares = after.positions[:, 0] ** 2
    # Four standard errors of an exponential law, and O(step) near 0.
    assert squares.mean() == pytest.approx(1.2, rel=4.0 / np.sqrt(count) + 0.02)
    assert squares.max() < 1.2 * 3.0 * np.log(count)


def test_the_cut_of_the_slope_is_far_from_lengths_of_many_dimensions():
    volume, lengths = RadialVolume(0, 39.0), np.array([[2.0], [4.0]])
    exact, cut = volume.slopes(lengths), volume.slopes(lengths, diffusion=1e-4)
    # (power τ s)² / θ⁴ = 1e-6 at θ = 2.
    np.testing.assert_allclose(cut, exact, rtol=1e-6)
    assert np.abs(volume.slopes(np.array([[1e-9]]), diffusion=1e-4)).max() < 1e-3


def test_a_problem_with_a_volume_is_rebuilt():
    problem = radius(40)
    described = problem.to_dict()
    data = described.pop("data")
    rebuilt = Problem.from_dict({**json.loads(json.dumps(described)), "data": data})
    assert rebuilt.volume == problem.volume == RadialVolume(0, 39)
    assert "volume" not in Problem(SQUARE, Dataset([[0.0]], [0.0])).to_dict()


def test_mistakes_are_named():
    with pytest.raises(InvalidInputError, match="power of the volume must be a nonnegative"):
        RadialVolume(0, -1.0)
    with pytest.raises(InvalidInputError, match="the neuron has 1, counted from 0: w_0"):
        Problem(SQUARE, Dataset([[0.0]], [0.0]), volume=RadialVolume(1, 2.0))
    with pytest.raises(InvalidInputError, match="a dictionary with parameter and power"):
        volume_from_dict({"parameter": 0})
    with pytest.raises(InvalidInputError, match="unknown setting of a volume 'powers'"):
        volume_from_dict({"parameter": 0, "power": 1.0, "powers": 2.0})


def test_a_grid_follows_the_lengths_with_second_order():
    problem, t, errors = radius(40), 0.3, []
    for cells in (60, 120):
        grid = GridMeasure.from_density(RadialGaussian(1, 0, 40, std=0.3).density, 0.0, 6.0, cells)
        run = simulate(problem, grid, GridFlow(scheme="scharfetter-gummel"), t_end=t)
        before, after = (m.weights @ m.positions[:, 0] ** 2 for m in (grid, run.measures[-1]))
        decay = np.exp(-t)
        errors.append(after - (before * decay + 0.3 * 40 * (1.0 - decay) / 0.5))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.25)
    assert abs(errors[1]) < 0.05


def test_the_law_of_chi_is_stationary_on_a_grid():
    problem = radius(40)
    exact = RadialGaussian(1, 0, 40, std=np.sqrt(0.3 / 0.5))
    grid = GridMeasure.from_density(exact.density, 0.0, 9.0, 90)
    run = simulate(problem, grid, GridFlow(scheme="scharfetter-gummel"), t_end=1.0)
    # The flux vanishes cell by cell for e^{−Ψ/τ} at the centres.
    np.testing.assert_allclose(run.measures[-1].density, grid.density, atol=1e-12)


# -- lengths without a volume: one dimension is left ------------------------------------------


def line(temperature=0.3, ridge=0.5):
    return radius(1, temperature=temperature, ridge=ridge)


def test_a_length_in_one_dimension_has_the_energy_of_the_half_line():
    # F = −τ log ∫_0^∞ e^{−λ r²/(2τ)} dr: the full problem, on the whole line, has τ log 2 less.
    partition = 0.5 * np.sqrt(2.0 * np.pi * 0.3 / 0.5)
    grid = GridMeasure.from_density(Gaussian(1).density, 0.0, 8.0, 400)
    for support in (None, grid, Gaussian(1, 0.2, 0.9), RadialGaussian(1, 0, 1)):
        found = gibbs(line(), support, nodes=2**12)
        assert found.measure.positions.min() > 0.0
        # Sobol points leave about 1/N; the midpoint rule is exact on the even integrand.
        assert found.energy == pytest.approx(-0.3 * np.log(partition), abs=2e-4)


def test_laws_of_negative_lengths_count_by_their_absolute_value():
    # The same law of vectors in the plane, by lengths of either sign.
    problem = radius(2)
    one, other = (gibbs(problem, Gaussian(1, mean, 0.8)).energy for mean in (1.0, -1.0))
    assert one == pytest.approx(other, abs=1e-5)
    exact = -0.3 * np.log(0.3 / 0.5)  # −τ log ∫ r e^{−λ r²/(2τ)} dr
    assert one == pytest.approx(exact, abs=1e-3)


def test_a_grid_of_negative_lengths_is_refused():
    grid = GridMeasure.from_density(Gaussian(1).density, -6.0, 6.0, 50)
    sentence = "w_0 is a length >= 0 in this problem, but the grid begins at -6; let it begin at 0"
    for use in (line().energy, line().optimality_gap, lambda grid: gibbs(line(), grid)):
        with pytest.raises(InvalidInputError, match=sentence):
            use(grid)
    with pytest.raises(InvalidInputError, match=sentence):
        simulate(line(), grid, GridFlow(), t_end=0.1)


def test_a_length_in_one_dimension_is_reflected_at_zero():
    law = RadialGaussian(1, 0, 1, std=0.5)
    placed = GridFlow().place(line(), Gaussian(1, std=0.5), 200, 0.5, 0)
    assert placed.lower[0] == 0.0
    np.testing.assert_allclose(placed.density, law.density(placed.positions), rtol=1e-6)
    after = simulate(line(), placed, GridFlow(tolerance=1e-6), t_end=0.5).measures[-1]
    decay = np.exp(-0.5)
    exact = 0.25 * decay + 0.3 * (1.0 - decay) / 0.5
    assert after.weights @ after.positions[:, 0] ** 2 == pytest.approx(exact, rel=1e-3)
    measure = ParticleMeasure([[0.5], [-0.5]])
    assert line().penalty(measure) == 0.25 * 0.25
    np.testing.assert_array_equal(line().velocity(measure), -0.5 * measure.positions)
    products = hessian_products(line(), measure, np.ones((2, 1)))
    np.testing.assert_array_equal(products, 0.5)
