"""The overview of a run."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import plot
from meanfield.errors import FileError, InvalidInputError
from pictured_runs import (
    in_many_dimensions,
    of_one_parameter,
    on_the_line,
    on_the_plane,
    shorten,
)


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.get_axes()]


def test_the_measure_is_shown_at_telling_times():
    run = on_the_line()
    shown = [title for title in titles(plot.overview(run)) if title.startswith("$t$")]
    assert len(shown) == 4
    assert (shown[0], shown[-1]) == ("$t$ = 0.00", "$t$ = 2.00")


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (on_the_line, "learned function"),
        (of_one_parameter, "learned function"),
        (on_the_plane, "learned function at the end"),
        (in_many_dimensions, "law of the neurons over time"),
    ],
)
def test_what_is_learned_is_shown_as_the_dimension_allows(make, title):
    figure = plot.overview(make())
    assert {"risk of the network", title} <= set(titles(figure))


def test_the_last_function_is_drawn_with_the_earlier_ones():
    run = on_the_line()
    ax = next(
        ax for ax in plot.overview(run).get_axes() if ax.get_title(loc="left") == "learned function"
    )
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(labels) == len(ax.lines) == 4
    assert labels[-1] == "$t$ = 2.00"
    points = np.asarray(ax.lines[0].get_xdata())[:, None]
    expected = run.problem.predict(run.measures[-1], points)[:, 0]
    assert ax.lines[0].get_ydata() == pytest.approx(expected)


def test_a_recorded_accuracy_has_its_own_panel():
    labels = [ax.get_ylabel() for ax in plot.overview(in_many_dimensions()).get_axes()]
    assert "test accuracy" in labels


def test_directions_can_be_chosen():
    figure = plot.overview(on_the_line(), directions=("w_0", "b"))
    assert figure.get_axes()[0].get_ylabel() == "bias $b$"


def test_a_run_of_one_frame_can_be_drawn():
    figure = plot.overview(shorten(on_the_plane(), 1))
    assert "risk of the network" in titles(figure)


def test_the_overview_is_written_where_asked(tmp_path):
    path = tmp_path / "run.png"
    plot.overview(on_the_line(), path)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileError, match="exists already"):
        plot.overview(on_the_line(), path)
    plot.overview(on_the_line(), path, force=True)


def test_nothing_is_drawn_for_a_path_that_cannot_be(tmp_path):
    with pytest.raises(InvalidInputError, match=r"must end in .png, .pdf, .svg"):
        plot.overview(on_the_line(), tmp_path / "run.docx")


def test_a_run_without_frames_is_a_clear_error():
    with pytest.raises(InvalidInputError, match="no frames yet"):
        plot.overview(shorten(on_the_line(), 0))
