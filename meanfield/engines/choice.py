"""Which engine serves a neuron, its data and a number of particles."""

from __future__ import annotations

from typing import Any

from meanfield.engines.chebyshev import ChebyshevEngine, is_analytic
from meanfield.engines.direct import DirectEngine
from meanfield.engines.engine import Engine
from meanfield.engines.sorted_data import SortedEngine
from meanfield.engines.tiled import TiledEngine
from meanfield.neurons import Neuron
from meanfield.typing import Float64Array

__all__ = ["choose_engine"]

# Above this many inputs, matrix products are faster than loops in registers.
_MOST_DIRECT = 8
# From so many data points on, a few nodes in their place save more than they cost.
_LEAST_INTERPOLATED = 150


def choose_engine(neuron: Neuron, inputs: Float64Array, dtype: Any) -> Engine:
    """The fastest engine that applies.

    Parameters
    ----------
    neuron : Neuron
    inputs : (n, d) array
    dtype : numpy dtype
        Precision of the particles, float32 or float64.
    """
    if neuron.outputs > 1 or neuron.inputs > _MOST_DIRECT:
        return TiledEngine(neuron, inputs, dtype)
    if neuron.inputs == 1 and neuron.activation.spline is not None:
        return SortedEngine(neuron, inputs, dtype)
    if neuron.inputs == 1 and is_analytic(neuron) and len(inputs) >= _LEAST_INTERPOLATED:
        return ChebyshevEngine(neuron, inputs, dtype)
    return DirectEngine(neuron, inputs, dtype)
