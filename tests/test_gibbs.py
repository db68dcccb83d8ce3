import math

import numpy as np
import pytest

import meanfield as mf
from meanfield.cells import Cells
from meanfield.duality import conjugate_risk, dual_value, gibbs_law, relative_entropy
from meanfield.errors import InvalidInputError
from meanfield.losses import huber
from oracles import ScalarGibbs

#: y, λ, τ; then m, E θ, E θ² and F*, computed independently to 1e-10 (the last to 1e-10).
TABLE = [
    (1.0, 0.1, 0.1, 0.7109555876, 1.1580119641, 1.8219632041, 0.0285859432),
    (0.8, 0.05, 0.02, 0.6959628744, 0.9777754533, 1.1444438075, 0.0223841607),
    (0.5, 1.0, 1.0, 0.1402265012, 0.2156815559, 1.0231950937, -0.8291410070),
]


def uniform(lower, upper, cells):
    return mf.GridMeasure.from_density(lambda x: np.ones(len(x)), lower, upper, cells)


def plane_problem(temperature=0.1, loss="squared", ridge=0.2, **settings):
    """tanh(w x + b) through five points."""
    x, y = np.linspace(-2.0, 2.0, 5), np.array([-0.5, 0.6, -0.3, 0.8, 0.2])
    y = np.sign(y) if loss == "logistic" else y
    neuron = mf.Neuron(1, activation="tanh", outer="fixed")
    data = mf.Dataset(x, y, [0.1, 0.2, 0.3, 0.25, 0.15])
    return mf.Problem(neuron, data, loss, ridge=ridge, temperature=temperature, **settings)


@pytest.mark.parametrize("row", TABLE)
def test_one_datum_agrees_with_its_scalar_equation(row):
    oracle = ScalarGibbs(*row[:3])
    exact = oracle.solve()
    np.testing.assert_allclose(exact, row[3:], atol=6e-11)  # the table's last digit
    # Half-widths of 12 standard deviations of e^{−V/τ} and the tilt; midpoint sums converge
    # faster than any power of the spacing.
    half = 12.0 * np.sqrt(row[2] / row[1]) + 5.0
    found = mf.gibbs(oracle.problem, uniform(-half, half, 2000))
    x, masses = found.measure.positions[:, 0], found.measure.weights
    computed = masses @ np.tanh(x), masses @ x, masses @ x**2, found.energy
    np.testing.assert_allclose(computed, exact, atol=1e-12)
    assert found.gap < 1e-14 and found.residual < 1e-12


@pytest.mark.parametrize(("temperature", "most"), [(0.05, 6), (0.01, 8), (0.002, 13)])
def test_newton_needs_few_steps(temperature, most):
    found = mf.gibbs(plane_problem(temperature, ridge=0.02), uniform(-16.0, 16.0, (160, 160)))
    assert found.iterations <= most
    assert found.residual < 2e-12 and found.gap < 1e-14


def test_the_damped_fixed_point_iteration_fails_where_newton_succeeds():
    # It needs a damping below 2 / (1 + gain), and the gain grows like 1/τ.
    problem, grid = plane_problem(0.002, ridge=0.02), uniform(-16.0, 16.0, (80, 80))
    cells = Cells(problem, grid)
    outputs, changes = cells.outputs(grid.weights), []
    for _ in range(200):
        law = gibbs_law(cells.potential(problem.covector(outputs)), 0.0, 0.002)
        change = cells.outputs(law.masses) - outputs
        outputs = outputs + 0.1 * change
        changes.append(np.abs(change).max())
    assert min(changes[-50:]) > 1e-3
    assert mf.gibbs(problem, grid).residual < 2e-12


LOSSES = ["squared", "logistic", huber(0.1)]


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "huber"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_energy_minus_dual_value_is_a_relative_entropy(loss, scale, rng):
    problem = plane_problem(0.05, loss, scale=scale)
    grid = uniform(-9.0, 9.0, (40, 40))
    masses = rng.dirichlet(np.full(len(grid), 0.3))
    measure = mf.GridMeasure.trusted(
        masses.reshape(grid.shape) / grid.volume, grid.lower, grid.upper
    )
    outputs = problem.outputs(measure)
    covector = problem.covector(outputs)
    law = gibbs_law(problem.potential_at(grid.positions, covector), np.log(grid.volume), 0.05)
    derivatives = problem.loss.derivatives(outputs, problem.data.targets)
    data = problem.data
    conjugate = conjugate_risk(problem.loss, derivatives, data.targets, data.weights, scale)
    gap = problem.energy(measure) - dual_value(conjugate, law.log_partition, 0.05)
    np.testing.assert_allclose(
        gap, 0.05 * relative_entropy(measure.weights, law.log_masses), rtol=1e-12
    )


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "huber"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_gibbs_measure_of_any_loss_is_the_fixed_point(loss, scale):
    problem, grid = plane_problem(0.02, loss, scale=scale), uniform(-9.0, 9.0, (60, 60))
    found = mf.gibbs(problem, grid)
    potential = problem.potential(found.measure, grid.positions)
    law = gibbs_law(potential, np.log(grid.volume), problem.temperature)
    # Residuals of 1e-12 move Ψ/τ by 1e-12/τ.
    np.testing.assert_allclose(found.measure.weights, law.masses, rtol=1e-9, atol=1e-16)
    np.testing.assert_allclose(found.energy, problem.energy(found.measure), rtol=1e-12)


def test_huber_reaches_the_boundary_of_its_dual_domain():
    found = mf.gibbs(plane_problem(0.02, huber(0.1)), uniform(-9.0, 9.0, (60, 60)))
    shares = np.abs(found.covector[:, 0]) / [0.1, 0.2, 0.3, 0.25, 0.15]
    resting = shares >= 0.1 * (1.0 - 1e-12)
    assert resting.any() and not resting.all()


def test_huber_with_targets_far_beyond_its_threshold(rng):
    # Differences to the targets have rounding errors far above that of the threshold.
    neuron = mf.Neuron(1, activation="relu", outer="fixed")
    data = mf.Dataset(2.0 * rng.standard_normal(20), 100.0 * rng.standard_normal(20))
    problem = mf.Problem(neuron, data, huber(1e-3), ridge=0.3, temperature=0.1, scale=3.0)
    found = mf.gibbs(problem, uniform(-9.0, 9.0, (40, 40)))
    assert found.iterations < 10 and found.gap < 1e-12


def test_cross_entropy_with_two_outputs():
    x = np.array([-1.0, 0.5, 1.0])
    neuron = mf.Neuron(1, outputs=2, activation="tanh", bias=False)
    problem = mf.Problem(
        neuron, mf.Dataset(x, [0, 1, 1]), "cross_entropy", ridge=0.5, temperature=0.1
    )
    found = mf.gibbs(problem, nodes=2**10)
    assert found.residual < 1e-12 and found.gap < 1e-13 and found.iterations < 15
    law = gibbs_law(
        problem.potential(found.measure, found.measure.positions)
        - problem.confinement(found.measure.positions),
        0.0,
        0.1,
    )  # nodes drawn from e^{−V/τ}: what remains of the weight is e^{−⟨u, Φ⟩/τ}
    np.testing.assert_allclose(found.measure.weights, law.masses, rtol=1e-8)


def test_nodes_of_a_law_agree_with_a_grid():
    problem = plane_problem()
    reference = mf.gibbs(problem, uniform(-9.0, 9.0, (120, 120)))
    errors = []
    for nodes in (2**8, 2**12):
        found = mf.gibbs(problem, nodes=nodes)
        errors.append(abs(found.energy - reference.energy))
        assert found.effective_nodes > 0.3 * nodes
    # Scrambled Sobol points: errors fall nearly like 1/N, here by at least 4 for 16.
    assert errors[1] < 2e-4 and errors[1] < errors[0] / 4.0
    wide = mf.gibbs(problem, mf.Gaussian(2, std=1.5), nodes=2**12)
    assert abs(wide.energy - reference.energy) < 1e-3


def test_the_distance_to_the_minimum_is_an_entropy_and_a_difference_of_outputs(rng):
    problem, grid = plane_problem(), uniform(-9.0, 9.0, (50, 50))
    best = mf.gibbs(problem, grid)
    other = mf.GridMeasure.from_density(mf.Gaussian(2, mean=0.5).density, -9.0, 9.0, (50, 50))
    change = (problem.outputs(other) - problem.outputs(best.measure))[:, 0]
    entropy = relative_entropy(other.weights, np.log(best.measure.weights))
    expected = problem.temperature * entropy + 0.5 * problem.data.weights @ change**2
    assert problem.energy(other) - best.energy == pytest.approx(expected, rel=1e-11)


def test_lengths_of_noisy_vectors_have_the_chi_law():
    # Data at 0: neurons do not matter, and |w| of w ~ N(0, τ/λ) in R³ has E |w|² = 3 τ/λ.
    neuron = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)
    problem = mf.Problem(
        neuron, mf.Dataset([[0.0]], [1.0]), ridge=0.5, temperature=0.2,
        volume={"parameter": 0, "power": 2},
    )  # fmt: skip
    found = mf.gibbs(problem, uniform(0.0, 7.0, 200))
    second = found.measure.weights @ found.measure.positions[:, 0] ** 2
    assert second == pytest.approx(3.0 * 0.2 / 0.5, rel=1e-12)


@pytest.mark.parametrize("power", [1, 4])
def test_by_default_lengths_are_drawn_from_the_chi_law(power):
    # Data at 0: Z is the integral of r^power e^{−λ r²/(2τ)} over lengths r > 0, and F = −τ log Z.
    neuron = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)
    problem = mf.Problem(
        neuron, mf.Dataset([[0.0]], [0.0]), ridge=0.5, temperature=0.2,
        volume={"parameter": 0, "power": power},
    )  # fmt: skip
    found, half = mf.gibbs(problem, nodes=64), 0.5 * (power + 1)
    partition = 0.5 * (2.0 * 0.2 / 0.5) ** half * math.gamma(half)
    assert found.measure.positions.min() > 0.0
    assert found.energy == pytest.approx(-0.2 * math.log(partition), abs=1e-13)


def test_few_effective_nodes_are_reported():
    with pytest.warns(UserWarning, match="rests on .* effective nodes of 256, too few"):
        mf.gibbs(plane_problem(), mf.Gaussian(2, mean=9.0, std=0.5), nodes=256)


def test_small_relative_entropies_keep_their_digits():
    reference = np.full(4, 0.25)
    shift = 1e-9 * np.array([1.0, -1.0, 2.0, -2.0])
    # To second order Σ shift² / (2 r): the third is smaller by 1e-9.
    exact = np.sum(shift**2 / (2.0 * reference))
    found = relative_entropy(reference + shift, np.log(reference))
    assert found == pytest.approx(exact, rel=1e-6)


def test_a_gibbs_measure_needs_noise():
    with pytest.raises(InvalidInputError, match=r"no Gibbs measure.*problem\.optimality_gap"):
        mf.gibbs(plane_problem(0.0), uniform(-9.0, 9.0, (20, 20)))


def test_without_ridge_a_law_has_to_be_given():
    with pytest.raises(InvalidInputError, match="without a ridge on every parameter"):
        mf.gibbs(plane_problem(ridge=0.0))


def test_particles_are_no_support():
    with pytest.raises(InvalidInputError, match="a GridMeasure or a law such as Gaussian"):
        mf.gibbs(plane_problem(), mf.ParticleMeasure.gaussian(10, 2, seed=0))


def test_a_small_box_is_reported():
    with pytest.warns(UserWarning, match="the box cuts the Gibbs measure off"):
        mf.gibbs(plane_problem(), uniform(-1.0, 1.0, (20, 20)))
