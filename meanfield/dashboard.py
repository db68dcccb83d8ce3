"""What a run that goes on looks like: four lines for a terminal, one for a log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rich.text import Text

from meanfield.standing import Standing
from meanfield.wording import duration

__all__ = [
    "bar",
    "clock_words",
    "ending",
    "in_one_line",
    "passed_and_left",
    "run_picture",
    "run_rows",
    "sparkline",
    "study_picture",
    "words_picture",
]

# Letters of the widest line; beyond that a bar tells no more.
_WIDEST = 100
# Letters of a picture that are worth more than the words beside it.
_NARROWEST = 16
# Letters of the longest number of four digits, as 1.234e-05.
_LONGEST_NUMBER = 9
# A risk that changes by more than this factor is drawn on a logarithmic scale.
_LOGARITHMIC = 10.0
# Relative differences below this are rounding, not a shape.
_ROUNDING = 1e-9
# Seconds to go from which on the time of day helps.
_LONG = 60.0
_BLOCKS, _ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.,-=+*#"
_GAP = "  "


def sparkline(values: Sequence[float], width: int, ascii_only: bool = False) -> str:
    """Values as a row of blocks, at most `width` of them; logarithmic if they vary tenfold.

    Parameters
    ----------
    values : sequence of float
        What is not finite leaves a hole.
    width : int
    ascii_only : bool
        Whether the terminal knows no blocks.

    Examples
    --------
    >>> sparkline([1.0, 2.0, 3.0], 10), sparkline([1e-4, 1e-2, 1.0], 10, ascii_only=True)
    ('▁▅█', '_=#')
    """
    count = min(len(values), max(width, 0))
    if count == 0:
        return ""
    last = len(values) - 1
    shown = [float(values[round(i * last / max(count - 1, 1))]) for i in range(count)]
    if count == 1:
        shown = [float(values[-1])]
    finite = [value for value in shown if math.isfinite(value)]
    if finite and min(finite) > 0.0 and max(finite) > _LOGARITHMIC * min(finite):
        shown = [math.log(value) if math.isfinite(value) else math.nan for value in shown]
        finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    return "".join(_level(value, low, high, blocks) for value in shown)


def _level(value: float, low: float, high: float, blocks: str) -> str:
    if not math.isfinite(value):
        return " "
    span = high / 2 - low / 2
    flat = span <= _ROUNDING * max(abs(low), abs(high))
    height = 0.5 if flat else (value / 2 - low / 2) / span
    return blocks[min(int(height * len(blocks)), len(blocks) - 1)]


def bar(share: float, width: int, ascii_only: bool = False) -> Text:
    """A bar of which a part in [0, 1] is done, of `width` letters; clear without colours.

    Examples
    --------
    >>> str(bar(0.5, 8)), str(bar(0.5, 8, ascii_only=True))
    ('━━━━────', '####----')
    """
    done = min(int(share * width), width)
    full, empty = ("#", "-") if ascii_only else ("━", "─")
    return Text.assemble((full * done, "cyan"), (empty * (width - done), "bright_black"))


def run_picture(run: Standing, width: int, ascii_only: bool = False, title: str = "") -> Text:
    """Four lines of at most `width` letters on a run: progress, risk, energy and pace, clock.

    Parameters
    ----------
    run : Standing
    width : int
        Of the terminal.
    ascii_only : bool
        Whether it knows no letters but those of ASCII.
    title : str
        What the run is.
    """
    time = f"{title} t = {run.time:.4g} of {run.end:g}".lstrip()
    first = _LONGEST_NUMBER + len(time) - len(f"{run.time:.4g}")
    begun = "" if not run.risks else f"from {run.risks[0]:.4g}"
    middle, last = _widths(width, first, len("from ") + _LONGEST_NUMBER)
    past, done = sparkline(run.risks, middle, ascii_only), bar(run.share, middle, ascii_only)
    facts = [_fact("energy", run.energy), _fact("step", run.step), *_paces(run)]
    return _block_of(
        width,
        _row(time.ljust(first), done, f"{int(100 * run.share)} %"),
        _row(
            _fact("risk", run.risk).ljust(first),
            Text(past.ljust(middle), "green"),
            begun if len(begun) <= last else "",
        ),
        Text(_fitting(facts, width) or "the first steps"),
        Text(_fitting(passed_and_left(run.passed, run.left), width), "bright_black"),
    )


def _paces(run: Standing) -> list[str]:
    paces = {"t/s": run.speed, "steps/s": run.rate}
    return [f"{pace:.3g} {unit}" for unit, pace in paces.items() if pace is not None]


def run_rows(run: Standing, error: BaseException | None = None) -> list[tuple[str, str]]:
    """Labels and texts on a run, for a notebook: as `run_picture`, and how it ended.

    Examples
    --------
    >>> run_rows(Standing(1.0, 4.0, risks=[0.5], passed=2.0), KeyboardInterrupt())
    [('risk', '0.5'), ('clock', '2.0 s passed'), ('status', 'interrupted')]
    """
    numbers = {"risk": run.risk, "energy": run.energy, "step": run.step}
    rows = [(name, f"{value:.4g}") for name, value in numbers.items() if value is not None]
    words = {
        "pace": ", ".join(_paces(run)),
        "clock": ", ".join(passed_and_left(run.passed, run.left)),
    }
    return [*rows, *((name, text) for name, text in words.items() if text), *ending(error)]


def ending(error: BaseException | None) -> list[tuple[str, str]]:
    """A row that says what ended something before its end, if anything did."""
    if error is None:
        return []
    if isinstance(error, KeyboardInterrupt):
        return [("status", "interrupted")]
    return [("status", f"failed: {error}")]


def study_picture(share: float, words: Iterable[str], width: int, ascii_only: bool = False) -> Text:
    """Two lines on the networks of a study, of which a part in [0, 1] is done."""
    middle, _ = _widths(width, len("networks"), len("100 %"))
    return _block_of(
        width,
        _row("networks", bar(share, middle, ascii_only), f"{int(100 * share)} %"),
        Text(_fitting(words, width), "bright_black"),
    )


def words_picture(words: str, width: int) -> Text:
    """One line."""
    return _block_of(width, Text(words))


def _fact(name: str, value: float | None) -> str:
    """A number with four digits, in a width that does not change while they do."""
    return "" if value is None else f"{name} {value:<{_LONGEST_NUMBER}.4g}"


def _widths(width: int, first: int, last: int) -> tuple[int, int]:
    """Letters of a picture between words, 0 where there is no room, and of the last word."""
    width = min(width, _WIDEST) - first - 2 * len(_GAP)
    if width - last < _NARROWEST:
        last = len("100 %")
    return max(0, width - last), last


def _block_of(width: int, *lines: Text) -> Text:
    """Lines that are cut off where the terminal ends."""
    for line in lines:
        line.rstrip()
        line.truncate(width)
    return Text("\n", no_wrap=True).join(lines)


def _row(left: str, picture: Text, right: str) -> Text:
    return Text.assemble(left, _GAP, picture, _GAP, right)


def _fitting(words: Iterable[str], width: int) -> str:
    """As many of the words, the first ones first, as a line holds."""
    line = ""
    for word in filter(None, words):
        longer = f"{line}{_GAP}{word}" if line else word
        if len(longer) > width:
            break
        line = longer
    return line


def clock_words(seconds: float, now: datetime | None = None) -> str:
    """Time of day, with the day if it is another one, some seconds from now.

    Examples
    --------
    >>> friday = datetime(2024, 5, 3, 22, 0)
    >>> clock_words(600, friday), clock_words(3 * 3600, friday)
    ('22:10', '4 May 01:00')
    """
    now = now or datetime.now()
    try:
        then = now + timedelta(seconds=seconds)
    except OverflowError:
        return "long after you"
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then.day} {then:%b %H:%M}"


def passed_and_left(passed: float | None, left: float | None) -> list[str]:
    """In words what has passed, what is left, and until when, as far as that is known.

    Examples
    --------
    >>> passed_and_left(2.0, 5.0), passed_and_left(2.0, None)
    (['2.0 s passed', 'about 5.0 s left'], ['2.0 s passed'])
    """
    words = [] if passed is None else [f"{duration(passed)} passed"]
    if left:
        words.append(f"about {duration(left)} left")
        if left >= _LONG:
            words.append(f"until {clock_words(left)}")
    return words


def in_one_line(run: Standing) -> str:
    """What a log says about a run."""
    words = [f"t = {run.time:.4g} of {run.end:g}"]
    if run.risk is not None:
        words.append(f"risk {run.risk:.4g}")
    if run.energy is not None:
        words.append(f"energy {run.energy:.4g}")
    return ", ".join([*words, *passed_and_left(run.passed, run.left)])
