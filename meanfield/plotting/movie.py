"""Movies of runs: mp4, webm, gif, numbered pictures, or an animation for the notebook."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from meanfield.checks import as_count, as_number
from meanfield.errors import InvalidInputError
from meanfield.page.document import write_page
from meanfield.plotting.directions import Directions
from meanfield.plotting.gif import write_gif
from meanfield.plotting.numbered import check_numbered, write_numbered
from meanfield.plotting.player import Animation, animation
from meanfield.plotting.scene import Scene
from meanfield.plotting.style import check_target, theme, written_whole
from meanfield.plotting.survey import Run
from meanfield.plotting.video import CODECS, find_ffmpeg, write_video
from meanfield.typing import Float64Array

__all__ = ["animate", "find_ffmpeg"]

# Pixels per inch of 9.6 by 5.4 inches, unless they are given.
_DPI = {".mp4": 200.0, ".webm": 200.0, ".png": 200.0, ".gif": 80.0}
_KINDS = (*_DPI, ".html")
_MOST_PICTURES = 100_000  # more than an hour

Passed = Callable[[Iterable[Any]], Iterable[Any]]


def animate(
    run: Run | Sequence[Run] | Mapping[str, Run],
    path: str | Path | None = None,
    *,
    layout: str | None = None,
    clock: str = "pace",
    arrows: bool = False,
    fps: int = 25,
    dpi: float | None = None,
    seconds: float = 8.0,
    directions: Directions | str | tuple[str, ...] | None = None,
    progress: bool = False,
    force: bool = False,
) -> Path | Animation:
    """Make a movie of a run, or of several side by side: the moving neurons, what they learn.

    Between saved frames particles move on straight lines; save more frames to see finer
    motion. A hundred particles have trails that fade backwards. Several runs have the
    same axes and colours and one clock; one that has ended rests.

    Parameters
    ----------
    run : Trajectory, or sequence or mapping of at most eight
        Finished, running or failed: what it holds is shown. Keys of a mapping are titles;
        otherwise runs are called by their solvers, sizes, or what else tells them apart.
    path : path, optional
        File to write: ``.mp4`` (H.264), ``.webm`` (VP9) or ``.gif``; ``run-%04d.png`` writes
        numbered pictures, from 1 on; ``.html`` an interactive page, which has a clock of its
        own (see `meanfield.page.document.write_page`). Without ffmpeg (on the path, in
        matplotlib's settings, or from the package imageio-ffmpeg), a movie becomes a
        ``.gif``, with a warning.
    layout : {"function", "outputs", "law", "risk"}, optional
        What is shown beside the measure and the risk: the learned function of one or two
        inputs; outputs at the data (a confusion matrix for classes, the outputs on either of
        two labels, or outputs against targets); the law of the neurons in the first
        direction over time; or nothing but recorded series. By default the function where
        it can be drawn, else the outputs.
    clock : {"pace", "linear", "log", "arc-length"}
        In what pictures are equidistant: the pace of the run (the mean of time, way of the
        particles, and change of log risk, each scaled to 1), so that what is fast early on
        is seen; mean-field time; its logarithm, from the first positive saved time on; or
        the length of the path of measures in W₂.
    arrows : bool
        Draw velocities −∇Ψ: on a lattice over two parameters, else at some particles.
    fps : int
        Pictures per second.
    dpi : float, optional
        Pixels per inch of 9.6 by 5.4 inches; 200 (1920 by 1080), and 80 for ``.gif``.
    seconds : float
        Length, without the moments for which the first and the last picture stand still.
    directions : Directions, name of a rule, or pair of parameter names, optional
        Which directions of parameter space; see
        `meanfield.plotting.directions.choose_directions` for the rule.
    progress : bool
        Show a progress bar on standard error.
    force : bool
        Overwrite existing files.

    Returns
    -------
    Path or Animation
        The file that was written; without a path, a matplotlib animation that shows
        itself in a notebook.

    Raises
    ------
    InvalidInputError
        If a run has no frames, the suffix is unknown, or a setting is not allowed.
    FileError
        If a file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> run = mf.open("run.h5")  # doctest: +SKIP
    >>> mf.animate(run, "run.mp4")  # doctest: +SKIP
    PosixPath('run.mp4')
    >>> narrow, wide = mf.open("64.h5"), mf.open("1024.h5")  # doctest: +SKIP
    >>> mf.animate({"64 neurons": narrow, "1024 neurons": wide}, "both.mp4")  # doctest: +SKIP
    PosixPath('both.mp4')
    """
    if path is not None and Path(path).suffix.lower() == ".html":
        if layout is not None or clock != "pace" or arrows:
            raise InvalidInputError("a page has its own layout and clock; leave these settings out")
        return write_page(run, path, seconds=seconds, directions=directions, force=force)
    as_count("fps", fps)
    if as_number("seconds", seconds, "positive") * fps > _MOST_PICTURES:
        raise InvalidInputError(
            f"a movie has at most {_MOST_PICTURES} pictures, and {seconds:g} seconds are more"
        )
    count = max(round(seconds * fps), 2)
    target = None if path is None else _target(Path(path), force)
    resolution = None if dpi is None else as_number("dpi", dpi, "positive")
    scene = Scene(run, directions, layout=layout, clock=clock, arrows=arrows)
    times = scene.times(count)
    if target is None:
        with theme():
            return animation(scene, times, fps)
    resolution = _DPI[target.suffix.lower()] if resolution is None else resolution
    with theme():
        _write(scene, times, target, fps, resolution, _progress(progress, len(times)))
    return target


def _write(
    scene: Scene, times: Float64Array, target: Path, fps: int, dpi: float, passed: Passed
) -> None:
    kind = target.suffix.lower()
    stage = scene.stage(dpi)

    def picture(time: float) -> Any:
        scene.draw(time)
        return stage.picture()

    if kind == ".png":
        write_numbered(target, _drawn(picture, passed(times)))
        return
    with written_whole(target) as partial:
        if kind in CODECS:
            write_video(str(find_ffmpeg()), partial, _drawn(picture, passed(times)), fps)
        else:
            write_gif(partial, times, lambda time: picture(time)[..., :3].copy(), fps, passed)


def _drawn(picture: Callable[[float], Any], times: Iterable[Any]) -> Iterator[Any]:
    for time in times:
        yield picture(float(time))


def _target(path: Path, force: bool) -> Path:
    if path.suffix.lower() == ".png":
        return check_numbered(path, force)
    target = check_target(path, _KINDS, force)
    if target.suffix.lower() in CODECS and find_ffmpeg() is None:
        warnings.warn(
            f"no ffmpeg was found, so the movie is written as a .gif; for {target.suffix}, "
            'pip install "meanfield-flow[video]"',
            UserWarning,
            stacklevel=3,
        )
        target = check_target(target.with_suffix(".gif"), _KINDS, force)
    return target


def _progress(shown: bool, total: int) -> Passed:
    """Passage of times that shows how far it is, or not."""
    if not shown:
        return lambda items: items
    from rich.console import Console
    from rich.progress import track

    console = Console(file=sys.stderr)
    return lambda items: track(items, "movie", total=total, console=console)
