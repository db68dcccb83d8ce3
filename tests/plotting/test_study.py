"""The figure of a comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from meanfield.errors import FileError, InvalidInputError
from meanfield.plotting.slopes import draw_slopes
from meanfield.plotting.study import draw, draw_in_time, draw_rate
from meanfield.plotting.style import BLUE, ORANGE
from studies import made_up, made_up_steps


def test_figure_shows_rates_parameters_time_and_slopes():
    study = made_up()
    figure = draw(study)
    assert isinstance(figure, Figure)
    assert [ax.get_title(loc="left")[:3] for ax in figure.axes] == [
        "(a)", "(b)", "(c)", "(d)", "(e)", "(f)",
    ]  # fmt: skip
    legends = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes[:4]]
    names = ("coupling_distance", "function_distance", "risk_gap")
    for name, texts in zip(names, legends, strict=False):
        assert f"slope {study.rates[name].interval}" in texts
    assert "predicted" in legends[1]
    assert "standard deviation" in legends[2]
    assert legends[3] == ["sliced W₂", "sliced W₂, iid limit", "W₂", "W₂, iid limit"]
    assert [text.get_text() for text in figure.axes[4].texts] == ["$N$ = 16", "64", "256"]


def test_steps_are_shown_with_their_fit():
    study = made_up_steps()
    figure = draw(study)
    ax = next(ax for ax in figure.axes if ax.get_xlabel() == "step of SGD")
    fit = study.expansion("function_distance")
    widest = ax.get_lines()[-1]
    np.testing.assert_allclose(widest.get_ydata(), fit(256, widest.get_xdata()))


def test_studies_of_outputs_only_are_drawn():
    study = made_up()
    names = ("function_distance", "risk_gap", "sliced_wasserstein", "sliced_wasserstein_null")
    old = replace(
        study, samples={name: study.samples[name] for name in names}, predictions={}, settings={}
    )
    assert len([ax for ax in draw(old).axes if ax.axison]) == 5


@pytest.mark.parametrize("study", [made_up(), made_up_steps()])
def test_lines_and_marks_stay_inside_their_axes(study):
    for ax in draw(study).axes[:-1]:
        if ax.get_yscale() != "log":
            continue
        bottom, top = ax.get_ylim()
        for line in ax.get_lines():
            if line.get_alpha() is not None or line.get_linestyle() == "None":
                continue  # single seeds next to zero, and markers with long bars
            values = np.asarray(line.get_ydata(), dtype=float)
            values = values[np.isfinite(values)]
            assert values.size == 0 or (bottom <= values.min() and values.max() <= top)


def test_slopes_that_miss_theory_are_orange():
    study = made_up()
    ax = draw_slopes(study)
    texts = [text.get_text() for text in ax.texts]
    assert "function distance" in texts
    rates = study.rates
    colours = [line.get_color() for line in ax.get_lines() if line.get_marker() == "o"]
    expected = [ORANGE if rate.consistent is False else BLUE for rate in rates.values()]
    assert colours == expected


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
