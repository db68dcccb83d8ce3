"""Probability measures with a density on a uniform grid of one to three parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.grid_boxes import box_corners, count_axes, count_cells, in_words, resolved_density
from meanfield.measures import Measure, ParticleMeasure, draw_particles
from meanfield.reconstruction import (
    cloud_in_cell,
    gauss_points,
    inverse_transform,
    tilts,
    true_masses,
)
from meanfield.streams import Sampling, uniforms
from meanfield.sums import weighted_sum
from meanfield.typing import Array, Float64Array

__all__ = ["GridMeasure"]

_WALL_LAYERS = 2


@dataclass(frozen=True, eq=False, repr=False)
class GridMeasure:
    """A measure μ with a density at the centres of the equal cells of a box.

    Integrals are midpoint sums over the centres, ∫ g dμ = Σ_m g(θ_m) ρ_m |cell|, exact
    to all orders for smooth densities that vanish before the walls.

    Parameters
    ----------
    density : array of p axes, 1 ≤ p ≤ 3
        Values ρ ≥ 0 at the centres, with integral 1; the axes are the parameters.
    lower, upper : float or (p,) array
        Corners of the box.

    Raises
    ------
    InvalidInputError
        If there are more than 3 axes, an entry is negative or not finite, the integral is
        not 1, or a side of the box has no length.

    Examples
    --------
    >>> grid = GridMeasure([[0.1, 0.2], [0.3, 0.4]], lower=0.0, upper=2.0)
    >>> grid, len(grid), grid.mean(), grid.weights
    (GridMeasure(2 x 2 cells on [0, 2] x [0, 2]), 4, array([1.2, 1.1]), array([0.1, 0.2, 0.3, 0.4]))
    """

    density: Float64Array
    lower: Float64Array
    upper: Float64Array

    def __post_init__(self) -> None:
        axes = count_axes(np.ndim(self.density))
        density = as_finite_array("density", self.density, axes).astype(np.float64)
        lower, upper = box_corners(self.lower, self.upper, axes)
        if (density < 0.0).any():
            raise InvalidInputError(f"density must be >= 0, got {density.min():g}")
        total = float(density.sum() * np.prod((upper - lower) / density.shape))
        if abs(total - 1.0) > 1e-6:
            raise InvalidInputError(
                f"density must have integral 1 over the box, got {total:.9g}; divide it by that"
            )
        if abs(total - 1.0) > 1e-12:  # what has been normalised once keeps its bits
            density = density / total
        self._set(density, lower, upper)

    def _set(self, density: Float64Array, lower: Float64Array, upper: Float64Array) -> None:
        for name, array in (("density", density), ("lower", lower), ("upper", upper)):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    # -- ways to make one ------------------------------------------------------------------

    @classmethod
    def trusted(cls, density: Array, lower: Array, upper: Array) -> GridMeasure:
        """A measure of arrays that are known to be sound: nothing is checked or copied.

        Parameters
        ----------
        density : array of p axes
            In C order.
        lower, upper : (p,) arrays
        """
        measure = object.__new__(cls)
        measure._set(density, lower, upper)
        return measure

    @classmethod
    def from_density(
        cls,
        function: Callable[[Float64Array], Any],
        lower: Any,
        upper: Any,
        cells: int | Sequence[int],
    ) -> GridMeasure:
        """The measure whose density is proportional to a function.

        Parameters
        ----------
        function : callable
            From points (M, p) to values (M,) ≥ 0, for example ``Gaussian(2).density``.
        lower, upper : float or sequence of p floats
            Corners of the box; where these and `cells` are all single numbers, p is 1.
        cells : int or sequence of p ints
            Number of cells along each axis.

        Raises
        ------
        InvalidInputError
            If the box, the number of cells or the values are not valid, or the integral
            changes by more than 1 % when all cells are halved.

        Examples
        --------
        >>> grid = GridMeasure.from_density(lambda x: np.exp(-(x**2).sum(axis=1) / 2), -7, 7, 100)
        >>> bool(abs(grid.covariance()[0, 0] - 1.0) < 1e-9)
        True
        """
        axes = count_axes(max(np.size(lower), np.size(upper), np.size(cells)))
        low, high = box_corners(lower, upper, axes)
        shape = count_cells(cells, axes)
        density = resolved_density(function, low, high, shape)
        return cls.trusted(density, low, high)

    @classmethod
    def from_particles(
        cls, measure: Measure, lower: Any, upper: Any, cells: int | Sequence[int]
    ) -> GridMeasure:
        """The measure of particles, each shared linearly between the centres around it.

        The mean is kept, apart from particles within half a cell of a wall, which go to
        the outermost centre. The variance along an axis grows by h² times the mean of
        f (1 − f), f the place between two centres: about h²/6 for many particles.

        Parameters
        ----------
        measure : ParticleMeasure
        lower, upper : float or sequence of p floats
            Corners of a box that holds all particles.
        cells : int or sequence of p ints
            Number of cells along each axis.

        Raises
        ------
        InvalidInputError
            If particles lie outside the box, or the box or cells are not valid.

        Examples
        --------
        >>> GridMeasure.from_particles(ParticleMeasure([[0.25]]), -1.0, 1.0, 4).weights
        array([0., 0., 1., 0.])
        """
        axes = count_axes(measure.dim)
        low, high = box_corners(lower, upper, axes)
        shape = count_cells(cells, axes)
        positions = measure.positions.astype(np.float64)
        outside = ((positions < low) | (positions > high)).any(axis=1)
        if outside.any():
            raise InvalidInputError(
                f"{outside.sum()} of {len(measure)} particles lie outside the box from {low} to "
                f"{high}; choose a box that holds all of them"
            )
        spacing = (high - low) / shape
        masses = cloud_in_cell((positions - low) / spacing - 0.5, measure.weights, shape)
        return cls.trusted(masses / (masses.sum() * np.prod(spacing)), low, high)

    # -- its shape -------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.density.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GridMeasure) and all(
            np.array_equal(getattr(self, entry.name), getattr(other, entry.name))
            for entry in fields(self)
        )

    def __hash__(self) -> int:
        # Adding 0 gives -0.0 and 0.0, which are equal, the same bytes.
        return hash(tuple((getattr(self, entry.name) + 0).tobytes() for entry in fields(self)))

    def __repr__(self) -> str:
        return f"GridMeasure({in_words(self.shape)} cells on {self._sides()})"

    def _sides(self) -> str:
        pairs = zip(self.lower, self.upper, strict=True)
        return " x ".join(f"[{low:.4g}, {high:.4g}]" for low, high in pairs)

    def _repr_html_(self) -> str:
        from meanfield.notebook import card, moments
        from meanfield.thumbnails import density_picture

        rows = [
            ("cells", in_words(self.shape)),
            ("box", self._sides()),
            *moments(self.positions, self.weights),
        ]
        labels = ("first parameter", "second parameter")
        return card(
            "GridMeasure", rows, density_picture(self.density, self.lower, self.upper, labels)
        )

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: copies and pickles carry no buffers."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @property
    def dim(self) -> int:
        """Number p of parameters."""
        return self.density.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return self.density.shape

    @property
    def spacing(self) -> Float64Array:
        """Width of a cell along each axis, shape (p,)."""
        return np.asarray((self.upper - self.lower) / self.shape)

    @property
    def volume(self) -> float:
        """Volume of a cell."""
        return float(np.prod(self.spacing))

    @property
    def axes(self) -> tuple[Float64Array, ...]:
        """Centres of the cells along each axis."""
        return tuple(
            low + (np.arange(size) + 0.5) * width
            for low, size, width in zip(self.lower, self.shape, self.spacing, strict=True)
        )

    @cached_property
    def positions(self) -> Float64Array:
        """Centres of all M cells in C order, shape (M, p)."""
        points = np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, self.dim)
        points.flags.writeable = False
        return points

    @cached_property
    def weights(self) -> Float64Array:
        """Masses ρ_m |cell| of all cells in C order, shape (M,)."""
        masses = self.density.reshape(-1) * self.volume
        masses.flags.writeable = False
        return masses

    # -- what it says ----------------------------------------------------------------------

    def mean(self) -> Float64Array:
        """Mean ∫ θ dμ, shape (p,)."""
        return np.asarray(weighted_sum(self.weights, self.positions))

    def covariance(self) -> Float64Array:
        """Covariance ∫ (θ − mean)(θ − mean)ᵀ dμ, shape (p, p)."""
        centred = self.positions - self.mean()
        with single_threaded_blas():
            return np.asarray((self.weights[:, None] * centred).T @ centred)

    def entropy(self) -> float:
        """∫ log μ dμ, with 0 log 0 = 0.

        Examples
        --------
        >>> GridMeasure([0.5, 0.5, 0.0], 0.0, 3.0).entropy() == float(np.log(0.5))
        True
        """
        values = self.density[self.density > 0.0]
        return float(self.volume * weighted_sum(values, np.log(values)))

    def marginal(self, axis: int) -> GridMeasure:
        """Law of one parameter.

        Raises
        ------
        InvalidInputError
            If there is no such axis.

        Examples
        --------
        >>> GridMeasure([[0.1, 0.2], [0.3, 0.4]], 0.0, 2.0).marginal(0).density
        array([0.3, 0.7])
        """
        if not 0 <= as_count("axis", axis, least=0) < self.dim:
            raise InvalidInputError(f"axis must be below {self.dim}, got {axis}")
        others = tuple(other for other in range(self.dim) if other != axis)
        density = self.density.sum(axis=others) * np.prod(self.spacing[list(others)])
        return GridMeasure.trusted(
            density, self.lower[axis : axis + 1], self.upper[axis : axis + 1]
        )

    def wall_mass(self) -> Float64Array:
        """Mass in the two outermost layers of cells at the lower and upper walls, (p, 2).

        Whatever is there has been, or would be, stopped by the wall: the box is too small.
        """
        shares = []
        for axis in range(self.dim):
            others = tuple(other for other in range(self.dim) if other != axis)
            masses = self.density.sum(axis=others) * self.volume
            shares.append([masses[:_WALL_LAYERS].sum(), masses[-_WALL_LAYERS:].sum()])
        return np.array(shares)

    def padded(self, cells: Any) -> GridMeasure:
        """The same measure on a larger box: empty cells of the same width next to the walls.

        Parameters
        ----------
        cells : int or (p, 2) array of int
            Numbers of layers ≥ 0, for all walls or for the lower and upper one of each axis.

        Raises
        ------
        InvalidInputError
            If it is anything else.

        Examples
        --------
        >>> GridMeasure([0.25, 0.25], 0.0, 4.0).padded([[0, 3]])
        GridMeasure(5 cells on [0, 10])
        """
        layers, shapes = np.array(cells), ((), (self.dim, 2))
        if layers.dtype.kind not in "iu" or layers.shape not in shapes or layers.min() < 0:
            rule = f"cells must be one integer >= 0 or ({self.dim}, 2) of them"
            raise InvalidInputError(f"{rule}, got {cells!r}")
        layers = np.broadcast_to(layers, (self.dim, 2))
        lower, upper = np.array([self.lower, self.upper]) + [[-1], [1]] * layers.T * self.spacing
        return GridMeasure.trusted(np.pad(self.density, layers), lower, upper)

    # -- particles instead -----------------------------------------------------------------

    def sample(
        self, particles: int, seed: int, sampling: Sampling = "iid", dtype: str = "float64"
    ) -> ParticleMeasure:
        """Draw particles of equal mass; arguments as in `InitialLaw.sample`.

        Places within a cell follow a linear density. Mean and covariance are in expectation
        those of the grid: exactly, away from walls and where the density does not change
        by a factor over a cell; there the variance is off by O(h²).

        Raises
        ------
        InvalidInputError
            If the number is below 1, or the sampling or dtype is unknown.
        """
        masses = true_masses(self.density * self.volume)
        slopes = tilts(masses)

        def place(rows: Float64Array) -> Float64Array:
            return self._points(*inverse_transform(masses, slopes, rows))

        stream = partial(uniforms, self.dim + 1)
        return draw_particles(stream, place, particles, self.dim, seed, sampling, dtype)

    def to_particles(self, points: int = 2) -> ParticleMeasure:
        """Gauss points of every cell with mass.

        Integrals over a cell are those of a linear density, and mean and covariance those
        of the grid as for `sample`. The centres of cells as atoms lie W₂ = h/√12 = 0.29 h
        along each axis from the density, two points 0.15 h, and q points about 0.3 h/q.

        Parameters
        ----------
        points : int
            Number along each axis of a cell, at least 2.

        Raises
        ------
        InvalidInputError
            If there are fewer.
        """
        as_count("points", points, least=2)
        masses = true_masses(self.density * self.volume)
        cells, places, weights = gauss_points(masses, tilts(masses), points)
        return ParticleMeasure(self._points(cells, places), weights)

    def _points(self, cells: Array, places: Float64Array) -> Float64Array:
        index = np.stack(np.unravel_index(cells, self.shape), axis=-1)
        return np.asarray(self.lower + (index + 0.5 + 0.5 * places) * self.spacing)
