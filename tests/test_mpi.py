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
from meanfield.trajectory import Trajectory
from rank_cases import CASES, FEW, run

ROOT = Path(__file__).parents[1]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(MPIEXEC) if MPIEXEC.exists() else shutil.which("mpiexec")
STOPPED = "direct-dopri5-float32"
LENGTHENED = "sorted-dopri5-float64"


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
        timeout=300,
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
    return {**found, "sums of states": checksums}


def assert_same(path, expected):
    computed = contents(path)
    assert computed.keys() == expected.keys()
    assert [name for name in expected if computed[name] != expected[name]] == []


def made_by(ranks, folder, tasks):
    """The folder, once so many ranks have done tasks there."""
    done = launch(ranks, ROOT / "tests/rank_cases.py", folder, *tasks)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Files that a single process makes."""
    folder = tmp_path_factory.mktemp("alone")
    run(folder, [*(f"make:{name}" for name in CASES), f"long:{LENGTHENED}"])
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Files that two ranks make; one of them is stopped before its end."""
    tasks = [*(f"make:{name}" for name in CASES), f"part:{LENGTHENED}", f"stop:{STOPPED}"]
    return made_by(2, tmp_path_factory.mktemp("two"), tasks)


@pytest.fixture(scope="module")
def three(tmp_path_factory, two):
    """Files that three ranks make, and with which they go on where two had ended."""
    folder = tmp_path_factory.mktemp("three")
    shutil.copy(two / f"{STOPPED}-stopped.h5", folder)
    for suffix in ("", "-part"):
        shutil.copy(two / f"{LENGTHENED}{suffix}.h5", folder / f"{LENGTHENED}-extended{suffix}.h5")
    tasks = [*(f"make:{name}" for name in CASES), f"proceed:{STOPPED}", f"extend:{LENGTHENED}"]
    return made_by(3, folder, tasks)


@needs_mpi
@pytest.mark.parametrize("ranks", ["two", "three"])
def test_any_number_of_ranks_gives_the_bits_of_one_process(alone, ranks, request):
    folder = request.getfixturevalue(ranks)
    for name in CASES:
        assert_same(folder / f"{name}.h5", contents(alone / f"{name}.h5"))


@needs_mpi
def test_another_number_of_ranks_resumes_to_the_same_bits(tmp_path, alone, two, three):
    name, expected = f"{STOPPED}-stopped.h5", contents(alone / f"{STOPPED}.h5")
    shutil.copy(two / name, tmp_path)
    run(tmp_path, [f"proceed:{STOPPED}"])
    assert_same(tmp_path / name, expected)
    assert_same(three / name, expected)


@needs_mpi
@pytest.mark.parametrize("suffix", ["", "-part"])
def test_another_number_of_ranks_makes_a_run_longer_to_the_same_bits(alone, three, suffix):
    found = contents(three / f"{LENGTHENED}-extended{suffix}.h5")
    expected = contents(alone / f"{LENGTHENED}-long{suffix}.h5")
    assert found.keys() == expected.keys()
    # A state more was stored, so that each is in the other slot.
    frames = [name for name in expected if not name.startswith(("state/", "sums of states"))]
    assert [name for name in frames if found[name] != expected[name]] == []


@needs_mpi
def test_ranks_record_a_part_of_the_run(two):
    part, whole = (Trajectory.open(two / f"{LENGTHENED}{end}.h5") for end in ("-part", ""))
    numbers = part._header.support.numbers
    assert len(numbers) == FEW.particles
    assert (np.searchsorted(numbers, 65536) % 2, part.problem.neuron.dim % 2) == (1, 1)
    for few, all_of in zip(part.measures, whole.measures, strict=True):
        assert np.array_equal(few.positions, all_of.positions[numbers].astype(np.float32))


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
