"""The page as one html file that needs nothing from elsewhere."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from meanfield.page.story import story
from meanfield.plotting.style import check_target, written_whole
from meanfield.plotting.survey import Run

__all__ = ["in_script", "page", "policy", "write_page"]

# In the order in which they build on each other.
_SCRIPTS = (
    "unpack.js", "clock.js", "formats.js", "plot.js", "network.js", "functions.js",
    "camera.js", "cloud.js", "frame.js", "cloud_view.js", "panels.js", "inspector.js",
    "controls.js", "live.js", "main.js",
)  # fmt: skip


def write_page(
    runs: Run | Sequence[Run] | Mapping[str, Run],
    path: str | Path,
    *,
    seconds: float = 8.0,
    megabytes: float = 15.0,
    directions: Any = None,
    force: bool = False,
) -> Path:
    """Write an interactive page of one or several runs: one file, without network access.

    Parameters
    ----------
    runs : Trajectory, or sequence or mapping of up to six
        Keys of a mapping are titles; otherwise runs are called by their files, or by their
        solvers and sizes.
    path : path
        File to write, ``.html``.
    seconds : float
        How long it plays at single speed.
    megabytes : float
        About how large the file may be: frames and particles are thinned to that, and the
        page says so.
    directions : Directions, name of a rule, or pair of parameter names, optional
        Of the flat picture.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    InvalidInputError
        If a run has no frames, or a setting is not allowed.
    FileError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import meanfield as mf
    >>> write_page(mf.open("run.h5"), "run.html")  # doctest: +SKIP
    PosixPath('run.html')
    """
    target = check_target(path, (".html",), force)
    labels = None
    if isinstance(runs, Mapping):
        several, labels = list(runs.values()), [str(title) for title in runs]
    else:
        several = list(runs) if isinstance(runs, Sequence) else [runs]
    settings: Any = {"seconds": seconds, "megabytes": megabytes, "directions": directions}
    told = story(several, labels=labels, **settings)
    names = ", ".join(run["label"] for run in told["runs"])
    with written_whole(target) as partial:
        partial.write_bytes(page(in_script(told), names).encode())
    return target


def page(told: str, title: str, live: bool = False) -> str:
    """Text of the page that shows a `story`.

    Parameters
    ----------
    told : str
        The story, by `in_script`.
    title : str
        Names of the runs.
    live : bool
        Whether the page asks its server for news.
    """
    parts = {
        "POLICY": policy(live),
        "TITLE": escape(f"{title} – meanfield"),
        "LIVE": "live" if live else "still",
        "STYLE": _asset("page.css"),
        "LIBRARY": _library(),
        "PROGRAM": _program(),
        "STORY": told,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


def policy(live: bool) -> str:
    """What the page may do: run the scripts and styles it came with, and nothing else.

    With live updates it may also ask its own server.
    """
    rules = [
        "default-src 'none'",
        f"script-src {_hashed(_library())} {_hashed(_program())}",
        f"style-src {_hashed(_asset('page.css'))}",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join([*rules, "connect-src 'self'"] if live else rules)


def in_script(told: dict[str, Any]) -> str:
    """JSON that cannot end the script element that holds it, whatever it contains."""
    text = json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    return files("meanfield.page").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """The library for WebGL, as published, but for what would end its script element."""
    return _asset("vendor/twgl.js").replace("</script", "<\\/script")


@cache
def _program() -> str:
    """All modules of the page in one function, so that none of their names is global."""
    modules = "\n".join(_asset(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{modules}\n}})();\n'


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
