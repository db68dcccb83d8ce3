"""Birth and death on a grid against closed laws, Gibbs measures and weighted particles."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import meanfield as mf
from grid_cases import (
    MEAN,
    NOISY,
    SCHEMES,
    STD,
    bumps,
    confined,
    distance,
    evolve,
    final,
    on_grid,
    orders,
)
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Box, Gaussian
from meanfield.solver import solver_from_dict, state_from_arrays, state_to_arrays
from meanfield.solvers import BirthDeath, GridFlow
from meanfield.solvers.grid_field import Attempt, GridField
from meanfield.solvers.grid_steps import GridState
from meanfield.solvers.reacting import Reacting
from oracles import ReactingQuadraticNeuron, quadratic_data


class Still:
    """A scheme in which nothing moves."""

    def first_step(self, outputs):
        return np.inf

    def step(self, density, outputs, length):
        return Attempt(density, outputs)


def closure(temperature, reaction=1.0):
    return ReactingQuadraticNeuron(quadratic_data(), 0.3, temperature, 1.0, reaction)


# -- accuracy ------------------------------------------------------------------------------


def test_birth_and_death_alone_interpolates_precisions():
    # KL(· | N(0, 2)) from N(2, 1/2) by β = 1: 1/s and m/s relax exponentially to those of
    # the target; the literature gives mean 0.5309419847 + 1 and variance 0.8517935115.
    problem, grid = confined(1.0, 0.5), on_grid(400, 2.0, np.sqrt(0.5), 14.0)
    field = GridField(problem, grid)
    density = np.array(grid.density)
    scheme = Reacting(field, Still(), 1.0)
    after = scheme.step(density, field.outputs(density), 0.8)
    measure = GridMeasure(after.density, grid.lower, grid.upper)
    assert measure.mean()[0] == pytest.approx(1.5309419847, abs=1e-9)
    assert measure.covariance()[0, 0] == pytest.approx(0.8517935115, abs=1e-9)


@pytest.mark.parametrize(
    ("scheme", "temperature", "reaction"),
    [
        ("muscl", 0.0, 1.0),
        ("scharfetter-gummel", 0.3, 1.0),
        ("scharfetter-gummel", 0.5, 3.0),
        ("strang", 0.3, 1.0),
        ("strang", 0.02, 1.0),
    ],
)
def test_second_order_in_space_for_gaussian_laws(scheme, temperature, reaction):
    exact = closure(temperature, reaction)
    mean, variance = exact.moments(MEAN, STD**2, 0.5)
    errors = []
    for cells in (60, 120, 240):
        solver = GridFlow(scheme, tolerance=1e-5, reaction=reaction)
        errors.append(distance(final(exact.problem, on_grid(cells), solver, 0.5), mean, variance))
    assert orders(errors) == pytest.approx(2.0, abs=0.15)
    # The largest of these is that of noiseless transport: 0.07 h² in cells of h = 7/120.
    assert errors[-1] < 0.07 * (14.0 / 240) ** 2


@pytest.mark.parametrize(
    ("scheme", "temperature", "step"),
    [("muscl", 0.0, 0.01), ("scharfetter-gummel", 0.5, 0.05), ("strang", 0.5, 0.02)],
)
def test_second_order_in_time(scheme, temperature, step):
    problem, grid = closure(temperature).problem, on_grid(100)
    moments = []
    for halvings in range(4):
        solver = GridFlow(scheme, step=step / 2**halvings, reaction=1.0)
        measure = final(problem, grid, solver, 0.2)
        moments.append([measure.mean()[0], measure.covariance()[0, 0]])
    for row in np.abs(np.diff(moments, axis=0)).T:
        assert orders(row)[-1] == pytest.approx(2.0, abs=0.15)


def test_the_implicit_scheme_stays_of_first_order_in_time():
    problem, grid = closure(0.5).problem, on_grid(100)
    ends = [
        final(problem, grid, GridFlow("implicit", step=h, reaction=1.0), 0.2).mean()[0]
        for h in (0.02, 0.01, 0.005, 0.0025)
    ]
    assert orders(np.abs(np.diff(ends)))[-1] == pytest.approx(1.0, abs=0.15)


def test_steps_follow_the_error_of_the_splitting():
    # No data: outputs never change and each part alone is exact, so that the penalty alone
    # tells how far apart both orders of the parts lie. Unseen, the mean was off by 0.02.
    problem, grid = confined(0.1, 0.05), on_grid(200, -5.0, 0.3, 10.0)
    means = [
        final(problem, grid, GridFlow("scharfetter-gummel", tolerance=h, reaction=5.0), 2.0).mean()
        for h in (1e-3, 1e-4, 1e-6)
    ]
    errors = np.abs(np.subtract(means[:2], means[2]))[:, 0]
    # The error of a step is of second order: its tolerance is proportional to dt², and so is
    # what is left at the end.
    assert errors[0] < 2e-3 and errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize("scheme", ["scharfetter-gummel", "strang"])
def test_tails_that_are_brought_up_are_those_of_the_law(scheme):
    # Mass comes to 0 from densities below 1e-50 at first: cosine transforms of heat, which
    # leave rounding of 1e-17 there, were off by 0.65 in the mean.
    problem = confined(0.1, 0.05)

    def slope(_, state):
        m, s = state
        return [-(1.0 + 20.0 * s) * 0.05 * m, (2.0 + 20.0 * s) * (0.1 - 0.05 * s)]

    mean, _ = solve_ivp(slope, (0.0, 2.0), (-5.0, 0.09), rtol=1e-11, atol=1e-12).y[:, -1]
    solver = GridFlow(scheme, tolerance=1e-3, reaction=20.0)
    measure = final(problem, on_grid(400, -5.0, 0.3, 10.0), solver, 2.0)
    assert measure.mean()[0] == pytest.approx(mean, abs=20.0 / 20**2)


def test_the_grid_agrees_with_weighted_particles():
    problem, law = bumps(temperature=0.0), Gaussian(1, 0.3, 0.8)
    nodes = mf.quadrature(law, "trapezoid", 200)
    exact = BirthDeath(reaction=2.0)
    measure = exact.advance(problem, exact.start(problem, nodes, 0), 1.0)[1]
    errors = []
    for cells in (100, 200):
        grid = GridMeasure.from_density(law.density, -6.0, 6.0, cells)
        found = final(problem, grid, GridFlow("muscl", reaction=2.0), 1.0)
        errors.append(np.abs(found.mean() - measure.mean())[0])
        errors[-1] += abs(found.covariance() - measure.covariance())[0, 0]
        assert abs(problem.risk(found) - problem.risk(measure)) < errors[-1]
    assert errors[1] < 0.4 * errors[0]
    assert errors[1] < (12.0 / 200) ** 2


# -- where it ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["scharfetter-gummel", "implicit"])
@pytest.mark.parametrize("temperature", [0.5, 0.01])
def test_gibbs_measures_are_at_rest(scheme, temperature):
    problem = confined(temperature)
    reach = 8.0 * np.sqrt(temperature)
    gibbs = GridMeasure.from_density(
        lambda x: np.exp(-0.5 * x[:, 0] ** 2 / temperature), -reach, reach, 40
    )
    after = final(problem, gibbs, GridFlow(scheme, reaction=3.0), 3.0)
    assert np.abs(after.weights - gibbs.weights).sum() < 1e-12


def test_long_runs_of_all_noisy_schemes_come_to_the_gibbs_measure():
    problem, grid = bumps(temperature=0.2), on_grid(30)
    ends = {scheme: final(problem, grid, GridFlow(scheme, reaction=2.0), 50.0) for scheme in NOISY}
    for measure in ends.values():
        potential = problem.potential(measure, measure.positions)
        gibbs = np.exp(-(potential - potential.min()) / 0.2)
        # Birth and death alone forgets the start like e^{-βτt} = e^{-20}, on top of transport
        # with a rate above the ridge 0.2: e^{-30} in all.
        apart = np.abs(measure.weights - gibbs / gibbs.sum()).sum()
        assert apart < (1e-9 if measure is not ends["strang"] else (14.0 / 30) ** 2)
    assert problem.energy(ends["strang"]) - problem.energy(ends["implicit"]) < (14.0 / 30) ** 4


# -- what every scheme keeps -----------------------------------------------------------------


@budget(max_examples=10)
@given(
    scheme=st.sampled_from(SCHEMES),
    dim=st.sampled_from([1, 2]),
    loss=st.sampled_from(["squared", "logistic"]),
    temperature=st.sampled_from([0.005, 0.1, 1.0]),
    mean=st.floats(-1.0, 1.0),
    reaction=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_mass_positivity_and_energy(scheme, dim, loss, temperature, mean, reaction):
    problem = bumps(loss, 0.0 if scheme == "muscl" else temperature, dim=dim)
    law, cells = Gaussian(dim, mean, 0.9), 40 if dim == 1 else (18, 20)
    measure = GridMeasure.from_density(law.density, (-7.0,) * dim, (7.0,) * dim, cells)
    solver = GridFlow(scheme, tolerance=1e-2, reaction=reaction)
    state, energy = solver.start(problem, measure, 0), problem.energy(measure)
    for t in np.linspace(0.0, 2.0, 5)[1:]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of walls: noise of temperature 1 reaches them
            state, measure = solver.advance(problem, state, float(t))
        assert measure.density.min() >= 0.0
        assert abs(measure.weights.sum() - 1.0) < 1e-12
        now = problem.energy(measure)
        assert now <= energy + 1e-12 * (1.0 + abs(energy))
        energy = now


def test_cells_without_mass_get_none_by_birth():
    grid = GridMeasure.from_density(Box(1, -1.0, 1.0).density, -7.0, 7.0, 140)
    field = GridField(bumps(temperature=0.1), grid)
    density = np.array(grid.density)
    after = Reacting(field, Still(), 1.0).step(density, field.outputs(density), 0.5)
    assert ((after.density > 0.0) == (density > 0.0)).all()
    assert (
        final(bumps(), grid, GridFlow("scharfetter-gummel", reaction=1.0), 0.5)
    ).density.min() >= 0


# -- steps, states and settings --------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["muscl", "scharfetter-gummel"])
def test_a_stored_state_continues_to_the_same_bits(scheme):
    problem = bumps(temperature=0.0 if scheme == "muscl" else 0.1)
    solver, grid = GridFlow(scheme, reaction=1.0), on_grid(50)
    state = solver.start(problem, grid, 0)
    state, _ = solver.advance(problem, state, 0.4)
    rebuilt = state_from_arrays(GridState, state_to_arrays(state))
    whole, copied = (
        kind.advance(problem, each, 1.0)[1]
        for kind, each in ((solver, state), (solver_from_dict(solver.to_dict()), rebuilt))
    )
    np.testing.assert_array_equal(whole.density, copied.density)


def test_files_from_before_birth_and_death_have_none():
    described = {"name": "grid", "scheme": "strang", "tolerance": 1e-3, "step": None}
    assert solver_from_dict(described) == GridFlow("strang", tolerance=1e-3)
    reborn = GridFlow(reaction=2.0).resolved(bumps(), on_grid(50))
    assert reborn.reaction == 2.0 and reborn.scheme != "auto"
    assert GridFlow(reaction=2.0).could_be(reborn)
    assert not GridFlow().could_be(reborn)


def test_a_rate_is_at_least_zero():
    with pytest.raises(InvalidInputError, match="reaction must be"):
        GridFlow(reaction=-1.0)


def test_without_birth_and_death_nothing_changes():
    problem, grid = bumps(), on_grid(50)
    plain, zero = (
        evolve(problem, grid, solver, 0.5)
        for solver in (GridFlow("scharfetter-gummel"), GridFlow("scharfetter-gummel", reaction=0.0))
    )
    np.testing.assert_array_equal(plain[1].density, zero[1].density)
    other = final(problem, grid, GridFlow("scharfetter-gummel", reaction=1.0), 0.5)
    assert np.abs(other.weights - plain[1].weights).sum() > 1e-3
