"""The one light theme of all pictures and movies: colours, type, files."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import RcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from meanfield.errors import FileError, InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["DIVERGING", "INK", "QUIET", "SEQUENTIAL", "STYLE", "class_colours", "theme"]

INK = "#1f2430"
QUIET = "#7d8592"
FAINT = "#e4e7ec"
BLUE = "#2166a8"
ORANGE = "#d8572a"

#: Signed quantities: blue below zero, pale at zero, orange above; safe for colour-blind readers.
DIVERGING = LinearSegmentedColormap.from_list(
    "meanfield_diverging",
    ["#123e74", "#2f78bd", "#94b8d9", "#c9ccd2", "#efae88", "#e0692f", "#8f2d0c"],
)
#: Amounts: from the white of the paper to dark blue.
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "meanfield_sequential", ["#ffffff", "#d3e3f0", "#84b3d8", "#2f78bd", "#123e74", "#0a1f3c"]
)
# M. Petroff (2021), "Accessible color sequences for data visualization", ten colours.
_CLASSES = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
#: Kinds of files that pictures are written to.
PICTURES = (".png", ".pdf", ".svg")
MOST_CLASSES = len(_CLASSES)

#: The one home of the settings, which matplotlib knows as a style by this name.
STYLE = "meanfield.plotting.meanfield"


@cache
def _settings() -> RcParams:
    """What the style file sets."""
    with as_file(files("meanfield.plotting") / "meanfield.mplstyle") as path:
        return mpl.rc_params_from_file(path, use_default_template=False)


@contextmanager
def theme() -> Iterator[None]:
    """Context in which figures take the theme; global settings stay as they are.

    Examples
    --------
    >>> import matplotlib
    >>> with theme():
    ...     matplotlib.rcParams["axes.spines.top"]
    False
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_settings())
        yield


class NotebookFigure(Figure):
    """A figure that shows itself in a notebook without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        with theme():
            self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def new_figure(width: float, height: float) -> NotebookFigure:
    """Empty figure in inches, outside pyplot, laid out by constraints."""
    figure = NotebookFigure(figsize=(width, height))
    figure.set_layout_engine("constrained", w_pad=0.09, h_pad=0.09)
    FigureCanvasAgg(figure)
    return figure


def axes_or_new(ax: Axes | None, width: float = 5.0, height: float = 4.0) -> Axes:
    """The given axes, or those of a new figure; call it within `theme`."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def class_colours(count: int) -> Float64Array:
    """Colours of `count` classes, shape (count, 3); two are blue and orange.

    Raises
    ------
    InvalidInputError
        If there are more than ten.

    Examples
    --------
    >>> class_colours(3).shape
    (3, 3)
    """
    if count > MOST_CLASSES:
        raise InvalidInputError(f"there are colours for {MOST_CLASSES} classes, got {count}")
    names = (BLUE, ORANGE) if count == 2 else _CLASSES[:count]
    return np.array([to_rgb(name) for name in names])


def shades(count: int) -> list[tuple[float, ...]]:
    """Colours of `count` things in an order, from pale blue over blue to ink."""
    ramp = LinearSegmentedColormap.from_list("shades", ["#84b3d8", BLUE, INK])
    return [ramp(level) for level in np.linspace(0.0, 1.0, count)]


def note(axes: Axes, words: str, *, right: bool = False) -> Text:
    """Small words in a lower corner of axes."""
    text = axes.text(
        0.985 if right else 0.015, 0.015, words, transform=axes.transAxes, color=QUIET,
        ha="right" if right else "left", va="bottom", fontsize=8.0, zorder=5,
    )  # fmt: skip
    text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    return text


def symbol(name: str, alone: bool = False) -> str:
    """Parameter name as a formula: ``w_0`` becomes $w_0$, or $w$ if there is but one.

    Examples
    --------
    >>> symbol("w_12"), symbol("w_0", alone=True)
    ('$w_{12}$', '$w$')
    """
    letter, _, index = name.partition("_")
    letter = {"theta": r"\\theta"}.get(letter, letter).replace("\\\\", "\\")
    return f"${letter}$" if alone or not index else f"${letter}_{{{index}}}$"


def time_text(time: float, end: float) -> str:
    """``t = 3.20``, with as many decimals as a run until `end` needs.

    Examples
    --------
    >>> time_text(3.2, 10.0), time_text(0.004, 100.0), time_text(0.0, 1e4)
    ('t = 3.20', 't = 0.004', 't = 0')
    """
    decimals = 3 - math.ceil(math.log10(end)) if end > 0.0 else 2
    decimals = min(max(decimals, 1 if end < 1000.0 else 0), 8)
    if time != 0.0 and abs(time) < 10.0**-decimals:
        return f"t = {time:.2g}"
    return f"t = {time:.{decimals}f}"


def in_math(text: str) -> str:
    """``t = 3.20`` with its letter in italics."""
    return re.sub(r"^(\w) = ", r"$\1$ = ", text)


def check_target(path: str | Path, kinds: tuple[str, ...], force: bool) -> Path:
    """Path of a picture or movie to write, if its kind is known and nothing is in the way.

    Raises
    ------
    InvalidInputError
        If the suffix is not among `kinds`.
    FileError
        If the file exists and `force` is false, or its folder does not exist.
    """
    target = Path(path)
    if target.suffix.lower() not in kinds:
        got = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise InvalidInputError(f"{target.name} must end in {', '.join(kinds)}, got {got}")
    if not target.parent.is_dir():
        raise FileError(f"no folder {target.parent} to write {target.name} to")
    if target.exists() and not force:
        raise FileError(f"{target} exists already; use force=True (--force) to overwrite it")
    return target


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Temporary path whose file replaces `target` at the end, or vanishes on an error."""
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix.lower()}")
    try:
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise FileError(f"cannot write {target}: {error}") from error
    finally:
        with suppress(OSError):  # such as a name that is too long, which was said above
            partial.unlink(missing_ok=True)


def save_figure(figure: Figure, path: str | Path, force: bool = False) -> Path:
    """Write a figure as .png, .pdf or .svg; errors as in `check_target`."""
    target = check_target(path, PICTURES, force)
    with theme(), written_whole(target) as partial:
        figure.savefig(partial, dpi=200)
    return target
