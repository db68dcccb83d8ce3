"""The page about a study: whole, self-contained, and escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from meanfield.errors import FileError, InvalidInputError
from meanfield.study_page import page
from studies import made_up, made_up_steps

STUDY, STEPS = made_up(), made_up_steps()
VOID = {"meta", "br", "img"}


class _Tags(HTMLParser):
    """Counts tags, and sees that they close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.links += [
            value for name, value in attrs if name in ("src", "href", "xlink:href") and value
        ]

    def handle_startendtag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("study", [STUDY, STEPS, made_up(seeds=2)])
def test_pages_are_whole_and_need_nothing_from_elsewhere(study):
    text = page(study)
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    assert "<script" not in text
    assert 'name="viewport"' in text
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    root = ElementTree.fromstring(svg)
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib


def test_pages_say_what_was_found():
    study, text = STUDY, page(STUDY)
    for rate in study.rates.values():
        assert rate.verdict in text
    assert study.summary() in text
    excess = study.excesses("wasserstein_2")[0]
    assert f"<td>{excess.p_value:.2g}</td>" in text
    assert "predicted 1.5" in text
    assert "central" not in text or study.fluctuation is not None
    assert "W₂ is left out" in text


def test_steps_have_rates_of_their_own():
    text = page(STEPS)
    assert "function distance, in the step" in text
    assert re.search(r"D of the squared function distance.*predicted", text)


def test_names_are_escaped():
    assert "<b>toy" not in page(made_up(experiment="<b>toy"))


def test_page_files_follow_the_rules_for_files(tmp_path):
    study = STUDY
    target = study.report(tmp_path / "study.html")
    assert target.read_text(encoding="utf-8") == page(study)
    with pytest.raises(FileError, match="exists already"):
        study.report(target)
    study.report(target, force=True)
    with pytest.raises(InvalidInputError, match=r"must end in .html, got the suffix '.pdf'"):
        study.report(tmp_path / "study.pdf")
