"""One simulation on several ranks: the bits of a single process, one voice, no hang."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from meanfield.engines.ensemble import Ensemble, current, spread
from meanfield.errors import InvalidInputError
from meanfield.launcher import launched_rank, rank_count
from rank_cases import CASES, run

ROOT = Path(__file__).parents[1]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(MPIEXEC) if MPIEXEC.exists() else shutil.which("mpiexec")
STOPPED = "direct-dopri5-float32"


def missing():
    if MPIEXEC is None:
        return "mpiexec is not installed"
    loaded = [sys.executable, "-c", "from mpi4py import MPI"]
    failed = subprocess.run(loaded, capture_output=True, check=False).returncode
    return "mpi4py does not load" if failed else ""


needs_mpi = pytest.mark.skipif(bool(missing()), reason=missing() or "MPI works")


def launch(ranks, *arguments):
    """Result of Python with these arguments on so many ranks, one thread each."""
    settings = {"NUMBA_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.run(
        [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, arguments)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def contents(path):
    """Every dataset of a file, as bytes."""
    found = {}

    def add(name, entry):
        if isinstance(entry, h5py.Dataset) and entry.dtype != object:
            found[name] = np.asarray(entry[()]).tobytes()

    with h5py.File(path) as file:
        file.visititems(add)
        assert file.attrs["status"] == b"complete"
        checksums = [file[f"state/{slot}"].attrs["checksum"] for slot in "01"]
    return {**found, "checksums": checksums}


def assert_same(path, expected):
    computed = contents(path)
    assert computed.keys() == expected.keys()
    assert [name for name in expected if computed[name] != expected[name]] == []


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Contents of the files that a single process makes."""
    folder = tmp_path_factory.mktemp("alone")
    run(folder, [f"make:{name}" for name in CASES])
    return {name: contents(folder / f"{name}.h5") for name in CASES}


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_any_number_of_ranks_gives_the_bits_of_one_process(tmp_path, alone, ranks):
    done = launch(ranks, ROOT / "tests/rank_cases.py", tmp_path, *(f"make:{c}" for c in CASES))
    assert done.returncode == 0, done.stderr
    for name in CASES:
        assert_same(tmp_path / f"{name}.h5", alone[name])


@needs_mpi
def test_another_number_of_ranks_resumes_to_the_same_bits(tmp_path, alone):
    script = ROOT / "tests/rank_cases.py"
    done = launch(2, script, tmp_path, f"stop:{STOPPED}")
    assert done.returncode == 0, done.stderr
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / f"{STOPPED}.h5", copy)
    run(copy, [f"proceed:{STOPPED}"])
    assert_same(copy / f"{STOPPED}.h5", alone[STOPPED])
    done = launch(3, script, tmp_path, f"proceed:{STOPPED}")
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / f"{STOPPED}.h5", alone[STOPPED])


@needs_mpi
def test_ranks_speak_with_one_voice(tmp_path):
    command = ["-m", "meanfield", "simulate", "relu-1d", "--particles", "70000", "--t-end", "0.1"]
    done = launch(2, *command, "--out", tmp_path / "run.h5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("written to") == 1


@needs_mpi
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["simulate", "relu-1d", "--particles", "70000"], "ranks share whole blocks .* not for 3"),
        (["simulate", "relu-1d", "--solver", "sgd", "--particles", "140000"], "sgd runs in one"),
        (["compare", "relu-1d"], "only meanfield simulate runs on them"),
    ],
)
def test_what_ranks_cannot_do_is_one_sentence(tmp_path, arguments, sentence):
    done = launch(3, "-m", "meanfield", *arguments, "--out", tmp_path / "run.h5")
    assert done.returncode == 2
    assert re.fullmatch(f"meanfield: .*{sentence}.*\n", done.stderr)
    assert not (tmp_path / "run.h5").exists()


FAILING = """
import os, sys
from meanfield.problem import Problem
from meanfield.cli import main

def penalty(problem, measure):
    if os.environ["PMI_RANK"] == "1":
        raise MemoryError("60 GB")
    return 0.0

Problem.penalty = penalty
main()
"""


@needs_mpi
def test_a_failure_on_one_rank_ends_all(tmp_path, monkeypatch):
    arguments = ["simulate", "relu-1d", "--particles", "70000", "--out", tmp_path / "run.h5"]
    done = launch(2, "-c", FAILING, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("meanfield: not enough memory: 60 GB\n")


def test_a_plain_process_is_one_rank():
    assert rank_count({}) == 1
    assert launched_rank({}) == 0


@pytest.mark.parametrize(
    ("environment", "count", "rank"),
    [
        ({"PMI_SIZE": "4", "PMI_RANK": "2"}, 4, 2),
        ({"OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_RANK": "1"}, 3, 1),
        ({"PMIX_RANK": "5", "SLURM_STEP_NUM_TASKS": "8"}, 8, 5),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8"}, 1, 0),
    ],
)
def test_launchers_are_known_by_their_environment(environment, count, rank):
    assert (rank_count(environment), launched_rank(environment)) == (count, rank)


def test_particles_are_shared_once():
    two = Ensemble()
    two.size = 2
    with spread(two):
        with pytest.raises(InvalidInputError, match="shared between processes already"):
            spread(Ensemble()).__enter__()
        assert current() is two
    assert current().size == 1
