"""Panels of labels, cut until they resolve the flow map at all times of a run."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from meanfield.measures import ParticleMeasure
from meanfield.panels import PANEL_NODES, Panels
from meanfield.problems import AnyProblem
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.standard_laws import StandardForm
from meanfield.typing import Float64Array

__all__ = ["adapted_panels", "neurons_at_data"]

_FIRST_PANELS = 16
# Parts of the time at which panels must resolve the flow map: layers only grow thinner.
_TIMES = 2.0 ** np.arange(-6, 1)
# The steps of a trial may be as wrong as this share of what its panels leave unresolved.
_STEP_SHARE = 0.01
_LOOSEST = 1e-4
_POINTS = 256


def adapted_panels(
    problem: AnyProblem,
    form: StandardForm,
    flow: ParticleFlow,
    tolerance: float,
    t_end: float,
    nodes: int,
) -> Panels:
    """Panels which resolve the flow map, as the outputs see it, at all times up to `t_end`.

    The flow is run from the start again and again; after each trial those panels are cut
    on which Φ(x_j; X_t(z)), as a function of the label z, has one of its last two Legendre
    coefficients, times the mass of the panel, above the tolerance. These, of degrees 8 and
    9, are what five nodes a panel miss; ten nodes, exact up to degree 19, are better by
    orders of magnitude where the map is smooth. Trials take steps no more accurate than
    their panels are.

    Parameters
    ----------
    problem : Problem or PopulationProblem
    form : StandardForm
        Law with one free parameter.
    flow : ParticleFlow
        How labels are moved.
    tolerance : float
        Relative to max_j ∫ |Φ(x_j; θ)| dμ.
    t_end : float
    nodes : int
        Largest number of nodes; where it does not suffice, a warning says so.

    Examples
    --------
    >>> from meanfield import Dataset, Gaussian, Neuron, Problem
    >>> neuron = Neuron(1, outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[-1.0], [1.0]], [0.0, 0.5]))
    >>> form = StandardForm.of(Gaussian(1))
    >>> panels = adapted_panels(problem, form, ParticleFlow(), 1e-6, 3.0, 1000)
    >>> len(panels) > 16, len(panels.measure()) == 10 * len(panels)
    (True, True)
    """
    panels, worst = Panels.equal(form, _FIRST_PANELS), 1.0
    rtol, atol = flow.tolerances(problem)
    while True:
        looser = max(1.0, min(_LOOSEST, _STEP_SHARE * worst) / rtol)
        trial = replace(flow, rtol=looser * rtol, atol=looser * atol)
        defects, profiles = _unresolved(problem, panels, trial, t_end)
        marked, worst = defects > tolerance, float(defects.max())
        if not marked.any() and (looser * rtol <= tolerance or looser == 1.0):
            return panels
        finer = panels.cut(marked, profiles)
        if len(finer) * PANEL_NODES > nodes and marked.any():
            warnings.warn(
                f"{nodes} nodes on panels leave a relative error of about {defects.sum():.1e} "
                f"up to t = {t_end:g}, above the tolerance {tolerance:g}; use more nodes or a "
                "looser tolerance",
                stacklevel=2,
            )
            return panels
        panels = finer


def _unresolved(
    problem: AnyProblem, panels: Panels, flow: ParticleFlow, t_end: float
) -> tuple[Float64Array, Float64Array]:
    """Defects of the panels relative to the outputs, and profiles, at the worst of the times."""
    measure = panels.measure()
    state = flow.start(problem, measure, 0)
    defects, profiles = np.full(len(panels), -1.0), np.zeros((len(panels), PANEL_NODES))
    for time in t_end * _TIMES:
        state, moved = flow.advance(problem, state, float(time))
        values = neurons_at_data(problem, moved)
        size = float((moved.weights @ np.abs(values)).max()) or 1.0
        now, shapes = panels.defects(values)
        worse = now / size > defects
        defects[worse], profiles[worse] = now[worse] / size, shapes[worse]
    return defects, profiles


def neurons_at_data(problem: AnyProblem, measure: ParticleMeasure) -> Float64Array:
    """Φ(x_j; θ_i) for all particles, shape (N, n k); of many data, for some 256 of them."""
    neuron = problem.neuron
    inputs = problem.data.inputs[:: -(-len(problem.data) // _POINTS)]
    positions = measure.positions.astype(np.float64)
    outer, inner = positions[:, : neuron.outer_columns], positions[:, neuron.outer_columns :]
    values = inner[:, : neuron.inputs] @ inputs.T
    if neuron.bias:
        values = values + inner[:, -1:]
    values = neuron.activation(values)
    if neuron.outer_columns:
        values = (outer[:, :, None] * values[:, None, :]).reshape(len(values), -1)
    return np.asarray(values)
