"""Panels of labels: Gauss's rule on intervals, cut finer where the flow map grows layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.laws import Gaussian, Sphere
from meanfield.measures import ParticleMeasure
from meanfield.standard_laws import StandardForm
from meanfield.typing import Array, BoolArray, Float64Array

__all__ = ["NORMAL_RADIUS", "PANEL_NODES", "Panels"]

#: Nodes of a panel.
PANEL_NODES = 10
#: Beyond this many standard deviations lies a mass of 2e-17.
NORMAL_RADIUS = 8.5


@dataclass(frozen=True, eq=False)
class Panels:
    """Intervals of the label z of a law with one free parameter.

    The label is the parameter at time 0 in units of the law: standard normal, or uniform
    on [−1, 1]. The nodes of every panel are those of Gauss's rule, which is exact for
    polynomials of degree 19; their masses carry the density of the law.

    Parameters
    ----------
    form : StandardForm
        The law.
    edges : (P + 1,) array
        Ends of the panels, increasing.

    Examples
    --------
    >>> panels = Panels.equal(StandardForm.of(Gaussian(1)), 16)
    >>> len(panels), len(panels.measure()), len(panels.measure(5))
    (16, 160, 80)
    """

    form: StandardForm
    edges: Float64Array

    def __post_init__(self) -> None:
        if self.form.dimensions != 1 or self.form.name == Sphere.name:
            raise InvalidInputError(f"panels need one free parameter, but {self.form} was given")

    @classmethod
    def equal(cls, form: StandardForm, count: int) -> Panels:
        """Panels of equal length.

        Raises
        ------
        InvalidInputError
            If the law has not exactly one free parameter, or is one of a sphere.
        """
        radius = NORMAL_RADIUS if form.name == Gaussian.name else 1.0
        return cls(form, np.linspace(-radius, radius, count + 1))

    @classmethod
    def through(cls, form: StandardForm, measure: ParticleMeasure) -> Panels:
        """Panels of which a measure of nodes may be the one, up to rounding."""
        labels = form.labels(measure.positions)[:, 0]
        first, last = labels[::PANEL_NODES], labels[PANEL_NODES - 1 :: PANEL_NODES]
        middle, half = (first + last) / 2.0, (last - first) / 2.0 / _gauss(PANEL_NODES)[0][-1]
        return cls(form, np.append(middle - half, middle[-1] + half[-1]))

    def __len__(self) -> int:
        return len(self.edges) - 1

    def measure(self, nodes: int = PANEL_NODES) -> ParticleMeasure:
        """Weighted nodes, panel after panel, with `nodes` of them in each."""
        labels, masses = self._nodes(nodes)
        positions = self.form.place(labels.reshape(-1, 1))
        return ParticleMeasure(positions, masses.reshape(-1) / masses.sum())

    def _nodes(self, nodes: int) -> tuple[Float64Array, Float64Array]:
        """Labels and masses, (P, nodes) each."""
        places, masses = _gauss(nodes)
        half = np.diff(self.edges)[:, None] / 2.0
        labels = (self.edges[:-1] + self.edges[1:])[:, None] / 2.0 + half * places
        density = np.exp(-0.5 * labels**2) if self.form.name == Gaussian.name else 1.0
        return labels, half * masses * density

    def defects(self, values: Array) -> tuple[Float64Array, Float64Array]:
        """How much of the integral of functions each panel leaves unresolved.

        That is the mass of the panel times the larger of the last two coefficients of the
        expansion in Legendre polynomials, the largest over all functions.

        Parameters
        ----------
        values : (10 P, m) array
            The functions at the nodes of `measure`.

        Returns
        -------
        defects : (P,) array
        profiles : (P, 10) array
            On each panel the function that is resolved least, at the nodes.
        """
        _, masses = self._nodes(PANEL_NODES)
        shares = masses.sum(axis=1) / masses.sum()
        by_panel = values.reshape(len(self), PANEL_NODES, -1)
        last = np.abs(np.einsum("ci,pim->pcm", _last_coefficients(), by_panel)).max(axis=1)
        every, worst = np.arange(len(self)), last.argmax(axis=1)
        return shares * last[every, worst], by_panel[every, :, worst]

    def cut(self, marked: BoolArray, profiles: Float64Array) -> Panels:
        """Panels of which the marked ones are cut finer.

        A panel is cut in the middle; but where a single gap between two nodes holds most of
        what a profile varies, a thin layer, it is cut at both ends of the gap.

        Parameters
        ----------
        marked : (P,) array of bool
        profiles : (P, 10) array
            As `defects` gives them.
        """
        labels, _ = self._nodes(PANEL_NODES)
        changes = np.abs(np.diff(profiles, axis=1))
        gaps, every = changes.argmax(axis=1), np.arange(len(self))
        layered = marked & (changes[every, gaps] > 0.5 * changes.sum(axis=1))
        middles = ((self.edges[:-1] + self.edges[1:]) / 2.0)[marked & ~layered]
        ends = [labels[every, gaps + side][layered] for side in (0, 1)]
        return Panels(self.form, np.unique(np.concatenate([self.edges, middles, *ends])))


@cache
def _gauss(nodes: int) -> tuple[Float64Array, Float64Array]:
    """Gauss's rule on [−1, 1]."""
    places, masses = np.polynomial.legendre.leggauss(nodes)
    return places, masses


@cache
def _last_coefficients() -> Float64Array:
    """From values at the nodes to the last two coefficients of the interpolant, (2, 10)."""
    places, masses = _gauss(PANEL_NODES)
    degrees = np.arange(PANEL_NODES - 2, PANEL_NODES)
    polynomials = np.polynomial.legendre.legvander(places, PANEL_NODES - 1)[:, degrees]
    return np.asarray((degrees[:, None] + 0.5) * (polynomials * masses[:, None]).T)
