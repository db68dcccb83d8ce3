"""Runs that stop and go on, or go on for longer: the same bits as if they never stopped."""

from __future__ import annotations

import json
import os
from importlib import import_module

import h5py
import numpy as np
import pytest
import xarray

import meanfield as mf
from meanfield.cli import run as command
from meanfield.compression import compress
from meanfield.errors import FileError, InvalidInputError
from meanfield.extension import later_times
from meanfield.observers import Accuracy, OptimalityGap, TestRisk
from meanfield.recording import Recording
from meanfield.solver import solvers
from meanfield.solvers import ParticleFlow, QuadratureFlow
from meanfield.storage import HDF5Store
from solver_cases import CASES, NEURONS, PLAIN

TIMES = np.linspace(0.0, 0.5, 9)
FLOW = CASES["particle-flow-euler"]


class StopAt:
    """Interrupts the run when it sees a certain frame."""

    def __init__(self, index):
        self.index = index

    def __call__(self, frame):
        if frame.index == self.index:
            raise KeyboardInterrupt


@pytest.fixture
def states_of_all_frames(monkeypatch):
    loop = import_module("meanfield.simulate")
    monkeypatch.setattr(loop, "_STATE_INTERVAL", -1.0)
    monkeypatch.setattr(loop, "_STATE_PAUSE", -1.0)


def stopped(path, index, case=FLOW, times=TIMES, observers=()):
    with pytest.raises(KeyboardInterrupt):
        case.run(times, store=path, observers=[*observers, StopAt(index)])
    return path


def assert_equal_runs(found, expected):
    assert found.times.tolist() == expected.times.tolist()
    assert list(found.measures) == list(expected.measures)
    assert found.risk.tolist() == expected.risk.tolist()
    for name, values in expected.observables.items():
        assert found.observables[name].tolist() == values.tolist()


def test_cases_are_of_all_solvers():
    assert {case.solver.name for case in CASES.values()} == set(solvers)


@pytest.mark.parametrize("name", CASES)
def test_a_run_stopped_extended_and_stopped_again_ends_with_the_same_bits(
    name, tmp_path, states_of_all_frames
):
    case, path = CASES[name], tmp_path / "run.h5"
    whole = case.run(TIMES)
    stopped(path, 3, case, TIMES[:5])
    with pytest.raises(KeyboardInterrupt):
        mf.resume(path, save_at=TIMES[5:], observers=[StopAt(6)])
    assert (mf.open(path).status, len(mf.open(path))) == ("interrupted", 6)
    assert_equal_runs(mf.resume(path), whole)
    assert_equal_runs(mf.open(path), whole)
    with h5py.File(path) as file:
        assert [s["frame"] for s in json.loads(file.attrs["sessions"])] == [0, 3, 6]


@pytest.mark.parametrize("name", ["particle-flow-dopri5", "sgd-epochs", "grid-strang"])
def test_a_complete_run_is_extended_to_what_it_would_have_been(name, tmp_path):
    case, path = CASES[name], tmp_path / "run.h5"
    case.run(np.linspace(0.0, 0.3, 4), store=path)
    before = path.stat().st_ino
    longer = mf.resume(path, t_end=0.6)
    assert path.stat().st_ino != before
    assert_equal_runs(longer, case.run(np.linspace(0.0, 0.6, 7)))
    assert longer.status == "complete"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.h5"]
    with xarray.open_dataset(path, engine="h5netcdf") as frames:
        assert frames.sizes["time"] == 7
    # To the end that it has, there is nothing to do.
    assert path.stat().st_mtime_ns == mf.resume(path, t_end=0.6).path.stat().st_mtime_ns


def killed(*_):
    raise KeyboardInterrupt


def test_a_kill_while_the_file_is_made_longer_leaves_the_shorter_one(tmp_path, monkeypatch):
    path = tmp_path / "run.h5"
    FLOW.run(TIMES[:5], store=path)
    whole = path.read_bytes()
    for step in ("prepare", "write_frame", "write_state", "finish"):
        with monkeypatch.context() as patch:
            patch.setattr(HDF5Store, step, killed)
            with pytest.raises(KeyboardInterrupt):
                mf.resume(path, save_at=TIMES[5:])
        assert path.read_bytes() == whole
    assert_equal_runs(mf.resume(path, save_at=TIMES[5:]), FLOW.run(TIMES))


def test_observers_of_this_package_go_on_by_themselves(tmp_path):
    fresh = mf.Dataset([[2.0], [-1.0]], [1.0, -1.0])
    coarse = CASES["quadrature"]
    error = QuadratureFlow().observers(PLAIN, mf.Gaussian(1), coarse.start, 0)
    for case, observers in (
        (CASES["grid-strang"], (TestRisk(fresh), OptimalityGap())),
        (coarse, error),
    ):
        path = tmp_path / f"{case.solver.name}.h5"
        whole = case.run(TIMES, observers=observers)
        stopped(path, 4, case, observers=observers)
        assert_equal_runs(mf.resume(path), whole)
        assert_equal_runs(
            mf.resume(path, t_end=1.0), case.run(np.linspace(0, 1, 17), observers=observers)
        )


def test_labels_are_counted_on_after_a_stop(tmp_path):
    labels = mf.Dataset([[2.0], [-1.0]], [1.0, -1.0])
    problem = mf.Problem(PLAIN.neuron, labels, loss="logistic")
    watched = (TestRisk(labels), Accuracy(labels))
    options = {"t_end": 0.5, "save_at": TIMES}
    whole = mf.simulate(problem, NEURONS, ParticleFlow(), observers=watched, **options)
    path = tmp_path / "run.h5"
    with pytest.raises(KeyboardInterrupt):
        mf.simulate(
            problem, NEURONS, ParticleFlow(), store=path, observers=(*watched, StopAt(3)), **options
        )
    assert_equal_runs(mf.resume(path), whole)


class Spread:
    name = "spread"

    def __call__(self, frame):
        return float(frame.measure.positions.std())


def test_observers_of_ones_own_are_asked_for(tmp_path):
    path = stopped(tmp_path / "run.h5", 4, observers=[Spread()])
    with pytest.raises(InvalidInputError, match="records spread; give the observers of spread"):
        mf.resume(path)
    with pytest.raises(InvalidInputError, match="it cannot record optimality_gap as well"):
        mf.resume(path, observers=[Spread(), OptimalityGap()])
    assert mf.open(path).status == "interrupted"
    assert_equal_runs(mf.resume(path, observers=[Spread()]), FLOW.run(TIMES, observers=[Spread()]))


def test_other_versions_are_named_once_and_recorded(tmp_path):
    path = stopped(tmp_path / "run.h5", 4)
    with h5py.File(path, "r+") as file:
        sessions = json.loads(file.attrs["sessions"])
        sessions[0]["versions"]["numpy"] = "1.2.3"
        file.attrs["sessions"] = json.dumps(sessions)
    with pytest.warns(UserWarning, match=r"made with numpy 1\.2\.3 \(now .*last bits may differ"):
        done = mf.resume(path)
    assert done.status == "complete"
    with h5py.File(path) as file:
        versions = [s["versions"]["numpy"] for s in json.loads(file.attrs["sessions"])]
    assert versions == ["1.2.3", np.__version__]


def test_an_unknown_activation_is_named(tmp_path, capsys):
    path = stopped(tmp_path / "run.h5", 4)
    with h5py.File(path, "r+") as file:
        file.attrs["problem"] = file.attrs["problem"].replace("tanh", "my_own")
    with pytest.raises(FileError, match="unknown activation 'my_own'"):
        mf.resume(path)
    assert command(["simulate", "--resume", str(path)]) == 2
    assert "unknown activation 'my_own'" in capsys.readouterr().err


def test_a_state_of_another_risk_than_recorded_is_refused(tmp_path):
    path = stopped(tmp_path / "run.h5", 4)
    with h5py.File(path, "r+") as file:
        del file["checksums"]
        file["risk"][0] *= 1.01  # as if its activation were another function of that name here
    with pytest.raises(InvalidInputError, match="cannot go on: frame 0 was recorded with risk"):
        mf.resume(path)
    assert mf.open(path).status == "interrupted"
    assert "is not the same" in mf.open(path).reason
    with h5py.File(path, "r+") as file:
        file["risk"][0] *= (1.0 + 1e-12) / 1.01
    with pytest.warns(UserWarning, match="risk of frame 0 has other last bits here"):
        assert mf.resume(path).status == "complete"


def test_a_damaged_risk_does_not_keep_a_sound_state_from_going_on(tmp_path):
    path = stopped(tmp_path / "run.h5", 4)
    with h5py.File(path, "r+") as file:
        file["risk"][0] *= 1.01
    with pytest.warns(UserWarning, match=r"numbers of the frames \[0\] of .* are damaged"):
        run = mf.resume(path)
    assert (run.status, len(run.measures[0].positions) > 0) == ("complete", True)


def test_a_file_that_another_writes_is_left_alone(tmp_path):
    path = tmp_path / "run.h5"
    stopped(path, 4)
    descriptor = os.open(path, os.O_RDONLY)
    fcntl = pytest.importorskip("fcntl")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        for options in ({}, {"t_end": 1.0}):
            with pytest.raises(FileError, match="another process is writing to"):
                mf.resume(path, **options)
    finally:
        os.close(descriptor)
    assert mf.resume(path).status == "complete"


def test_a_running_file_can_be_read_in_its_own_process(tmp_path):
    path, seen = tmp_path / "run.h5", []

    def look(frame):
        run = mf.open(path)
        seen.append((run.status, len(run), [len(measure) for measure in run.measures]))

    FLOW.run(TIMES[:3], store=path, observers=[look])
    assert seen == [("running", n, [300] * n) for n in range(3)]


@pytest.mark.parametrize(
    ("t_end", "save_at", "expected"),
    [
        (None, None, []),
        (1.0, None, []),
        (2.0, None, [1.5, 2.0]),
        (2.2, None, [1.6, 2.2]),
        (1.1, None, [1.1]),
        (None, [1.2, 3.0], [1.2, 3.0]),
        (4.0, [1.2, 3.0], [1.2, 3.0]),
        (1.0, [0.5, 1.0], []),
    ],
)
def test_later_times(t_end, save_at, expected):
    np.testing.assert_allclose(later_times(np.array([0.0, 0.5, 1.0]), t_end, save_at), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"t_end": 0.2}, "goes to t = 0.5 already; it can be extended to a later t_end, got 0.2"),
        ({"t_end": np.inf}, "t_end must be a positive finite number"),
        ({"save_at": [0.4, 0.9]}, "after the last frame at 0.5 and up to t_end = 0.9"),
        ({"save_at": [0.9, 0.8, 1.0]}, "they must increase"),
        ({"t_end": 0.7, "save_at": [0.6, 0.8]}, "up to t_end = 0.7, got 0.6 to 0.8"),
        ({"save_at": []}, "save_at must not be empty"),
    ],
)
def test_ends_that_do_not_fit_are_explained(options, message, tmp_path):
    path = tmp_path / "run.h5"
    FLOW.run(TIMES, store=path)
    with pytest.raises(InvalidInputError, match=message):
        mf.resume(path, **options)


def test_a_file_without_a_state_cannot_be_extended(tmp_path):
    path = tmp_path / "run.h5"
    FLOW.run(TIMES, store=path)
    with h5py.File(path, "r+") as file:
        for slot in file["state"].values():
            slot.attrs["sequence"] = 0
    with pytest.raises(FileError, match="no solver state to continue from"):
        mf.resume(path, t_end=1.0)
    with pytest.raises(FileError, match="no solver state"):
        HDF5Store.reopen(path)
    assert len(mf.open(path)) == len(TIMES)


def test_frames_of_some_particles_in_a_compressed_file_are_extended(tmp_path):
    path, recording = tmp_path / "run.h5", Recording(50, "float32")
    FLOW.run(np.linspace(0.0, 0.3, 4), store=path, recording=recording)
    compress(path)
    longer = mf.resume(path, t_end=0.6)
    assert len(longer.measures[0]) == 50
    assert_equal_runs(longer, FLOW.run(np.linspace(0.0, 0.6, 7), recording=recording))


SMALL = [
    "simulate", "relu-1d", "--particles", "20", "--set", "frames=5", "--out", "run.h5", "--quiet",
]  # fmt: skip


def test_the_command_line_takes_the_file_alone_and_a_later_end(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command([*SMALL, "--t-end", "2"]) == 0
    path = tmp_path / "run.h5"
    assert command(["simulate", "--resume", "run.h5", "--t-end", "4"]) == 0
    assert "t = 0 to 4" in capsys.readouterr().out
    assert mf.open(path).times[-4:].tolist() == [1.125, 2.0, 3.0, 4.0]
    # The command that made it serves as well, with a later end or that of the file.
    for end, status in (("6", 0), ("6", 0), ("2", 2)):
        assert command([*SMALL, "--t-end", end, "--resume"]) == status
    assert "it can be extended to a later t_end" in capsys.readouterr().err
    assert mf.open(path).times[-1] == 6.0
    for change, sentence in (
        ("ridge=0.5", "run: problem.ridge.outer is 0.0, not 0.5; problem.ridge.inner is 0.0, not"),
        ("noise=0.1", "run: problem.data.targets[0, 0] is 2.44929e-16, not 0.0"),
        ("init_std=2", "run: its neurons started from another initial law; --resume needs"),
        ("frames=5 frames=9", "run: it has 5 frames up to t = 2, not 9 frames up to t = 2"),
        ("20 30", "run: it has 20 particles, not 30"),
    ):
        before, _, after = change.rpartition(" ")
        words = [after if word == before else word for word in SMALL]
        words += [] if before else ["--set", change]
        assert command([*words, "--t-end", "2", "--resume"]) == 2
        assert sentence in capsys.readouterr().err
    for change, sentence in (
        (["--set", "function=hat"], "--set cannot be given when a file is resumed"),
        (["--seed", "3"], "was made with --seed 0, which cannot be changed"),
        (["--force"], "give one"),
        (["--t-end", "1"], "goes to t = 6 already"),
    ):
        assert command(["simulate", "run.h5", "--resume", *change]) == 2
        assert sentence in capsys.readouterr().err
    assert command(["simulate", "run.h5"]) == 2
    assert "meanfield simulate --resume run.h5 continues it" in capsys.readouterr().err
