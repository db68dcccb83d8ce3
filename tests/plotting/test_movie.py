"""Movies: files that play, and what happens without ffmpeg."""

from __future__ import annotations

import gc
import re
import subprocess

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from PIL import Image

from meanfield.errors import FileError, InvalidInputError
from meanfield.neurons import Neuron
from meanfield.plotting import gif, movie, video
from meanfield.plotting.movie import animate, find_ffmpeg
from meanfield.plotting.scene import Scene
from pictured_runs import in_many_dimensions, on_a_grid, on_the_line, on_the_plane, shorten

QUICK = {"fps": 10, "seconds": 0.6, "dpi": 40}


def test_a_gif_has_its_pictures_and_stands_still_at_the_ends(tmp_path):
    path = animate(on_the_line(), tmp_path / "run.gif", **QUICK)
    with Image.open(path) as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
        assert image.size == (384, 216)
    assert durations == [600, 100, 100, 100, 100, 1600]
    assert list(tmp_path.iterdir()) == [path]


def decoded(path, size):
    """Pictures of a movie, as ffmpeg decodes them."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-f", "rawvideo"]
    raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    return np.frombuffer(raw.stdout, np.uint8).reshape(-1, size[1], size[0], 3).astype(int)


@pytest.mark.skipif(find_ffmpeg() is None, reason="needs ffmpeg")
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".webm", "vp9")])
def test_a_movie_plays_everywhere(tmp_path, suffix, codec):
    run = on_the_plane()
    path = animate(run, tmp_path / f"run{suffix}", fps=10, seconds=0.6, dpi=41)
    command = [str(find_ffmpeg()), "-i", str(path), "-map", "0:v", "-f", "null", "-"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert codec in report
    assert "yuv420p(tv, bt709" in report
    assert "Duration: 00:00:02.60" in report
    width, height = map(int, re.search(r"(\d{3})x(\d{3})", report).groups())
    assert (width % 2, height % 2) == (0, 0)
    # 6 pictures, 5 for the start and 15 for the end standing still
    pictures = decoded(path, (width, height))
    assert len(pictures) == 26
    scene = Scene(run)
    stage = scene.stage(41)
    for picture, time in ((pictures[0], 0.0), (pictures[-1], run.times[-1])):
        scene.draw(float(time))
        drawn = stage.picture()[:height, :width, :3].astype(int)
        assert np.ptp(drawn) > 200
        # to the error of a lossy codec, of which colours have half the resolution
        assert np.abs(picture - drawn).mean() < 6.0
    assert (
        np.abs(pictures[0] - pictures[-1]).mean() > 2.0 * np.abs(pictures[0] - pictures[5]).mean()
    )


def test_numbered_pictures_are_those_of_the_movie(tmp_path):
    pattern = tmp_path / "run-%03d.png"
    assert animate(on_the_line(), pattern, **QUICK) == pattern
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f"run-{number:03d}.png" for number in range(1, 7)
    ]
    with (
        Image.open(tmp_path / "run-001.png") as first,
        Image.open(pattern.parent / "run-006.png") as last,
    ):
        assert first.size == (384, 216)
        assert np.any(np.asarray(first) != np.asarray(last))


def test_a_shorter_series_replaces_a_longer_one_only_if_told_to(tmp_path):
    (tmp_path / "run-1.png").write_text("old")
    (tmp_path / "run-9.png").write_text("old")
    (tmp_path / "run-09.png").write_text("not of the series")
    with pytest.raises(FileError, match=r"run-1.png exists already"):
        animate(on_the_line(), tmp_path / "run-%d.png", **QUICK)
    animate(on_the_line(), tmp_path / "run-%d.png", force=True, fps=10, seconds=0.2, dpi=20)
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["run-09.png", "run-1.png", "run-2.png"]


def test_without_a_path_there_is_an_animation_for_the_notebook():
    animation = animate(in_many_dimensions(), **QUICK)
    assert isinstance(animation, FuncAnimation)
    assert "data:image/png;base64" in animation._repr_html_()


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_without_ffmpeg_a_movie_becomes_a_gif_with_a_warning(suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(movie, "find_ffmpeg", lambda: None)
    with pytest.warns(UserWarning, match=rf"for {suffix}, pip install \"meanfield-flow\[video\]\""):
        path = animate(on_the_line(), tmp_path / f"run{suffix}", **QUICK)
    assert path == tmp_path / "run.gif"
    with Image.open(path) as image:
        assert image.n_frames == 6


def test_ffmpeg_is_found_in_settings_on_the_path_or_in_its_package(monkeypatch):
    with mpl.rc_context({"animation.ffmpeg_path": "/bin/sh"}):
        assert find_ffmpeg() == "/bin/sh"
    monkeypatch.setattr(video.shutil, "which", lambda name: None)
    monkeypatch.setattr(video, "import_module", lambda name: pytest.importorskip(name))
    assert find_ffmpeg() is not None

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(video, "import_module", missing)
    assert find_ffmpeg() is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("cat > /dev/null", "it gave no reason"),
        ("echo \"Unknown encoder 'libx264'\" >&2", "Unknown encoder 'libx264'"),
    ],
    ids=["dumb", "without a codec"],
)
def test_a_broken_ffmpeg_is_a_clear_error_and_leaves_nothing(script, reason, tmp_path, monkeypatch):
    broken = tmp_path / "ffmpeg"
    broken.write_text(f"#!/bin/sh\n{script}\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(movie, "find_ffmpeg", lambda: str(broken))
    with pytest.raises(FileError, match=rf"could not write the movie \({reason}\); a .gif needs"):
        animate(on_the_line(), tmp_path / "run.mp4", **QUICK)
    assert list(tmp_path.iterdir()) == [broken]


def test_progress_is_shown_on_standard_error(tmp_path, capsys):
    animate(on_the_line(), tmp_path / "run.gif", progress=True, **QUICK)
    shown = capsys.readouterr()
    assert "movie" in shown.err
    assert shown.out == ""


def test_a_run_of_one_frame_is_a_movie_of_one_picture(tmp_path):
    path = animate(shorten(on_the_line(), 1), tmp_path / "run.gif", **QUICK)
    with Image.open(path) as image:
        assert image.n_frames == 1


def test_an_existing_movie_is_not_overwritten_silently(tmp_path):
    (tmp_path / "run.gif").write_text("precious")
    with pytest.raises(FileError, match="exists already"):
        animate(on_the_line(), tmp_path / "run.gif", **QUICK)
    animate(on_the_line(), tmp_path / "run.gif", force=True, **QUICK)
    assert (tmp_path / "run.gif").read_bytes().startswith(b"GIF")


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("run.avi", {}, r"must end in .mp4, .webm, .png, .gif, .html, got the suffix '.avi'"),
        ("run.png", {}, r"run.png is one picture, and a movie has many: write run-%04d.png"),
        ("run-%s.png", {}, "is one picture"),
        ("run.gif", {"layout": "map"}, "unknown layout 'map'"),
        ("run.gif", {"clock": "sundial"}, "unknown clock 'sundial'"),
        ("run.gif", {"fps": 0}, "fps must be an integer >= 1"),
        ("run.gif", {"seconds": -1.0}, "seconds must be a positive finite number"),
        ("run.gif", {"seconds": 4001.0}, "at most 100000 pictures, and 4001 seconds are more"),
        ("run.gif", {"dpi": 0}, "dpi must be a positive finite number"),
    ],
)
def test_mistakes_are_answered_by_one_sentence(tmp_path, name, settings, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        animate(on_the_line(), tmp_path / name, **settings)


def test_a_run_without_frames_is_a_clear_error(tmp_path):
    with pytest.raises(InvalidInputError, match="no frames yet"):
        animate(shorten(on_the_line(), 0), tmp_path / "run.gif")


def test_no_figure_stays_in_the_state_of_pyplot(tmp_path):
    from matplotlib import pyplot

    animate(on_the_line(), tmp_path / "run.gif", **QUICK)
    gc.collect()
    assert pyplot.get_fignums() == []


def test_the_paper_of_a_gif_is_white(tmp_path):
    path = animate(on_the_plane(), tmp_path / "run.gif", **QUICK)
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_smooth_density_has_no_bands_in_a_gif():
    # The shades of a density fill a curve of some 400 colours, of which the palette has every
    # second or third one: 1 in 255 is lost. Where 5 are lost, bands are seen.
    scene = Scene(on_a_grid(Neuron(1, outer="fixed"), (40, 40)))
    scene.draw(0.5)
    shown = scene.stage(60).picture()[..., :3].copy()
    kept = np.asarray(gif._in_palette(shown, gif._palette(shown)).convert("RGB"))
    lost = np.abs(kept.astype(int) - shown).max(axis=2)
    inside = scene.figure.get_axes()[0].get_window_extent().shrunk(0.9, 0.9)
    height = len(lost)
    rows = slice(height - int(inside.y1), height - int(inside.y0))
    assert np.quantile(lost[rows, int(inside.x0) : int(inside.x1)], 0.99) <= 2
