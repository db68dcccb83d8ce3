"""Movies of a run: mp4, gif, html, or an animation for the notebook."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation

from meanfield.checks import as_count, as_number
from meanfield.errors import FileError, InvalidInputError
from meanfield.page.document import write_page
from meanfield.plotting.directions import Directions
from meanfield.plotting.scene import Scene
from meanfield.plotting.style import check_target, theme, written_whole
from meanfield.plotting.survey import Run
from meanfield.typing import Float64Array

__all__ = ["Animation", "animate", "find_ffmpeg"]

_KINDS = (".mp4", ".gif", ".html")
_DPI = {".mp4": 200.0, ".gif": 80.0}
_HOLD_START, _HOLD_END = 0.5, 1.5  # seconds for which the first and the last picture stand still
_MOST_PICTURES = 100_000  # more than an hour
_EMBED_LIMIT = 500.0  # megabytes of pictures in one html file
_ICONS = {
    "fa-minus": "−", "fa-plus": "+", "fa-fast-backward": "⏮", "fa-step-backward": "◂",
    "fa-play fa-flip-horizontal": "◀", "fa-pause": "❚❚", "fa-play": "▶", "fa-step-forward": "▸",
    "fa-fast-forward": "⏭",
}  # fmt: skip


class Animation(FuncAnimation):
    """A movie in memory that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return _html_player(self, round(1000.0 / float(self._interval)))  # type: ignore[attr-defined]


def animate(
    run: Run | Sequence[Run],
    path: str | Path | None = None,
    *,
    fps: int = 25,
    dpi: float | None = None,
    seconds: float = 8.0,
    directions: Directions | str | tuple[str, ...] | None = None,
    progress: bool = False,
    force: bool = False,
) -> Path | Animation:
    """Make a movie of a run: the moving neurons, and the function or the risk beside them.

    Pictures are equidistant in the pace of the run (the mean of time, way of the
    particles, and change of log risk, each scaled to 1), so that what is fast early on is
    seen. Between saved frames particles move on straight lines; save more frames to see
    finer motion. A hundred particles have trails that fade backwards.

    Parameters
    ----------
    run : Trajectory, or sequence of them for ``.html``
        Finished, running or failed: what it holds is shown.
    path : path, optional
        File to write: ``.mp4``, ``.gif`` or ``.html``, an interactive page (see
        `meanfield.page.document.write_page`) in one file. Without
        ffmpeg (on the path, in matplotlib's settings, or from the package
        imageio-ffmpeg), an ``.mp4`` becomes a ``.gif``, with a warning.
    fps : int
        Pictures per second.
    dpi : float, optional
        Pixels per inch of 9.6 by 5.4 inches; 200 (1920 by 1080) for ``.mp4``, 80 for
        ``.gif``.
    seconds : float
        Length, without the moments for which the first and the last picture stand still.
    directions : Directions, name of a rule, or pair of parameter names, optional
        Which directions of parameter space; see
        `meanfield.plotting.directions.choose_directions` for the rule.
    progress : bool
        Show a progress bar on standard error.
    force : bool
        Overwrite an existing file.

    Returns
    -------
    Path or Animation
        The file that was written; without a path, a matplotlib animation that shows
        itself in a notebook.

    Raises
    ------
    InvalidInputError
        If the run has no frames, the suffix is unknown, or a setting is not allowed.
    FileError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> run = mf.open("run.h5")  # doctest: +SKIP
    >>> mf.animate(run, "run.mp4")  # doctest: +SKIP
    PosixPath('run.mp4')
    """
    if path is not None and Path(path).suffix.lower() == ".html":
        return write_page(run, path, seconds=seconds, directions=directions, force=force)
    if isinstance(run, Sequence):
        raise InvalidInputError("several runs are shown by an .html page; a movie shows one")
    as_count("fps", fps)
    if as_number("seconds", seconds, "positive") * fps > _MOST_PICTURES:
        raise InvalidInputError(
            f"a movie has at most {_MOST_PICTURES} pictures, and {seconds:g} seconds are more"
        )
    count = max(round(seconds * fps), 2)
    target = None if path is None else _target(Path(path), force)
    resolution = None if dpi is None else as_number("dpi", dpi, "positive")
    scene = Scene(run, directions)
    times = scene.times(count if len(run.measures) > 1 else 1)
    if target is None:
        with theme():
            return _animation(scene, times, fps)
    resolution = _DPI[target.suffix.lower()] if resolution is None else resolution
    write = {".mp4": _write_mp4, ".gif": _write_gif}[target.suffix.lower()]
    with theme(), written_whole(target) as partial:
        write(scene, times, partial, fps, resolution, _shown_progress(progress))
    return target


def find_ffmpeg() -> str | None:
    """Path of ffmpeg: matplotlib's setting, the search path, or imageio-ffmpeg's; or None."""
    found = shutil.which(str(mpl.rcParams["animation.ffmpeg_path"])) or shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def _target(path: Path, force: bool) -> Path:
    target = check_target(path, _KINDS, force)
    if target.suffix.lower() == ".mp4" and find_ffmpeg() is None:
        warnings.warn(
            "no ffmpeg was found, so the movie is written as a .gif; for .mp4, "
            'pip install "meanfield-flow[video]"',
            UserWarning,
            stacklevel=3,
        )
        target = check_target(target.with_suffix(".gif"), _KINDS, force)
    return target


Progress = Callable[[Iterable[Any], int], Iterable[Any]]


def _shown_progress(shown: bool) -> Progress:
    """Wrapper of an iteration that shows how far it is, or not."""
    if not shown:
        return lambda items, total: items
    from rich.console import Console
    from rich.progress import track

    console = Console(file=sys.stderr)
    return lambda items, total: track(items, "movie", total=total, console=console)


def _write_mp4(
    scene: Scene, times: Float64Array, path: Path, fps: int, dpi: float, progress: Progress
) -> None:
    hold = f"tpad=start_mode=clone:start_duration={_HOLD_START}"
    hold += f":stop_mode=clone:stop_duration={_HOLD_END}"
    options = ["-vf", hold, "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    writer = FFMpegWriter(fps=fps, codec="h264", bitrate=-1, extra_args=options)
    with mpl.rc_context({"animation.ffmpeg_path": find_ffmpeg()}):
        try:
            with writer.saving(scene.figure, str(path), dpi):
                for time in progress(times, len(times)):
                    scene.draw(float(time))
                    writer.grab_frame()
        except subprocess.CalledProcessError as error:
            raise FileError(f"ffmpeg could not write the movie: {error}") from error


def _write_gif(
    scene: Scene, times: Float64Array, path: Path, fps: int, dpi: float, progress: Progress
) -> None:
    """Pictures with one palette for all, so that colours do not flicker."""

    def picture(time: float) -> Any:
        scene.draw(time)
        return _pixels(scene)

    scene.figure.set_dpi(dpi)
    telling = times[np.unique([0, len(times) // 2, len(times) - 1])]
    palette = _palette(np.concatenate([picture(float(time)) for time in telling]))
    images = [_in_palette(picture(float(time)), palette) for time in progress(times, len(times))]
    durations = [1000 / fps] * len(images)
    durations[0] += 1000 * _HOLD_START
    durations[-1] += 1000 * _HOLD_END
    images[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=[10 * round(each / 10) for each in durations],
        loop=0,
    )


def _palette(pixels: Any) -> Any:
    """White and 255 colours that suit the rest of the pixels, shape (256, 3).

    Each colour counts by the root of its pixels: the many shades of a smooth density get
    more of the palette than the flat areas.
    """
    from PIL import Image

    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    counts[(colours == 255).all(axis=1)] = 1
    coloured = np.repeat(colours, np.ceil(np.sqrt(counts)).astype(int), axis=0)
    found = Image.fromarray(coloured[None]).quantize(255, Image.Quantize.MEDIANCUT, kmeans=2)
    known = np.array(found.getpalette(), np.uint8).reshape(-1, 3)
    return np.vstack([np.full((256 - len(known), 3), 255, np.uint8), known])


def _in_palette(pixels: Any, palette: Any) -> Any:
    """Image whose pixels have the nearest colours of a palette, (256, 3).

    Pillow would look for them on a lattice of every fourth value, which shows as bands.
    """
    from PIL import Image
    from scipy.spatial import KDTree

    packed = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, inverse = np.unique(packed, return_inverse=True)
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1)
    nearest: Any = KDTree(palette).query(colours)[1]
    image = Image.fromarray(nearest.astype(np.uint8)[inverse].reshape(packed.shape))
    image.putpalette(palette.ravel().tolist())
    return image


def _pixels(scene: Scene) -> Any:
    """Current picture as an array of bytes, shape (height, width, 3)."""
    canvas: Any = scene.figure.canvas
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _animation(scene: Scene, times: Float64Array, fps: int) -> Animation:
    return Animation(
        scene.figure,
        lambda time: scene.draw(float(time)),
        frames=list(times),
        init_func=list,
        interval=1000.0 / fps,
        blit=False,
        cache_frame_data=False,
    )


def _html_player(movie: FuncAnimation, fps: int) -> str:
    """Player with all pictures inside, and signs in place of an icon font from the net."""
    with theme(), mpl.rc_context({"animation.embed_limit": _EMBED_LIMIT}):
        page = str(movie.to_jshtml(fps=fps))
    page = re.sub(r"<link[^>]*font-awesome[^>]*>", "", page)
    for icon, sign in _ICONS.items():
        page = page.replace(f'<i class="fa {icon}"></i>', sign)
    return page
