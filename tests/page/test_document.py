"""The file: whole, closed to the network, deaf to what names in a run say."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

import meanfield as mf
from meanfield.errors import FileError, InvalidInputError
from meanfield.page.document import in_script, page, write_page
from meanfield.page.story import story
from pictured_runs import in_many_dimensions, on_the_line, shorten

NASTY = "</script><script>alert(1)</script>"
run = cache(on_the_line)


class _Parts(HTMLParser):
    """Contents of elements, as a browser would split them."""

    def __init__(self):
        super().__init__()
        self.kind, self.scripts, self.styles, self.links, self.policy = "", [], [], [], ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.kind = tag
        if tag == "script":
            self.scripts.append([given.get("type"), ""])
        self.links += [given[name] for name in ("src", "href") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]

    def handle_data(self, data):
        if self.kind == "script":
            self.scripts[-1][1] += data
        elif self.kind == "style":
            self.styles.append(data)

    def handle_endtag(self, tag):
        self.kind = ""


def parts(path):
    found = _Parts()
    found.feed(path.read_text(encoding="utf-8"))
    return found


def hashed(text):
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_one_file_runs_its_own_scripts_and_nothing_else(tmp_path):
    found = parts(mf.animate(run(), tmp_path / "run.html"))
    data, *programs = found.scripts
    assert data[0] == "application/json" and len(programs) == 2
    assert json.loads(data[1])["runs"][0]["particles"] == 40
    assert found.links == []
    assert found.policy.startswith("default-src 'none'; ")
    for _, program in programs:
        assert hashed(program) in found.policy
    assert hashed(found.styles[0]) in found.policy
    for word in ("unsafe", "http", "connect", "*"):
        assert word not in found.policy


def test_names_in_a_run_become_neither_html_nor_script(tmp_path):
    told = story([run()], labels=[NASTY])
    told["runs"][0]["reason"] = NASTY
    path = tmp_path / "page.html"
    path.write_text(page(in_script(told), NASTY), encoding="utf-8")
    found = parts(path)
    assert len(found.scripts) == 3
    assert json.loads(found.scripts[0][1])["runs"][0]["label"] == NASTY
    assert "alert(1)</script>" not in path.read_text(encoding="utf-8")


def test_the_library_is_the_published_one():
    folder = files("meanfield.page").joinpath("assets", "vendor")
    content = folder.joinpath("twgl.js").read_bytes()
    # sha256 of package/dist/7.x/twgl.js in twgl.js-7.0.0.tgz of the npm registry
    assert (
        hashlib.sha256(content).hexdigest()
        == "bc94a897aa369db1af4b32b33d069ad92aa1032688dfec4ace0656eca404b032"
    )
    assert len(content) < 800_000
    assert "Permission is hereby granted" in folder.joinpath("twgl-LICENSE.md").read_text()


def test_modules_are_short_and_read_by_themselves():
    for asset in files("meanfield.page").joinpath("assets").iterdir():
        if asset.name.endswith((".js", ".css", ".html")):
            lines = asset.read_text(encoding="utf-8").splitlines()
            assert len(lines) < 400, asset.name
            assert not asset.name.endswith(".js") or lines[0].startswith("// ")


def test_names_of_runs_tell_them_apart():
    runs = [run(), in_many_dimensions()]
    labels = [run["label"] for run in story(runs)["runs"]]
    assert labels == ["particle-flow, N = 40", "particle-flow, N = 30"]
    assert story([run(), run()])["runs"][1]["label"] == "2: particle-flow, N = 40"


def test_titles_of_runs_can_be_given(tmp_path):
    found = parts(mf.animate({"one": run(), "other": run()}, tmp_path / "both.html"))
    assert [run["label"] for run in json.loads(found.scripts[0][1])["runs"]] == ["one", "other"]


def test_pages_say_what_was_left_out():
    told = story([on_the_line(particles=3000)], megabytes=0.7)["runs"][0]
    frames, particles, function, neurons = told["notes"]
    assert frames.startswith("All 11 frames are here; between them, neurons move on straight lines")
    assert re.match(rf"{told['shown']} of 3,000 neurons are drawn, with the same chance", particles)
    assert told["shown"] < 1000
    assert "that of all neurons at 201 points of the line, rounded by" in function
    assert "relative error" in neurons


def test_sizes_are_what_was_asked_for(tmp_path):
    random = np.random.default_rng(0)
    run = shorten(on_the_line(), 1)
    run.measures = [mf.ParticleMeasure(random.standard_normal((25_000, 3))) for _ in range(60)]
    run.times, run.risk = np.arange(60.0), np.ones(60)
    path = write_page(run, tmp_path / "run.html", megabytes=4.0)
    assert 2e6 < path.stat().st_size < 4.4e6
    (told,) = json.loads(parts(path).scripts[0][1])["runs"]
    assert (told["shown"], len(told["times"])) == (told["shown"], 24)
    assert told["notes"][0].startswith("24 of 60 frames, equidistant in the pace of the run, are")


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda path: write_page(shorten(run(), 0), path), InvalidInputError, "no frames yet"),
        (lambda path: write_page([run()] * 7, path), InvalidInputError, "1 to 6 runs, got 7"),
        (lambda path: write_page(run(), path, megabytes=0), InvalidInputError, "megabytes must"),
        (lambda path: write_page(run(), path, seconds=0), InvalidInputError, "seconds must"),
        (lambda path: write_page(run(), path.parent / "x.txt"), InvalidInputError, "end in .html"),
        (lambda path: write_page(run(), path.parent), InvalidInputError, "end in .html"),
    ],
)
def test_mistakes_are_answered_by_one_sentence(tmp_path, call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tmp_path / "run.html")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_page_is_not_overwritten_silently(tmp_path):
    (tmp_path / "run.html").write_text("precious")
    with pytest.raises(FileError, match="exists already"):
        write_page(run(), tmp_path / "run.html")
