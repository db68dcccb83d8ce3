"""The theme, and files that are written whole or not at all."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from meanfield.errors import FileError, InvalidInputError
from meanfield.plotting.style import (
    check_target,
    class_colours,
    new_figure,
    save_figure,
    symbol,
    theme,
    time_text,
    written_whole,
)


def test_the_theme_ends_with_its_context():
    before = dict(mpl.rcParams)
    with theme():
        assert not mpl.rcParams["axes.spines.top"]
    assert dict(mpl.rcParams) == before


def test_settings_of_the_user_do_not_leak_into_the_theme():
    with mpl.rc_context({"axes.grid": True}), theme():
        assert not mpl.rcParams["axes.grid"]


@pytest.mark.parametrize(
    ("time", "end", "text"),
    [
        (3.2, 10.0, "t = 3.20"),
        (0.0, 1.0, "t = 0.000"),
        (12.0, 150.0, "t = 12.0"),
        (7e4, 1e5, "t = 70000"),
        (1e-4, 10.0, "t = 0.0001"),
        (0.0, 0.0, "t = 0.00"),
    ],
)
def test_times_have_as_many_decimals_as_the_run_needs(time, end, text):
    assert time_text(time, end) == text


def test_symbols_are_formulas():
    assert [symbol("theta_3"), symbol("b"), symbol("a_0", alone=True)] == [
        r"$\theta_{3}$",
        "$b$",
        "$a$",
    ]


def test_class_colours_differ():
    assert len({tuple(colour) for colour in class_colours(10)}) == 10


def test_an_eleventh_class_has_no_colour():
    with pytest.raises(InvalidInputError, match="colours for 10 classes, got 11"):
        class_colours(11)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".PNG"])
def test_figures_are_written_in_their_format(tmp_path, suffix):
    path = save_figure(Figure(), tmp_path / f"figure{suffix}")
    heads = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert path.read_bytes().startswith(heads[suffix.lower()])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["run.jpg", "run"])
def test_an_unknown_suffix_names_the_allowed_ones(tmp_path, name):
    with pytest.raises(InvalidInputError, match=r"must end in .png, .pdf, .svg, got"):
        save_figure(Figure(), tmp_path / name)


def test_an_existing_file_is_not_overwritten_silently(tmp_path):
    target = tmp_path / "run.png"
    target.write_text("precious")
    with pytest.raises(FileError, match="exists already"):
        check_target(target, (".png",), force=False)
    assert check_target(target, (".png",), force=True) == target


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(FileError, match="no folder"):
        check_target(tmp_path / "nowhere" / "run.png", (".png",), force=False)


def test_a_file_that_fails_half_way_leaves_nothing(tmp_path):
    target = tmp_path / "run.png"
    with pytest.raises(RuntimeError, match="half way"), written_whole(target) as partial:  # noqa: PT012
        partial.write_text("half")
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


def test_figures_show_themselves_in_a_notebook():
    assert new_figure(2.0, 1.0)._repr_png_().startswith(b"\x89PNG")
