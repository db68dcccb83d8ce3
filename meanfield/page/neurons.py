"""Parameters of single neurons, and what the page needs to evaluate them."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.activation import Activation
from meanfield.page.cloud import Sample
from meanfield.page.packing import pack, packed_floats, rounding
from meanfield.page.thinning import Budget, frames_in_pace
from meanfield.page.words import plain
from meanfield.problems import AnyProblem
from meanfield.reduced import ReducedProblem
from meanfield.typing import Array, Float64Array

__all__ = ["activation_table", "interpolate", "neurons"]

_NODES, _MOST_NODES = 1024, 2**14
_CHECKS = 4001
_TOLERANCE = 1e-6  # of the table, relative to the largest value


def neurons(
    problem: AnyProblem, sample: Sample, inputs: Array | None, budget: Budget
) -> dict[str, Any]:
    """Parameters of the sample's neurons, of as many as there is room for; for JSON.

    Parameters
    ----------
    problem : Problem
    sample : Sample
    inputs : (m, d) array or None
        Points at which the page evaluates neurons; None if it does not.
    budget : Budget
    """
    neuron = problem.neuron
    frames, shown, dim = sample.positions.shape
    held, kept = budget.neurons(shown, frames, dim)
    chosen = frames_in_pace(np.linspace(0.0, 1.0, frames), kept)
    rows = np.unique(np.linspace(0, shown - 1, held).round().astype(int))
    positions = sample.positions[chosen][:, rows]
    packed = pack(positions, *_bounds(positions))
    table = None
    if inputs is not None and not isinstance(problem, ReducedProblem):
        table = _table_for(problem, positions, inputs)
    return {
        "names": _names(neuron.parameter_names),
        "outer": neuron.outer_columns,
        "inputs": neuron.inputs,
        "outputs": neuron.outputs,
        "bias": neuron.bias,
        "scale": float(getattr(problem, "scale", 1.0)),
        "activation": neuron.activation.name,
        "frames": chosen.tolist(),
        "rows": None if len(rows) == shown else rows.tolist(),
        "parameters": packed,
        "rounding": float(rounding(packed).max()),
        "table": table,
    }


def _names(names: tuple[str, ...]) -> list[str]:
    """Names of parameters, without an index where there is but one of a kind."""
    letters = [name.partition("_")[0] for name in names]
    alone = [letters.count(letter) == 1 for letter in letters]
    return [
        letter if single else plain(f"${name}$")
        for name, letter, single in zip(names, letters, alone, strict=True)
    ]


def _bounds(positions: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Bounds of each parameter over all frames but those that exploded."""
    sizes = np.abs(positions).max(axis=1)
    sound = sizes <= 30.0 * np.maximum(np.median(sizes, axis=0), 1e-300)
    held = sound[:, None, :]
    low = np.where(held, positions, np.inf).min(axis=(0, 1))
    high = np.where(held, positions, -np.inf).max(axis=(0, 1))
    return low, high


def _table_for(
    problem: AnyProblem, positions: Float64Array, inputs: Array
) -> dict[str, Any] | None:
    """Table of the activation over all that w·x + b can be."""
    neuron = problem.neuron
    outer = neuron.outer_columns
    inner = np.abs(positions[..., outer : outer + neuron.inputs])
    reach = inner @ np.abs(inputs).max(axis=0)
    if neuron.bias:
        reach = reach + np.abs(positions[..., -1])
    return activation_table(neuron.activation, float(reach.max()))


def activation_table(activation: Activation, reach: float) -> dict[str, Any] | None:
    """Nodes, values and slopes of σ on [−reach, reach] for cubic Hermite interpolation.

    Nodes are dense near 0 and sparse far out (a hyperbolic sine of equal steps). At a kink
    there are two nodes with the slopes of either side. So any activation, a user's own
    too, is one table, and no formula is written twice.

    Parameters
    ----------
    activation : Activation
    reach : float

    Returns
    -------
    dict or None
        For JSON, with the largest ``error`` found at 4001 other places, relative to the
        largest |σ|: below 1e-6, unless more than 16384 nodes were needed. None where σ is
        not finite.

    Examples
    --------
    >>> from meanfield.activations import activations
    >>> bool(activation_table(activations["tanh"], 50.0)["error"] < 1e-7)
    True
    """
    between = np.sinh(np.linspace(-1.0, 1.0, _CHECKS) * np.arcsinh(max(reach, 1.0)))
    exact = activation(between)
    size = float(np.abs(exact).max()) or 1.0
    count = _NODES
    while True:
        nodes, values, slopes = _nodes(activation, max(reach, 1.0), count)
        if not (np.isfinite(values).all() and np.isfinite(slopes).all() and np.isfinite(size)):
            return None
        error = float(np.abs(interpolate(nodes, values, slopes, between) - exact).max()) / size
        if error <= _TOLERANCE or count >= _MOST_NODES:
            break
        count *= 2
    names = ("nodes", "values", "slopes")
    arrays = (nodes, values, slopes)
    table: dict[str, Any] = {
        name: packed_floats(array) for name, array in zip(names, arrays, strict=True)
    }
    return table | {"error": error}


def _nodes(
    activation: Activation, reach: float, count: int
) -> tuple[Float64Array, Float64Array, Float64Array]:
    nodes = np.sinh(np.linspace(-1.0, 1.0, count + 1) * np.arcsinh(reach))
    kinks = np.array([kink for kink in activation.kinks if abs(kink) < reach])
    nodes = np.setdiff1d(nodes, kinks)
    right = np.nextafter(kinks, np.inf)
    places = np.concatenate([nodes, kinks, kinks])
    # The derivative at a kink is that from the left; a hair to the right it is the other one.
    slopes = activation.derivative(np.concatenate([nodes, kinks, right + 1e-9]))
    order = np.lexsort((np.r_[np.zeros(len(nodes) + len(kinks)), np.ones(len(kinks))], places))
    return places[order], activation(places)[order], slopes[order]


def interpolate(
    nodes: Float64Array, values: Float64Array, slopes: Float64Array, places: Array
) -> Float64Array:
    """Cubic Hermite interpolation, as the page does it."""
    after = np.clip(np.searchsorted(nodes, places, side="left"), 1, len(nodes) - 1)
    before = after - 1
    step = nodes[after] - nodes[before]
    with np.errstate(invalid="ignore", divide="ignore"):
        s = np.where(step > 0.0, (places - nodes[before]) / step, 0.0)
    rise = values[after] - values[before]
    left, right = step * slopes[before] - rise, rise - step * slopes[after]
    return np.asarray(values[before] + s * rise + s * (1.0 - s) * ((1.0 - s) * left + s * right))
