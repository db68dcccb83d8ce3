"""Labels of the pictures as plain text for the page."""

from __future__ import annotations

import re

__all__ = ["plain"]

_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SYMBOLS = {r"\theta": "θ", r"\mu": "μ", r"\,": " ", r"\;": " ", "\n": " "}


def plain(label: str) -> str:
    r"""A label without the marks of formulas.

    Examples
    --------
    >>> plain("inner weight $w_{12}$"), plain("kink $-b/w$"), plain(r"slope $a\,|w|$")
    ('inner weight w₁₂', 'kink −b/w', 'slope a |w|')
    """
    formula = False
    parts = []
    for part in label.split("$"):
        parts.append(_formula(part) if formula else part)
        formula = not formula
    return "".join(parts).replace("\n", " ")


def _formula(text: str) -> str:
    for mark, symbol in _SYMBOLS.items():
        text = text.replace(mark, symbol)
    text = re.sub(r"_\{?(\d+)\}?", lambda found: found[1].translate(_DIGITS), text)
    return text.replace("-", "−")
