"""What objects show in a notebook: a card with rows of facts, and small pictures beside them.

Texts are escaped here and nowhere else: what a file says is never taken for HTML.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from meanfield.typing import Array, Float64Array

__all__ = [
    "Html",
    "card",
    "columns",
    "display_html",
    "html_of",
    "in_notebook",
    "meter",
    "moments",
    "preformatted",
]

# A notebook's own style puts tables in the middle, and their texts to the right.
_TABLE = "border-collapse:collapse;table-layout:auto;margin:0;border:none"
_CELL = "text-align:left;vertical-align:top;padding:1px 10px 1px 0;border:none;background:none"
_LONGEST = 400
# Means below so many standard deviations are rounding.
_ROUNDING = 1e-12
# Parameters whose moments are listed.
_MOST_LISTED = 6


def card(title: str, rows: Iterable[tuple[str, str]], *pictures: str) -> str:
    """HTML of facts on an object, with pictures.

    Parameters
    ----------
    title : str
    rows : iterable of (label, text)
        As they are: they are escaped here.
    pictures : str
        HTML of `meanfield.thumbnails`, or of `meter`.

    Examples
    --------
    >>> "&lt;b&gt;" in card("Run", [("name", "<b>")])
    True
    """
    head = f'<tr><th colspan="2" style="{_CELL}">{escape(title)}</th></tr>'
    body = "".join(
        f'<tr><th style="{_CELL};font-weight:normal;opacity:.7;white-space:nowrap">'
        f'{_text(label)}</th><td style="{_CELL}">{_text(text)}</td></tr>'
        for label, text in rows
    )
    table = f'<table style="{_TABLE}">{head}{body}</table>'
    return _beside([table, *pictures])


def columns(title: str, names: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """HTML of a table of numbers with a head.

    Examples
    --------
    >>> columns("Constants", ["t", "C"], [["0", "1.5"]]).count("<td")
    2
    """
    heads = "".join(f'<th style="{_CELL};opacity:.7">{_text(name)}</th>' for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td style={_CELL!r}>{_text(cell)}</td>' for cell in line)}</tr>"
        for line in lines
    )
    top = f'<tr><th colspan="{len(names)}" style="{_CELL}">{escape(title)}</th></tr>'
    return _beside([f'<table style="{_TABLE}">{top}<tr>{heads}</tr>{body}</table>'])


def meter(share: float) -> str:
    """HTML of a bar of which a part in [0, 1] is done.

    Examples
    --------
    >>> "width:25.0%" in meter(0.25)
    True
    """
    done = 100.0 * min(max(share, 0.0), 1.0)
    return (
        '<div style="width:100%;height:5px;border-radius:3px;background:rgba(128,128,128,.25)">'
        f'<div style="width:{done:.1f}%;height:5px;border-radius:3px;background:#4a90d9"></div>'
        "</div>"
    )


def preformatted(text: str) -> str:
    """HTML of a text whose columns are aligned by spaces.

    Examples
    --------
    >>> preformatted("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{escape(text)}</pre>"


def moments(positions: Array, weights: Float64Array) -> list[tuple[str, str]]:
    """Rows with mean and standard deviation of the parameters: of all, or of the first few.

    Examples
    --------
    >>> moments(np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([0.5, 0.5]))
    [('mean', '1, 1'), ('standard deviation', '1, 0')]
    """
    thetas = np.asarray(positions[:, : _MOST_LISTED + 1], dtype=np.float64)
    mean = weights @ thetas
    spread = np.sqrt(weights @ np.square(thetas - mean))
    mean = np.where(np.abs(mean) < _ROUNDING * spread, 0.0, mean)
    return [("mean", _listed(mean)), ("standard deviation", _listed(spread))]


def _listed(values: Float64Array) -> str:
    numbers = [f"{value:.3g}" for value in values[:_MOST_LISTED]]
    return ", ".join([*numbers, "…"] if len(values) > _MOST_LISTED else numbers)


def html_of(value: Any) -> str:
    """What an object shows of itself.

    Examples
    --------
    >>> html_of(1.5)
    '<pre>1.5</pre>'
    """
    own = getattr(value, "_repr_html_", None)
    return str(own()) if own is not None else preformatted(repr(value))


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")


def _beside(parts: Sequence[str]) -> str:
    style = "display:flex;flex-wrap:wrap;gap:6px 22px;align-items:flex-start;font-size:13px"
    return f'<div style="{style}">{"".join(f"<div>{part}</div>" for part in parts if part)}</div>'


class Html:
    """Something that a notebook shows as HTML, and a terminal as text."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, as far as can be told.

    Examples
    --------
    >>> in_notebook()
    False
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def display_html(shown: Html, handle: Any = None) -> Any:
    """Show something in the output of the cell that runs, in place of what `handle` shows.

    Returns
    -------
    IPython.display.DisplayHandle
        What shows something else in this place later.
    """
    if handle is not None:
        handle.update(shown)
        return handle
    from IPython.display import display

    return display(shown, display_id=True)
