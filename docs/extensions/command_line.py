"""The directive ``command-line``: every verb with its options, read from the program itself."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from meanfield.cli.application import app
from meanfield.cli.verbs import Verb


class CommandLine(SphinxDirective):
    """A section for each verb."""

    def run(self) -> list[nodes.Node]:
        """Parse the description of all verbs as Markdown."""
        verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
        text = "\n\n".join(_section(name, verb) for name, verb in verbs.items())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _section(name: str, verb: Any) -> str:
    context = verb.make_context(name, [], resilient_parsing=True)
    with redirect_stdout(StringIO()):
        Verb.format_help(verb, context, context.make_formatter())  # names the solvers
    usage = f"meanfield {' '.join([name, *verb.collect_usage_pieces(context)])}"
    rows = [_row(param, context) for param in verb.params]
    table = "\n".join(["| option | meaning |", "| --- | --- |", *rows])
    return f"## {name}\n\n```text\n{usage}\n```\n\n{_prose(verb.help)}\n\n{table}"


def _prose(help_text: str) -> str:
    """Text with its commands in blocks."""
    return re.sub(r"(?m)((?:^\$ .*\n?)+)", r"\n```console\n\1\n```\n", help_text + "\n")


def _row(param: Any, context: Any) -> str:
    names = [name for name in param.opts if name.startswith("-")]
    shown = ", ".join(f"`{text}`" for text in names) or f"`{param.metavar}`"
    if names and param.metavar:
        shown += f" `{param.metavar}`"
    meaning = (param.help or "").strip()
    default = param.get_default(context)
    if default is not None and default is not False:
        meaning += f" Default: `{default}`."
    return "| " + " | ".join(text.replace("|", r"\|") for text in (shown, meaning)) + " |"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
