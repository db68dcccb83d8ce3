"""The examples of README.md and docs run as they are printed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.S | re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for number, block in enumerate(blocks(page, "python"), 1):
        exec(compile(block, f"{page.name}, example {number}", "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_succeed(page, tmp_path):
    for block in blocks(page, "console"):
        for line in re.findall(r"^\$ meanfield (.*)$", block, flags=re.M):
            command = [sys.executable, "-m", "meanfield", *shlex.split(line, comments=True)]
            if ">" in command:
                target = tmp_path / command[command.index(">") + 1]
                command = command[: command.index(">")]
            else:
                target = tmp_path / "standard_output"
            with target.open("w") as output:
                result = subprocess.run(
                    command, cwd=tmp_path, stdout=output, stderr=subprocess.PIPE, text=True
                )
            assert result.returncode == 0, f"{line}: {result.stderr}"
