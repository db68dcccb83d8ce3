"""Pages refer to what exists: links, anchors, public names, scripts of the gallery."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import meanfield

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
SCRIPTS = sorted((DOCS / "gallery").glob("plot_*.py"))


def prose(page):
    return re.sub(r"^```(?!\{).*?^```", "", page.read_text(), flags=re.S | re.M)


def anchors(page):
    """The names that GitHub and the site give to headings."""
    titles = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def exists(target, folder):
    """Whether a file is there, or is made from one when the site is built."""
    made = re.fullmatch(r"examples/(index|plot_\w+)(\.html)?", target)
    if made:
        return made[1] == "index" or (DOCS / "gallery" / f"{made[1]}.py").is_file()
    return (folder / target).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^:target: (\S+)$", text, flags=re.M)
    links += re.findall(r"^```\{(?:figure|include)\} (\S+)$", text, flags=re.M)
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert not path or exists(path, page.parent), f"{page.name}: no {path}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: no heading {anchor} in {target.name}"


def test_a_broken_link_would_be_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n[x](nowhere.md) [y](#a-title)\n")
    assert anchors(page) == {"a-title"}
    with pytest.raises(AssertionError, match=r"no nowhere\.md"):
        test_links_lead_somewhere(page)


def test_every_page_is_in_the_contents():
    contents = (DOCS / "index.md").read_text()
    listed = {
        line
        for tree in re.findall(r"```\{toctree\}(.*?)```", contents, flags=re.S)
        for line in tree.split("\n")
    }
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= listed


def test_every_public_name_is_in_the_reference():
    listed = set(re.findall(r"^   (\w+)$", (DOCS / "reference.md").read_text(), flags=re.M))
    assert set(meanfield.__all__) <= listed


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_of_the_gallery_fit_on_a_screen(script):
    assert len(script.read_text().splitlines()) <= 50
