"""The theme, and files that are written whole or not at all."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from meanfield.errors import FileError, InvalidInputError
from meanfield.plotting.style import (
    STYLE,
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


def test_matplotlib_knows_the_style_by_its_name():
    with theme():
        ours = dict(mpl.rcParams)
    with mpl.rc_context():
        mpl.rcdefaults()
        style.use(STYLE)
        assert dict(mpl.rcParams) == ours


def test_vector_files_hold_text_as_text(tmp_path):
    with theme():
        figure = Figure()
        figure.add_subplot().set_title("mean field")
        save_figure(figure, tmp_path / "page.svg")
        save_figure(figure, tmp_path / "page.pdf")
    assert "mean field</text>" in (tmp_path / "page.svg").read_text(encoding="utf-8")
    assert b"/FontFile2" in (tmp_path / "page.pdf").read_bytes()  # TrueType, not drawn shapes


# Machado, Oliveira, Fernandes (2009), table 1 at full severity, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def seen(colours, deficiency):
    """CIE Lab coordinates of colours as somebody sees them, shape (m, 3)."""
    encoded = np.array(colours)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(DEFICIENCIES[deficiency]), 0.0, 1.0)
    x, y, z = np.cbrt(linear @ np.transpose(TO_XYZ) / [0.9505, 1.0, 1.0888]).T
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=1)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_stay_apart_for_colour_blind_readers(deficiency):
    with theme():
        cycle = [to_rgb(entry["color"]) for entry in mpl.rcParams["axes.prop_cycle"]]
    for colours, least in ((cycle, 20.0), (class_colours(10), 15.0), (class_colours(2), 40.0)):
        points = seen(colours, deficiency)
        distances = np.linalg.norm(points[:, None] - points, axis=2)
        assert distances[np.triu_indices(len(points), 1)].min() > least


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


def test_a_name_that_is_too_long_is_a_clear_error(tmp_path):
    with pytest.raises(FileError, match="cannot write .*File name too long"):
        save_figure(Figure(), tmp_path / f"{240 * 'x'}.png")  # 244 of 255 characters


def test_figures_show_themselves_in_a_notebook():
    assert new_figure(2.0, 1.0)._repr_png_().startswith(b"\x89PNG")
