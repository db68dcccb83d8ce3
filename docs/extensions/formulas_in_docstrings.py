"""Bars and stars of formulas in docstrings mean themselves: |x|, w*_i.

In reStructuredText `|x|` is a substitution and `*` begins emphasis. Docstrings are written to
be read as they are, so both are escaped before they are parsed, except in code. In a table,
where columns keep their width, a bar becomes the sign ∣. Texts of the gallery are treated alike.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_CODE = re.compile(r"(``.*?``)")
_STRONG_OR_NAME = re.compile(r"(\*\*\w+\*\*|\*\*\w+)")
_RULE = re.compile(r"\s*=+( +=+)+\s*$")


def escape(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Escape every line of a docstring that is neither code nor an example."""
    in_example = in_table = False
    for number, line in enumerate(lines):
        in_example = line.strip().startswith(">>>") or (in_example and bool(line.strip()))
        in_table = bool(_RULE.match(line)) or (in_table and bool(line.strip()))
        if in_table:
            lines[number] = line.replace("|", "∣")
        elif not in_example:
            lines[number] = _escaped(line)


def escape_gallery(app: Sphinx, page: str, source: list[str]) -> None:
    """Escape the texts between the code of a script."""
    if page.startswith("examples/plot_"):
        lines = source[0].split("\n")
        source[0] = "\n".join(
            line if line.startswith((" ", "..")) else _escaped(line) for line in lines
        )


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(part if part.startswith("``") else _escaped_prose(part) for part in parts)


def _escaped_prose(text: str) -> str:
    parts = _STRONG_OR_NAME.split(text.replace("|", r"\|"))
    return "".join(p if p.startswith("**") else re.sub(r"(?<!^)\*", r"\\*", p) for p in parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Escape before other extensions read the docstring."""
    app.connect("autodoc-process-docstring", escape, priority=100)
    app.connect("source-read", escape_gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
