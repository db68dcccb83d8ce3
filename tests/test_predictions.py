"""Predicted constants of a comparison: those of the linearised flow, and why there are none."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.experiment import Experiment
from meanfield.measures import Gaussian
from meanfield.neurons import Neuron
from meanfield.predictions import predict
from meanfield.problem import Problem
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD
from oracles import LinearNeuron, line_data

LINEAR = LinearNeuron(line_data())
TIMES = np.array([0.0, 0.5, 1.0])
LINE = Experiment(
    "line", LINEAR.problem, Gaussian(1, mean=LINEAR.limit), 100, TIMES,
    {"particle-flow": ParticleFlow()}, test=Dataset([[2.0]], [0.0]),
)  # fmt: skip
# Variance of 1024 Sobol normals.
SOBOL = 0.01


def test_linear_neuron_has_the_exact_constants():
    found, notes = predict(LINE, ParticleFlow(), TIMES)
    decay = np.exp(-LINEAR.curvature * TIMES)
    np.testing.assert_allclose(found["function_constant"], LINEAR.curvature * decay**2, rtol=SOBOL)
    np.testing.assert_allclose(
        found["coupling_constant"], (1.0 - decay) ** 2, rtol=SOBOL, atol=1e-12
    )
    np.testing.assert_allclose(found["test_constant"], 4.0 * decay**2, rtol=SOBOL)
    x = LINEAR.data.inputs[:, 0]
    np.testing.assert_allclose(
        found["covariance"], np.outer(x, x) * decay[-1] ** 2, rtol=SOBOL, atol=1e-12
    )
    assert "step_constant" not in found
    assert notes == []


def test_batches_divide_the_noise_of_steps_and_epochs_remove_it():
    one, four, epochs = (
        predict(LINE, SGD(0.01, **options), TIMES)[0]
        for options in ({}, {"batch_size": 4}, {"replacement": False})
    )
    exact = LINEAR.curvature * LINEAR.sgd_variance(LINEAR.limit, 1e-4, 1, 10_000) / 1e-4
    assert one["step_constant"][-1] == pytest.approx(exact, rel=0.01)
    for name in ("step_constant", "step_coupling_constant", "step_covariance"):
        np.testing.assert_allclose(four[name], one[name] / 4.0)
        assert not epochs[name].any()


@pytest.mark.parametrize(
    ("changes", "solver", "note"),
    [
        ({}, Langevin(0.1), "there are no predicted constants for the solver langevin"),
        ({}, SGD(0.1, momentum=0.9), "no predicted constants for SGD with momentum"),
        (
            {"problem": Problem(Neuron(1, activation="relu"), LINEAR.data), "initial": Gaussian(3)},
            ParticleFlow(),
            "there are no predicted constants: .*relu",
        ),
        (
            {"problem": Problem(LINEAR.problem.neuron, Dataset(np.ones(1025), np.ones(1025)))},
            ParticleFlow(),
            "constants are predicted for up to 1024 points; there are 1025",
        ),
    ],
)
def test_where_they_do_not_apply_a_note_says_so(changes, solver, note):
    found, notes = predict(replace(LINE, **changes), solver, TIMES)
    assert found == {}
    assert len(notes) == 1
    assert re.search(note, notes[0])
