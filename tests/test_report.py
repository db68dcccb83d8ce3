"""What the command line prints."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from meanfield import report
from meanfield.experiment import scenarios


def printed(function, *arguments, width=80):
    """What a function prints to a console of that width."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    function(console, *arguments)
    return console.file.getvalue()


@pytest.mark.parametrize("name", sorted(scenarios))
def test_the_page_of_a_scenario_fits_an_eighty_column_terminal(name):
    page = printed(report.scenario_page, scenarios[name])
    assert max(len(line) for line in page.splitlines()) <= 80
    assert "Parameters\n" not in page
    assert ">>>" not in page


def test_the_catalogue_stacks_references_in_a_narrow_terminal():
    page = printed(report.catalogue, dict(scenarios))
    assert max(len(line) for line in page.splitlines()) <= 80
    assert "PNAS 115(33), figure 1" in page


def test_tables_in_a_docstring_keep_their_lines():
    text = "One.\n\n====  ====\na     b\n====  ====\n\nTwo\nthree."
    assert report.prose(text, 80) == text.replace("Two\nthree", "Two three")


def test_long_texts_fold_beside_their_label():
    lines = printed(report.rows, [("file", "/folder" * 20)], width=40).splitlines()
    assert len(lines) > 3
    assert "".join(line[6:].strip() for line in lines) == "/folder" * 20


def test_brackets_in_texts_are_no_markup():
    assert "[bold]x" in printed(report.rows, [("file", "[bold]x")])
