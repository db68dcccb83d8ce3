"""The panel of a measure: weighted particles, a density where they are too many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.neurons import Neuron
from meanfield.plotting.colouring import Colouring
from meanfield.plotting.directions import Directions
from meanfield.plotting.field import Field
from meanfield.plotting.smooth_image import as_bytes, show_image
from meanfield.plotting.style import (
    BLUE,
    DIVERGING,
    FAINT,
    INK,
    axes_or_new,
    class_colours,
    note,
    theme,
)
from meanfield.plotting.survey import Run, require_frames, stand_in
from meanfield.plotting.view import CELLS, Limits, View, view, view_of_measure
from meanfield.typing import Float64Array

__all__ = ["Cloud", "add_key", "measure"]

MOST_POINTS = 5000
_STAND_INS = 2**16  # particles for a grid whose directions are no parameters
_LONGEST_STEP = 0.15  # of a trail between two moments, as a part of the axis
_PIECE = 3  # steps of a trail of one shade
_MOST_GRAINS = 30_000  # particles that the finer density shows one by one
_GRAIN_CELLS = 2.0  # cells over which such a particle spreads
_CONTOURS = (0.02, 0.1, 0.3, 0.6, 0.9)  # densities of a grid, in units of the ceiling


class Cloud:
    """A measure on axes, to be redrawn as it moves.

    Up to 5000 particles are drawn as points, whose area goes with their mass; more as
    a density, whose hue is the mean colour and whose depth goes with a power of the mass:
    0.4, or less where up to 30,000 particles would not be seen one by one. With one
    direction only, the density is drawn as a curve. The density of a grid is drawn cell by
    cell, with lines of equal density, where the directions are parameters, and as that of
    many particles where not.

    Parameters
    ----------
    ax : Axes
    view : View
    """

    def __init__(self, ax: Axes, view: View) -> None:
        self.ax = ax
        self.view = view
        self._artist: Any = None
        self._trails: LineCollection | None = None
        self._contours: Any = None
        ax.set_xlim(*view.limits[0])
        ax.set_xlabel(view.directions.labels[0])
        if view.is_profile:
            ax.set_ylim(0.0, 1.12 * view.ceiling / self._width)
            ax.set_ylabel("density of neurons")
            return
        ax.set_ylim(*view.limits[1])
        ax.set_ylabel(view.directions.labels[1])
        for limits, line in zip(view.limits, (ax.axvline, ax.axhline), strict=True):
            if limits[0] < 0.0 < limits[1]:
                line(0.0, color=FAINT, linewidth=0.9, zorder=0.5)
        if view.directions.equal:
            ax.set_aspect("equal")

    @property
    def _width(self) -> float:
        low, high = self.view.limits[0]
        return (high - low) / CELLS

    def draw(self, measure: Measure) -> None:
        """Show this measure instead of what was shown before."""
        if isinstance(measure, GridMeasure):
            if self.view.directions.columns:
                self._draw_field(Field(measure, self.view))
                return
            measure = stand_in(measure, _STAND_INS)
        if self.view.is_profile:
            self._draw_profile(measure)
        elif len(measure) <= MOST_POINTS:
            self._draw_points(measure)
        else:
            self._draw_density(measure)

    def fade(self) -> None:
        """Make what is shown a pale ground for something else."""
        artists = self._artist if isinstance(self._artist, tuple) else (self._artist,)
        for artist in artists:
            artist.set_alpha(0.4)

    def _draw_points(self, measure: Measure) -> None:
        order = self.view.colouring.order(measure.positions)
        positions, masses = measure.positions[order], measure.weights[order]
        colours = self.view.colouring.colours(positions)
        # As many particles of equal mass would crowd the picture as much.
        count = 1.0 / float(masses @ masses)
        area, opacity = point_style(count)
        if self._artist is None:
            edge = 0.35 if len(measure) <= 1000 else 0.0
            self._artist = self.ax.scatter([], [], zorder=3, linewidths=edge, edgecolors="white")
        self._artist.set_offsets(self.view.directions.project(positions))
        self._artist.set_sizes(area * np.minimum(masses * count, 25.0))
        self._artist.set_facecolors(np.column_stack([colours, np.full(len(colours), opacity)]))

    def _draw_density(self, measure: Measure) -> None:
        points = self.view.directions.project(measure.positions)
        masses = measure.weights
        fineness = 2 if len(measure) <= _MOST_GRAINS else 1
        density = self.view.density(points, masses, fineness)
        colours = self.view.colouring.colours(measure.positions)
        image = np.empty((*density.shape, 4))
        floor = 1e-12 * self.view.ceiling
        for channel in range(3):
            tinted = self.view.density(points, masses * colours[:, channel], fineness)
            image[..., channel] = tinted / np.maximum(density, floor)
        share = np.clip(density / self.view.ceiling, 0.0, 1.0)
        image[..., 3] = share**0.4
        if fineness > 1:
            image[..., 3] = _opacity_of_grains(share, 1.0 / len(measure) / self.view.ceiling)
        self._show_image(image, self.view.limits)

    def _draw_field(self, field: Field) -> None:
        if self.view.is_profile:
            self._show_curve(*field.curve())
        else:
            image = field.image()
            self._show_image(image, field.limits)
            self._show_contours(image[..., 3], field.limits)

    def _show_contours(self, opacity: Float64Array, limits: Limits) -> None:
        """Lines of equal density, each a given part of the ceiling."""
        if self._contours is not None:
            self._contours.remove()
            self._contours = None
        lowest, highest = float(opacity.min()), float(opacity.max())
        levels = [part**0.4 for part in _CONTOURS if lowest < part**0.4 < highest]
        if min(opacity.shape) < 2 or not levels:
            return
        sides = [
            low + (high - low) * (np.arange(count) + 0.5) / count
            for (low, high), count in zip(limits, opacity.shape[::-1], strict=True)
        ]
        self._contours = self.ax.contour(
            *sides, opacity, levels, colors=[INK], linewidths=0.7, alpha=0.4, zorder=2.2
        )

    def _show_image(self, shades: Float64Array, limits: Limits) -> None:
        if self._artist is None:
            self._artist = show_image(self.ax, as_bytes(shades), limits, 2.0)
        self._artist.set_data(as_bytes(shades))

    def _draw_profile(self, measure: Measure) -> None:
        points = self.view.directions.project(measure.positions)
        density = self.view.density(points, measure.weights) / self._width
        low, _ = self.view.limits[0]
        centres = low + self._width * (np.arange(CELLS) + 0.5)
        self._show_curve(np.asarray(centres), np.asarray(density))

    def _show_curve(self, centres: Float64Array, density: Float64Array) -> None:
        if self._artist is None:
            (line,) = self.ax.plot(centres, density, color=BLUE, linewidth=1.8, zorder=3)
            area = self.ax.fill_between(centres, density, color=BLUE, alpha=0.18, linewidth=0)
            self._artist = (line, area)
        line, area = self._artist
        line.set_ydata(density)
        area.set_data(centres, density, np.zeros(len(centres)))

    def draw_trails(self, paths: Float64Array, colours: Float64Array) -> None:
        """Draw behind the particles where some of them came from, fading backwards.

        Parameters
        ----------
        paths : (m, s, 2) array
            Coordinates of m particles at s moments, from the past to now. Jumps across a good
            part of the picture, as of a kink through infinity, are left out.
        colours : (m, 3) array
        """
        paths = np.asarray(paths)
        if self.view.is_profile or paths.size == 0 or paths.shape[1] < 2:
            return
        longest = _LONGEST_STEP * np.ptp(np.asarray(self.view.limits), axis=1)
        short = (np.abs(np.diff(paths, axis=1)) < longest).all(axis=2)
        ends = np.arange(paths.shape[1] - 1, 0, -_PIECE)[::-1]
        pieces, shades = [], []
        for end, opacity in zip(ends, np.linspace(0.0, 0.75, len(ends)), strict=True):
            start = max(end - _PIECE, 0)
            whole = short[:, start:end].all(axis=1)
            broken = np.argwhere(short[:, start:end] & ~whole[:, None])
            pieces += list(paths[whole, start : end + 1])
            pieces += [paths[row, start + step : start + step + 2] for row, step in broken]
            rows = np.concatenate([np.flatnonzero(whole), broken[:, 0]])
            shades += [(*colour, opacity) for colour in colours[rows]]
        if self._trails is None:
            self._trails = LineCollection([], linewidths=1.5, zorder=2.5)
            self.ax.add_collection(self._trails, autolim=False)
        self._trails.set_segments(pieces)
        self._trails.set_color(shades)


def _opacity_of_grains(share: Float64Array, mass: float) -> Float64Array:
    """Opacity for shares of the ceiling, if single particles have that mass.

    The power of the share is 0.4 or so low that a particle alone is a round grain of a third
    of full depth; but no power is so low that all looks the same.
    """
    alone = mass / _GRAIN_CELLS
    power = np.clip(np.log(0.3) / np.log(alone), 0.18, 0.4) if alone < 0.5 else 0.4
    return np.asarray(share**power * np.minimum(2.0 * share / alone, 1.0))


def point_style(count: float) -> tuple[float, float]:
    """Area of a point in square points and its opacity, for that many points."""
    crowd = np.log10(max(count, 10.0))
    return float(np.interp(crowd, [1.5, 2.5, 3.7], [90.0, 30.0, 7.0])), float(
        np.interp(crowd, [2.0, 3.7], [0.9, 0.55])
    )


def add_key(axes: Axes | Sequence[Axes], colouring: Colouring) -> None:
    """Say what colours mean: a colour bar beside the axes, or names at the last one."""
    group = [axes] if isinstance(axes, Axes) else list(axes)
    figure = group[0].figure
    if colouring.values is None:
        return
    if not colouring.names:
        bounds = Normalize(-colouring.scale, colouring.scale)
        bar = figure.colorbar(
            ScalarMappable(bounds, DIVERGING),
            ax=group,
            shrink=0.72,
            aspect=24,
            pad=0.015,
            extend="both",
        )
        bar.set_label(colouring.label)
        bar.outline.set_visible(False)
        return
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=5.5, color=tuple(colour), label=name)
        for name, colour in zip(colouring.names, class_colours(len(colouring.names)), strict=True)
    ]
    if colouring.label:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.02)}
    else:
        place = {"loc": "lower right", "bbox_to_anchor": (1.02, 0.995), "ncols": len(handles)}
    legend = group[-1].legend(
        handles=handles,
        title=colouring.label or None,
        handletextpad=0.1,
        columnspacing=0.9,
        borderaxespad=0.3,
        labelspacing=0.25,
        title_fontsize=9.0,
        alignment="left",
        **place,
    )
    legend.set_zorder(6)


def note_outside(ax: Axes, share: float) -> Any:
    """Small note in the corner of how much mass lies outside the axes; the text artist."""
    return note(ax, outside_text(share), right=True)


def outside_text(share: float) -> str:
    """``12% of the mass outside``, or nothing for less than three per cent."""
    return f"{share:.0%} of the mass outside" if share >= 0.03 else ""


def measure(
    measure: Measure | Run,
    directions: View | Directions | str | tuple[str, ...] | None = None,
    ax: Axes | None = None,
    *,
    neuron: Neuron | None = None,
) -> Axes:
    """Draw a measure over neurons in two directions of parameter space.

    Up to 5000 particles are points, whose area goes with their mass; more are drawn as a
    density. Colour is the outer weight, where there is one.

    Parameters
    ----------
    measure : ParticleMeasure or GridMeasure, or Trajectory
        In p dimensions; of a run the last one, seen as in pictures of the whole run.
    directions : View, Directions, name of a rule, or pair of parameter names, optional
        Which directions; `meanfield.plot.view` makes a view that suits a whole run,
        so that pictures of its frames compare. By default what tells most about
        this measure: see `meanfield.plotting.directions.choose_directions`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    neuron : Neuron, optional
        What the parameters are, for names and colours.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If directions or neuron do not suit the measure.

    Examples
    --------
    >>> import meanfield as mf
    >>> cloud = mf.ParticleMeasure.gaussian(300, 4, seed=0)
    >>> ax = mf.plot.measure(cloud, ("a_0", "b"), neuron=mf.Neuron(inputs=2))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('outer weight $a$', 'bias $b$')
    """
    if isinstance(measure, Run):
        require_frames(measure.measures)
        if not isinstance(directions, View):
            directions = view(measure, directions)
        measure = measure.measures[-1]
    if neuron is not None and neuron.dim != measure.dim:
        raise InvalidInputError(
            f"the neuron has {neuron.dim} parameters, but the measure has {measure.dim}"
        )
    if isinstance(directions, View):
        chosen = directions
    else:
        chosen = view_of_measure(measure, directions, neuron)
    with theme():
        new = ax is None
        axes = axes_or_new(ax, 5.4, 4.4)
        Cloud(axes, chosen).draw(measure)
        if new:
            add_key(axes, chosen.colouring)
    return axes
