import numpy as np
import pytest

import meanfield as mf
from meanfield.errors import InvalidInputError
from meanfield.scenarios.gibbs_1d import Gibbs1D
from meanfield.solvers.grid_flow import GridFlow


def test_a_long_run_on_the_grid_ends_in_the_gibbs_measure():
    # Rate 0.3: at t = 100 what remains of the start is e^{−30}, 1e-13. Fluxes of Scharfetter
    # and Gummel have the Gibbs measure of the cells at rest exactly.
    experiment = Gibbs1D(ridge=0.2).build()
    start = mf.GridMeasure.from_density(experiment.initial.density, -8.0, 8.0, (32, 32))
    flow = GridFlow("scharfetter-gummel")
    run = mf.simulate(experiment.problem, start, flow, t_end=100.0, save_at=[100.0])
    last, best = run.measures[-1], mf.gibbs(experiment.problem, start)
    assert np.abs(last.weights - best.measure.weights).sum() < 1e-9
    assert run.energy[-1] == pytest.approx(best.energy, abs=1e-12)


def test_every_frame_of_a_noisy_run_is_certified():
    experiment = Gibbs1D(ridge=0.2, t_end=8.0, frames=9).build()
    run = experiment.run(particles=60**2)
    best = mf.gibbs(experiment.problem, run.measures[-1])
    gaps = run.observables["optimality_gap"]
    assert (gaps >= run.energy - best.energy - 1e-12).all()
    # Rate 0.35: e^{−5.6} of what the slowest mode had.
    assert (np.diff(gaps) < 0.0).all() and gaps[-1] < 0.05 * gaps[0]


def test_langevin_particles_come_near_the_gibbs_measure():
    experiment = Gibbs1D(ridge=0.2, t_end=15.0, frames=2, step=0.05).build()
    run = experiment.run(solver="langevin", particles=2000)
    start = experiment.start(30**2, solver="grid")
    best = mf.gibbs(experiment.problem, start)
    measured, exact = (experiment.problem.outputs(m) for m in (run.measures[-1], best.measure))
    # |Φ| ≤ 1: standard errors of outputs are at most 1/√2000; six of them.
    assert np.abs(measured - exact).max() < 6.0 / np.sqrt(2000)
    assert "optimality_gap" not in run.observables and np.isnan(run.energy).all()


def test_temperature_0_opens_the_scenario_to_solvers_without_noise():
    quiet = Gibbs1D(temperature=0.0, particles=50, t_end=0.5, frames=2).build()
    with pytest.raises(InvalidInputError, match="set the temperature of the problem to 0"):
        Gibbs1D(particles=50).build().run(solver="particle-flow")
    run = quiet.run(solver="particle-flow")
    assert run.risk[-1] < run.risk[0]
    with pytest.raises(InvalidInputError, match="temperature must be a nonnegative finite number"):
        Gibbs1D(temperature=-0.1)
