"""Small pictures for notebooks, as SVG that is readable on light and dark pages alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from meanfield.typing import Array, Float64Array

__all__ = [
    "Window",
    "coordinates",
    "curve",
    "data_picture",
    "density_picture",
    "scatter",
    "window_of",
]

Window = tuple[tuple[float, float], tuple[float, float]]

_BLUE, _ORANGE = "#4a90d9", "#e0763c"
_WIDTH, _HEIGHT = 220, 150
# Room around the plot: above it for a title, below for a label.
_LEFT, _TOP, _BOTTOM = 4, 16, 16
_MOST_POINTS = 800
_MOST_VERTICES = 200
# Cells along an axis, and levels of colour.
_MOST_CELLS = 44
_LEVELS = 8
# Share of the masses on each side that may lie outside of a picture, and its margin.
_TAIL, _MARGIN = 0.005, 0.08
_LOGARITHMIC = 10.0
# Relative differences below this are rounding, not a shape.
_ROUNDING = 1e-9
# Radii of dots of small, middle and large masses, and of many and few of them.
_RADII = (0.5, 0.8, 1.25)
_CROWD = 200


def coordinates(positions: Array) -> tuple[Float64Array, tuple[str, ...]]:
    """One or two coordinates of particles (N, p) to show, and what they are called.

    They are the parameters where there are at most two, else the directions in which the
    particles vary most.

    Examples
    --------
    >>> points, labels = coordinates(np.arange(6.0).reshape(2, 3))
    >>> points.shape, labels
    ((2, 2), ('main direction', 'second direction'))
    """
    thetas = np.asarray(positions, dtype=np.float64)
    if thetas.shape[1] <= 2:
        return thetas, ("first parameter", "second parameter")[: thetas.shape[1]]
    sample = thetas[_stride(len(thetas), 3000)]
    centred = sample - sample.mean(axis=0)
    size = np.abs(centred).max() or 1.0
    _, vectors = np.linalg.eigh((centred / size).T @ (centred / size))
    return thetas @ vectors[:, :-3:-1], ("main direction", "second direction")


def window_of(points: Float64Array, window: Window | None = None) -> Window:
    """Limits of a picture of points (N, 2), not less than those of an earlier one.

    Examples
    --------
    >>> window_of(np.array([[0.0, 1.0], [1.0, 1.0]]))
    ((-0.0742, 1.0742), (0.0, 2.0))
    """
    found = [_limits(column) for column in points.T]
    if window is not None:
        pairs = zip(found, window, strict=True)
        found = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs]
    return found[0], found[1]


def _limits(values: Float64Array) -> tuple[float, float]:
    # Of halves, as the difference of two large numbers may be too large for a number.
    low, high = (float(end) for end in np.quantile(values / 2, [_TAIL, 1.0 - _TAIL]))
    reach = _MARGIN * (high - low)
    if not high - low > _ROUNDING * max(abs(low), abs(high)):
        reach = max(abs(low), 1e-300)
    most = float(np.finfo(np.float64).max) / 2
    return 2.0 * max(low - reach, -most), 2.0 * min(high + reach, most)


def scatter(
    points: Float64Array,
    labels: tuple[str, ...],
    signs: Array | None = None,
    weights: Array | None = None,
    window: Window | None = None,
    title: str = "",
) -> str:
    """Points (N, 2) as dots, at most 800 of them; values (N, 1) as a histogram.

    Parameters
    ----------
    points : (N, 1) or (N, 2) array
    labels : tuple of str
        Of the axes.
    signs : (N,) array, optional
        Points with a negative one are orange, others blue.
    weights : (N,) array, optional
        Masses of the points, which make dots smaller; equal by default.
    window : ((low, high), (low, high)), optional
        Limits of the axes.
    title : str
    """
    if points.shape[1] == 1:
        return _histogram(points[:, 0], weights, labels[0], title)
    (left, right), (bottom, top) = window or window_of(points)
    rows = _stride(len(points), _MOST_POINTS)
    x, y = _pixels(points[rows, 0], left, right), _pixels(points[rows, 1], bottom, top)
    seen = (x >= 0.0) & (x <= 1.0) & (y >= 0.0) & (y <= 1.0)
    negative = np.zeros(len(x), bool) if signs is None else np.asarray(signs)[rows] < 0.0
    masses = np.ones(len(x)) if weights is None else np.asarray(weights)[rows]
    sizes = np.rint(2.0 * np.sqrt(masses / (masses.max() or 1.0))).astype(int)
    unit = 4.0 if len(rows) < _CROWD else 2.5
    dots = [
        f'<path d="{_dots(x[chosen], y[chosen])}" stroke="{colour}" '
        f'stroke-width="{unit * (radius if weights is not None else 1.0):g}" '
        'stroke-linecap="round" stroke-opacity=".75" fill="none"/>'
        for size, radius in enumerate(_RADII)
        for colour, side in ((_BLUE, ~negative), (_ORANGE, negative))
        if (chosen := seen & side & (sizes == size)).any()
    ]
    return _picture(dots, title or f"↑ {labels[1]}", f"→ {labels[0]}")


def _histogram(values: Float64Array, weights: Array | None, label: str, title: str) -> str:
    low, high = _limits(values)
    heights, _ = np.histogram(values, bins=_MOST_CELLS, range=(low, high), weights=weights)
    return density_picture(heights.astype(np.float64), (low,), (high,), (label,), title)


def data_picture(inputs: Array, targets: Array) -> str:
    """Data on the line with their targets, or on the plane in two colours; else nothing.

    Examples
    --------
    >>> data_picture(np.zeros((5, 3)), np.zeros((5, 1)))
    ''
    """
    first = np.asarray(targets[:, 0], dtype=np.float64)
    if inputs.shape[1] == 1:
        return scatter(np.column_stack([inputs, first]), ("input", "target"))
    if inputs.shape[1] == 2:
        above = first - (first.max() / 2 + first.min() / 2)
        return scatter(np.asarray(inputs), ("first input", "second input"), above)
    return ""


def density_picture(
    density: Float64Array,
    lower: Iterable[float],
    upper: Iterable[float],
    labels: tuple[str, ...],
    title: str = "",
) -> str:
    """A density on one axis as an area, of two or more as an image of the first two.

    Parameters
    ----------
    density : array of one or more axes
    lower, upper : sequences of float
        Ends of the axes.
    labels : tuple of str
        Of the axes.
    title : str
    """
    ends = [f"{label}, {low:.3g} to {high:.3g}" for label, low, high in
            zip(labels, lower, upper, strict=False)]  # fmt: skip
    if density.ndim == 1:
        return _picture(
            [_area(_coarse(density, 4 * _MOST_CELLS))], title or "density", f"→ {ends[0]}"
        )
    flat = density.sum(axis=tuple(range(2, density.ndim)))
    flat = _coarse(_coarse(flat, _MOST_CELLS).T, _MOST_CELLS).T
    return _picture(_cells(flat), title or f"↑ {ends[1]}", f"→ {ends[0]}")


def curve(times: Sequence[float] | Array, values: Sequence[float] | Array, title: str) -> str:
    """Values over time; on a logarithmic scale if they are positive and vary tenfold.

    Parameters
    ----------
    times, values : (F,) arrays
        What is not finite is left out.
    title : str

    Examples
    --------
    >>> curve([0.0, 1.0], [1.0, 0.5], "risk").count("<polyline")
    1
    """
    t, v = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    finite = np.isfinite(t) & np.isfinite(v)
    t, v = t[finite], v[finite]
    if len(t) == 0:
        return _picture([], title, "")
    rows = _stride(len(t), _MOST_VERTICES)
    t, v, last = t[rows], v[rows], float(v[-1])
    scale = ""
    if v.min() > 0.0 and v.max() > _LOGARITHMIC * v.min():
        v, scale = np.log(v), ", logarithmic"
    x, y = _pixels(t, t[0], t[-1]), _pixels(v, v.min(), v.max())
    places = " ".join(f"{a:.4g},{b:.4g}" for a, b in zip(*_placed(x, y), strict=True))
    line = f'<polyline points="{places}" fill="none" stroke="{_BLUE}" stroke-width="1.8"/>'
    at, height = _placed(x[-1:], y[-1:])
    end = f'<circle cx="{at[0]:.4g}" cy="{height[0]:.4g}" r="3" fill="{_ORANGE}"/>'
    return _picture([line, end], f"{title} {last:.4g}{scale}", f"t = {t[0]:.4g} to {t[-1]:.4g}")


def _stride(count: int, most: int) -> Array:
    """Numbers of at most so many of some things, with the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _pixels(values: Float64Array, low: float, high: float) -> Float64Array:
    """Values as parts of the way from one end to the other, which may be far or the same."""
    span = high / 2 - low / 2
    if span <= _ROUNDING * max(abs(low), abs(high)):
        return np.full(len(values), 0.5)
    return np.asarray((values / 2 - low / 2) / span)


def _placed(x: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Places in the picture of parts of the ways along its axes."""
    width, height = _WIDTH - 2 * _LEFT, _HEIGHT - _TOP - _BOTTOM
    return _LEFT + 4.0 + x * (width - 8), _TOP + 4.0 + (1.0 - y) * (height - 8)


def _dots(x: Float64Array, y: Float64Array) -> str:
    places = np.stack(_placed(x, y), axis=1).round().astype(int).tolist()
    return "".join(f"M{a} {b}h0" for a, b in places)


def _coarse(density: Float64Array, most: int) -> Float64Array:
    """Sums over groups of rows, so that there are at most so many."""
    group = math.ceil(len(density) / most)
    starts = np.arange(0, len(density), group)
    sizes = np.diff(np.append(starts, len(density))).reshape(-1, *[1] * (density.ndim - 1))
    return np.asarray(np.add.reduceat(density, starts, axis=0) / sizes)


def _area(heights: Float64Array) -> str:
    most = heights.max() or 1.0
    x, y = _placed((np.arange(len(heights)) + 0.5) / len(heights), heights / most)
    floor = f"{_HEIGHT - _BOTTOM}"
    line = "L".join(f"{a:.4g} {b:.4g}" for a, b in zip(x, y, strict=True))
    path = f"M{x[0]:.4g} {floor}L{line}L{x[-1]:.4g} {floor}z"
    return f'<path d="{path}" fill="{_BLUE}" fill-opacity=".45" stroke="{_BLUE}"/>'


def _cells(density: Float64Array) -> list[str]:
    """Image of a density (first axis to the right), with the cells of each level as a path."""
    columns, rows = density.shape
    width, height = (_WIDTH - 2 * _LEFT) / columns, (_HEIGHT - _TOP - _BOTTOM) / rows
    levels = np.rint(_LEVELS * np.sqrt(density / (density.max() or 1.0))).astype(int)
    found = []
    for level in range(1, _LEVELS + 1):
        edges = np.diff(np.pad(levels == level, ((1, 1), (0, 0))).astype(int), axis=0)
        starts, ends = (np.argwhere(edge == edges.T).tolist() for edge in (1, -1))
        path = "".join(
            f"M{_LEFT + i * width:.4g} {_TOP + (rows - 1 - j) * height:.4g}"
            f"h{(k - i) * width:.4g}v{height:.4g}H{_LEFT + i * width:.4g}z"
            for (j, i), (_, k) in zip(starts, ends, strict=True)
        )
        if path:
            found.append(f'<path d="{path}" fill="{_BLUE}" fill-opacity="{level / _LEVELS:.2f}"/>')
    return found


def _picture(shapes: Iterable[str], title: str, label: str) -> str:
    """Shapes in a thin frame between a title and a label."""
    height = _HEIGHT - _TOP - _BOTTOM
    words = 'font-family="sans-serif" font-size="11" fill="currentColor"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" style="max-width:100%" role="img">'
        f'<text x="{_LEFT}" y="11" {words}>{escape(title)}</text>'
        f'<rect x="{_LEFT - 0.5}" y="{_TOP - 0.5}" width="{_WIDTH - 2 * _LEFT + 1}" '
        f'height="{height + 1}" fill="none" stroke="currentColor" stroke-opacity=".25"/>'
        f"{''.join(shapes)}"
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}" {words}>{escape(label)}</text></svg>'
    )
