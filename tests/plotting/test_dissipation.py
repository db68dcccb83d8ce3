"""The dissipation: what is drawn is the rate at which the energy falls."""

from __future__ import annotations

import numpy as np
import pytest

import meanfield as mf
from meanfield import plot
from meanfield.plotting.dissipation import dissipation_of
from meanfield.solvers import BirthDeath, GridFlow, ParticleFlow
from pictured_runs import on_the_line

DATA = mf.Dataset([[-1.0], [0.3], [1.0]], [-1.0, 0.5, 0.2])
FIXED = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)


def lost(run):
    """Loss of energy between the second frame and the last, and the integral of what is told."""
    rates = np.array([dissipation_of(run, measure) for measure in run.measures])
    return run.energy[0] - run.energy[-1], np.trapezoid(rates, run.times)


def test_a_gradient_flow_loses_what_the_velocity_says():
    problem = mf.Problem(mf.Neuron(1, activation="tanh"), DATA, ridge=0.1, scale=2.0)
    start = mf.ParticleMeasure.gaussian(20, 3, seed=0)
    fall, integral = lost(mf.simulate(problem, start, ParticleFlow(), t_end=2.0))
    # Trapezoids of 100 steps: an error of h² D'/12, below 1e-4 of the whole.
    assert integral == pytest.approx(fall, rel=1e-3)


def test_birth_and_death_lose_the_variance_of_the_potential_too():
    problem = mf.Problem(mf.Neuron(1, activation="tanh"), DATA)
    start = mf.ParticleMeasure.gaussian(20, 3, seed=0)
    solver = BirthDeath(transport=0.5, reaction=2.0)
    fall, integral = lost(mf.simulate(problem, start, solver, t_end=2.0))
    assert integral == pytest.approx(fall, rel=1e-3)


def test_noise_on_a_grid_adds_the_entropy():
    problem = mf.Problem(FIXED, DATA, ridge=0.5, temperature=0.2)
    start = mf.GridMeasure.from_density(mf.Gaussian(1, 1.0).density, -6.0, 6.0, 240)
    fall, integral = lost(mf.simulate(problem, start, GridFlow(), t_end=1.0))
    assert integral == pytest.approx(fall, rel=1e-2)  # the grid: an error of the cells squared


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_birth_and_death_on_a_grid_lose_the_variance_of_the_first_variation(temperature):
    problem = mf.Problem(FIXED, DATA, ridge=0.5, temperature=temperature)
    start = mf.GridMeasure.from_density(mf.Gaussian(1, 1.0).density, -6.0, 6.0, 240)
    fall, integral = lost(mf.simulate(problem, start, GridFlow(reaction=1.0), t_end=1.0))
    assert integral == pytest.approx(fall, rel=1e-2)


def test_the_curve_says_when_it_is_of_recorded_neurons_only():
    problem = mf.Problem(mf.Neuron(1, activation="tanh"), DATA)
    start = mf.ParticleMeasure.gaussian(20, 3, seed=0)
    part = mf.Recording(particles=5)
    run = mf.simulate(problem, start, ParticleFlow(), t_end=2.0, recording=part)
    texts = [text.get_text() for text in plot.dissipation(run).texts]
    assert texts == ["the curve from 5 recorded neurons"]
    assert plot.kernel_spectrum(run).get_title(loc="right") == "of 5 recorded neurons"


def test_steps_are_mean_rates_between_frames():
    run = on_the_line(activation="tanh")
    ax = plot.dissipation(run)
    (steps,) = (patch for patch in ax.patches)
    values, edges, _ = steps.get_data()
    assert np.array_equal(edges, run.times)
    assert values == pytest.approx(-np.diff(run.energy) / np.diff(run.times))


def test_steps_at_which_the_energy_rises_are_counted():
    run = on_the_line(activation="tanh")
    run.energy = run.energy * 0.01 ** (run.times / 2.0)
    run.energy[5] = 2.0 * run.energy[4]
    run.measures = [mf.ParticleMeasure(each.positions * 3.0**-i) for i, each in
                    enumerate(run.measures)]  # fmt: skip
    run.problem = mf.Problem(run.problem.neuron, mf.Dataset([[1.0]], [0.0]), ridge=1.0)
    (text,) = (text.get_text() for text in plot.dissipation(run).texts)
    assert text == "the energy rises in 1 of 10 steps, not drawn"


def test_particles_with_noise_are_a_clear_error():
    run = on_the_line()
    run.energy = np.full(len(run.times), np.nan)
    with pytest.raises(mf.InvalidInputError, match="energy of particles with noise is infinite"):
        plot.dissipation(run)
