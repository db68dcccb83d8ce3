"""Predicted constants of a comparison: those of the linearised flow, and why there are none."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.experiment import Experiment
from meanfield.fluctuations import fluctuations
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.predictions import _node_count, predict
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
# Variance of 512 Sobol normals, twice.
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
    ],
)
def test_where_they_do_not_apply_a_note_says_so(changes, solver, note):
    found, notes = predict(replace(LINE, **changes), solver, TIMES)
    assert found == {}
    assert len(notes) == 1
    assert re.search(note, notes[0])


def test_what_would_take_too_long_is_refused_and_less_gets_fewer_nodes():
    problem = Problem(Neuron(1, activation="tanh"), Dataset(np.linspace(-1, 1, 200), np.ones(200)))
    broad = replace(LINE, problem=problem, initial=Gaussian(3), test=None)
    found, notes = predict(broad, ParticleFlow(), 1e3 * TIMES)
    assert found == {}
    assert re.search(r"flow would take about \d+ times as long .*meanfield.fluctuations", notes[0])
    counts = [_node_count(broad, end, 0, None)[0] for end in (1e-3, 1.5, 1e3)]
    assert counts[0] == 512
    assert counts[-1] is None


def test_a_fast_limit_costs_more_than_its_start():
    neuron = Neuron(1, activation="tanh", bias=False)
    problem = Problem(neuron, LINEAR.data)
    near = replace(LINE, problem=problem, initial=Gaussian(2), test=None)
    far = ParticleMeasure(np.full((256, 2), [30.0, 0.1]))
    assert _node_count(near, 1.0, 0, far)[1] > 10.0 * _node_count(near, 1.0, 0, None)[1]


def test_doubt_is_half_the_difference_of_two_scramblings(monkeypatch):
    found, notes = predict(LINE, ParticleFlow(), TIMES)
    assert notes == []
    assert 0.0 < found["function_constant_error"][-1] < SOBOL * found["function_constant"][-1]

    calls = []

    def scaled(*arguments, **options):
        calls.append(1)
        part = fluctuations(*arguments, **options)
        factor = 1.0 if len(calls) == 1 else 1.5
        return replace(part, function_constant=factor * part.function_constant)

    monkeypatch.setattr("meanfield.predictions.fluctuations", scaled)
    found, notes = predict(LINE, ParticleFlow(), TIMES)
    value = found["function_constant"][-1]
    assert found["function_constant_error"][-1] == pytest.approx(0.2 * value, rel=0.05)
    assert re.search("the predicted C is known to (19|20|21)% only", notes[0])
