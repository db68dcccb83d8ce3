"""Recording loops of one's own: frames are due, times are true, files outlive crashes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import meanfield as mf

NEURON = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
PROBLEM = mf.Problem(NEURON, mf.Dataset([[1.0]], [1.0]))


class Network:
    """Two neurons whose weights tell when they were read."""

    def __init__(self):
        self.time = 0.0

    def read(self):
        return mf.measure_from_arrays([[self.time], [self.time]])

    def walk(self, recorder, times):
        for self.time in times:
            recorder(self.time)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_frames_are_the_first_calls_at_or_after_save_times(kind, tmp_path):
    network = Network()
    store = None if kind == "memory" else tmp_path / "run.h5"
    with mf.Recorder(network.read, PROBLEM, [0.0, 0.5, 0.55, 1.0, 2.0], store=store) as recorder:
        network.walk(recorder, [0.0, 0.3, 0.6, 0.7, 0.9, 1.1, 2.0, 2.5])
    run = recorder.trajectory
    assert run.times.tolist() == [0.0, 0.6, 1.1, 2.0]  # one frame for 0.5 and 0.55
    assert [m.positions[0, 0] for m in run.measures] == run.times.tolist()
    assert np.allclose(run.risk, 0.5 * (run.times - 1.0) ** 2, rtol=1e-14)
    assert run.status == "complete" and str(run.path) == str(store)
    assert run.to_xarray().time.values.tolist() == run.times.tolist()


def test_rounding_of_times_neither_delays_frames_nor_shows():
    network = Network()
    times = np.linspace(0.0, 1.0, 11)
    with mf.Recorder(network.read, PROBLEM, times) as recorder:
        network.walk(recorder, np.cumsum([0.0] + [0.1] * 10))  # ends at 0.9999999999999999
    assert recorder.trajectory.times.tolist() == times.tolist()


CRASH = """
import os, sys
import meanfield as mf
from meanfield.observers import TestRisk
problem = mf.Problem(
    mf.Neuron(1, activation="linear", outer="fixed", bias=False), mf.Dataset([[1.0]], [1.0])
)
recorder = mf.Recorder(
    lambda: mf.measure_from_arrays([[time]]), problem, [0.0, 1.0, 2.0], store=sys.argv[1],
    observers=[TestRisk(mf.Dataset([[2.0]], [0.0]))], framework="JAX",
)
for time in (0.0, 1.0):
    recorder(time)
os._exit(9)
"""


def test_frames_outlive_a_crash(tmp_path):
    path = tmp_path / "run.h5"
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)]).returncode == 9
    run = mf.open(path)
    assert run.status == "running" and run.times.tolist() == [0.0, 1.0]
    assert run.observables["test_risk"].tolist() == [0.0, 2.0]
    assert run.solver.framework == "JAX"
    with pytest.raises(mf.FileError, match="holds no solver state"):
        mf.resume(path)
    with pytest.raises(mf.FileError, match="exists already"):
        mf.Recorder(Network().read, PROBLEM, [0.0, 1.0], store=path)


def test_an_error_in_the_loop_ends_the_run_with_its_reason(tmp_path):
    network, path = Network(), tmp_path / "run.h5"
    recorder = mf.Recorder(network.read, PROBLEM, [0.0, 1.0, 2.0], store=path)
    network.walk(recorder, [0.0, 1.0])
    with pytest.raises(KeyError, match="lost"), recorder:
        raise KeyError("lost")
    run = mf.open(path)
    assert (run.status, run.reason, len(run)) == ("failed", "KeyError: 'lost'", 2)


def test_a_training_that_ends_early_says_so():
    network = Network()
    recorder = mf.Recorder(network.read, PROBLEM, [0.0, 1.0, 2.0])
    network.walk(recorder, [0.0, 1.2])
    with pytest.raises(KeyboardInterrupt), recorder:
        raise KeyboardInterrupt
    assert (recorder.trajectory.status, len(recorder.trajectory)) == ("interrupted", 2)
    other = mf.Recorder(network.read, PROBLEM, [0.0, 1.0, 2.0])
    network.walk(other, [0.0, 1.2])
    assert other.finish() is other.finish()
    assert other.trajectory.reason == "training ended at t = 1.2, before the last save time 2"
    with pytest.raises(mf.InvalidInputError, match="the recorder is finished"):
        other(3.0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (mf.measure_from_arrays(np.ones((3, 1))), "must keep its 2 particles"),
        (mf.measure_from_arrays(np.ones((2, 1), np.float32)), "must keep its 2 particles"),
        (mf.ParticleMeasure([[1.0], [1.0]], [0.25, 0.75]), "must keep its 2 particles"),
        (mf.measure_from_arrays(np.ones((2, 2))), "has 2 parameters, but the neuron has 1"),
        ("weights", "must be a ParticleMeasure or a GridMeasure, got str"),
    ],
)
def test_another_network_is_refused(changed, message):
    measures = [mf.measure_from_arrays(np.ones((2, 1)))]
    recorder = mf.Recorder(lambda: measures[-1], PROBLEM, [0.0, 1.0])
    recorder(0.0)
    measures.append(changed)
    assert not recorder.is_due(0.5) and recorder.is_due(1.0)
    recorder(0.5)
    with pytest.raises(mf.InvalidInputError, match=message):
        recorder(1.0)


def test_mistakes_are_answered_by_a_sentence():
    read = Network().read
    with pytest.raises(mf.InvalidInputError, match="must be a function that returns a measure"):
        mf.Recorder(read(), PROBLEM, [0.0, 1.0])
    with pytest.raises(mf.InvalidInputError, match="save_at must increase .*, got 1, 0"):
        mf.Recorder(read, PROBLEM, [1.0, 0.0])
    with pytest.raises(mf.InvalidInputError, match=r"nothing was recorded: .* from t = 0 on"):
        mf.Recorder(read, PROBLEM, [0.0, 1.0]).finish()
    recorder = mf.Recorder(read, PROBLEM, [0.0, 1.0])
    recorder(0.5)
    with pytest.raises(mf.InvalidInputError, match=r"must not decrease, got 0\.25 after 0\.5"):
        recorder(0.25)
    with pytest.raises(mf.InvalidInputError, match="time must be a nonnegative finite number"):
        recorder(float("nan"))


def test_a_risk_that_overflows_is_a_divergence():
    network = Network()
    recorder = mf.Recorder(network.read, PROBLEM, [0.0, 1.0, 2e200])
    with pytest.raises(mf.DivergenceError, match=r"the risk is inf"):
        network.walk(recorder, [0.0, 1e200, 2e200])
    assert recorder.trajectory.status == "failed" and len(recorder.trajectory) == 1
