"""Serving the page of runs on this machine, and to it alone."""

from __future__ import annotations

import errno
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from meanfield.checks import as_count
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.page.document import in_script
from meanfield.page.show import Show

__all__ = ["serve", "server"]

_HOST = "127.0.0.1"
_LAST_PORT = 65535


def serve(
    paths: Sequence[str | Path],
    *,
    port: int = 8765,
    browser: bool = True,
    say: Callable[[str], None] = print,
    **settings: Any,
) -> None:
    """Show runs in the browser until an interrupt, with new frames as they are made.

    Parameters
    ----------
    paths : sequence of path
        Trajectory files, which may still be growing.
    port : int
        Of 127.0.0.1, where nobody else on the network sees it; 0 for any free one.
    browser : bool
        Open a browser.
    say : callable
        Told the address.
    settings
        As for `meanfield.page.story.story`.

    Raises
    ------
    FileError
        If a file is missing or unreadable.
    InvalidInputError
        If a run that has ended has no frames, or the port is taken.
    """
    show = Show([Path(path) for path in paths], **settings)
    if show.is_empty and not show.goes_on:
        raise InvalidInputError("the run has no frames, so there is nothing to show")
    show.story()  # what is wrong with the runs is said here, not in the browser
    with server(show, port) as listening:
        address = f"http://{_HOST}:{listening.server_address[1]}/"
        say(f"{address} until Ctrl-C")
        if browser and not _opened(address):
            say("no browser was found here: open that address in one")
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            return


def server(show: Show, port: int) -> ThreadingHTTPServer:
    """A server of a show, bound to a port of 127.0.0.1.

    Raises
    ------
    InvalidInputError
        If the port is no port, taken, or not allowed.
    """
    if as_count("port", port, 0) > _LAST_PORT:
        raise InvalidInputError(f"port must be at most {_LAST_PORT}, got {port}")
    handler = type("_Handler", (_Handler,), {"show": show})
    try:
        listening = _Server((_HOST, port), handler)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is in use" if error.errno == errno.EADDRINUSE else "is not allowed"
        raise InvalidInputError(f"port {port} {why}; choose another one with --port") from None
    return listening


def _opened(address: str) -> bool:
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of readers that go away in the middle of an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers three questions of the page, and no others."""

    show: Show
    timeout = 60.0  # seconds in which a reader must say something
    server_version, sys_version = "meanfield", ""
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """Answer until the browser leaves, which it may in the midst of an answer."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer: the page, what is new, or what it shows."""
        # A foreign page may point a name of its own at this machine: it gets nothing.
        name = (self.headers.get("Host") or "").partition(":")[0]
        if name not in (_HOST, "localhost"):
            self.send_error(403)
            return
        answers: dict[str, tuple[str, Callable[[], str]]] = {
            "/": ("text/html; charset=utf-8", self.show.page),
            "/news": ("application/json", self._news),
            "/story": ("application/json", self.show.story),
        }
        if self.path not in answers:
            self.send_error(404)
            return
        kind, answer = answers[self.path]
        try:
            content = answer().encode()
        except MeanfieldError as error:  # the files may have changed since the page was sent
            self.send_error(503, explain=str(error))
            return
        self._send(kind, content)

    def _news(self) -> str:
        return in_script(self.show.news())

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: requests are no news to the user."""
