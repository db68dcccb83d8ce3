"""The law of the neurons in one direction over time."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import plot
from meanfield.errors import InvalidInputError
from meanfield.plotting.view import view
from pictured_runs import in_many_dimensions, shorten


def test_each_moment_of_the_evolution_is_a_density_of_its_own_scale():
    run = in_many_dimensions()
    (mesh,) = plot.evolution(run).collections
    columns = np.asarray(mesh.get_array()).reshape(-1, len(run.times))
    assert columns.max(axis=0) == pytest.approx(np.ones(len(run.times)))


def test_its_axis_is_the_first_direction_of_the_view():
    run = in_many_dimensions()
    chosen = view(run, ("w_3", "b"))
    ax = plot.evolution(run, chosen)
    assert ax.get_ylabel() == "inner weight $w_{3}$"
    assert ax.get_ylim() == pytest.approx(chosen.limits[0])


def test_a_run_without_frames_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="no frames yet"):
        plot.evolution(shorten(in_many_dimensions(), 0))
