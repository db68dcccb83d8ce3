"""The loop: times, observers, files, resuming, failures."""

from __future__ import annotations

import numpy as np
import pytest

import meanfield as mf
from meanfield.datasets import Dataset
from meanfield.errors import DivergenceError, FileError, InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.observers import TestRisk
from meanfield.simulate import resume, simulate
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.quadrature_flow import QuadratureFlow
from meanfield.solvers.sgd import SGD
from oracles import LinearNeuron, line_data

ORACLE = LinearNeuron(line_data())
START = ParticleMeasure.gaussian(6, 1, seed=0)
SOLVERS = [
    ParticleFlow(),
    ParticleFlow(method="rk4", step=0.07),
    SGD(step=0.01, batch_size=2),
    SGD(step=0.01, batch_size=2, replacement=False, momentum=0.9),
]


class StopAfter:
    """Interrupts the run when it sees a certain frame."""

    def __init__(self, index):
        self.index = index

    def __call__(self, frame):
        if frame.index == self.index:
            raise KeyboardInterrupt


def test_frames_are_exactly_at_the_save_times():
    times = [0.0, 0.1, 0.7, 1.0]
    run = simulate(ORACLE.problem, START, ParticleFlow(), t_end=1.0, save_at=times)
    assert run.times.tolist() == times
    for t, measure in zip(times, run.measures, strict=True):
        exact = ORACLE.positions(START.positions, START.weights, t)
        np.testing.assert_allclose(measure.positions, exact, atol=1e-6)


def test_default_frames_are_101_from_start_to_end():
    run = simulate(ORACLE.problem, START, ParticleFlow(), t_end=2.0)
    assert len(run) == 101
    assert run.times[0] == 0.0
    assert run.times[-1] == 2.0
    assert run.status == "complete"


def test_recorded_risk_and_energy_are_those_of_the_measures():
    run = simulate(ORACLE.problem, START, ParticleFlow(), t_end=1.0, save_at=[0.0, 1.0])
    assert run.risk[-1] == ORACLE.problem.risk(run.measures[-1])
    assert run.energy[-1] == ORACLE.problem.energy(run.measures[-1])


def test_named_observers_are_recorded():
    fresh = Dataset([[2.0]], [1.0])
    run = simulate(
        ORACLE.problem, START, ParticleFlow(), t_end=1.0, save_at=[0.0, 1.0],
        observers=[TestRisk(fresh)],
    )  # fmt: skip
    expected = [ORACLE.problem.risk_on(measure, fresh) for measure in run.measures]
    assert run.observables["test_risk"].tolist() == expected


def test_unnamed_observers_see_every_frame():
    seen = []
    simulate(
        ORACLE.problem, START, ParticleFlow(), t_end=1.0, save_at=[0.0, 0.5, 1.0],
        observers=[lambda frame: seen.append((frame.index, frame.time))],
    )  # fmt: skip
    assert seen == [(0, 0.0), (1, 0.5), (2, 1.0)]


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_file_and_memory_hold_the_same_bits(tmp_path, solver):
    options = {"t_end": 1.0, "save_at": [0.0, 0.3, 1.0], "seed": 5}
    memory = simulate(ORACLE.problem, START, solver, **options)
    stored = simulate(ORACLE.problem, START, solver, store=tmp_path / "run.h5", **options)
    opened = mf.open(tmp_path / "run.h5")
    for run in (stored, opened):
        assert list(run.measures) == list(memory.measures)
        assert run.risk.tolist() == memory.risk.tolist()
    assert opened.problem == ORACLE.problem
    assert opened.solver == memory.solver
    assert getattr(solver, "could_be", solver.__eq__)(opened.solver)
    assert opened.seed == 5


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_resumed_run_has_the_bits_of_the_uninterrupted_one(tmp_path, solver):
    options = {"t_end": 1.0, "save_at": np.linspace(0.0, 1.0, 8), "seed": 5}
    whole = simulate(ORACLE.problem, START, solver, **options)
    path = tmp_path / "run.h5"
    with pytest.raises(KeyboardInterrupt):
        simulate(ORACLE.problem, START, solver, store=path, observers=[StopAfter(4)], **options)
    assert mf.open(path).status == "interrupted"
    assert len(mf.open(path)) == 4
    run = resume(path)
    assert run.status == "complete"
    assert list(run.measures) == list(whole.measures)
    assert run.risk.tolist() == whole.risk.tolist()


def test_resuming_a_complete_run_returns_it(tmp_path):
    path = tmp_path / "run.h5"
    simulate(ORACLE.problem, START, ParticleFlow(), t_end=1.0, store=path)
    assert len(resume(path)) == 101


def test_diverging_run_keeps_its_frames(tmp_path):
    path = tmp_path / "run.h5"
    flow = ParticleFlow(method="euler", step=10.0)
    with pytest.raises(DivergenceError, match="smaller step"):
        simulate(
            ORACLE.problem, START, flow, t_end=1e4, save_at=np.arange(0, 10001, 10), store=path
        )
    run = mf.open(path)
    assert run.status == "failed"
    assert "smaller step" in run.reason
    assert len(run) > 10
    assert np.isfinite(run.risk).all()


def test_existing_file_is_not_overwritten(tmp_path):
    path = tmp_path / "run.h5"
    options = {"t_end": 1.0, "save_at": [0.0, 1.0], "store": path}
    simulate(ORACLE.problem, START, ParticleFlow(), **options)
    before = path.read_bytes()
    with pytest.raises(FileError, match="exists"):
        simulate(ORACLE.problem, START, ParticleFlow(), **options)
    assert path.read_bytes() == before
    simulate(ORACLE.problem, START, ParticleFlow(), force=True, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"t_end": -1.0}, "t_end must be a positive finite number, got -1.0"),
        ({"t_end": 1.0, "save_at": [0.0, 2.0]}, r"save_at must increase within \[0, t_end = 1\]"),
        ({"t_end": 1.0, "save_at": [0.5, 0.1]}, "out of order"),
        ({"t_end": 1.0, "save_at": []}, "save_at must not be empty"),
        ({"t_end": 1.0, "seed": -1}, "seed must be an integer >= 0, got -1"),
    ],
)
def test_bad_arguments_are_explained(options, message):
    with pytest.raises(InvalidInputError, match=message):
        simulate(ORACLE.problem, START, ParticleFlow(), **options)


def test_measure_of_another_dimension_is_refused():
    with pytest.raises(
        InvalidInputError, match="the measure has 2 parameters, but the neuron has 1"
    ):
        simulate(ORACLE.problem, ParticleMeasure([[0.0, 0.0]]), ParticleFlow(), t_end=1.0)


def test_a_law_is_refused_with_how_to_draw_from_it():
    law = mf.Gaussian(1)
    message = (
        r"got the law Gaussian\(dim=1, .*draw neurons .* mf.Gaussian\(2\).sample\(1000, seed=0\)"
    )
    with pytest.raises(InvalidInputError, match=message):
        simulate(ORACLE.problem, law, ParticleFlow(), t_end=1.0)
    for solver in (GridFlow(), QuadratureFlow()):
        with pytest.raises(InvalidInputError, match=rf"{solver.name} makes its own: solver.place"):
            simulate(ORACLE.problem, law, solver, t_end=1.0)


def test_the_package_exports_functions_not_modules():

    assert callable(mf.simulate)
    assert callable(mf.compare)
