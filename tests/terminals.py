"""Terminals to look at: what a stream of bytes leaves on a screen."""

from __future__ import annotations

import io
import os
import re
from contextlib import contextmanager

_PARTS = re.compile(r"\x1b\[\??(?P<number>\d*)[;\d]*(?P<verb>[A-Za-z])|(?P<letter>.)", re.DOTALL)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say yes."""
        return True


@contextmanager
def pseudo_terminal():
    """Stream that writes to a terminal of the system, and a function that ends and reads it."""
    reader, writer = os.openpty()
    stream = os.fdopen(writer, "w", encoding="utf-8")

    def ended():
        stream.close()
        found = b""
        try:
            while part := os.read(reader, 65536):
                found += part
        except OSError:  # Linux says by an error that there is nothing more
            pass
        return found.decode()

    try:
        yield stream, ended
    finally:
        if not stream.closed:
            stream.close()
        os.close(reader)


def screens(text):
    """Lines on the screen each time that the cursor has gone to the end of a picture."""
    lines, row, column = [""], 0, 0
    for part in _PARTS.finditer(text.replace("\r\n", "\n")):
        letter, verb = part["letter"], part["verb"]
        if letter == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif letter == "\r":
            yield [line.rstrip() for line in lines]
            column = 0
        elif letter:
            lines[row] = lines[row].ljust(column)[:column] + letter + lines[row][column + 1 :]
            column += 1
        elif verb == "A":
            row -= int(part["number"] or 1)
        elif verb == "K":
            lines[row] = ""
    yield [line.rstrip() for line in lines]
