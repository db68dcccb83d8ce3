"""Where progress is shown: a picture on a terminal or in a notebook, lines in a log."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from meanfield.notebook import Html, display_html, in_notebook

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["Display", "Lines", "Output", "Screen", "Shown", "errors_console", "is_interactive"]

# Seconds before anything appears: what is shorter needs no picture, which would only flash.
_DELAY = 0.5
# Seconds between two pictures: a clock that counts them is the fastest thing on it.
_INTERVAL = 0.5
# Between two pictures in a notebook: seconds, and times that it took to make the last.
_NOTEBOOK_INTERVAL, _NOTEBOOK_PAUSE = 1.0, 100.0
# Seconds between two lines of a log, and of a terminal that can only add lines.
LOG_INTERVAL, DUMB_INTERVAL = 60.0, 10.0


class Display(Protocol):
    """What shows how far something is."""

    def start(self) -> None:
        """Begin to show it."""
        ...

    def changed(self) -> None:
        """There is something new to be shown."""
        ...

    def announce(self) -> None:
        """Say it at once where nothing can be drawn."""
        ...

    def stop(self) -> None:
        """Show nothing more."""
        ...


def errors_console() -> Console:
    """Console on standard error, as that is now."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def is_interactive(console: Console) -> bool:
    """Whether a console is a terminal on which lines can be written anew."""
    return console.is_interactive and console.file.isatty()


class Screen:
    """A picture at the end of a terminal, drawn anew twice a second until it vanishes.

    A thread of its own draws it, so that clocks go on between frames that take long; where
    the terminal goes away, it ends alone.

    Parameters
    ----------
    console : Console
    picture : callable
        ``picture(width, ascii_only)`` gives the picture of now, of few lines.
    """

    def __init__(self, console: Console, picture: Callable[[int, bool], Text]) -> None:
        self._console, self._picture = console, picture
        self._ended = Event()
        self._thread = Thread(target=self._show, name="meanfield-progress", daemon=True)

    def start(self) -> None:
        """Begin to show it, a moment later."""
        self._thread.start()

    def changed(self) -> None:
        """Nothing to do: the next picture will show it."""

    def announce(self) -> None:
        """Nothing to do: a picture comes soon."""

    def stop(self) -> None:
        """Take the picture away and give the cursor back."""
        self._ended.set()
        self._thread.join()

    def _show(self) -> None:
        if self._ended.wait(_DELAY):
            return
        from rich.live import Live

        live = Live(
            console=self._console,
            get_renderable=self._now,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        try:
            with live:
                live.refresh()
                while not self._ended.wait(_INTERVAL):
                    live.refresh()
        except OSError:
            return
        except ValueError:
            if not self._console.file.closed:
                raise

    def _now(self) -> Text:
        options = self._console.options
        return self._picture(options.max_width, options.ascii_only)


class Lines:
    """Plain lines, one now and then, and none about what is short.

    Parameters
    ----------
    line : callable
        Gives the line of now.
    write : callable
        Takes it.
    interval : float
        Seconds between two lines, and before the first.
    """

    def __init__(
        self, line: Callable[[], str], write: Callable[[str], None], interval: float
    ) -> None:
        self._line, self._write, self._interval = line, write, interval
        self._written = monotonic()

    def start(self) -> None:
        """Begin to count seconds."""
        self._written = monotonic()

    def changed(self) -> None:
        """Write a line if one is due."""
        if monotonic() - self._written >= self._interval:
            self._written = monotonic()
            self._write(self._line())

    def announce(self) -> None:
        """Write a line."""
        self._write(self._line())

    def stop(self) -> None:
        """Nothing to do."""


class Output:
    """A picture in the output of a notebook's cell, drawn anew now and then; the last stays.

    Parameters
    ----------
    html : callable
        Gives the picture of now.
    line : callable
        Gives the same in words.
    """

    def __init__(self, html: Callable[[], str], line: Callable[[], str]) -> None:
        self._html, self._line = html, line
        self._handle: Any = None
        self._due = 0.0

    def start(self) -> None:
        """Begin to show it, a moment later."""
        self._due = monotonic() + _DELAY

    def changed(self) -> None:
        """Draw a picture if one is due."""
        begun, is_first = monotonic(), self._handle is None
        if begun >= self._due:
            self._due = begun
            self._draw()
            drawn = monotonic()
            taken = 0.0 if is_first else drawn - begun  # the first waits for imports
            self._due += drawn - begun + max(_NOTEBOOK_INTERVAL, _NOTEBOOK_PAUSE * taken)

    def announce(self) -> None:
        """Nothing to do: what takes long will be seen."""

    def stop(self) -> None:
        """Show how it ended, if anything was shown."""
        if self._handle is not None:
            self._draw()

    def _draw(self) -> None:
        """Draw the picture; whatever goes wrong in that is no reason for the run to fail."""
        try:
            self._handle = display_html(Html(self._html(), self._line()), self._handle)
        except Exception as error:
            self._due, self._handle = math.inf, None
            warnings.warn(f"no progress can be shown: {error}", stacklevel=2)


def write_error_line(line: str) -> None:
    """Print a line on standard error at once."""
    print(line, file=sys.stderr, flush=True)


class Shown:
    """What is shown while a ``with`` block lasts: a picture if that is possible, else lines.

    Parameters
    ----------
    shown : bool
        Whether anything is.

    Attributes
    ----------
    error : BaseException or None
        What ended the block before its end.
    """

    def __init__(self, shown: bool = True) -> None:
        self._is_shown = shown
        self._display: Display | None = None
        self._started = monotonic()
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._started = monotonic()
        if self._is_shown:
            self._display = self._new_display()
            self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.error = error
        if self._display is not None:
            self._display.stop()
            self._display = None

    def picture(self, width: int, ascii_only: bool) -> Text:
        """What a terminal of a width shows now."""
        raise NotImplementedError

    def html(self) -> str:
        """What a notebook shows now."""
        raise NotImplementedError

    def line(self) -> str:
        """What a log says now."""
        raise NotImplementedError

    def announce(self) -> None:
        """Say it at once in a log; on a terminal it will be seen if it takes long."""
        if self._display is not None:
            self._display.announce()

    def _changed(self) -> None:
        if self._display is not None:
            self._display.changed()

    def _new_display(self) -> Display:
        if in_notebook():
            return Output(self.html, self.line)
        console = errors_console()
        if is_interactive(console):
            return Screen(console, self.picture)
        interval = DUMB_INTERVAL if sys.stderr.isatty() else LOG_INTERVAL
        return Lines(self.line, write_error_line, interval)
