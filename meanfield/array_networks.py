"""Networks as plain arrays, of JAX or anything else, read as measures over neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.checks import as_columns, as_finite_array, as_number
from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure

__all__ = ["measure_from_arrays"]


def measure_from_arrays(
    inner: Any,
    outer: Any = None,
    bias: Any = None,
    *,
    output_factor: float = 1.0,
    scale: float = 1.0,
) -> ParticleMeasure:
    """Read a network f(x) = s Σ_i A_i σ(w_i·x + b_i) of N neurons as a measure.

    The same network is the mean α (1/N) Σ_i a_i σ(w_i·x + b_i) with a_i = (N s/α) A_i.
    Every array has one row a neuron. JAX arrays are taken as they are; of a flax ``Dense``
    layer, whose kernel is (inputs, units), these are ``inner=first["kernel"].T``,
    ``bias=first["bias"]`` and ``outer=second["kernel"]``.

    Parameters
    ----------
    inner : (N, d) array
        Inner weights w_i.
    outer : (N, k) or (N,) array, optional
        Outer weights A_i; without them the neurons have ``outer="fixed"``, and the
        network is the mean α (1/N) Σ_i σ(w_i·x + b_i).
    bias : (N,) array, optional
        Inner biases b_i; without them the neurons have ``bias=False``.
    output_factor : float
        s: 1 for a plain sum, 1/N where the network divides by its width.
    scale : float
        α, the ``scale`` of the problem.

    Returns
    -------
    ParticleMeasure
        float32 if all arrays are, or are bfloat16; otherwise float64.

    Raises
    ------
    InvalidInputError
        If shapes do not fit, or numbers are not finite.

    Examples
    --------
    >>> measure_from_arrays([[1.0, 2.0], [3.0, 4.0]], outer=[0.5, 0.25], bias=[0.0, 1.0]).positions
    array([[1. , 1. , 2. , 0. ],
           [0.5, 3. , 4. , 1. ]])
    """
    weights = as_finite_array("inner", _widened(inner), 2)
    neurons = len(weights)
    factor = as_number("output_factor", output_factor)
    magnification = neurons * factor / as_number("scale", scale, "positive")
    parts = [weights]
    if outer is not None:
        given = np.asarray(_widened(outer))
        columns = as_columns("outer", given)
        turned = weights.shape[1] == len(columns) and weights.shape[1] != neurons
        if len(columns) != neurons:
            raise InvalidInputError(
                f"inner and outer must have one row a neuron, got shapes {weights.shape} and "
                f"{given.shape}; transpose {'inner' if turned else 'outer'}, or check them"
            )
        single = given.dtype == np.float32
        parts.insert(0, (magnification * columns).astype(np.float32 if single else np.float64))
    if bias is not None:
        offsets = as_finite_array("bias", _widened(bias), 1)
        if len(offsets) != neurons:
            raise InvalidInputError(
                f"bias must have one number a neuron, {neurons}, got {len(offsets)}"
            )
        parts.append(offsets[:, None])
    return ParticleMeasure(np.concatenate(parts, axis=1))


def _widened(values: Any) -> Any:
    """The array, in float32 if it has the bfloat16 of JAX, which NumPy does not know."""
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else values
