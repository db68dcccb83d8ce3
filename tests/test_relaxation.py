import numpy as np
import pytest
from scipy.integrate import solve_ivp

import meanfield as mf
from meanfield.errors import InvalidInputError


def uniform(lower, upper, cells):
    return mf.GridMeasure.from_density(lambda x: np.ones(len(x)), lower, upper, cells)


def bernoulli(z):
    return np.divide(z, np.expm1(z), out=np.ones_like(z), where=z != 0.0)


def flow(problem, grid):
    """Time derivative of the masses: the flux of Scharfetter and Gummel, written plainly."""
    features = np.array([problem.predict(mf.ParticleMeasure(theta[None]), problem.data.inputs)
                         for theta in grid.positions])[:, :, 0] / problem.scale  # fmt: skip
    confinement, tau = problem.confinement(grid.positions), problem.temperature

    def derivative(masses):
        covector = problem.covector(problem.scale * (masses @ features)[:, None])[:, 0]
        potential = (features @ covector + confinement).reshape(grid.shape)
        shaped, change = masses.reshape(grid.shape), np.zeros(grid.shape)
        for axis, width in enumerate(grid.spacing):
            z = np.diff(potential, axis=axis) / tau
            low, high = np.delete(shaped, -1, axis), np.delete(shaped, 0, axis)
            flux = tau / width**2 * (bernoulli(z) * low - bernoulli(-z) * high)
            ends = [(0, 0)] * grid.dim
            ends[axis] = (1, 1)
            change -= np.diff(np.pad(flux, ends), axis=axis)
        return change.ravel()

    return derivative


def line_problem(temperature=0.05, loss="squared", **settings):
    neuron = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)
    y = np.array([0.3, -0.6, 0.8])
    data = mf.Dataset([[-1.0], [0.5], [2.0]], np.sign(y) if loss == "logistic" else y)
    return mf.Problem(neuron, data, loss, ridge=0.05, temperature=temperature, **settings)


CASES = {
    "one parameter": (line_problem(), uniform(-8.0, 8.0, 80)),
    "logistic, scale": (line_problem(0.1, "logistic", scale=3.0), uniform(-9.0, 9.0, 60)),
    "two parameters": (
        mf.Problem(
            mf.Neuron(1, activation="tanh", outer="fixed"),
            mf.Dataset([[-1.0], [1.0]], [0.2, 0.7]), ridge=0.2, temperature=0.2,
        ),
        uniform(-5.0, 5.0, (11, 12)),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the box cuts the Gibbs measure off")  # few, wide cells
@pytest.mark.parametrize("name", CASES)
def test_the_rate_is_the_smallest_eigenvalue_of_the_numerical_derivative_of_the_flow(name):
    problem, grid = CASES[name]
    best = mf.gibbs(problem, grid)
    found = mf.decay_rate(problem, best)
    masses, derivative = best.measure.weights, flow(problem, grid)
    assert np.abs(derivative(masses)).max() < 1e-12  # at rest
    size = 1e-3 * np.maximum(masses, 1e-6)
    columns = [
        (derivative(masses + shift) - derivative(masses - shift)) / (2.0 * step)
        for step, shift in zip(size, np.diag(size), strict=True)
    ]
    values = np.sort(-np.linalg.eigvals(np.stack(columns, axis=1)).real)
    # Differences of second order with relative shifts of 1e-3 of quadratic right-hand sides.
    assert abs(values[0]) < 1e-6 and found.rate == pytest.approx(values[1], rel=1e-4)
    mode = found.mode.ravel()
    decayed = np.stack(columns, axis=1) @ mode
    np.testing.assert_allclose(decayed, -found.rate * mode, atol=1e-4 * np.abs(mode).max())
    assert abs(mode.sum()) * grid.volume < 1e-8
    assert 0.0 < found.lower_bound <= found.rate * (1.0 + 1e-9)


def test_energy_decays_at_twice_the_rate_and_not_at_that_of_the_frozen_potential():
    problem, grid = CASES["one parameter"]
    best = mf.gibbs(problem, grid)
    found = mf.decay_rate(problem, best)
    derivative = flow(problem, grid)
    late = np.linspace(5.0, 8.0, 5) / found.rate
    solved = solve_ivp(
        lambda t, masses: derivative(masses),
        (0.0, late[-1]),
        mf.GridMeasure.from_density(mf.Gaussian(1, 1.0).density, -8.0, 8.0, 80).weights,
        "LSODA",
        late,
        rtol=1e-10,
        atol=1e-14,
    )
    gaps = [
        problem.energy(mf.GridMeasure.trusted(m / grid.volume, grid.lower, grid.upper))
        - best.energy
        for m in solved.y.T
    ]
    observed = -np.polyfit(late, np.log(gaps), 1)[0]
    # Other modes, and the square of this one, have fallen to e^{−5} of it or below.
    assert observed == pytest.approx(2.0 * found.rate, rel=0.01)
    assert observed > 3.0 * found.lower_bound


@pytest.mark.parametrize("ridge", [0.5, 4.0])
def test_linear_neurons_relax_as_ornstein_uhlenbeck_processes(ridge):
    # The mean decays at x² + λ, all else with the potential frozen: variances at 2 λ.
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]), ridge=ridge, temperature=0.1)
    half = 8.0 * np.sqrt(0.1 / ridge)
    centre = 1.0 / (1.0 + ridge)
    errors = []
    for cells in (100, 200):
        best = mf.gibbs(problem, uniform(centre - half, centre + half, cells))
        found = mf.decay_rate(problem, best)
        exact = min(1.0 + ridge, 2.0 * ridge)
        errors.append([abs(found.rate - exact), abs(found.lower_bound - ridge)])
        assert found.rate == pytest.approx(exact, rel=0.01)
    orders = np.log2(np.divide(*errors))
    np.testing.assert_allclose(orders, 2.0, atol=0.1)


def test_cells_without_mass_do_no_harm():
    problem = line_problem(0.002)
    best = mf.gibbs(problem, uniform(-8.0, 8.0, 800))
    assert best.measure.weights.min() == 0.0
    found = mf.decay_rate(problem, best)
    assert 0.0 < found.lower_bound <= found.rate * (1.0 + 1e-6) and np.isfinite(found.mode).all()


def test_nodes_have_no_decay_rate():
    problem = line_problem()
    with pytest.raises(InvalidInputError, match="a Gibbs measure on a grid; give gibbs"):
        mf.decay_rate(problem, mf.gibbs(problem, nodes=256))


def test_too_many_cells_are_refused():
    neuron = mf.Neuron(1, activation="tanh")
    problem = mf.Problem(neuron, mf.Dataset([[1.0]], [1.0]), ridge=1.0, temperature=0.5)
    best = mf.gibbs(problem, uniform(-5.0, 5.0, (33, 33, 33)))
    with pytest.raises(InvalidInputError, match="at most 32768 cells in 3 dimensions, got 35937"):
        mf.decay_rate(problem, best)


def test_a_measure_alone_has_no_decay_rate():
    grid = mf.GridMeasure.from_density(mf.Gaussian(1).density, -5.0, 5.0, 20)
    with pytest.raises(InvalidInputError, match="must be what gibbs returns, got GridMeasure"):
        mf.decay_rate(None, grid)
