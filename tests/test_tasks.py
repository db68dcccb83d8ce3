"""A study as tasks: cut, put together, kept on disk, stopped and continued."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meanfield import conduct, executors
from meanfield.activations import custom
from meanfield.compare import plan_study
from meanfield.conduct import carry_out, carry_out_task
from meanfield.errors import FileError, InvalidInputError, MeanfieldError
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.simulate import simulate
from meanfield.study import Study
from meanfield.study_folder import StudyFolder, run_task
from meanfield.tasks import Failure, Outcome, Plan, gather
from meanfield.trajectory import Trajectory
from study_cases import EULER, LINE, WILD, same_samples, small_plan

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def study():
    """What every way of doing the small study must find."""
    return carry_out(small_plan())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of the small study, with all tasks done one by one."""
    folder = tmp_path_factory.mktemp("finished") / "parts"
    plan = small_plan()
    for number in reversed(range(len(plan.tasks) + 1)):
        carry_out_task(plan, number, folder)
    return folder


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("task-*.h5")}


# -- plans ---------------------------------------------------------------------------------


def test_tasks_are_every_network_once_in_blocks_of_the_same_cost():
    plan = plan_study(LINE, (4, 8, 16, 64), 20, reference=128)
    networks = [(task.particles, seed) for task in plan.tasks for seed in task.replicas]
    assert sorted(networks) == [(width, seed) for width in plan.widths for seed in range(20)]
    assert [task.number for task in plan.tasks] == list(range(1, len(plan.tasks) + 1))
    sizes = {
        width: [len(t.replicas) for t in plan.tasks if t.particles == width] for width in (4, 8)
    }
    assert sizes == {4: [16, 4], 8: [8, 8, 4]}
    assert max(task.cost for task in plan.tasks) == 64


def test_a_plan_comes_back_from_its_folder(tmp_path):
    data = LINE.problem.data
    plan = small_plan(times=[0.1, 1.0], seed=3)
    plan = replace(plan, experiment=replace(plan.experiment, test=data))
    place = StudyFolder(tmp_path / "parts")
    place.begin(plan)
    found = place.plan()
    assert found.experiment.problem == plan.experiment.problem
    assert found.experiment.initial == plan.experiment.initial
    assert found.experiment.test == data
    assert (found.methods, found.reference) == (plan.methods, plan.reference)
    assert (found.widths, found.seeds, found.seed) == ((4, 8), 6, 3)
    np.testing.assert_array_equal(found.times, plan.times)
    np.testing.assert_array_equal(found.experiment.save_at, plan.experiment.save_at)
    assert found.tasks == plan.tasks


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (small_plan(seeds=7), "seeds = 6, not 7"),
        (small_plan(seed=1), "seed = 0, not 1"),
        (small_plan(projections=3), "projections = 64, not 3"),
        (small_plan(times=[0.5, 1.0]), "another set of times"),
        (small_plan(reference=32), "another reference"),
        (small_plan(solver=replace(EULER, step=0.25)), "another solver"),
        (plan_study(LINE, (4, 16), 6, reference=32), "the widths 4, 8, not 4, 16"),
        (replace(small_plan(), experiment=replace(LINE, initial=Gaussian(1))), "another initial"),
        (replace(small_plan(), experiment=WILD), "name = linear neuron, not quadratic neuron"),
    ],
)
def test_a_folder_of_another_study_is_named(finished, changed, message):
    with pytest.raises(InvalidInputError, match=message):
        carry_out(changed, folder=finished)


def test_a_study_of_other_versions_is_not_continued(tmp_path):
    place = StudyFolder(tmp_path / "parts")
    place.begin(small_plan())
    place.task_file(1).touch()
    path = place.path / "plan.json"
    content = json.loads(path.read_text())
    content["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInputError, match=r"begun with numpy 1\.0, not"):
        place.begin(small_plan())
    assert "was begun with 1.0; install the same" in run_task(str(place.path), 1)["problem"]
    path.write_text("{}")
    with pytest.raises(InvalidInputError, match="is damaged; begin anew"):
        place.begin(small_plan())


def test_a_plan_of_which_nothing_was_computed_gives_way(tmp_path, study):
    place = StudyFolder(tmp_path / "parts")
    place.begin(small_plan(seed=1))
    (place.path / "reference.h5.running").write_bytes(b"killed before the first frame")
    assert not place.has_work
    same_samples(study, carry_out(small_plan(), folder=place.path))
    assert place.has_work


def test_a_reference_with_frames_is_work(tmp_path):
    place = StudyFolder(tmp_path / "parts")
    plan = small_plan(seed=1)
    place.begin(plan)
    plan.run_reference(place.path / "reference.h5.running")
    with pytest.raises(InvalidInputError, match="seed = 1, not 0"):
        place.begin(small_plan())


def test_no_folder_is_made_for_what_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "_PATIENCE", 0.3)
    with pytest.raises(InvalidInputError, match="got task 99"):
        carry_out_task(small_plan(), 99, tmp_path / "parts")
    pytest.importorskip("distributed")
    with pytest.raises(MeanfieldError, match="no Dask scheduler answers"):
        carry_out(small_plan(), workers="tcp://127.0.0.1:1", folder=tmp_path / "parts")
    assert not (tmp_path / "parts").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(FileError, match="holds other files"):
        carry_out(small_plan(), folder=tmp_path)


def test_a_folder_that_a_worker_does_not_see_is_named(tmp_path):
    found = run_task(str(tmp_path / "nowhere"), 1)
    assert "workers on other machines need the folder on a disk that all share" in found["problem"]


def test_an_activation_of_python_functions_stays_in_this_process(tmp_path):
    cubic = custom("cubic of a task", lambda z: z**3, lambda z: 3 * z**2)
    problem = Problem(Neuron(1, activation=cubic), LINE.problem.data)
    plan = replace(small_plan(), experiment=replace(LINE, problem=problem))
    with pytest.raises(InvalidInputError, match="cubic of a task is made of Python functions"):
        carry_out(plan, folder=tmp_path / "parts")


# -- results -------------------------------------------------------------------------------


def test_tasks_alone_in_reverse_order_give_the_same_bits(study, finished):
    before = stamps(finished)
    same_samples(study, carry_out(small_plan(), folder=finished))
    assert stamps(finished) == before


def test_damaged_files_are_made_again(study, finished):
    first, second, third = (finished / f"task-{number:05d}.h5" for number in (1, 2, 3))
    first.write_bytes(first.read_bytes()[:700])
    second.write_bytes(b"nothing of ours")
    third.unlink()
    before = stamps(finished)
    same_samples(study, carry_out(small_plan(), folder=finished))
    after = stamps(finished)
    assert {name for name in after if after[name] != before.get(name)} == {
        path.name for path in (first, second, third)
    }


def test_a_file_of_another_plan_does_not_count(tmp_path, finished):
    other = StudyFolder(tmp_path / "other")
    other.begin(small_plan(seed=1))
    (other.path / "task-00001.h5").write_bytes((finished / "task-00001.h5").read_bytes())
    assert other.read(small_plan(seed=1).tasks[0]) is None


def test_steps_have_an_axis_after_the_times():
    plan = replace(small_plan(seeds=2), methods=(EULER, replace(EULER, step=0.25)))
    studies = [carry_out(replace(plan, methods=(method,))) for method in plan.methods]

    def outcome(task):
        samples = studies[task.method].samples
        width = plan.widths.index(task.particles)
        rows = {name: values[width, list(task.replicas)] for name, values in samples.items()}
        return Outcome(task, task.replicas, rows)

    _, samples, failures = gather(plan, map(outcome, plan.tasks))
    assert not failures
    for name, values in samples.items():
        for index, part in enumerate(studies):
            np.testing.assert_array_equal(values[:, :, :, index], part.samples[name])


# -- networks that fail --------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:the .* frames of the run are too far apart")
def test_networks_that_diverge_are_named_and_the_others_kept(tmp_path):
    plan = plan_study(WILD, (4, 8), 4, reference=16)
    with pytest.warns(UserWarning, match="1 network failed: N = 4, seed 3: network with N = 4, s"):
        study = carry_out(plan)
    assert study.particles.tolist() == [4, 8]
    assert study.seeds == 3
    found = Study.open(study.save(tmp_path / "study.h5"))
    (failure,) = found.settings["failures"]
    assert (failure["particles"], failure["replicas"]) == (4, [3])
    assert "seed number 3" in failure["reason"]


def outcomes_of(plan, lost):
    """Outcomes with one number a network, and these networks lost: (width, seed)."""
    for task in plan.tasks:
        kept = tuple(seed for seed in task.replicas if (task.particles, seed) not in lost)
        values = np.array([[1000.0 * task.particles + seed] for seed in kept])
        failures = tuple(
            Failure(task.particles, 0, (seed,), "lost")
            for seed in task.replicas
            if seed not in kept
        )
        yield Outcome(task, kept, {"value": values} if kept else {}, failures)


def test_a_width_that_lost_most_networks_is_left_out():
    plan = plan_study(LINE, (4, 8, 16), 4, reference=32)
    lost = {(8, 0), (8, 1), (8, 3), (16, 0)}
    widths, samples, failures = gather(plan, outcomes_of(plan, lost))
    assert widths == (4, 16)
    np.testing.assert_array_equal(
        samples["value"][:, :, 0], [[4000, 4001, 4002], [16001, 16002, 16003]]
    )
    assert failures == [Failure(8, 0, (0, 1, 3), "lost"), Failure(16, 0, (0,), "lost")]


def test_nothing_to_compare_is_an_error():
    plan = plan_study(LINE, (4, 8), 4, reference=16)
    with pytest.raises(MeanfieldError, match=r"4 of 8 networks failed.*the first: lost"):
        gather(plan, outcomes_of(plan, {(8, seed) for seed in range(4)}))


def test_a_task_that_fails_for_another_reason_is_tried_again(tmp_path, monkeypatch, study):
    plan = small_plan()

    def broken(*arguments):
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("meanfield.study_folder.perform", broken)
        with pytest.raises(MeanfieldError, match="task 2 failed: MemoryError: no room"):
            carry_out_task(plan, 2, tmp_path / "parts")
    same_samples(study, carry_out(plan, folder=tmp_path / "parts"))


@pytest.mark.parametrize("number", [-1, 10])
def test_a_task_that_does_not_exist_is_named(tmp_path, number):
    with pytest.raises(InvalidInputError, match=r"tasks 0 \(the reference\) to 9, got task"):
        carry_out_task(small_plan(), number, tmp_path / "parts")


# -- studies that are killed ---------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_study_goes_on_from_its_finished_tasks(tmp_path, study, workers):
    folder = tmp_path / "parts"
    program = subprocess.Popen(
        [sys.executable, str(TESTS / "study_cases.py"), str(folder), str(workers)],
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
    )
    deadline = time.monotonic() + 100.0
    while not stamps(folder) and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    program.send_signal(signal.SIGKILL)
    program.wait()
    time.sleep(0.2)  # a worker sees that its parent is gone
    before = stamps(folder)
    assert 0 < len(before) < len(small_plan().tasks)
    same_samples(study, carry_out(small_plan(), folder=folder))
    assert {name: time_ for name, time_ in stamps(folder).items() if name in before} == before
    assert not list(folder.glob("*.partial"))


def test_an_interrupted_reference_is_continued(tmp_path, finished, monkeypatch):
    whole = Trajectory.open(finished / "reference.h5")

    def stop(frame):
        if frame.index == 7:
            raise KeyboardInterrupt

    plan, place = small_plan(), StudyFolder(tmp_path / "parts")
    place.begin(plan)
    with pytest.raises(KeyboardInterrupt):
        simulate(
            plan.experiment.problem, whole.measures[0], whole.solver, t_end=1.0,
            save_at=whole.times, seed=whole.seed, store=place.path / "reference.h5.running",
            observers=(stop,),
        )  # fmt: skip
    monkeypatch.setattr(Plan, "run_reference", None)  # nothing begins anew
    found = place.make_reference(plan, alone=True)
    assert found.status == "complete"
    for measure, other in zip(found.measures, whole.measures, strict=True):
        np.testing.assert_array_equal(measure.positions, other.positions)
    assert sorted(path.name for path in place.path.glob("reference*")) == ["reference.h5"]


def test_a_reference_that_cannot_be_continued_is_made_anew(tmp_path, finished):
    place = StudyFolder(tmp_path / "parts")
    place.begin(small_plan())
    (place.path / "reference.h5.running").write_bytes(b"killed before it was a file")
    found = place.make_reference(small_plan(), alone=True)
    np.testing.assert_array_equal(found.risk, Trajectory.open(finished / "reference.h5").risk)


def test_the_trial_decides_whether_other_processes_pay(tmp_path, monkeypatch):
    def never(*arguments):
        raise AssertionError("other processes were started")

    monkeypatch.setattr(conduct, "on_processes", never)
    carry_out(small_plan(seeds=2), workers=2, folder=tmp_path / "short")
    monkeypatch.setattr(conduct, "_WORTHWHILE", 0.0)
    with pytest.raises(AssertionError, match="were started"):
        carry_out(small_plan(seeds=2), workers=2, folder=tmp_path / "long")
