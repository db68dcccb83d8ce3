"""Studies from the command line: parts, single tasks, failures, and what is left in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from meanfield import executors
from meanfield.cli import run
from meanfield.study import Study
from meanfield.trajectory import Trajectory

SMALL = ["compare", "relu-1d", "--t-end", "0.5", "--particles", "4,8", "--reference", "16"]
STUDY = [*SMALL, "--seeds", "4", "--out", "study.h5"]
TASKS = 6  # two blocks of two networks of four neurons, four networks of eight


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """What every way of doing the study must find."""
    path = tmp_path_factory.mktemp("whole") / "study.h5"
    assert run([*STUDY[:-1], str(path), "--quiet", "--workers", "1"]) == 0
    return Study.open(path).samples


def same(path, samples):
    found = Study.open(path).samples
    assert found.keys() == samples.keys()
    for name, values in samples.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_study_leaves_its_result_and_its_reference(samples, tmp_path):
    assert run([*STUDY, "--quiet"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study-reference.h5", "study.h5"]
    same("study.h5", samples)
    reference = Trajectory.open("study-reference.h5")
    assert (reference.status, reference.particles) == ("complete", 16)
    with h5py.File("study.h5") as file:
        assert "setting_failures" not in file.attrs


def test_an_array_of_tasks_is_merged_by_the_last_call(samples, tmp_path, capsys):
    for number in (4, 1, 0, 6, 2, 5):
        assert run([*STUDY, "--task", str(number)]) == 0
        assert capsys.readouterr().out == f"task {number} of {TASKS} is done\n"
    assert not Path("study.h5").exists()
    assert sorted(path.name for path in Path("study.parts").glob("task-*")) == [
        f"task-0000{number}.h5" for number in (1, 2, 4, 5, 6)
    ]
    assert run([*STUDY, "--quiet", "--resume"]) == 0
    assert not Path("study.parts").exists()
    same("study.h5", samples)


def test_a_killed_command_goes_on_when_it_is_given_again(samples, tmp_path):
    program = subprocess.Popen([sys.executable, "-m", "meanfield", *STUDY, "--quiet"])
    parts = tmp_path / "study.parts"
    deadline = time.monotonic() + 100.0
    while not any(parts.glob("task-*.h5")) and program.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    program.send_signal(signal.SIGKILL)
    program.wait()
    assert 0 < len(list(parts.glob("task-*.h5"))) < TASKS
    assert run([*STUDY, "--quiet"]) == 0
    same("study.h5", samples)


def test_another_study_in_the_parts_is_explained_and_force_begins_anew(samples, capsys):
    assert run([*STUDY, "--task", "0", "--seed", "1", "--quiet"]) == 0
    assert run([*STUDY, "--quiet"]) == 2
    assert "study.parts holds another study, which has seed = 1, not 0" in capsys.readouterr().err
    assert run([*STUDY, "--quiet", "--force"]) == 0
    same("study.h5", samples)


def test_networks_that_fail_make_the_status_one(monkeypatch, capsys):
    from meanfield import tasks
    from meanfield.errors import DivergenceError

    measure = tasks.measure_replica

    def fragile(replica, limit):
        if (replica.particles, replica.number) == (4, 2):
            raise DivergenceError("it left the finite numbers", 0.1)
        return measure(replica, limit)

    monkeypatch.setattr(tasks, "measure_replica", fragile)
    with pytest.warns(UserWarning, match="1 network failed: N = 4, seed 2: it left the finite"):
        assert run([*STUDY, "--workers", "1"]) == 1
    captured = capsys.readouterr()
    assert "slope of risk gap" in captured.out
    assert "1 network failed; study.h5 is made of the others" in captured.err
    assert Study.open("study.h5").settings["failures"][0]["replicas"] == [2]


def test_an_interrupt_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("meanfield.conduct._do_tasks", interrupted)
    assert run([*STUDY, "--quiet"]) == 130
    assert "study.parts holds the tasks that finished" in capsys.readouterr().err


def test_a_study_that_is_stopped_at_its_predictions_is_there_and_goes_on(
    samples, monkeypatch, capsys
):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("meanfield.conduct.predict", interrupted)
        assert run(STUDY) == 130
    assert "constants are being predicted" in capsys.readouterr().err
    same("study.h5", samples)
    assert Study.open("study.h5").notes[0].startswith("constants are still to be predicted")
    assert run([*STUDY, "--quiet"]) == 0
    assert "still to be predicted" not in " ".join(Study.open("study.h5").notes)
    assert run([*STUDY, "--quiet"]) == 2  # finished now, and not to be overwritten


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "_PATIENCE", 0.3)
    assert run([*STUDY, "--quiet", "--cluster", "tcp://127.0.0.1:1"]) == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2", "--cluster", "local"], "--workers are processes here, --cluster else"),
        (["--workers", "0"], "--workers must be >= 1, got '0'"),
        (["--cluster", "lokal"], "the cluster must be 'local' or the address"),
        (["--task", "7"], "tasks 0 (the reference) to 6, got task 7"),
        (["--resume"], "there is no unfinished study in study.parts; leave out --resume"),
        (["--steps", "0.1,x"], "--steps takes steps such as 0.1,0.05, got '0.1,x'"),
        (["--steps", "0.1,0.2"], "steps are those of sgd, but the networks are trained by"),
        (["--steps", "0.2,0.1", "--solver", "sgd"], "steps must be at least two and increase"),
        (["--reference", "gird"], "reference must be 'grid'"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, message, capsys):
    assert run([*STUDY, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_files_in_the_way_are_named(tmp_path, capsys):
    Path("study-reference.h5").touch()
    assert run(STUDY) == 2
    assert "study-reference.h5 exists already; use --force" in capsys.readouterr().err
    os.remove("study-reference.h5")
    Path("study.parts").mkdir()
    Path("study.parts/thesis.tex").touch()
    assert run(STUDY) == 2
    assert "holds other files" in capsys.readouterr().err
