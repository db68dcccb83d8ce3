"""Rules by which nodes are chosen for a standard law."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.polynomial.legendre import leggauss

from meanfield.gauss_rules import normal_rule
from meanfield.laws import Box, Gaussian, Sphere
from meanfield.measures import ParticleMeasure
from meanfield.panels import NORMAL_RADIUS, PANEL_NODES, Panels
from meanfield.registry import Registry
from meanfield.standard_laws import StandardForm
from meanfield.typing import BoolArray, Float64Array

__all__ = ["Rule", "rules"]

# Scramblings whose seeds differ by this are independent.
_OTHER_SEED = 2**32

_STANDARD = {law.name: law for law in (Gaussian, Sphere, Box)}

#: Nodes (m,) on a line, and their masses (m,).
Line = tuple[Float64Array, Float64Array]


class Rule(Protocol):
    """A way to choose nodes.

    Attributes
    ----------
    spectral : bool
        Whether the error falls faster than every power of the number of nodes where the
        integrand is smooth, and slowly where it is not.
    """

    @property
    def spectral(self) -> bool:
        """Whether smoothness is what the rule lives from."""
        ...

    def serves(self, form: StandardForm) -> bool:
        """Whether the rule is made for a law."""
        ...

    def least(self, dimensions: int) -> int:
        """The fewest nodes that are of use."""
        ...

    def build(self, form: StandardForm, nodes: int, seed: int) -> ParticleMeasure:
        """At most that many nodes."""
        ...

    def coarser(
        self, form: StandardForm, measure: ParticleMeasure, seed: int
    ) -> ParticleMeasure | None:
        """Nodes at half the resolution of a measure; None if it is not one of this rule."""
        ...


@dataclass(frozen=True)
class Combinations:
    """All combinations of the nodes on lines, one for each free parameter.

    Attributes
    ----------
    lines : mapping of str to callable
        By name of the law, the nodes and masses on a line for a number of nodes.
    spectral : bool
    """

    lines: Mapping[str, Callable[[int], Line]]
    spectral: bool

    def serves(self, form: StandardForm) -> bool:
        """Whether the rule is made for a law."""
        return form.name in self.lines

    def least(self, dimensions: int) -> int:
        """Two nodes a parameter."""
        return int(2**dimensions)

    def build(self, form: StandardForm, nodes: int, seed: int) -> ParticleMeasure:
        """At most that many nodes; nothing is random."""
        return self._combine(form, self._count(form, nodes))

    def coarser(
        self, form: StandardForm, measure: ParticleMeasure, seed: int
    ) -> ParticleMeasure | None:
        """Half the nodes in each parameter."""
        count = self._count(form, len(measure))
        if self._combine(form, count) != measure:
            return None
        return self._combine(form, (count + 1) // 2)

    def _count(self, form: StandardForm, nodes: int) -> int:
        """Largest number of nodes on a line."""
        root: float = nodes ** (1.0 / form.dimensions)
        return math.floor(root + 1e-9)

    def _combine(self, form: StandardForm, count: int) -> ParticleMeasure:
        places, masses = self.lines[form.name](count)
        points = _combinations(places, form.dimensions)
        products = _combinations(masses, form.dimensions).prod(axis=1)
        return ParticleMeasure(form.place(points), products / products.sum())


class Ball(Combinations):
    """Combinations of equidistant nodes within a ball, outside of which masses are negligible.

    In three dimensions these are half of all; beyond three, balls are too small.
    """

    def serves(self, form: StandardForm) -> bool:
        """Whether the rule is made for a law."""
        return super().serves(form) and form.dimensions <= 3

    def _count(self, form: StandardForm, nodes: int) -> int:
        count = super()._count(form, nodes)
        while _inside(count + 1, form.dimensions).sum() <= nodes:
            count += 1
        return count

    def _combine(self, form: StandardForm, count: int) -> ParticleMeasure:
        whole = super()._combine(form, count)
        kept = _inside(count, form.dimensions)
        masses = whole.weights[kept]
        return ParticleMeasure(whole.positions[kept], masses / masses.sum())


@dataclass(frozen=True)
class Circle:
    """Equidistant nodes on a circle."""

    spectral: ClassVar[bool] = False

    def serves(self, form: StandardForm) -> bool:
        """Whether the rule is made for a law."""
        return form.name == Sphere.name and form.dimensions == 2

    def least(self, dimensions: int) -> int:
        """Opposite ones."""
        return 2

    def build(self, form: StandardForm, nodes: int, seed: int) -> ParticleMeasure:
        """That many nodes; nothing is random."""
        angles = (np.arange(nodes) + 0.5) * (2.0 * np.pi / nodes)
        return ParticleMeasure(form.place(np.stack([np.cos(angles), np.sin(angles)], axis=1)))

    def coarser(
        self, form: StandardForm, measure: ParticleMeasure, seed: int
    ) -> ParticleMeasure | None:
        """Half the nodes."""
        if self.build(form, len(measure), seed) != measure:
            return None
        return self.build(form, (len(measure) + 1) // 2, seed)


@dataclass(frozen=True)
class EqualPanels:
    """Gauss's nodes on panels, which may have been cut finer where that is needed."""

    spectral: ClassVar[bool] = False

    def serves(self, form: StandardForm) -> bool:
        """Whether the rule is made for a law."""
        return form.name != Sphere.name and form.dimensions == 1

    def least(self, dimensions: int) -> int:
        """Those of one panel."""
        return PANEL_NODES

    def build(self, form: StandardForm, nodes: int, seed: int) -> ParticleMeasure:
        """At most that many nodes, on panels of equal length; nothing is random."""
        return Panels.equal(form, nodes // PANEL_NODES).measure()

    def coarser(
        self, form: StandardForm, measure: ParticleMeasure, seed: int
    ) -> ParticleMeasure | None:
        """Half the nodes on each panel."""
        if len(measure) % PANEL_NODES:
            return None
        panels = Panels.through(form, measure)
        if (np.diff(panels.edges) <= 0.0).any():
            return None
        again, scale = panels.measure(), np.abs(measure.positions).max()
        near = np.abs(again.positions - measure.positions).max() <= 1e-12 * scale
        if not near or np.abs(again.weights - measure.weights).max() > 1e-12:
            return None
        return panels.measure(PANEL_NODES // 2)


@dataclass(frozen=True)
class Sobol:
    """Points of a scrambled Sobol sequence in as many dimensions as there are free parameters."""

    spectral: ClassVar[bool] = False

    def serves(self, form: StandardForm) -> bool:
        """All laws."""
        return True

    def least(self, dimensions: int) -> int:
        """A single point."""
        return 1

    def build(self, form: StandardForm, nodes: int, seed: int) -> ParticleMeasure:
        """That many points."""
        points = _STANDARD[form.name](form.dimensions).sample(nodes, seed, "sobol").positions
        return ParticleMeasure(form.place(points.astype(np.float64)))

    def coarser(
        self, form: StandardForm, measure: ParticleMeasure, seed: int
    ) -> ParticleMeasure | None:
        """Half the points, of another scrambling."""
        if self.build(form, len(measure), seed) != measure:
            return None
        return self.build(form, (len(measure) + 1) // 2, seed + _OTHER_SEED)


# -- on a line ---------------------------------------------------------------------------


def _normal_trapezoid(nodes: int) -> Line:
    """Equidistant nodes whose ends and distance cause errors of the same size.

    The ends at ±L leave out exp(−L²/2); the distance h = 2L/m costs exp(−2πs/h) for an
    integrand with poles at the distance s from the real axis, which is 3/2 for tanh.
    """
    radius = min((3.0 * np.pi * nodes) ** (1.0 / 3.0), NORMAL_RADIUS)
    places = (2.0 * np.arange(nodes) + 1.0 - nodes) * (radius / nodes)
    return places, np.exp(-0.5 * places**2)


def _normal_quantiles(nodes: int) -> Line:
    from scipy.special import ndtri

    return ndtri((np.arange(nodes) + 0.5) / nodes), np.ones(nodes)


def _uniform_quantiles(nodes: int) -> Line:
    return (2.0 * np.arange(nodes) + 1.0 - nodes) / nodes, np.ones(nodes)


def _combinations(values: Float64Array, dimensions: int) -> Float64Array:
    """Combinations (m^q, q) of m values, in C order."""
    axes = np.meshgrid(*[values] * dimensions, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)


def _inside(count: int, dimensions: int) -> BoolArray:
    """Which combinations of `count` equidistant nodes lie in the ball through the ends."""
    squares = np.square(2.0 * np.arange(count, dtype=np.float64) + 1.0 - count)
    return np.asarray(_combinations(squares, dimensions).sum(axis=1) <= count**2)


#: Vocabulary of rules by name.
rules: Registry[Rule] = Registry("quadrature rule")
rules.register("gauss-hermite", Combinations({Gaussian.name: normal_rule}, spectral=True))
rules.register("gauss-legendre", Combinations({Box.name: leggauss}, spectral=True))
rules.register("trapezoid", Ball({Gaussian.name: _normal_trapezoid}, spectral=True))
rules.register(
    "quantile",
    Combinations({Gaussian.name: _normal_quantiles, Box.name: _uniform_quantiles}, spectral=False),
)
rules.register("panels", EqualPanels())
rules.register("circle", Circle())
rules.register("sobol", Sobol())
