"""Runs that are shown while they go on: what is new, and the page of what there is."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meanfield.errors import FileError
from meanfield.page.document import in_script, page
from meanfield.page.memory import Memory
from meanfield.page.story import story
from meanfield.trajectory import Trajectory
from meanfield.watching import Glance, glance

__all__ = ["Show"]

# Looks at a file that seems damaged: its writer may be in the middle of a word.
_PATIENCE, _PAUSE = 5, 0.1


class Show:
    """The runs of some files, as they are now.

    Parameters
    ----------
    paths : sequence of Path
    settings
        As for `meanfield.page.story.story`.

    Raises
    ------
    FileError
        If a file is missing or unreadable.
    """

    def __init__(self, paths: Sequence[Path], **settings: Any) -> None:
        self._paths = [Path(path) for path in paths]
        self._settings = settings
        self._memory = Memory()
        self._lock = threading.Lock()
        self._version, self._told = "", ""
        self._glances = [_patient(glance, path) for path in self._paths]
        self._created = [each.created for each in self._glances]

    @property
    def is_empty(self) -> bool:
        """Whether a run has no frame yet."""
        return any(each.frames == 0 for each in self._glances)

    @property
    def goes_on(self) -> bool:
        """Whether a run is being made."""
        return any(each.status == "running" for each in self._glances)

    def news(self) -> dict[str, Any]:
        """Version of what there is, and how far each run is, in words; for JSON."""
        try:
            self._glances = [_patient(glance, path) for path in self._paths]
        except FileError:
            return {"version": self._version, "running": False, "texts": ["a file is gone"]}
        return {
            "version": "" if self.is_empty else _version(self._glances),
            "running": self.goes_on,
            "texts": [_in_words(each) for each in self._glances],
        }

    def _forget_other_runs(self) -> None:
        """Keep nothing of runs whose files have been replaced by those of others."""
        created = [each.created for each in self._glances]
        if created != self._created:
            self._memory, self._created = Memory(), created

    def story(self) -> str:
        """What the page shows of the runs as they are now, as JSON."""
        with self._lock:  # two readers of one page wait for the same story
            version = self.news()["version"]
            if version and version != self._version:
                self._forget_other_runs()
                runs = [_patient(Trajectory.open, path) for path in self._paths]
                began = time.monotonic()
                told = story(runs, memory=self._memory, **self._settings)
                told |= {"version": version, "took": time.monotonic() - began}
                self._version, self._told = version, in_script(told)
            return self._told or in_script(_NOTHING)

    def page(self) -> str:
        """The page, which asks for news by itself."""
        return page(self.story(), ", ".join(path.stem for path in self._paths), live=True)


_NOTHING: dict[str, Any] = {
    "runs": [], "version": "", "seconds": 1.0, "took": 0.0,
    "clock": {"times": [0.0], "pace": [0.0]},
}  # fmt: skip


def _version(glances: Sequence[Glance]) -> str:
    return " ".join(f"{each.frames}-{each.status}-{each.created}" for each in glances)


def _in_words(found: Glance) -> str:
    return f"{found.status}: {found}" if found.status != "complete" else "complete"


def _patient(look: Any, path: Path) -> Any:
    """What a look at a file finds, which its writer may be in the middle of changing."""
    for _ in range(_PATIENCE):
        try:
            return look(path)
        except FileError:
            if not path.is_file():
                raise
            time.sleep(_PAUSE)
    return look(path)
