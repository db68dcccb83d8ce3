"""The panels of the free energy and of the certificate, and where they are shown."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from meanfield import plot
from meanfield.errors import InvalidInputError
from meanfield.neurons import Neuron
from meanfield.plotting.scene import Scene
from meanfield.problem import Problem
from pictured_runs import in_many_dimensions, on_a_grid, on_the_line


def noisy(gap=True):
    """A run on a grid whose energy falls to −1 like its certificate to 0."""
    run = on_a_grid(Neuron(1, outer="fixed"), (24, 24), frames=5)
    run.problem = Problem(run.problem.neuron, run.problem.data, ridge=0.1, temperature=0.2)
    decay = np.exp(-4.0 * np.arange(5.0))
    run.energy = -1.0 + decay
    run.observables = {"optimality_gap": 2.0 * decay} if gap else {}
    return run


def with_ridge():
    run = on_the_line()
    run.energy = run.risk + 0.2
    return run


def labels(figure):
    return [ax.get_ylabel() for ax in figure.get_axes()]


def test_the_band_holds_the_minimum():
    run = noisy()
    ax = plot.energy(run)
    assert np.array_equal(ax.lines[0].get_ydata(), run.energy)
    edges = ax.collections[0].get_paths()[0].vertices
    # F − gap = −1 − e^{−4k} rises to −1, the minimum
    assert edges[:, 1].min() == pytest.approx(-2.0)
    last = edges[edges[:, 0] == run.times[-1], 1]
    assert last.min() < -1.0 < last.max()


def test_without_certificates_there_is_no_band():
    assert len(plot.energy(noisy(gap=False)).collections) == 0


def test_the_certificate_has_a_logarithmic_axis():
    run = noisy()
    ax = plot.gap(run)
    assert ax.get_yscale() == "log"
    assert np.array_equal(ax.lines[0].get_ydata(), run.observables["optimality_gap"])


def test_a_certificate_of_zero_is_not_shown_on_it():
    run = noisy()
    run.observables["optimality_gap"][-1] = 0.0
    assert np.isnan(plot.gap(run).lines[0].get_ydata()[-1])


@pytest.mark.parametrize(("gap", "panels"), [(True, 2), (False, 1)])
def test_the_overview_of_a_noisy_run_shows_risk_energy_and_certificate(gap, panels):
    found = labels(plot.overview(noisy(gap)))
    wanted = [r"risk $R(\mu_t)$", r"energy $F(\mu_t)$", "certified gap"]
    assert [name for name in found if name in wanted] == wanted[: 1 + panels]


def test_a_certificate_without_noise_is_shown_alone():
    run = on_the_line()
    run.observables = {"optimality_gap": run.risk}
    assert "certified gap" in labels(plot.overview(run))


def test_an_energy_with_ridge_joins_the_risk():
    ax = plot.risk(with_ridge())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "training risk",
        "energy (risk and penalty)",
    ]
    assert np.array_equal(ax.lines[1].get_ydata(), with_ridge().energy)
    assert ax.get_ylabel() == "risk, energy"


def test_an_energy_that_is_the_risk_is_not_drawn_twice():
    assert len(plot.risk(on_the_line()).lines) == 1


@pytest.mark.parametrize("make", [noisy, in_many_dimensions])
def test_a_movie_has_a_strip_of_the_free_energy_where_there_is_one(make):
    run = make()
    scene = Scene(run)
    scene.draw(float(run.times[2]))
    strips = [ax for ax in scene.figure.get_axes() if ax.get_ylabel() == r"energy $F(\mu_t)$"]
    assert len(strips) == (make is noisy)
    for ax in strips:
        assert ax.lines[-1].get_ydata()[0] == pytest.approx(run.energy[2])


def test_panels_of_a_movie_do_not_overlap():
    scene = Scene(noisy())
    renderer = scene.figure.canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in scene.figure.get_axes()]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_what_is_missing_is_a_clear_error():
    run = on_the_line()
    with pytest.raises(InvalidInputError, match=r"no certificate; .* OptimalityGap\(\)"):
        plot.gap(run)
    endless = SimpleNamespace(**vars(run) | {"energy": np.full(len(run.times), np.nan)})
    with pytest.raises(InvalidInputError, match="no finite energy .* solver grid"):
        plot.energy(endless)
