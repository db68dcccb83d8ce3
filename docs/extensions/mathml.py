"""Formulas as MathML, which browsers draw by themselves: no script, no network."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.math import get_node_equation_number


def inline_formula(translator: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def displayed_formula(translator: Any, node: nodes.math_block) -> None:
    """Write a formula in a line of its own, with its number if it has one."""
    translator.body.append('<div class="formula">')
    if node["number"]:
        number = escape(get_node_equation_number(translator, node))
        translator.body.append(f'<span class="number">({number})</span>')
    translator.body.append(_mathml(node.astext(), "block") + "</div>\n")
    raise nodes.SkipNode


def _mathml(latex: str, display: str) -> str:
    return convert(latex, display=display)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
