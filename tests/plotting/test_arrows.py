"""Arrows of velocities."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield.neurons import Neuron
from meanfield.plotting.arrows import Arrows, velocity_of_measure
from meanfield.plotting.playback import Playback
from meanfield.plotting.view import view
from pictured_runs import on_a_grid, on_the_plane


def drawn(run, time):
    ax, shown = Figure().add_subplot(), view(run)
    arrows = Arrows(ax, shown, Playback(run))
    arrows.draw(time)
    quiver = arrows._quiver
    return shown, np.asarray(quiver.get_offsets()), np.column_stack([quiver.U, quiver.V])


def test_test_particles_move_like_those_of_the_measure():
    run = on_the_plane()
    measure = run.measures[3]
    there = velocity_of_measure(run.problem, measure, measure.positions[5:9])
    assert there == pytest.approx(run.problem.velocity(measure)[5:9])


def test_arrows_at_particles_point_where_their_coordinates_go():
    run = on_the_plane()
    shown, places, arrows = drawn(run, float(run.times[4]))
    measure = run.measures[4]
    assert places == pytest.approx(shown.directions.project(measure.positions))
    velocity = run.problem.velocity(measure)[:, list(shown.directions.columns)]
    along = np.einsum("ij,ij->i", velocity, arrows)
    lengths = np.linalg.norm(velocity, axis=1) * np.linalg.norm(arrows, axis=1)
    assert along == pytest.approx(lengths, rel=1e-3)


def test_on_two_parameters_arrows_stand_on_a_lattice():
    run = on_a_grid(Neuron(1, outer="fixed"), (16, 16))
    _, early, _ = drawn(run, 0.0)
    _, late, arrows = drawn(run, 1.0)
    assert np.array_equal(early, late)
    assert len(np.unique(late[:, 0])) * len(np.unique(late[:, 1])) == len(late)
    velocity = velocity_of_measure(run.problem, run.measures[-1], late)
    assert (np.einsum("ij,ij->i", velocity, arrows) > 0.0).all()
