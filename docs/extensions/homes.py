"""References to where a thing is defined lead to the page of its public name.

Docstrings name things by the module that defines them, as `meanfield.simulate.simulate`;
the reference describes `meanfield.simulate`. What can be imported but has no page, such as a
function inside the package, is shown as it is written.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_MISSING = object()


def public_page(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """Resolve a reference that Sphinx did not find, by the object that it means."""
    if node.get("refdomain") != "py":
        return None
    thing = _find(node["reftarget"], node.get("py:module"), node.get("py:class"))
    if thing is _MISSING:
        return None
    for name, entry in env.domains["py"].objects.items():  # type: ignore[attr-defined]
        if entry.objtype != "module" and _imported(name) is thing:
            where = app.builder.get_relative_uri(node["refdoc"], entry.docname)
            return nodes.reference("", "", content, internal=True, refuri=f"{where}#{name}")
    return content


def _find(target: str, module: str | None, owner: str | None) -> Any:
    """What a dotted name means: absolutely, in a class, a module or the package."""
    for path in (target, f"{module}.{owner}.{target}", f"{module}.{target}", f"meanfield.{target}"):
        thing = _imported(path)
        if thing is not _MISSING:
            return thing
    return _MISSING


@cache
def _imported(path: str) -> Any:
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                thing = getattr(thing, part)
        except (ImportError, AttributeError, ValueError):
            continue
        return thing
    return _MISSING


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the resolver."""
    app.connect("missing-reference", public_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
