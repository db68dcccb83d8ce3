"""A study on disk while it runs: its plan, its reference, and one file for each task."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np

from meanfield.direct_file import DirectFile, hdf5_in, is_locked
from meanfield.errors import FileError, InvalidInputError, MeanfieldError
from meanfield.inspection import inspected, text, text_value, whole
from meanfield.limit import Limit
from meanfield.plan_text import difference, digest, joined, package_versions, split
from meanfield.progress import Progress
from meanfield.simulate import resume
from meanfield.tasks import Failure, Outcome, Plan, Task, perform
from meanfield.trajectory import Trajectory

__all__ = ["StudyFolder", "run_task"]

_FORMAT = "meanfield-task"
_UNFINISHED = ".partial"
_OWN = ("arrays.npz", "plan.json", "reference.h5", "task-")


class StudyFolder:
    """Files of one study: plan, reference, and the result of each task.

    They are ``plan.json``, ``arrays.npz``, ``reference.h5``, ``task-00001.h5`` and so on.
    Every file appears under its name only when it is whole, and many processes may work on
    the same folder: at worst they do the same task twice, with the same result.

    Parameters
    ----------
    path : path
        Made if it does not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def reference(self) -> Path:
        """The run that stands for the limit, once it is whole."""
        return self.path / "reference.h5"

    def task_file(self, number: int) -> Path:
        """Where the result of a task goes."""
        return self.path / f"task-{number:05d}.h5"

    def check(self, plan: Plan) -> None:
        """See that the study may be done here, without writing anything.

        Raises
        ------
        InvalidInputError
            If work of another study is in the folder, or of other versions.
        FileError
            If something else is.
        """
        described, _ = split(plan.to_dict())
        if self.has_work:
            self._check_same({"plan": described, "versions": package_versions()})
        elif self.path.exists():
            with self._writing():
                self._check_own()

    def _check_own(self) -> None:
        if any(not path.name.startswith(_OWN) for path in self.path.iterdir()):
            raise FileError(f"{self.path} holds other files; a study needs a folder of its own")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileError(f"cannot write the study's folder {self.path}: {error}") from None

    @property
    def has_work(self) -> bool:
        """Whether something was computed here, or is being written now: more than a plan."""
        if not self.has_plan:
            return False
        if self.reference.exists() or any(self.path.glob("task-*.h5")):
            return True
        running = self.path / "reference.h5.running"
        if any(is_locked(path) for path in (running, *self.path.glob(f"*{_UNFINISHED}"))):
            return True
        try:
            return len(Trajectory.open(running).times) > 0
        except (FileError, InvalidInputError):
            return False

    def begin(self, plan: Plan) -> None:
        """Write the plan, or see that the folder holds the same one.

        The plan of another study of which nothing was computed is replaced.

        Raises
        ------
        InvalidInputError
            If the folder holds another study, or was begun with other versions.
        FileError
            If it cannot be written, or holds something else.
        """
        described, arrays = split(plan.to_dict())
        text = json.dumps({"plan": described, "versions": package_versions()}, indent=1)
        if self.has_plan:
            if self.has_work or self.holds(plan):
                self._check_same(json.loads(text))
                return
            with self._writing():
                self.discard()
        with self._writing():
            self.path.mkdir(exist_ok=True)
            self._check_own()
            with self._replacing(self.path / "arrays.npz") as partial, partial.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
            with self._replacing(self.path / "plan.json") as partial:
                partial.write_text(text, encoding="utf-8")

    @property
    def has_plan(self) -> bool:
        """Whether a study was begun here."""
        return (self.path / "plan.json").is_file()

    def _check_same(self, wanted: Mapping[str, Any]) -> None:
        try:
            found = json.loads(self.text())
            found["versions"], found["plan"]
        except (KeyError, TypeError, RecursionError, json.JSONDecodeError):
            raise InvalidInputError(
                f"the plan of the study in {self.path} is damaged; begin anew (--force)"
            ) from None
        for name, value in wanted["versions"].items():
            other = found["versions"].get(name)
            if other != value:
                raise InvalidInputError(
                    f"{self.path} holds a study begun with {name} {other}, not {value}; "
                    "these are not mixed: use the same, or begin anew (--force)"
                )
        for name, value in wanted["plan"].items():
            other = found["plan"].get(name)
            if other != value:
                raise InvalidInputError(
                    f"{self.path} holds another study, which has {difference(name, other, value)}; "
                    "give the same arguments, another folder, or begin anew (--force)"
                )

    def holds(self, plan: Plan) -> bool:
        """Whether the study in the folder is this one, and by these versions."""
        described, _ = split(plan.to_dict())
        try:
            self._check_same({"plan": described, "versions": package_versions()})
        except InvalidInputError:
            return False
        return True

    def discard(self) -> None:
        """Remove the study, with the folder if nothing else is in it."""
        for path in self.path.iterdir():
            if path.name.startswith(_OWN):
                path.unlink()
        with suppress(OSError):
            self.path.rmdir()

    def text(self) -> str:
        """Content of ``plan.json``.

        Raises
        ------
        FileError
            If there is none.
        """
        try:
            return (self.path / "plan.json").read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise FileError(f"the plan of the study in {self.path} is no text") from None
        except OSError:
            raise FileError(
                f"there is no study in {self.path} on {socket.gethostname()}; workers on other "
                "machines need the folder on a disk that all share"
            ) from None

    def plan(self) -> Plan:
        """Read the plan.

        Raises
        ------
        FileError
            If there is none, or it is damaged.
        InvalidInputError
            If it was made with other versions than are at work here.
        """
        return _read_plan(str(self.path), self.text())[0]

    def make_reference(
        self, plan: Plan, *, alone: bool = False, progress: bool = False
    ) -> Trajectory:
        """Open the reference; run it if it is not there yet.

        Parameters
        ----------
        plan : Plan
        alone : bool
            Whether no other process makes it now: what was interrupted is continued.
        progress : bool
            Show a progress bar on standard error.
        """
        if not self.reference.exists():
            if alone:
                self._continue_reference(plan, progress)
            else:
                with self._replacing(self.reference) as partial:
                    plan.run_reference(partial, force=True)
        return Trajectory.open(self.reference)

    def _continue_reference(self, plan: Plan, progress: bool) -> None:
        running = self.path / "reference.h5.running"
        try:
            with Progress(plan.times, "reference", shown=progress) as shown:
                resume(running, observers=[shown])
        except (FileError, InvalidInputError):  # there is none, or it was killed too early
            plan.run_reference(running, force=True, progress=progress)
        _sync(running)
        os.replace(running, self.reference)
        _sync(self.path)

    def write(self, outcome: Outcome) -> None:
        """Record the outcome of a task."""
        described = {
            "task": outcome.task.number,
            "replicas": outcome.replicas,
            "failures": [vars(failure) for failure in outcome.failures],
        }
        with (
            self._replacing(self.task_file(outcome.task.number)) as partial,
            DirectFile(partial, make=True) as written,
            hdf5_in(written) as file,
        ):
            file.attrs.update(format=_FORMAT, plan=digest(self.text()))
            file.create_dataset("description", data=json.dumps(described))
            for name, values in outcome.samples.items():
                file.create_dataset(f"samples/{name}", data=values)

    def read(self, task: Task) -> Outcome | None:
        """Outcome of a task, or None if it is not finished or its file is damaged."""
        try:
            with inspected(self.task_file(task.number), "result of a task") as file:
                same = text(file, "format") == _FORMAT
                if not same or text(file, "plan") != digest(self.text()):
                    return None
                described = json.loads(text_value(file, "description"))
                names = [f"samples/{name}" for name in file.get("samples", ())]
                samples = {name.removeprefix("samples/"): whole(file, name) for name in names}
                failures = tuple(
                    Failure(one["particles"], one["method"], tuple(one["replicas"]), one["reason"])
                    for one in described["failures"]
                )
                return Outcome(task, tuple(described["replicas"]), samples, failures)
        except FileError:
            return None

    def remove_unfinished(self) -> None:
        """Remove what processes that were killed have left."""
        for path in self.path.glob(f"*{_UNFINISHED}"):
            path.unlink(missing_ok=True)

    @contextmanager
    def _replacing(self, target: Path) -> Iterator[Path]:
        """Path to write to; afterwards, if nothing went wrong, it is on disk as `target`."""
        process = f"{socket.gethostname()}-{os.getpid()}"
        partial = target.with_name(f"{target.name}.{process}{_UNFINISHED}")
        try:
            yield partial
            _sync(partial)
            os.replace(partial, target)
            _sync(target.parent)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


_one_task_at_a_time = Lock()


def run_task(folder: str, number: int) -> dict[str, Any]:
    """Do one task of a study, unless it is done: number 0 makes the reference.

    Takes and returns plain values, so that any other process can be sent it.

    Parameters
    ----------
    folder : str
        Of the study, with its plan.
    number : int

    Returns
    -------
    dict
        ``number``; ``seconds`` it took; ``problem``: empty, or why there is no file.
    """
    started = monotonic()
    problem = ""
    try:
        with _one_task_at_a_time:
            _run_task(StudyFolder(folder), number)
    except MeanfieldError as error:
        problem = str(error)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    return {"number": number, "seconds": monotonic() - started, "problem": problem}


def _run_task(place: StudyFolder, number: int) -> None:
    plan, limit = _read_plan(str(place.path), place.text())
    if number == 0:
        place.make_reference(plan, alone=True)
    elif place.read(plan.tasks[number - 1]) is None:
        place.write(perform(plan, limit(), plan.tasks[number - 1]))


@lru_cache(maxsize=1)
def _read_plan(folder: str, text: str) -> tuple[Plan, Callable[[], Limit]]:
    """Plan with the given text, and what gives its limit; both are kept for the next task."""
    place = StudyFolder(folder)
    try:
        content = json.loads(text)
        for name, value in package_versions().items():
            needed = content["versions"].get(name)
            if needed != value:
                raise InvalidInputError(
                    f"{socket.gethostname()} has {name} {value}, but the study was begun with "
                    f"{needed}; install the same on all machines"
                )
        stream = io.BytesIO((place.path / "arrays.npz").read_bytes())
        with np.load(stream, allow_pickle=False) as arrays:
            plan = Plan.from_dict(joined(content["plan"], dict(arrays)))
    except InvalidInputError:
        raise
    except Exception as error:  # of a damaged plan anything can come
        raise FileError(f"the plan of the study in {folder} is damaged: {error}") from None

    @lru_cache(maxsize=1)
    def limit() -> Limit:
        return plan.limit(place.make_reference(plan))

    return plan, limit


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    with suppress(PermissionError):  # folders cannot be opened on every system
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
