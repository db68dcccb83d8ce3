"""Birth and death of weighted particles: a closed law, invariances, and the file of a run."""

from copy import deepcopy
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

import meanfield as mf
from grid_cases import bumps
from meanfield.audit import audit
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.plotting.scene import Scene
from meanfield.population import PopulationProblem
from meanfield.simulate import resume, simulate
from meanfield.solver import solver_from_dict, state_from_arrays, state_to_arrays
from meanfield.solvers import birth_death
from meanfield.solvers.birth_death import BirthDeath
from meanfield.solvers.particle_flow import FlowState, ParticleFlow
from meanfield.solvers.quadrature_flow import QuadratureFlow
from meanfield.trajectory import Trajectory
from oracles import ReactingQuadraticNeuron, quadratic_data

PROBLEM = bumps(temperature=0.0)


def fixed(step, transport=1.0, reaction=1.0, method="rk4"):
    return BirthDeath(transport=transport, reaction=reaction, method=method, step=step)


def end(problem, measure, solver, t=1.0):
    return solver.advance(problem, solver.start(problem, measure, 0), t)[1]


def weighted(particles=7, seed=0):
    masses = np.random.default_rng(seed).random(particles) + 0.1
    return ParticleMeasure(Gaussian(1).sample(particles, seed).positions, masses / masses.sum())


# -- accuracy ------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "reaction"), [(1.0, 1.0), (0.0, 1.0), (0.5, 2.0)])
def test_gaussian_laws_are_followed_with_order_four(transport, reaction):
    exact = ReactingQuadraticNeuron(quadratic_data(), 0.3, 0.0, transport, reaction)
    mean, variance = exact.moments(0.5, 0.36, 1.0)
    nodes = mf.quadrature(Gaussian(1, 0.5, 0.6), "trapezoid", 101)
    errors = []
    for step in (0.1, 0.05, 0.025):
        measure = end(exact.problem, nodes, fixed(step, transport, reaction))
        found = measure.mean()[0], measure.covariance()[0, 0]
        errors.append(np.abs(np.subtract(found, (mean, variance))).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders == pytest.approx(4.0, abs=0.2)
    assert errors[1] < 1e-7
    tight = BirthDeath(transport=transport, reaction=reaction, rtol=1e-9, atol=1e-11)
    adaptive = end(exact.problem, nodes, tight)
    assert adaptive.mean()[0] == pytest.approx(mean, abs=1e-8)
    assert adaptive.covariance()[0, 0] == pytest.approx(variance, abs=1e-8)


@pytest.mark.parametrize(("method", "order"), [("euler", 1.0), ("heun", 2.0), ("rk4", 4.0)])
def test_orders_of_the_methods_for_tanh(method, order):
    measure = weighted()
    best = end(PROBLEM, measure, BirthDeath(rtol=1e-11, atol=1e-13))
    errors = []
    for step in (0.1, 0.05):
        found = end(PROBLEM, measure, fixed(step, method=method))
        errors.append(
            np.abs(found.positions - best.positions).max()
            + np.abs(found.weights - best.weights).max()
        )
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


def test_without_transport_masses_alone_change():
    measure = weighted()
    found = end(PROBLEM, measure, fixed(0.05, transport=0.0))
    np.testing.assert_array_equal(found.positions, measure.positions)
    # One particle with mass has nothing to win over, wherever the others are.
    lonely = ParticleMeasure([[0.5], [2.0]], [1.0, 0.0])
    found = end(PROBLEM, lonely, fixed(0.05, transport=0.0))
    np.testing.assert_array_equal(found.weights, [1.0, 0.0])


@pytest.mark.parametrize("method", ["euler", "heun", "rk4"])
def test_without_reaction_it_is_the_flow_of_particles(method):
    measure = weighted()
    for t in (0.5, 0.8):
        found = end(PROBLEM, measure, fixed(0.125, reaction=0.0, method=method), t)
        expected = end(PROBLEM, measure, ParticleFlow(method=method, step=0.125), t)
        np.testing.assert_allclose(found.positions, expected.positions, rtol=0, atol=1e-13)
        np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-14)


def test_rates_scale_time():
    measure = weighted()
    slow = end(PROBLEM, measure, fixed(0.1, 1.0, 1.0), 1.0)
    fast = end(PROBLEM, measure, fixed(0.05, 2.0, 2.0), 0.5)
    np.testing.assert_allclose(fast.positions, slow.positions, rtol=1e-13)
    np.testing.assert_allclose(fast.weights, slow.weights, rtol=1e-13)


def test_a_population_of_inputs_serves_as_well():
    neuron = mf.Neuron(2, activation="erf", outer="fixed", bias=False)
    here = PopulationProblem(neuron, ParticleMeasure([[1.0, -0.5]]))
    measure = Gaussian(2).sample(6, seed=0)
    found = end(here, measure, BirthDeath())
    # One step of Euler, from the formulas: the masses go with the potential.
    small = end(here, measure, fixed(1e-6, method="euler"), 1e-6)
    potential = here.potential(measure, measure.positions)
    growth = (small.weights / measure.weights - 1.0) / 1e-6
    np.testing.assert_allclose(growth, potential.mean() - potential, atol=1e-5)
    assert here.risk(found) < here.risk(measure)


def test_birth_and_death_leaves_a_basin_that_transport_cannot():
    # Two wells of the potential; all but a millionth of the mass begins in the wrong one.
    x = np.linspace(-1.0, 1.0, 9)
    neuron = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)
    problem = mf.Problem(neuron, mf.Dataset(x, np.tanh(3.0 * x)))
    flat = ParticleMeasure([[-8.0], [3.0]], [1.0 - 1e-6, 1e-6])
    moved = end(problem, flat, ParticleFlow(), 20.0)
    reborn = end(problem, flat, BirthDeath(), 20.0)
    assert problem.risk(moved) > 0.5 * problem.risk(flat)
    assert problem.risk(reborn) < 0.01 * problem.risk(flat)


# -- what it keeps ---------------------------------------------------------------------------


@budget(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    loss=st.sampled_from(["squared", "logistic"]),
    dim=st.sampled_from([1, 2]),
    reaction=st.sampled_from([0.0, 0.3, 5.0]),
)
def test_the_energy_falls_and_masses_are_probabilities(seed, loss, dim, reaction):
    problem = bumps(loss, 0.0, dim=dim)
    positions = 2.0 * Gaussian(dim).sample(12, seed).positions
    masses = np.random.default_rng(seed).exponential(size=12)
    measure = ParticleMeasure(positions, masses / masses.sum())
    solver = BirthDeath(reaction=reaction)
    state, energy = solver.start(problem, measure, 0), problem.energy(measure)
    for t in np.linspace(0.0, 1.0, 6)[1:]:
        state, measure = solver.advance(problem, state, float(t))
        assert abs(measure.weights.sum() - 1.0) < 1e-12
        assert (measure.weights > 0.0).all()
        assert problem.energy(measure) <= energy + 1e-12 * (1.0 + abs(energy))
        energy = problem.energy(measure)


def test_order_and_duplicates_of_particles_do_not_matter():
    measure, solver = weighted(8), fixed(0.05)
    found = end(PROBLEM, measure, solver)
    order = np.random.default_rng(1).permutation(8)
    other = end(PROBLEM, ParticleMeasure(measure.positions[order], measure.weights[order]), solver)
    np.testing.assert_allclose(other.positions, found.positions[order], rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.weights, found.weights[order], rtol=0, atol=1e-12)
    twice = ParticleMeasure(np.tile(measure.positions, (2, 1)), np.tile(measure.weights / 2, 2))
    other = end(PROBLEM, twice, solver)
    np.testing.assert_allclose(other.positions[8:], found.positions, rtol=0, atol=1e-12)
    np.testing.assert_allclose(2.0 * other.weights[:8], found.weights, rtol=0, atol=1e-12)


def test_a_mass_too_small_for_a_number_is_not_lost():
    # Φ = w² on one point, without transport: residuals of both signs in turn.
    problem = mf.Problem(
        mf.Neuron(1, activation="square", outer="fixed", bias=False), mf.Dataset([[1.0]], [0.0])
    )
    solver = BirthDeath(transport=0.0, reaction=30.0)
    measure = ParticleMeasure([[0.1], [6.0], [1.0]], [0.5, 0.5, 0.0])
    state = solver.start(problem, measure, 0)
    state, shown = solver.advance(problem, state, 1.0)
    assert shown.weights[2] == 0.0 and 0.0 < shown.weights[1] < 0.1
    gone = replace(state, positions=state.positions + [[0.0, 0.0], [0.0, -2000.0], [0.0, 0.0]])
    after, shown = solver.advance(problem, gone, 2.0)
    assert shown.weights.tolist() == [1.0, 0.0, 0.0]
    assert -2100.0 < after.positions[1, 1] - after.positions[0, 1] < -1900.0
    back = replace(after, positions=after.positions + [[0.0, 0.0], [0.0, 2000.0], [0.0, 0.0]])
    assert solver.advance(problem, back, after.time)[1].weights[1] > 0.0


@budget(max_examples=15)
@given(seed=st.integers(0, 1000), shift=st.floats(-500.0, 500.0))
def test_masses_depend_on_differences_of_potentials_only(seed, shift):
    extended = np.random.default_rng(seed).standard_normal((5, 2))
    masses = np.random.default_rng(seed + 1).random(5)
    here = birth_death._split(extended, masses)[1]
    there = birth_death._split(extended + [[0.0, shift]], masses)[1]
    assert abs(here.sum() - 1.0) < 1e-15
    np.testing.assert_allclose(there, here, rtol=1e-12)


def test_how_often_one_looks_changes_nothing():
    solver, measure = BirthDeath(), weighted()
    often = solver.start(PROBLEM, measure, 0)
    for t in (0.05, 0.33, 0.7, 0.71, 1.0):
        often, shown = solver.advance(PROBLEM, often, t)
    assert shown == end(PROBLEM, measure, solver, 1.0)


def test_a_state_is_rebuilt_bit_for_bit():
    solver = BirthDeath(reaction=0.5)
    state, _ = solver.advance(PROBLEM, solver.start(PROBLEM, weighted(), 0), 0.5)
    rebuilt = state_from_arrays(FlowState, deepcopy(state_to_arrays(state)))
    one, other = (solver.advance(PROBLEM, s, 1.0)[1] for s in (state, rebuilt))
    assert one == other
    assert solver_from_dict(solver.to_dict()) == solver


def test_tolerances_suit_the_activation():
    smooth = BirthDeath().resolved(PROBLEM, weighted())
    assert (smooth.rtol, smooth.atol) == (1e-6, 1e-8)
    relu = mf.Problem(mf.Neuron(1, activation="relu"), mf.Dataset([[1.0]], [1.0]))
    kinked = BirthDeath(reaction=2.0).resolved(relu, Gaussian(3).sample(4, seed=0))
    assert (kinked.rtol, kinked.atol) == (1e-3, 1e-5)
    assert BirthDeath(reaction=2.0).could_be(kinked)
    assert not BirthDeath().could_be(kinked) and not BirthDeath().could_be(ParticleFlow())


def test_single_precision_stays():
    measure = Gaussian(1).sample(5, 0, dtype="float32")
    found = end(PROBLEM, measure, BirthDeath())
    exact = end(PROBLEM, ParticleMeasure(measure.positions.astype(float)), BirthDeath())
    np.testing.assert_allclose(found.positions, exact.positions, atol=1e-5)
    np.testing.assert_allclose(found.weights, exact.weights, atol=1e-6)
    assert found.positions.dtype == np.float32 and found.weights.dtype == np.float64


# -- what its files hold ---------------------------------------------------------------------


def run_to(store, observers=()):
    return simulate(
        PROBLEM, weighted(), fixed(0.05), t_end=1.0, save_at=np.linspace(0.0, 1.0, 5),
        store=store, observers=observers,
    )  # fmt: skip


@pytest.mark.parametrize("in_file", [False, True])
def test_every_frame_keeps_its_masses(tmp_path, in_file):
    run = run_to(tmp_path / "run.h5" if in_file else None)
    for t, measure in zip(run.times, run.measures, strict=True):
        assert measure == end(PROBLEM, weighted(), fixed(0.05), float(t))
    assert not np.array_equal(run.measures[0].weights, run.measures[-1].weights)
    assert dict(run.describe())["particles"].startswith("7 (float64, masses change)")
    np.testing.assert_allclose(run.risk, [PROBLEM.risk(each) for each in run.measures], rtol=1e-14)


def test_xarray_sees_masses_over_time(tmp_path):
    run = run_to(tmp_path / "run.h5")
    built, third = run.to_xarray(), run.measures[3]
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf") as frames:
        for found in (frames, built):
            assert found.weight.dims == ("time", "particle")
            assert found.position.dims == ("time", "particle", "parameter")
            assert np.array_equal(found.weight.values[3], third.weights)
            assert found.weight.sum("particle").values == pytest.approx(1.0, abs=1e-12)


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path):
    class Stop:
        def __call__(self, frame):
            if frame.index == 3:
                raise DivergenceError("stopped here", frame.time)

    whole = run_to(tmp_path / "whole.h5")
    with pytest.raises(DivergenceError, match="stopped here"):
        run_to(tmp_path / "run.h5", observers=[Stop()])
    assert len(Trajectory.open(tmp_path / "run.h5")) == 3
    mended = resume(tmp_path / "run.h5")
    assert list(mended.measures) == list(whole.measures)
    assert mended.risk.tolist() == whole.risk.tolist()


def test_room_for_masses_is_reserved_before_the_first_step(tmp_path):
    sizes = []

    class Look:
        def __call__(self, frame):
            sizes.append((tmp_path / "run.h5").stat().st_size)

    run_to(tmp_path / "run.h5", observers=[Look()])
    with h5py.File(tmp_path / "run.h5", "r") as file:
        weight = file["weight"]
        assert weight.shape == (5, 7) and weight.chunks is None
        assert sizes[0] >= weight.id.get_offset() + weight.nbytes


def test_pictures_draw_the_masses_of_each_frame():
    run = run_to(None)
    scene = Scene(run)
    for time in (0.0, 1.0):
        scene.draw(time)
        shown = scene.playbacks[0].measure_at(time)
        assert np.array_equal(shown.weights, run.measures[0 if time == 0.0 else -1].weights)
    middle = scene.playbacks[0].measure_at(0.125).weights
    np.testing.assert_allclose(
        middle, 0.5 * (run.measures[0].weights + run.measures[1].weights), rtol=1e-14
    )


# -- what it refuses -------------------------------------------------------------------------


def test_what_does_not_apply_is_refused():
    with pytest.raises(InvalidInputError, match="needs temperature 0, got 0.1: .* solver grid"):
        BirthDeath().start(bumps(temperature=0.1), weighted(), 0)
    with pytest.raises(InvalidInputError, match="unknown method 'rk5'"):
        BirthDeath(method="rk5")
    with pytest.raises(InvalidInputError, match="reaction must be .*-1"):
        BirthDeath(reaction=-1.0)
    with pytest.raises(InvalidInputError, match="transport must be"):
        BirthDeath(transport=np.nan)
    with pytest.raises(InvalidInputError, match="the method rk4 needs a step"):
        BirthDeath(method="rk4")
    with pytest.raises(InvalidInputError, match="observers need different names"):
        run_to(None, observers=[mf.observers.OptimalityGap("weight")])


def test_networks_and_other_solvers_are_not_compared_with_it():
    experiment = mf.Experiment(
        "bumps", PROBLEM, Gaussian(1), 16, np.array([0.0, 0.1]), {"quadrature": QuadratureFlow()}
    )
    with pytest.raises(InvalidInputError, match="neurons of equal mass, which the solver birth-de"):
        mf.compare(experiment, (8, 16), seeds=2, solver="birth-death")
    names = ("quadrature", "particles", "birth-death")
    found = audit(experiment, solvers=names)
    assert found.refusals["birth-death"] == "its masses are born and die, which is another flow"
    assert len(found.answers) == 2


def test_a_flow_that_explodes_says_so():
    data = mf.Dataset([[1.0]], [1.0])
    problem = mf.Problem(mf.Neuron(1, activation="square", outer="fixed", bias=False), data)
    with pytest.raises(DivergenceError, match="left the finite numbers.*smaller step"):
        end(problem, ParticleMeasure([[1e3], [2.0]]), fixed(0.5, method="euler"), 20.0)
