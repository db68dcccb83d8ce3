"""Compiled kernels are found again where they should be, and only there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import meanfield
from meanfield.kernels import directory
from meanfield.kernels.compilation import tally

PACKAGE = Path(meanfield.__file__).parent
PROGRAM = """
import numpy as np
from meanfield.kernels.compilation import tally
from meanfield.kernels.directory import kernel_directory
from meanfield.kernels.stages import subtract_scaled
{before}
positions = np.ones((2, 3), {dtype!r})
velocity = np.zeros_like(positions)
subtract_scaled(velocity, positions[0], positions)
assert (velocity == -1.0).all()
print(*tally(), kernel_directory())
"""
LOADED, COMPILED = (0, 1), (1, 0)


@pytest.fixture
def tree(tmp_path):
    """A copy of the kernels that can be changed."""
    return copy_of_kernels(PACKAGE, tmp_path / "tree")


def copy_of_kernels(package, root):
    (root / "meanfield").mkdir(parents=True)
    shutil.copy(package / "__init__.py", root / "meanfield")
    kept = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package / "kernels", root / "meanfield" / "kernels", ignore=kept)
    return root


def environment(root, tmp_path, **variables):
    """Variables of a process that uses the kernels in `root` and a cache of its own."""
    cleared = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    homes = {"XDG_CACHE_HOME": str(tmp_path / "caches"), "TMPDIR": str(tmp_path)}
    return {**cleared, **homes, "PYTHONPATH": str(root), **variables}


def start(root, tmp_path, before="", dtype="float64", **variables):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(before=before, dtype=dtype)],
        env=environment(root, tmp_path, **variables),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Counts (compiled, loaded) of a process, and the directory it used."""
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    compiled, loaded, *found = printed.split(maxsplit=2)
    return (int(compiled), int(loaded)), found[0].strip()


def use(*arguments, **more):
    return finish(start(*arguments, **more))


def test_kernels_outlive_the_process_a_touch_and_a_move(tree, tmp_path):
    counts, first = use(tree, tmp_path)
    assert counts == COMPILED
    assert Path(first).parent == tmp_path / "caches" / "meanfield"
    assert use(tree, tmp_path) == (LOADED, first)
    for path in tree.rglob("*.py"):
        os.utime(path, (time.time() + 60, time.time() + 60))
    assert use(tree, tmp_path) == (LOADED, first)
    assert use(copy_of_kernels(tree / "meanfield", tmp_path / "new"), tmp_path) == (LOADED, first)


def test_an_edit_of_any_kernel_file_leads_to_another_directory(tree, tmp_path):
    _, first = use(tree, tmp_path)
    path = tree / "meanfield" / "kernels" / "elementary.py"
    path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    counts, second = use(tree, tmp_path)
    assert (counts, second != first) == (COMPILED, True)


def test_processes_that_compile_at_the_same_moment_do_not_disturb_each_other(tree, tmp_path):
    dtypes = ["float32", "float64"] * 2
    for process in [start(tree, tmp_path, dtype=dtype) for dtype in dtypes]:
        finish(process)
    for dtype in dtypes[:2]:
        assert use(tree, tmp_path, dtype=dtype)[0] == LOADED


def test_numba_cache_dir_is_respected(tree, tmp_path):
    _, found = use(tree, tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "mine"))
    assert Path(found).parent == tmp_path / "mine" / "meanfield"


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_without_a_usable_cache_kernels_go_to_a_private_temporary_directory(
    variable, tree, tmp_path
):
    (tmp_path / "file").touch()
    variables = {variable: str(tmp_path / "file" / "caches")}
    counts, found = use(tree, tmp_path, **variables)
    private = Path(found).parent
    assert (counts, private.parent) == (COMPILED, tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) & 0o022 == 0
    assert use(tree, tmp_path, **variables) == (LOADED, found)


def test_without_any_place_kernels_are_compiled_in_each_process(tree, tmp_path):
    (tmp_path / f"meanfield-{os.getuid()}").touch()
    variables = {"XDG_CACHE_HOME": "", "HOME": str(tmp_path / "nobody")}
    for _ in range(2):
        assert use(tree, tmp_path, **variables) == (COMPILED, "None")
    assert not (tmp_path / "nobody").exists()


def test_a_place_that_vanishes_is_no_error(tree, tmp_path):
    vanish = "import shutil; shutil.rmtree(kernel_directory()); kernel_directory().touch()"
    assert use(tree, tmp_path, before=vanish)[0] == COMPILED


def test_a_damaged_file_is_replaced(tree, tmp_path):
    _, found = use(tree, tmp_path)
    (path,) = Path(found).glob(f"*{directory.SUFFIX}")
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:100] + b"x" + whole[101:]):
        path.write_bytes(damaged)
        assert use(tree, tmp_path)[0] == COMPILED
        assert use(tree, tmp_path)[0] == LOADED


def test_a_numba_with_other_internals_keeps_kernels_in_its_own_way(tree, tmp_path):
    (tree / "meanfield" / "kernels" / "cache.py").write_text(
        "from numba.core.caching import NoSuchClass\n", encoding="utf-8"
    )
    variables = {"NUMBA_CACHE_DIR": str(tmp_path / "mine")}
    assert use(tree, tmp_path, **variables)[0] == COMPILED
    assert use(tree, tmp_path, **variables)[0] == LOADED
    assert list((tmp_path / "mine").rglob("*.nbi"))


def test_a_directory_that_is_filled_but_read_only_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(directory.config, "CACHE_DIR", str(tmp_path))
    filled = tmp_path / "meanfield" / f"kernels-{directory.source_hash()}"
    find = directory.kernel_directory.__wrapped__
    assert find() == filled
    monkeypatch.setattr(directory.os, "access", lambda path, mode: path != filled)
    monkeypatch.setattr(directory.tempfile, "gettempdir", lambda: str(tmp_path))
    assert find() == tmp_path / f"meanfield-{os.getuid()}" / filled.name
    (filled / f"some{directory.SUFFIX}").touch()
    assert find() == filled


def test_a_temporary_directory_that_others_can_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(directory.tempfile, "gettempdir", lambda: str(tmp_path))
    shared = tmp_path / f"meanfield-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(PermissionError, match="is not private"):
        directory._private_directory()


def test_directories_that_nobody_used_for_a_month_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(directory.config, "CACHE_DIR", str(tmp_path))
    month = 31 * 24 * 3600.0
    for name, age in [("kernels-old", month), ("kernels-new", 0.0), ("other", month)]:
        (tmp_path / "meanfield" / name).mkdir(parents=True)
        os.utime(tmp_path / "meanfield" / name, (time.time() - age, time.time() - age))
    found = directory.kernel_directory.__wrapped__()
    left = {path.name for path in (tmp_path / "meanfield").iterdir()}
    assert left == {"kernels-new", "other", found.name}


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, Path("/caches")),
        ("linux", {"XDG_CACHE_HOME": "relative"}, Path("HOME/.cache")),
        ("darwin", {}, Path("HOME/Library/Caches")),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local")),
        ("win32", {}, None),
    ],
)
def test_caches_are_where_the_system_wants_them(
    platform, variables, expected, tmp_path, monkeypatch
):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(directory.sys, "platform", platform)
    found = directory._user_caches()
    assert str(found).replace(str(tmp_path), "HOME") == str(expected)


def test_one_form_of_a_kernel_serves_measures_and_solvers(rng):
    problem = meanfield.Problem(
        meanfield.Neuron(2, activation="tanh"),
        meanfield.Dataset(rng.normal(size=(5, 2)), [0.0] * 5),
    )
    measure = meanfield.ParticleMeasure(rng.normal(size=(4, problem.neuron.dim)))
    problem.velocity(measure)
    before = tally()
    problem.velocity_at(measure.positions.copy(), measure.weights.copy())
    assert tally() == before
