"""Who does the tasks: the same bits from processes and from Dask, and what may go wrong."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from meanfield import conduct, executors
from meanfield.compare import compare
from meanfield.conduct import carry_out
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.executors import on_dask, on_processes, share_cores
from meanfield.study_folder import StudyFolder, run_task
from meanfield.study_progress import StudyProgress
from study_cases import LINE, same_samples, small_plan

distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")


@pytest.fixture(scope="module")
def study():
    return carry_out(small_plan())


@pytest.fixture
def place(tmp_path):
    """Folder of the small study, with its reference."""
    place = StudyFolder(tmp_path / "parts")
    place.begin(small_plan())
    place.make_reference(small_plan())
    return place


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler with two workers, which import what this process does."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_NUM_THREADS": "1"}
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=2,
        dashboard_address=":0",
        env=environment,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as cluster:
        yield cluster.scheduler_address


def numbers():
    return [task.number for task in small_plan().tasks]


def workers():
    """Processes that do tasks for this one."""
    children = psutil.Process().children()
    return [child for child in children if "meanfield.worker" in child.cmdline()]


# -- processes -----------------------------------------------------------------------------


@pytest.mark.parametrize("cores", [1, 2, 5, 64])
@pytest.mark.parametrize("tasks", [1, 3, 40])
@pytest.mark.parametrize("most", [None, 2, 1000])
def test_cores_are_never_oversubscribed(cores, tasks, most):
    processes, threads = share_cores(tasks, cores, most)
    assert 1 <= processes <= tasks
    if most is None or most <= cores:
        assert processes * threads <= cores
    assert most is None or processes <= most


def test_processes_find_the_bits_of_one(study, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(conduct, "_WORTHWHILE", 0.0)
    same_samples(study, carry_out(small_plan(), workers=2, progress=True))
    captured = capfd.readouterr()
    assert captured.out == ""  # no terminal, and less than a minute
    assert captured.err == "networks: all done; constants are being predicted\n"


def test_a_process_that_is_killed_loses_its_task_only(place, study):
    reports = on_processes(place.path, numbers(), processes=2, threads=1)
    found = [next(reports)]
    first, _ = workers()
    first.send_signal(signal.SIGKILL)
    found += list(reports)
    assert sorted(report.number for report in found) == numbers()
    (lost,) = [report for report in found if report.problem]
    assert "ended by signal 9" in lost.problem
    same_samples(study, carry_out(small_plan(), folder=place.path))


def test_a_task_that_fails_is_listed_and_the_others_are_kept(monkeypatch, tmp_path):
    def some(folder, numbers, processes, threads):
        for number in numbers:
            if number == 2:
                yield executors.Report(2, 0.0, "its process was ended by signal 9")
            else:
                yield executors.Report(**run_task(str(folder), number))

    monkeypatch.setattr(conduct, "_WORTHWHILE", 0.0)
    monkeypatch.setattr(conduct, "on_processes", some)
    with pytest.warns(UserWarning, match="2 networks failed: N = 4, seeds 2, 3: its process was"):
        study = carry_out(small_plan(), workers=2, folder=tmp_path / "parts")
    assert study.seeds == 4
    assert study.settings["failures"][0]["replicas"] == [2, 3]


def test_processes_end_when_nobody_waits_for_them(place):
    reports = on_processes(place.path, numbers(), processes=1, threads=1)
    next(reports)
    reports.close()
    assert not workers()


# -- Dask ----------------------------------------------------------------------------------


def test_workers_of_a_scheduler_find_the_bits_of_one_process(study, scheduler, tmp_path):
    folder = tmp_path / "parts"
    same_samples(study, carry_out(small_plan(), workers=scheduler, folder=folder))
    with distributed.Client(scheduler) as client:
        (report,) = on_dask(folder, [1], client)
        assert (report.number, report.problem) == (1, "")
        assert client.status == "running"  # a user's client is left open


def test_a_worker_says_why_a_task_failed(scheduler, tmp_path):
    (report,) = on_dask(tmp_path / "nowhere", [1], scheduler)
    assert "there is no study in" in report.problem


def test_a_local_cluster_is_started_and_stopped(place, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (report,) = on_dask(place.path, [9], "local")
    assert (report.number, report.problem) == (9, "")
    assert place.read(small_plan().tasks[8]) is not None


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch, place):
    monkeypatch.setattr(executors, "_PATIENCE", 0.3)
    with pytest.raises(MeanfieldError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1;"):
        carry_out(small_plan(), workers="tcp://127.0.0.1:1", folder=place.path)


def test_without_dask_the_extra_is_named(monkeypatch, place):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InvalidInputError, match=r'pip install "meanfield-flow\[dask\]"'):
        carry_out(small_plan(), workers="local", folder=place.path)


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        (0, "workers must be an integer >= 1, got 0"),
        (2.5, "workers must be a number of processes, 'local', an address such as"),
        (
            "nonsense",
            "'local' or the address of a Dask scheduler such as tcp://host:8786, got 'non",
        ),
        ("lokal", "got 'lokal'"),
    ],
)
def test_workers_that_cannot_be_are_answered_by_one_sentence(workers, message):
    with pytest.raises(InvalidInputError, match=message):
        compare(LINE, (4, 8), 2, reference=16, workers=workers)


# -- progress ------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is set."""
    now = [0.0]
    for module in ("display", "study_progress"):
        monkeypatch.setattr(f"meanfield.{module}.monotonic", lambda: now[0])
    return now


def test_what_is_left_is_estimated_from_the_nearest_width(clock):
    costs = {1: 64, 2: 64, 3: 16, 4: 16}
    widths = {1: 64, 2: 64, 3: 8, 4: 8}
    with StudyProgress(costs, widths, shown=False) as progress:
        assert progress.seconds_left is None
        progress.measured(8, 8, 1.0)
        assert progress.seconds_left == pytest.approx((64 + 64 + 16 + 16) / 8)
        progress.processes = 2
        progress.finished(1, seconds=4.0)
        assert progress.seconds_left == pytest.approx((4.0 + 2.0 + 2.0) / 2)
        clock[0] = 3.0
        assert progress.seconds_left == pytest.approx(1.0)
        clock[0] = 60.0
        assert progress.seconds_left is None
        for number, seconds in ((2, 4.0), (3, 1.0), (4, 1.0)):
            progress.finished(number, seconds)
        assert progress.seconds_left == 0.0


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_widths_between_and_beyond_known_ones_follow_their_power_law(clock, power):
    widths = {1: 16, 2: 1024, 3: 128, 4: 4096}
    with StudyProgress(widths, widths, shown=False) as progress:
        for number in (1, 2):
            progress.finished(number, seconds=float(widths[number]) ** power)
        left = sum(float(widths[number]) ** power for number in (3, 4))
        assert progress.seconds_left == pytest.approx(left)


def test_the_last_wide_network_is_what_all_wait_for(clock):
    widths = {1: 8, 2: 800, 3: 8, 4: 8}
    with StudyProgress(widths, widths, shown=False) as progress:
        progress.processes = 4
        progress.finished(1, seconds=1.0)
        assert progress.seconds_left == pytest.approx(100.0)


def test_experience_tells_how_many_workers_a_cluster_has(clock):
    tasks = range(1, 13)
    with StudyProgress(dict.fromkeys(tasks, 5), dict.fromkeys(tasks, 5), shown=False) as progress:
        progress.processes = None
        clock[0] = 10.0
        for number in range(1, 5):
            progress.finished(number, seconds=10.0)  # four tasks of 10 s within 10 s
        assert progress.seconds_left == 20.0


def test_a_log_gets_a_line_a_minute(clock, capsys):
    with StudyProgress({1: 30, 2: 30, 3: 30}, {1: 3, 2: 3, 3: 3}) as progress:
        for number in (1, 2):
            clock[0] += 50.0
            progress.finished(number, seconds=50.0)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "networks: 20 of 30, 66 % done, 1 min 40 s passed, about 50.0 s left"
