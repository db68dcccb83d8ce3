"""Rules of pydantic in the words of this package."""

from __future__ import annotations

__all__ = ["rule_in_words"]


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
