"""Compiling ahead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import meanfield
from meanfield.activations import activations
from meanfield.configuration import example
from meanfield.errors import InvalidInputError
from meanfield.experiment import scenarios
from meanfield.kernels.directory import SUFFIX
from meanfield.warmup import _rehearsals, _shared, warm_up

NOTICE = "meanfield: compiling kernels once, a few seconds; `meanfield warmup` does it ahead\n"
RUN = ["relu-1d", "--particles", "20", "--t-end", "0.1", "--set", "frames=2", "--force"]


class Shell:
    """Runs the command in processes of their own, with a cache of their own."""

    def __init__(self, folder):
        self.folder, self.caches = folder, folder / "caches"

    def __call__(self, *arguments):
        variables = {
            **os.environ,
            "PYTHONPATH": str(Path(meanfield.__file__).parents[1]),
            "NUMBA_CACHE_DIR": str(self.caches),
        }
        command = [sys.executable, "-m", "meanfield", *arguments]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=240, cwd=self.folder, env=variables
        )
        assert result.returncode == 0, result.stderr
        return result

    def forget_a_kernel(self):
        """Remove one kernel that every run of `RUN` needs."""
        (path,) = self.caches.glob(f"meanfield/kernels-*/sorted_data.add_lines*{SUFFIX}")
        path.unlink()


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A shell whose cache was empty before a warmup, and what that printed."""
    shell = Shell(tmp_path_factory.mktemp("shell"))
    return shell, shell("warmup", "relu-1d").stdout


def test_after_a_warmup_runs_do_not_compile(warm):
    shell, printed = warm
    lines = printed.splitlines()
    kept = next(shell.caches.glob("meanfield/kernels-*"))
    assert lines[0].split()[:1] + lines[0].split()[2:] == ["kernels", "compiled,", "0", "loaded"]
    assert lines[2].split(maxsplit=2)[2] == str(kept)
    for solver in ("particle-flow", "sgd"):
        assert shell("simulate", *RUN, "--solver", solver).stderr == ""
    small = ["--particles", "8,16", "--seeds", "2", "--reference", "64", "--t-end", "0.1"]
    assert shell("compare", "relu-1d", *small, "--set", "frames=6").stderr.count("compiling") == 0
    assert "0 compiled" in shell("warmup", "relu-1d").stdout


def test_a_run_says_once_that_it_compiles(warm):
    shell, _ = warm
    shell.forget_a_kernel()
    assert shell("simulate", *RUN).stderr == NOTICE
    assert shell("simulate", *RUN).stderr == ""


def test_a_quiet_run_does_not_say_that_it_compiles(warm):
    shell, _ = warm
    shell.forget_a_kernel()
    assert shell("simulate", *RUN, "--quiet").stderr == ""
    shell.forget_a_kernel()  # it was compiled, and kept


def test_a_second_warmup_compiles_nothing(tmp_path):
    path = tmp_path / "moons.toml"
    path.write_text(example(), encoding="utf-8")
    warm_up([str(path)])
    again = warm_up([str(path)])
    assert (again.compiled, again.loaded) == (0, 0)  # this process has them


def test_processes_share_the_work():
    (compiled, loaded), *others = _shared(_rehearsals(["relu-1d"]), 1)
    assert compiled + loaded > 0
    assert others == []


def test_by_default_everything_in_the_package_is_compiled():
    assert len(_rehearsals(())) == len(scenarios) + 6 * len(activations)


def test_an_unknown_name_is_found_before_the_work():
    with pytest.raises(InvalidInputError, match="did you mean 'digits'"):
        warm_up(["relu-1d", "digit"])
