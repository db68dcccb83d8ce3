"""Independent methods agree on three problems, at the level of the errors they expect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meanfield import Dataset, Neuron, Problem
from meanfield.audit import audit
from meanfield.experiment import Experiment, scenarios
from meanfield.laws import Gaussian
from meanfield.solvers import ParticleFlow

X = np.linspace(-2.0, 2.0, 9)


def thin_layers():
    """tanh(w x), whose flow map grows layers at the borders of basins of attraction."""
    neuron = Neuron(1, outer="fixed", bias=False)
    problem = Problem(neuron, Dataset(X, np.tanh(3.0 * X) - 0.9 * np.tanh(0.5 * X)))
    flow = {"particle-flow": ParticleFlow(rtol=1e-8)}
    return Experiment("layers", problem, Gaussian(1), 4096, np.array([0.0, 20.0]), flow)


def noisy_plane():
    """tanh(w x + b) at temperature 0.1, up to a time at which it still moves."""
    return replace(scenarios["gibbs-1d"]().build(), save_at=np.array([0.0, 2.0]), particles=2000)


def radial():
    """Lengths of neurons in R^40."""
    scenario = scenarios["two-gaussians-radial"](t_end=2.0, particles=400)
    return replace(scenario.build(), save_at=np.array([0.0, 2.0]))


@pytest.mark.parametrize(
    ("build", "solvers", "error"),
    [
        (thin_layers, ("quadrature", "grid", "particles"), 3e-3),
        (noisy_plane, ("grid", "langevin"), 2e-2),
        (radial, ("quadrature", "grid", "particles"), 3e-2),
    ],
)
def test_methods_agree(build, solvers, error):
    found = audit(build(), solvers=solvers)
    assert list(found.answers) == list(solvers), found.refusals
    assert found.disagreements == []
    # Agreement says something only where errors are small against outputs of order one.
    assert max(answer.error.outputs for answer in found.answers.values()) < error
