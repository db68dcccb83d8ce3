"""Time spans, and rules of pydantic, in the words of this package."""

from __future__ import annotations

__all__ = ["duration", "rule_in_words"]


def duration(seconds: float) -> str:
    """Return a time span in words.

    Examples
    --------
    >>> duration(3.21), duration(75), duration(7260)
    ('3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def rule_in_words(message: str) -> str:
    """What a value must be, from a message of pydantic.

    Examples
    --------
    >>> rule_in_words("Input should be a valid integer, unable to parse string as an integer")
    'must be an integer'
    >>> rule_in_words("Input should be greater than or equal to 0")
    'must be >= 0'
    """
    rule = message.replace("Input should ", "must ")
    if "valid" in rule:
        rule = rule.partition(",")[0].replace("a valid integer", "an integer")
    words = {
        "a valid string": "a text",
        "a valid boolean": "true or false",
        "a valid ": "a ",
        "greater than or equal to": ">=",
        "less than or equal to": "<=",
        "greater than": ">",
        "less than": "<",
    }
    for theirs, ours in words.items():
        rule = rule.replace(theirs, ours)
    return rule
