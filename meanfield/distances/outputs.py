"""Distance of the networks that two measures are."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.measures import Measure
from meanfield.problems import AnyProblem

__all__ = ["function"]


def function(problem: AnyProblem, mu: Measure, nu: Measure, inputs: Any = None) -> float:
    """Root mean square distance of outputs, (Σ_j p_j |f(x_j; μ) − f(x_j; ν)|²)^(1/2).

    Parameters
    ----------
    problem : Problem or PopulationProblem
        Whose neuron makes networks of the measures.
    mu, nu : Measure
    inputs : (m, d) array, optional
        Points with equal weights; by default the data of the problem with theirs.

    Raises
    ------
    InvalidInputError
        If measures or inputs do not fit the neuron.

    Examples
    --------
    >>> from meanfield import Dataset, Neuron, ParticleMeasure, Problem
    >>> neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[2.0]], [0.0]))
    >>> function(problem, ParticleMeasure([[1.0]]), ParticleMeasure([[4.0]]))
    6.0
    """
    points = problem.data.inputs if inputs is None else inputs
    difference = problem.predict(mu, points) - problem.predict(nu, points)
    squares = (difference**2).sum(axis=1)
    mean = squares.mean() if inputs is not None else problem.data.weights @ squares
    return float(np.sqrt(mean))
