"""A study from the command line: where its files go, and what is left of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meanfield.conduct import carry_out, carry_out_task
from meanfield.errors import InvalidInputError
from meanfield.safeguards import Stopped, check_output, running
from meanfield.study import Study
from meanfield.study_folder import StudyFolder
from meanfield.tasks import Plan

__all__ = ["StudyRun"]

_INTERRUPTED = 130


@dataclass(frozen=True, eq=False)
class StudyRun:
    """A planned study, and the file it ends in.

    Beside ``study.h5`` the folder ``study.parts`` holds what is finished while it runs.
    In the end the folder goes, and the limit stays as the run ``study-reference.h5``.

    Attributes
    ----------
    plan : Plan
    path : Path
        File of the study.
    force : bool
        Whether what is in the way may be overwritten.
    """

    plan: Plan
    path: Path
    force: bool

    @property
    def folder(self) -> StudyFolder:
        """Where the parts are while the study runs."""
        return StudyFolder(self.path.with_suffix(".parts"))

    @property
    def reference(self) -> Path:
        """Where the run that stands for the limit stays."""
        return self.path.with_name(f"{self.path.stem}-reference.h5")

    @property
    def is_complete(self) -> bool:
        """Whether every task came to its end; networks in it may have failed."""
        return all(self.folder.read(task) is not None for task in self.plan.tasks)

    @property
    def _is_under_way(self) -> bool:
        """Whether parts of this very study are there, so that its file is a first version."""
        return self.folder.has_work and self.folder.holds(self.plan)

    def check(self, resume: bool) -> None:
        """See that the study can be carried out; with `force`, make room.

        Raises
        ------
        InvalidInputError
            If there is nothing to resume, or the folder holds another study.
        FileError
            If something else is in the way.
        """
        check_output(self.path, self.force or self._is_under_way)
        check_output(self.reference, self.force)
        begun = self.folder.has_work or (self.folder.has_plan and self.folder.holds(self.plan))
        if resume and not begun:
            raise InvalidInputError(
                f"there is no unfinished study in {self.folder.path}; leave out --resume"
            )
        if self.force and self.folder.has_plan and not self.folder.holds(self.plan):
            self.folder.discard()
        self.folder.check(self.plan)

    def do_task(self, number: int) -> None:
        """Do one task alone."""
        with self._stopping():
            carry_out_task(self.plan, number, self.folder.path)

    def do_all(self, workers: Any, progress: bool) -> Study:
        """Do what is left, and write the study: once measured, and again with predictions."""
        force = self.force or self.path.exists()  # which `check` has allowed
        with self._stopping():
            study = carry_out(
                self.plan,
                workers=workers,
                folder=self.folder.path,
                progress=progress,
                keep=lambda measured: measured.save(self.path, force=force),
            )
            study.save(self.path, force=True)
        return study

    def finish(self, study: Study) -> None:
        """Keep the reference, and the parts only if tasks are left that may yet succeed.

        Raises
        ------
        Stopped
            If networks failed.
        """
        complete = self.is_complete
        if complete:
            os.replace(self.folder.reference, self.reference)
            self.folder.discard()
        failures = study.settings.get("failures", [])
        if failures:
            count = sum(len(one["replicas"]) for one in failures)
            again = "" if complete else "; the same command with --force tries them again"
            networks = f"{count} network{'s' if count > 1 else ''}"
            raise Stopped(f"{networks} failed; {self.path} is made of the others{again}")

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        try:
            with running(None):
                yield
        except Stopped as error:
            if error.status != _INTERRUPTED:
                raise
            raise Stopped(
                f"interrupted; {self.folder.path} holds the tasks that finished, and the same "
                "command continues",
                _INTERRUPTED,
            ) from None
