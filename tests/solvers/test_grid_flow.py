"""The flow on a grid against Gaussian closures, Gibbs measures, particles and conservation laws."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

import meanfield as mf
from grid_cases import (
    MEAN,
    NOISY,
    SCHEMES,
    STD,
    bumps,
    closure,
    confined,
    distance,
    evolve,
    final,
    on_grid,
    orders,
)
from meanfield.engines import threads
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Box, Gaussian
from meanfield.solver import solver_from_dict, state_from_arrays, state_to_arrays
from meanfield.solvers import GridFlow, Langevin, ParticleFlow, scharfetter_gummel, strang
from meanfield.solvers.grid_steps import GridState
from meanfield.volumes import RadialVolume
from oracles import NoisyQuadraticNeuron

# -- accuracy ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "temperature"),
    [("muscl", 0.0), ("scharfetter-gummel", 0.5), ("strang", 0.5), ("strang", 0.02)],
)
def test_second_order_in_space_for_gaussian_laws(scheme, temperature):
    exact = closure(temperature)
    mean, covariance = exact.moments(np.array([MEAN]), np.array([[STD**2]]), 0.5)
    errors = []
    for cells in (60, 120, 240):
        measure = final(exact.problem, on_grid(cells), GridFlow(scheme, tolerance=1e-5), 0.5)
        errors.append(distance(measure, mean[0], covariance[0, 0]))
    assert orders(errors) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(
    ("scheme", "temperature", "step", "order"),
    [
        ("muscl", 0.0, 0.04, 3.0),
        ("scharfetter-gummel", 0.5, 0.05, 2.0),
        ("strang", 0.5, 0.02, 2.0),
        ("implicit", 0.5, 0.05, 1.0),
    ],
)
def test_orders_in_time(scheme, temperature, step, order):
    problem, grid = closure(temperature).problem, on_grid(100)
    moments = []
    for halvings in range(4):
        measure = final(problem, grid, GridFlow(scheme, step=step / 2**halvings), 0.2)
        moments.append([measure.mean()[0], measure.covariance()[0, 0]])
    differences = np.abs(np.diff(moments, axis=0)).T
    for row in differences:
        assert orders(row)[-1] == pytest.approx(order, abs=0.15)


def test_gaussian_laws_in_the_plane():
    data = mf.Dataset([[1.0, 0.2], [-0.3, 0.8], [0.5, -0.7]], [1.0, 0.6, 0.9])
    exact = NoisyQuadraticNeuron(data, 0.3, 0.3)
    start = Gaussian(2, (0.4, -0.3), (0.6, 0.8))
    mean, covariance = exact.moments(np.array([0.4, -0.3]), np.diag([0.36, 0.64]), 0.5)
    errors = []
    for cells in (40, 80):
        grid = GridMeasure.from_density(start.density, -5.0, 5.0, (cells, cells))
        measure = final(exact.problem, grid, GridFlow("scharfetter-gummel"), 0.5)
        errors.append(np.abs(measure.covariance() - covariance).max())
        assert np.abs(measure.mean() - mean).max() < errors[-1]
    # Of second order, with h = 1/8 at last and an error of the time steps of about 1e-4.
    assert orders(errors)[0] == pytest.approx(2.0, abs=0.3)
    assert errors[-1] < 0.125**2 / 4


@pytest.mark.parametrize("scheme", ["scharfetter-gummel", "implicit"])
@pytest.mark.parametrize("temperature", [0.5, 0.01])
def test_gibbs_measures_are_at_rest(scheme, temperature):
    problem = confined(temperature)
    reach = 8.0 * np.sqrt(temperature)
    gibbs = GridMeasure.from_density(
        lambda x: np.exp(-0.5 * x[:, 0] ** 2 / temperature), -reach, reach, 40
    )
    after = final(problem, gibbs, GridFlow(scheme), 3.0)
    assert np.abs(after.weights - gibbs.weights).sum() < 1e-12


def test_long_runs_of_all_noisy_schemes_come_to_the_gibbs_measure():
    problem = bumps(temperature=0.2)
    grid = on_grid(50)
    ends = {scheme: final(problem, grid, GridFlow(scheme), 100.0) for scheme in NOISY}
    for scheme in ("scharfetter-gummel", "implicit"):
        measure = ends[scheme]
        potential = problem.potential(measure, measure.positions)
        gibbs = np.exp(-(potential - potential.min()) / 0.2)
        # What is left of the start decays like e^{-rate · 100}, with a rate above the ridge 0.2.
        assert np.abs(measure.weights - gibbs / gibbs.sum()).sum() < 1e-9
    # The split scheme rests O(dt² + h²) away, in energy by the square of that.
    energies = [problem.energy(ends[scheme]) for scheme in NOISY]
    assert energies[2] == pytest.approx(energies[0], abs=1e-12)
    assert -1e-12 <= energies[1] - energies[0] < (14.0 / 50) ** 4


def test_lengths_of_vectors_under_noise_and_ridge():
    # E r² of d-dimensional Ornstein–Uhlenbeck vectors, from the law of their lengths.
    dim, temperature, ridge, t = 40, 0.3, 0.5, 0.7
    problem = confined(temperature, ridge, RadialVolume(0, dim - 1.0))
    errors = []
    for cells in (50, 100, 200):
        grid = GridMeasure.from_density(
            lambda r: np.exp(-((r[:, 0] - 6.0) ** 2) / (2 * 0.4**2)), 0.0, 12.0, cells
        )
        measure = final(problem, grid, GridFlow("scharfetter-gummel", tolerance=1e-6), t)
        decay = np.exp(-2.0 * ridge * t)
        exact = decay * (36.0 + 0.4**2) + temperature * dim * (1.0 - decay) / ridge
        errors.append(abs(measure.weights @ measure.positions[:, 0] ** 2 - exact))
    assert orders(errors) == pytest.approx(2.0, abs=0.25)


def test_a_dirac_becomes_less_than_a_cell_wide():
    grid = on_grid(201, mean=0.3, std=0.5, reach=3.0)  # the sink 0 is the centre of a cell
    measure = final(confined(0.0), grid, GridFlow("muscl"), 6.0)
    width = np.sqrt(measure.covariance()[0, 0]) / grid.spacing[0]
    # The exact width is 0.04 cells; no density on cells around it is narrower than 0.29.
    assert 0.2 < width < 0.6


def test_the_grid_agrees_with_particles():
    problem = bumps(temperature=0.0)
    law = Gaussian(1, 0.3, 0.8)
    errors = []
    particles = law.sample(2**14, 0, "sobol")
    run = mf.simulate(problem, particles, ParticleFlow(), t_end=2.0, save_at=[2.0])
    for cells in (200, 400):
        grid = GridMeasure.from_density(law.density, -6.0, 6.0, cells)
        errors.append(
            abs(problem.risk(final(problem, grid, GridFlow("muscl"), 2.0)) - run.risk[-1])
        )
    # Sobol points leave about 1/N; cells h² times a constant of order one.
    assert errors[-1] < 1e-4 + 0.03**2
    assert errors[-1] < 0.5 * errors[0] + 1e-4


def test_the_noisy_grid_agrees_with_langevin_dynamics():
    problem = bumps(dim=2)
    law = Gaussian(2, 0.3, 0.8)
    count = 40_000
    run = mf.simulate(
        problem, law.sample(count, 0), Langevin(0.05), t_end=0.5, save_at=[0.5], seed=1
    )
    grid = GridMeasure.from_density(law.density, -6.0, 6.0, (60, 60))
    measure = final(problem, grid, GridFlow("scharfetter-gummel"), 0.5)
    moments = run.measures[-1].covariance(), measure.covariance()
    # Four standard errors, and a weak error of order one in the step.
    np.testing.assert_allclose(*moments, atol=4 * np.sqrt(2 / count) + 0.02)
    assert problem.risk(measure) == pytest.approx(run.risk[-1], abs=4 / np.sqrt(count) + 0.01)


# -- what every scheme keeps -----------------------------------------------------------------


@budget(max_examples=12)
@given(
    scheme=st.sampled_from(SCHEMES),
    dim=st.sampled_from([1, 2]),
    loss=st.sampled_from(["squared", "logistic"]),
    temperature=st.sampled_from([0.005, 0.1, 1.0]),
    mean=st.floats(-1.0, 1.0),
    frames=st.integers(2, 9),
)
def test_mass_positivity_and_energy(scheme, dim, loss, temperature, mean, frames):
    problem = bumps(loss, 0.0 if scheme == "muscl" else temperature, dim=dim)
    cells = 40 if dim == 1 else (18, 20)
    law = Gaussian(dim, mean, 0.9)
    measure = GridMeasure.from_density(law.density, (-7.0,) * dim, (7.0,) * dim, cells)
    solver = GridFlow(scheme, tolerance=1e-2)
    state, energy = solver.start(problem, measure, 0), problem.energy(measure)
    for t in np.linspace(0.0, 3.0, frames)[1:]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of walls: noise of temperature 1 reaches them
            state, measure = solver.advance(problem, state, float(t))
        assert measure.density.min() >= 0.0
        assert abs(measure.weights.sum() - 1.0) < 1e-12
        now = problem.energy(measure)
        assert now <= energy + 1e-12 * (1.0 + abs(energy))
        energy = now


@pytest.mark.filterwarnings("ignore:.* of the mass is next to the .* wall")
def test_energies_of_frames_between_long_steps_fall():
    # Shorter steps, to frames, come to lower energies here: by 1e-3 it rose again after.
    x = np.linspace(-1.0, 1.0, 7)
    neuron = mf.Neuron(1, activation="relu", bias=False)
    problem = mf.Problem(neuron, mf.Dataset(x, np.abs(x)), ridge=0.1, temperature=0.5)
    grid = GridMeasure.from_density(Gaussian(2, 0.2).density, (-7.0, -7.0), (7.0, 7.0), 24)
    solver = GridFlow("implicit", step=50.0)
    state, energies = solver.start(problem, grid, 0), [problem.energy(grid)]
    for t in np.linspace(0.0, 200.0, 21)[1:]:
        state, measure = solver.advance(problem, state, float(t))
        energies.append(problem.energy(measure))
    assert (np.diff(energies) <= 1e-12 * (1.0 + np.abs(energies[1:]))).all()


def test_a_density_of_empty_cells_costs_no_more_steps():
    # A logarithm of the density in the velocity took 66 000 steps where cells are empty.
    grid = GridMeasure.from_density(Box(1, -1.0, 1.0).density, -7.0, 7.0, 140)
    for scheme in ("scharfetter-gummel", "strang"):
        state, measure = evolve(bumps(), grid, GridFlow(scheme), 1.0)
        assert state.steps + state.rejected < 100
        assert measure.density.min() >= 0.0


# -- steps and states ------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_saving_does_not_steer(scheme):
    problem = bumps(temperature=0.0 if scheme == "muscl" else 0.1)
    solver, grid = GridFlow(scheme), on_grid(50)
    seldom = evolve(problem, grid, solver, 1.0)
    state = solver.start(problem, grid, 0)
    for t in np.linspace(0.0, 1.0, 30):
        state, measure = solver.advance(problem, state, float(t))
    np.testing.assert_array_equal(state.density, seldom[0].density)
    np.testing.assert_array_equal(measure.density, seldom[1].density)
    assert state.next_step == seldom[0].next_step and state.time <= 1.0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_stored_state_continues_to_the_same_bits(scheme):
    problem = bumps(temperature=0.0 if scheme == "muscl" else 0.1)
    solver, grid = GridFlow(scheme), on_grid(50)
    state = solver.start(problem, grid, 0)
    state, _ = solver.advance(problem, state, 0.4)
    rebuilt = state_from_arrays(GridState, state_to_arrays(state))
    whole, copied = (
        solver.advance(problem, state, 1.0),
        GridFlow(scheme).advance(problem, rebuilt, 1.0),
    )
    np.testing.assert_array_equal(whole[1].density, copied[1].density)
    assert whole[0].next_step == copied[0].next_step


def test_an_interrupted_run_is_resumed_to_the_same_bits(tmp_path):
    problem, grid = bumps(temperature=1.0), on_grid(50, reach=12.0)
    times = np.linspace(0.0, 1.0, 6)
    whole = mf.simulate(problem, grid, GridFlow(), t_end=1.0, save_at=times)

    class Stop:
        def __call__(self, frame):
            if frame.index == 3:
                raise KeyboardInterrupt

    path = tmp_path / "run.h5"
    with pytest.raises(KeyboardInterrupt):
        mf.simulate(
            problem, grid, GridFlow(), t_end=1.0, save_at=times, store=path, observers=[Stop()]
        )
    resumed = mf.resume(path)
    assert resumed.solver == GridFlow("scharfetter-gummel")
    np.testing.assert_array_equal(resumed.measures[-1].density, whole.measures[-1].density)


@pytest.mark.parametrize("scheme", ["scharfetter-gummel", "strang"])
def test_any_number_of_threads_gives_the_same_bits(scheme, monkeypatch):
    monkeypatch.setattr(scharfetter_gummel, "_MANY", 1)
    monkeypatch.setattr(scharfetter_gummel, "_PIECE", 64)
    monkeypatch.setattr(strang, "_MANY", 1)
    grid = GridMeasure.from_density(Gaussian(2).density, (-6.0, -6.0), (6.0, 6.0), (40, 30))
    densities = []
    for count in (1, 2):
        for module in (threads, strang):
            monkeypatch.setattr(module, "thread_count", lambda count=count: count)
        threads._pool.cache_clear()
        densities.append(final(bumps(dim=2), grid, GridFlow(scheme), 0.2).density)
    threads._pool.cache_clear()
    np.testing.assert_array_equal(*densities)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_moves_without_slopes(scheme):
    grid = on_grid(50)
    np.testing.assert_allclose(
        final(confined(0.0, ridge=0.0), grid, GridFlow(scheme), 3.0).density,
        grid.density,
        atol=1e-15,
    )


def test_a_fixed_step_is_made_and_cut_where_it_must_be():
    problem, grid = bumps(temperature=0.0), on_grid(50)
    state, _ = evolve(problem, grid, GridFlow("muscl", step=0.01), 0.5)
    assert (state.steps, state.rejected) == (50, 0)
    state, measure = evolve(problem, grid, GridFlow("muscl", step=10.0), 10.0)
    assert state.steps > 10 and measure.density.min() >= 0.0


def test_three_parameters():
    x = np.linspace(-1.0, 1.0, 6)
    problem = mf.Problem(
        mf.Neuron(1, activation="tanh"), mf.Dataset(x, np.sin(2 * x)), ridge=0.3, temperature=0.2
    )
    law = Gaussian(3, 0.0, 0.8)
    grid = GridMeasure.from_density(law.density, (-6.0,) * 3, (6.0,) * 3, (24, 24, 26))
    particles = law.sample(20_000, 0)
    run = mf.simulate(problem, particles, Langevin(0.05), t_end=0.5, save_at=[0.5], seed=1)
    for scheme in NOISY:
        state, measure = evolve(problem, grid, GridFlow(scheme), 0.5)
        assert state.energy < problem.energy(grid)
        # Sampling, and cells of a width of half a standard deviation: h² / 12 and less.
        np.testing.assert_allclose(
            measure.covariance(), run.measures[-1].covariance(), atol=4 * np.sqrt(2 / 2e4) + 0.02
        )


# -- choices -------------------------------------------------------------------------------


def test_auto_chooses_by_noise_and_cells():
    grid = on_grid(100)
    chosen = {
        t: GridFlow().resolved(bumps(temperature=t), grid).scheme for t in (0.0, 0.2, 1e-3, 1e6)
    }
    assert chosen == {0.0: "muscl", 0.2: "scharfetter-gummel", 1e-3: "strang", 1e6: "implicit"}
    kept = GridFlow("implicit")
    assert kept.resolved(bumps(), grid) is kept


@pytest.mark.filterwarnings("ignore:.* of the mass is next to the .* wall")
def test_noise_that_crosses_cells_at_once_is_no_trap():
    # Scharfetter and Gummel's scheme would make 10⁴ steps to t = 0.1.
    problem, grid = bumps(temperature=1e6), on_grid(100)
    solver = GridFlow().resolved(problem, grid)
    state, measure = evolve(problem, grid, solver, 0.1)
    assert state.steps + state.rejected < 500
    np.testing.assert_allclose(measure.density, 1.0 / 14.0, rtol=1e-4)
    explicit = GridFlow("scharfetter-gummel")
    with pytest.warns(
        UserWarning, match=r"1.0e\+08 jumps .*, 1e\+05 steps, per unit.*use implicit"
    ):
        explicit.start(problem, grid, 0)
    explicit.start(bumps(temperature=1.0), grid, 0)  # a warning would be an error here


def test_runs_say_which_scheme_was_chosen():
    run = mf.simulate(
        bumps(temperature=1.0), on_grid(50), GridFlow(tolerance=1e-3), t_end=0.1, save_at=[0.1]
    )
    assert run.solver == GridFlow("scharfetter-gummel", tolerance=1e-3)
    assert GridFlow(tolerance=1e-3).could_be(run.solver)
    assert not GridFlow().could_be(run.solver)
    assert not GridFlow("strang", tolerance=1e-3).could_be(run.solver)
    assert not GridFlow().could_be(ParticleFlow())


def test_solvers_come_back_from_dictionaries():
    solver = GridFlow("strang", tolerance=1e-3, step=0.5)
    assert solver_from_dict(solver.to_dict()) == solver


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_mass_at_a_wall_is_reported_once(side):
    shift = 0.5 if side == "upper" else -0.5
    problem = bumps(dim=2)
    grid = GridMeasure.from_density(
        Gaussian(2, (0.0, shift), 0.4).density, (-4.0, -2.0), (4.0, 2.0), (30, 30)
    )
    solver = GridFlow("scharfetter-gummel")
    state = solver.start(problem, grid, 0)
    wall = f"the {side} wall b = {4 * shift:g} at t = 0.5, which disturbs the flow; use a wider box"
    with pytest.warns(UserWarning, match=f"of the mass is next to {wall}"):
        state, _ = solver.advance(problem, state, 0.5)
    solver.advance(problem, state, 0.6)  # a second warning would be an error here


def test_the_origin_of_lengths_is_no_wall():
    problem = confined(0.3, 0.5, RadialVolume(0, 1.0))
    grid = GridMeasure.from_density(lambda r: r[:, 0] * np.exp(-(r[:, 0] ** 2)), 0.0, 7.0, 100)
    final(problem, grid, GridFlow("scharfetter-gummel"), 0.2)


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheme": "muscle"}, "unknown scheme 'muscle'; did you mean 'muscl'"),
        ({"tolerance": 0.0}, "tolerance must be"),
        ({"step": -1.0}, "step must be"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        GridFlow(**settings)


def test_what_a_grid_cannot_do():
    grid = on_grid(50)
    with pytest.raises(InvalidInputError, match="muscl has no noise, but the temperature is 0.1"):
        GridFlow("muscl").start(bumps(), grid, 0)
    with pytest.raises(InvalidInputError, match="choose a scheme first"):
        GridFlow().start(bumps(), grid, 0)
    with pytest.raises(InvalidInputError, match="evolves a GridMeasure; make one by"):
        mf.simulate(bumps(), mf.ParticleMeasure([[0.0]]), GridFlow(), t_end=1.0)


def test_a_broken_density_ends_the_run():
    problem, grid = bumps(), on_grid(50)
    solver = GridFlow("scharfetter-gummel")
    state = solver.start(problem, grid, 0)
    broken = replace(state, density=np.full(50, np.nan), outputs=np.full((5, 1), np.nan))
    with pytest.raises(DivergenceError, match="the step size fell to"):
        solver.advance(problem, broken, 1.0)
