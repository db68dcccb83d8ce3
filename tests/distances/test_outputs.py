"""Distance of the networks that two measures are."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import distances
from meanfield.datasets import Dataset
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem


def test_function_distance_weighs_the_data():
    data = Dataset([[1.0], [2.0]], [0.0, 0.0], weights=[0.25, 0.75])
    problem = Problem(Neuron(1, activation="linear", outer="fixed", bias=False), data)
    mu, nu = ParticleMeasure([[0.0]]), ParticleMeasure([[1.0]])
    assert distances.function(problem, mu, nu) == pytest.approx(np.sqrt(0.25 + 0.75 * 4))
    assert distances.function(problem, mu, nu, [[3.0]]) == pytest.approx(3.0)
