"""The panels of the tangent kernel."""

from __future__ import annotations

import numpy as np
import pytest

import meanfield as mf
from meanfield import plot
from meanfield.plotting import tangents
from meanfield.plotting.tangents import kernel_modes
from pictured_runs import euler, in_many_dimensions, on_the_line


def linear(particles=5):
    """f(x) = x ∫ w dμ: K(x, x') = x x', with one eigenvalue Σ p_j x_j²."""
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    data = mf.Dataset([1.0, 2.0, -1.0], [2.0, 4.0, -2.0], [0.5, 0.25, 0.25])
    return euler(mf.Problem(neuron, data), mf.ParticleMeasure.gaussian(particles, 1, seed=0))


def test_a_kernel_that_is_the_target_is_aligned_with_it():
    modes = kernel_modes(linear())
    assert modes.rates[:, 0] == pytest.approx(np.full(11, 0.5 + 1.0 + 0.25))
    assert modes.rates[:, 1:] == pytest.approx(np.zeros((11, 2)), abs=1e-14)
    assert modes.alignment == pytest.approx(np.ones(11))
    assert modes.residual[:, 0] == pytest.approx(np.ones(11))


def test_the_rate_is_that_of_learning():
    run = linear()
    rate = kernel_modes(run).rates[0, 0]
    # Euler steps of 0.1, two a frame: the residual shrinks by 1 − 0.1 λ in each.
    assert run.risk[1] / run.risk[0] == pytest.approx((1.0 - 0.1 * rate) ** 4)


def test_shares_of_the_residual_sum_to_one():
    modes = kernel_modes(in_many_dimensions())
    assert modes.residual.sum(axis=1) == pytest.approx(np.ones(11))
    assert modes.rates.shape == (11, 40 * 4)
    assert np.all(np.diff(modes.rates) <= 0.0)


def test_panels_say_at_how_many_points_they_took_the_kernel(monkeypatch):
    monkeypatch.setattr(tangents, "_MOST_OUTPUTS", 5)
    for draw in (plot.kernel_spectrum, plot.kernel_alignment):
        words = draw(on_the_line()).get_title(loc="right")
        assert words == "at 5 of 12 points of the data"


def test_weighted_data_change_the_label():
    assert plot.kernel_spectrum(on_the_line()).get_ylabel() == "eigenvalues of $K/n$"
    assert "sqrt" in plot.kernel_spectrum(linear()).get_ylabel()


@pytest.mark.parametrize("draw", [plot.kernel_spectrum, plot.kernel_alignment])
def test_numbers_of_modes_are_checked(draw):
    with pytest.raises(mf.InvalidInputError, match="must be an integer >= 1, got 0"):
        draw(on_the_line(), None, **{"count" if draw is plot.kernel_spectrum else "top": 0})


def test_neurons_that_compute_nothing_learn_at_the_rate_zero():
    problem = mf.Problem(mf.Neuron(1, activation="tanh"), mf.Dataset([1.0, 2.0], [0.0, 1.0]))
    run = euler(problem, mf.ParticleMeasure(np.zeros((3, 3))), step=0.0, frames=3)
    assert all(np.all(line.get_ydata() == 0.0) for line in plot.kernel_spectrum(run).lines)
