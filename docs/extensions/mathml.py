"""Formulas as MathML, which browsers draw by themselves: no script, no network."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.math import get_node_equation_number

_CAPITALS = re.compile(r"<mi>(&#x003[9A][0-9A-F];)</mi>")  # Greek: Γ … Ω


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
    """Convert, with the spaces and upright letters that TeX would set."""
    text = convert(latex, display=display)
    text = text.replace("<mi>log</mi>", '<mi>log</mi><mspace width="0.167em" />')
    text = text.replace("<mi>&#x02032;</mi>", "<mo>&#x02032;</mo>")
    return _CAPITALS.sub(r'<mi mathvariant="normal">\1</mi>', text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
