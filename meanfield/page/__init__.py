"""The interactive page of one or several runs: one html file, or served while they go on."""

from __future__ import annotations

from meanfield.page.document import write_page
from meanfield.page.server import serve

__all__ = ["serve", "write_page"]
