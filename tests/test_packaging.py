"""What is built and installed is what lies in the folders."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import meanfield

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_listed():
    listed = set(SETTINGS["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "meanfield").rglob("__init__.py")
    }
    linked = {
        f"meanfield.{name}" for name in ("solvers", "scenarios", "data")
    }  # rglob does not follow links on every Python
    assert listed == found | linked


@pytest.mark.parametrize("name", ["solvers", "scenarios", "data"])
def test_folders_are_linked_relatively(name):
    assert os.readlink(ROOT / "meanfield" / name) == f"../{name}"


def test_version_stands_in_one_place_only_in_effect():
    assert meanfield.__version__ == SETTINGS["project"]["version"] == version("meanfield-flow")


@pytest.mark.parametrize("group", ["meanfield.solvers", "meanfield.scenarios"])
def test_entry_points_load_what_their_name_says(group):
    points = entry_points(group=group)
    assert points
    for point in points:
        assert point.load().name == point.name


def test_import_is_light():
    heavy = "numba, matplotlib, ot, scipy.stats, torch, typer, xarray, h5py, pydantic"
    code = f"import meanfield, sys; print([m for m in {heavy.split(', ')} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_every_public_name_can_be_used():
    for name in meanfield.__all__:
        assert getattr(meanfield, name) is not None
