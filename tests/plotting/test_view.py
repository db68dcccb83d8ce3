"""Limits, colours and densities that stay the same over a run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from meanfield.measures import ParticleMeasure
from meanfield.plotting.view import CELLS, view, view_of_measure
from pictured_runs import in_many_dimensions, on_the_line, on_the_plane


def test_limits_hold_nearly_all_mass_of_each_frame():
    run = in_many_dimensions(particles=400)
    chosen = view(run)
    # 1 % on each side of each axis may be outside, less the margin
    assert max(chosen.outside(measure) for measure in run.measures) <= 0.04 + 1e-12


def test_equal_axes_have_equal_lengths():
    (left, right), (bottom, top) = view(on_the_plane()).limits
    assert right - left == pytest.approx(top - bottom)


def test_a_frame_that_exploded_does_not_spoil_the_limits():
    run = on_the_plane()
    before = view(run).limits
    run.measures = [*run.measures, ParticleMeasure(1e200 * run.measures[-1].positions)]
    run.times, run.risk = np.append(run.times, 9.0), np.append(run.risk, 1e300)
    assert np.ptp(view(run).limits[0]) == pytest.approx(np.ptp(before[0]))


def test_particles_in_one_point_have_limits():
    (left, right), _ = view_of_measure(ParticleMeasure(np.zeros((5, 2)))).limits
    assert left < 0.0 < right


def test_mass_beyond_the_kinks_of_the_data_is_counted():
    run = on_the_line()
    measure = ParticleMeasure([[1.0, 1.0, 0.0], [1.0, 1.0, 5.0]], [0.25, 0.75])
    assert view(run).outside(measure) == pytest.approx(0.75)  # the second kink is at -5


def test_the_density_sums_to_the_mass_inside():
    measure = ParticleMeasure.gaussian(5000, 2, seed=0)
    chosen = view_of_measure(measure)
    density = chosen.density(measure.positions, measure.weights)
    # smoothing loses mass over the edge only, where less than 3 % of it lies
    assert density.sum() == pytest.approx(1.0 - chosen.outside(measure), abs=0.01)


def test_the_profile_of_a_gaussian_is_its_density():
    measure = ParticleMeasure.gaussian(20_000, 1, seed=0, sampling="sobol")
    chosen = view_of_measure(measure)
    low, high = chosen.limits[0]
    width = (high - low) / CELLS
    centres = low + width * (np.arange(CELLS) + 0.5)
    inner = np.abs(centres) < 1.5
    profile = chosen.density(measure.positions, measure.weights) / width
    # smoothing by s = 2.4 cells changes it by s²/2 |ρ''| <= 0.5 * 0.08² * 0.4 = 1e-3; noise
    # of 3000 sampled particles only enters the limits
    assert profile[inner] == pytest.approx(norm.pdf(centres[inner]), abs=5e-3)
