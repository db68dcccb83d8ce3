"""What the command line says."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["announce", "say"]

_LONGEST = 1000


def say(message: str, status: int = 0) -> int:
    """Print one line on standard error, of bearable length and without commands to a terminal."""
    words = " ".join(message.split())
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST // 2]} … {words[-_LONGEST // 2 :]}"
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    print(f"meanfield: {shown}", file=sys.stderr, flush=True)
    return status


def announce(path: Any, quiet: bool) -> None:
    """Say where something was written."""
    if not quiet:
        from meanfield import report

        report.rows(report.output(), [("written to", str(path))])
