"""Two-layer networks of PyTorch as measures over neurons, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.errors import InvalidInputError
from meanfield.measures import Measure, ParticleMeasure, require_measure
from meanfield.neurons import Neuron
from meanfield.torch_layers import Outer, find_layers, require_torch

if TYPE_CHECKING:
    import torch

__all__ = ["load_into_torch", "measure_from_torch", "neuron_from_torch"]


def neuron_from_torch(
    model: torch.nn.Module, *, activation: Any = None, outer: Outer = "trained"
) -> Neuron:
    """Return the neuron Φ of a two-layer PyTorch network.

    Parameters
    ----------
    model : torch.nn.Module
        Linear, activation, Linear, as in `measure_from_torch`.
    activation : str, dict or Activation, optional
        σ, where the model has no module for it or one that is not known. Known are ReLU,
        LeakyReLU, Tanh, Sigmoid, SiLU, Softplus, GELU (exact), ReLU6, Hardtanh,
        Hardsigmoid; no module at all is the identity.
    outer : {"trained", "fixed"}
        As in `measure_from_torch`.

    Raises
    ------
    InvalidInputError
        If the model is no such network, or its activation is unknown.

    Examples
    --------
    >>> import torch
    >>> neuron_from_torch(torch.nn.Sequential(
    ...     torch.nn.Linear(3, 50, bias=False), torch.nn.GELU(), torch.nn.Linear(50, 1, bias=False)
    ... )).parameter_names
    ('a_0', 'w_0', 'w_1', 'w_2')
    """
    return find_layers(model, activation, None).neuron(outer)


def measure_from_torch(
    model: torch.nn.Module,
    *,
    output_factor: float = 1.0,
    scale: float = 1.0,
    activation: Any = None,
    outer: Outer = "trained",
) -> ParticleMeasure:
    """Read the weights of a two-layer PyTorch network as a measure over its neurons.

    The network f(x) = s Σ_i A_i σ(w_i·x + b_i) is the mean
    f(x) = α (1/N) Σ_i a_i σ(w_i·x + b_i) with a_i = (N s/α) A_i: a measure of N neurons of
    equal mass, which a problem with this neuron and the scale α predicts the same from. The
    initialisation of PyTorch, |A_i| ≤ N^(−1/2), makes a_i of the order N^(1/2): this is the
    kernel regime. For a mean-field limit a_i has to be of order 1: see `load_into_torch`.

    Parameters
    ----------
    model : torch.nn.Module
        A Sequential of Linear, activation, Linear, or a module whose layers are these, in
        the order in which they are registered; Flatten, Identity and Dropout with p=0 may
        stand around. The second layer has no bias, or a zero one: neurons have none. The
        forward is tried at a few points.
    output_factor : float
        s: 1 where the outputs of the second layer are the network's, 1/N where the forward
        or the loop divides them by the width. If the forward multiplies by something else,
        the error says by what.
    scale : float
        α, the ``scale`` of the problem.
    activation : str, dict or Activation, optional
        As in `neuron_from_torch`.
    outer : {"trained", "fixed"}
        Fixed: all a_i must be 1 and are left out, for problems with
        ``Neuron(outer="fixed")``.

    Returns
    -------
    ParticleMeasure
        A copy: float64 for a model in float64, otherwise float32.

    Raises
    ------
    InvalidInputError
        If the model is anything else; the message says what was found.

    Examples
    --------
    >>> import torch
    >>> import meanfield as mf
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(2, 100), torch.nn.Tanh(), torch.nn.Linear(100, 1, bias=False)
    ... ).double()
    >>> x = torch.randn(5, 2, dtype=torch.float64)
    >>> problem = mf.Problem(mf.neuron_from_torch(model), mf.Dataset(x.numpy(), np.zeros(5)))
    >>> outputs = problem.predict(mf.measure_from_torch(model), x.numpy())
    >>> np.allclose(outputs, model(x).detach().numpy(), rtol=1e-12, atol=1e-12)
    True
    """
    layers = find_layers(model, activation, output_factor)
    return ParticleMeasure(layers.positions(scale, outer))


def load_into_torch(
    measure: Measure,
    model: torch.nn.Module,
    *,
    output_factor: float = 1.0,
    scale: float = 1.0,
    activation: Any = None,
    outer: Outer = "trained",
) -> None:
    """Write the neurons of a measure into a two-layer PyTorch network: `measure_from_torch` back.

    So a network begins at a mean-field law, for example at a measure of N independent
    draws, ``mf.Gaussian(dim).sample(N, seed)``.

    Parameters
    ----------
    measure : ParticleMeasure
        Of as many particles, of equal mass, as the model has neurons.
    model, output_factor, scale, activation, outer
        As in `measure_from_torch`.

    Raises
    ------
    InvalidInputError
        If the model is no such network, or numbers of neurons or parameters differ.

    Examples
    --------
    >>> import torch
    >>> import meanfield as mf
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(1, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1, bias=False)
    ... ).double()
    >>> start = mf.ParticleMeasure.gaussian(8, 3, seed=0)
    >>> mf.load_into_torch(start, model)
    >>> mf.measure_from_torch(model) == start  # 8 is a power of 2: not even rounding
    True
    """
    torch = require_torch()
    require_measure("measure", measure)
    layers = find_layers(model, activation, output_factor)
    neuron = layers.neuron(outer)
    uniform = isinstance(measure, ParticleMeasure) and measure.is_uniform
    if len(measure) != layers.width or measure.dim != neuron.dim or not uniform:
        raise InvalidInputError(
            f"the model has {layers.width} neurons of equal mass with {neuron.dim} parameters "
            f"({', '.join(neuron.parameter_names)}), got {measure!r}"
        )
    split = np.cumsum([neuron.outer_columns, neuron.inputs])
    a, w, b = np.split(measure.positions.astype(np.float64), split, axis=1)
    a = a if outer == "trained" else np.ones((len(measure), 1))
    written = [
        (layers.outer.weight, a.T / layers.magnification(scale)),
        (layers.inner.weight, w),
        *([(layers.inner.bias, b[:, 0])] if neuron.bias else []),
    ]
    with torch.no_grad():
        for parameter, values in written:
            parameter.copy_(torch.as_tensor(values, dtype=parameter.dtype))
