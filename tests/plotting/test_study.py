"""The figure of a comparison."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield.errors import FileError, InvalidInputError
from meanfield.plotting.study import draw, draw_in_time, draw_rate
from meanfield.study import Study


def made_up(seeds=8, gap_sign=1.0, scale=1.0):
    rng = np.random.default_rng(0)
    widths = np.array([16, 64, 256])
    size = scale * widths[:, None, None] ** -0.5 * np.array([2.0, 1.0])
    normals = rng.standard_normal((3, seeds, 2))
    samples = {
        "function_distance": np.abs(normals) * size,
        "risk_gap": gap_sign * normals**2 * size**2,
        "sliced_wasserstein": (1.0 + 0.1 * normals) * size,
        "sliced_wasserstein_null": (1.0 - 0.1 * normals) * size,
    }
    return Study("toy", widths, np.array([0.0, 1.0]), samples, {"risk": np.ones(2)})


def test_figure_shows_three_rates_and_the_distance_in_time():
    study = made_up()
    figure = draw(study)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 4
    legends = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes[:3]]
    for name, texts in zip(study.rates, legends, strict=True):
        assert f"slope {study.rates[name].interval}" in texts
    assert [text.get_text() for text in figure.axes[3].texts] == ["$N$ = 16", "64", "256"]


def test_fitted_line_lies_on_the_fitted_law():
    study = made_up()
    ax = draw_rate(study, "risk_gap")
    line = next(line for line in ax.get_lines() if str(line.get_label()).startswith("slope"))
    np.testing.assert_allclose(line.get_ydata(), study.rates["risk_gap"](line.get_xdata()))


@pytest.mark.parametrize(
    "study", [made_up(seeds=2), made_up(gap_sign=-1.0), made_up(scale=0.0), made_up(scale=1e-7)]
)
def test_extreme_studies_are_drawn_without_a_warning(study, tmp_path):
    study.figure(tmp_path / "study.png")
    assert (tmp_path / "study.png").stat().st_size > 10_000


def test_functions_draw_into_given_axes():
    ax = Figure().add_subplot()
    assert draw_rate(made_up(), "function_distance", ax=ax, index=0) is ax
    other = Figure().add_subplot()
    assert draw_in_time(made_up(), ax=other) is other


def test_figure_files_follow_the_rules_for_files(tmp_path):
    study = made_up()
    study.figure(tmp_path / "study.pdf")
    with pytest.raises(FileError, match="exists already"):
        study.figure(tmp_path / "study.pdf")
    study.figure(tmp_path / "study.pdf", force=True)
    with pytest.raises(InvalidInputError, match=r"must end in .png, .pdf, .svg"):
        study.figure(tmp_path / "study.doc")
