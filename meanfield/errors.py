"""What goes wrong, in one sentence each: the classes of errors that users meet."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "DivergenceError",
    "FileError",
    "InvalidInputError",
    "MeanfieldError",
    "unknown_name",
]


class MeanfieldError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidInputError(MeanfieldError, ValueError):
    """A mistake in a call or a configuration; the message says what is allowed."""


class FileError(MeanfieldError, OSError):
    """A file that cannot be read, is not ours, or would be overwritten."""


class DivergenceError(MeanfieldError, ArithmeticError):
    """A run left the finite numbers; frames committed before `time` stay valid.

    Attributes
    ----------
    time : float
        Mean-field time up to which the run was sound.
    """

    def __init__(self, message: str, time: float) -> None:
        super().__init__(message)
        self.time = time


def unknown_name(kind: str, name: object, known: Iterable[str]) -> InvalidInputError:
    """Error for a name that is not in a vocabulary, with the nearest valid one.

    Parameters
    ----------
    kind : str
        What was asked for, for example ``"solver"``.
    name : object
        The name as the user wrote it.
    known : iterable of str
        The vocabulary.

    Returns
    -------
    InvalidInputError
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown_name("activation", "tahn", ["relu", "tanh"]))
    unknown activation 'tahn'; did you mean 'tanh'? known: relu, tanh
    """
    names = sorted(known)
    nearest = get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f" did you mean {nearest[0]!r}?" if nearest else ""
    return InvalidInputError(f"unknown {kind} {name!r};{hint} known: {', '.join(names)}")
