"""How far a run is: a dashboard on a terminal, a figure in a notebook, lines in a log."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.display import Output, Shown
from meanfield.standing import History, Mark, Standing

if TYPE_CHECKING:
    from rich.text import Text

    from meanfield.measures import Measure
    from meanfield.observers import Frame
    from meanfield.run_pictures import MeasurePictures

__all__ = ["Progress"]


class Progress(Shown):
    """Observer that shows how far a run is, how fast it goes, and its risk and energy.

    On a terminal it is a dashboard, and in a notebook a figure, for runs of more than half a
    second; elsewhere (a log of a cluster) it is one plain line a minute, and none for shorter
    runs. Lines and dashboard go to standard error.

    Parameters
    ----------
    times : (F,) array
        Times of the frames.
    title : str
        What the run is, where it is one part of more.
    shown : bool
        Whether anything is shown.

    Examples
    --------
    >>> with Progress(np.linspace(0, 1, 3)) as progress:
    ...     pass  # simulate(..., observers=[progress])
    """

    def __init__(self, times: Any, title: str = "", shown: bool = True) -> None:
        super().__init__(shown)
        self._title = title
        self._history = History(float(np.asarray(times)[-1]))
        self._pictures: MeasurePictures | None = None
        self._measure: Measure | None = None

    def __call__(self, frame: Frame) -> None:
        """Show the frame."""
        self._history.add(
            Mark(monotonic(), frame.time, frame.risk, frame.steps, frame.step, frame.energy)
        )
        if isinstance(self._display, Output):
            self._keep(frame)
        self._changed()

    @property
    def standing(self) -> Standing:
        """How far the run is now."""
        found = self._history.standing(monotonic(), self._started)
        return found if self.error is None else replace(found, left=None)

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        from meanfield.dashboard import run_picture

        return run_picture(self.standing, width, ascii_only, self._title)

    def _keep(self, frame: Frame) -> None:
        """Keep a frame for the notebook's picture of its measure."""
        from meanfield.run_pictures import MeasurePictures

        self._pictures = self._pictures or MeasurePictures(frame.problem, frame.measure)
        self._measure = frame.measure

    def html(self) -> str:
        """What a notebook shows now: the numbers, the risk so far, and the measure."""
        from meanfield.dashboard import run_rows
        from meanfield.notebook import card, meter
        from meanfield.thumbnails import curve

        run, pictures = self.standing, []
        if self._pictures is not None and self._measure is not None:
            pictures = [curve(run.times, run.risks, "risk"), self._pictures.picture(self._measure)]
        title = f"{self._title} t = {run.time:.4g} of {run.end:g}".strip()
        return meter(run.share) + card(title, run_rows(run, self.error), *pictures)

    def line(self) -> str:
        """What a log says now."""
        from meanfield.dashboard import in_one_line

        found = in_one_line(self.standing)
        return f"{self._title}: {found}" if self._title else found
