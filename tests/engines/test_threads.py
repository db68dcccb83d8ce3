import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from meanfield import engine
from meanfield.datasets import Dataset
from meanfield.engine import Engine, new_tape, single_threaded_blas, thread_count
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem

ROOT = Path(__file__).parents[1]


def large_problem(outputs=1):
    """A problem whose 2500 particles make six groups of one tile."""
    rng = np.random.default_rng(4)
    data = Dataset(rng.standard_normal((300, 2)), rng.standard_normal((300, outputs)))
    return Problem(Neuron(2, outputs), data)


def particles(problem, dtype="float64", seed=2):
    return ParticleMeasure.gaussian(2500, problem.neuron.dim, seed=seed, dtype=dtype)


@pytest.fixture
def set_threads(monkeypatch):
    """Make the engine use so many threads, whatever the machine has."""

    def set_threads(count):
        monkeypatch.setattr(engine, "thread_count", lambda: count)
        engine._pool.cache_clear()

    yield set_threads
    engine._pool.cache_clear()


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tape", [0, 2**28])
def test_any_number_of_threads_gives_the_same_bits(set_threads, monkeypatch, outputs, dtype, tape):
    monkeypatch.setattr(engine, "_TAPE_BYTES", tape)
    results = []
    for count in (1, 2, 4):
        set_threads(count)
        problem = large_problem(outputs)
        measure = particles(problem, dtype)
        results.append(
            (
                problem.outputs(measure),
                problem.velocity(measure),
                problem.potential(measure, measure.positions),
            )
        )
    for other in results[1:]:
        for computed, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(computed, expected)


def run(script, **environment):
    """Standard output of a Python script in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BITS = """
import hashlib, numpy as np
from meanfield.datasets import Dataset
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
rng = np.random.default_rng(4)
data = Dataset(rng.standard_normal((300, 20)), rng.standard_normal((300, 3)))
problem = Problem(Neuron(20, 3), data)
measure = ParticleMeasure.gaussian(2500, problem.neuron.dim, seed=2)
arrays = problem.outputs(measure), problem.velocity(measure)
print(hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest())
"""


def test_threads_of_numba_and_of_the_linear_algebra_do_not_change_a_bit():
    digests = {
        run(BITS, NUMBA_NUM_THREADS=ours, OPENBLAS_NUM_THREADS=theirs, MKL_NUM_THREADS=theirs)
        for ours, theirs in [("1", "1"), ("2", "4"), ("4", "2")]
    }
    assert len(digests) == 1


MEMORY = """
import resource, numpy as np
from meanfield import engine
from meanfield.datasets import Dataset
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
engine._TAPE_BYTES = 0
rng = np.random.default_rng(0)
data = Dataset(rng.standard_normal((200, 1)), rng.standard_normal(200))
problem = Problem(Neuron(1), data)
measure = ParticleMeasure.gaussian(200_000, 3, seed=0)
small = ParticleMeasure(measure.positions[:5000])
def use(measure):
    problem.velocity(measure), problem.risk(measure), problem.potential(small, measure.positions)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
use(small)
before = peak()
use(measure)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes only on Linux")
def test_memory_does_not_grow_with_particles_times_data():
    # One (N, n) array of doubles has 305 MB; a handful of (N, p) arrays 5 MB each.
    assert int(run(MEMORY)) < 60


def test_a_tape_changes_nothing_beyond_rounding(monkeypatch):
    problem = large_problem(3)
    measure = particles(problem)
    with_tape = problem.velocity(measure)
    monkeypatch.setattr(engine, "_TAPE_BYTES", 0)
    # Sums over 300 points of terms of size one.
    np.testing.assert_allclose(problem.velocity(measure), with_tape, rtol=1e-12, atol=1e-14)


def test_a_tape_is_kept_while_its_size_is_right():
    tape = new_tape(100, np.float64)
    assert [len(array) for array in tape] == [100, 100]
    assert new_tape(100, np.float64, tape) is tape
    assert len(new_tape(99, np.float64, tape)[0]) == 99


def test_a_tape_over_the_budget_is_empty(monkeypatch):
    monkeypatch.setattr(engine, "_TAPE_BYTES", 1600)
    assert len(new_tape(100, np.float64)[0]) == 100
    assert len(new_tape(101, np.float64)[0]) == 0
    assert len(new_tape(200, np.float32)[0]) == 200


@pytest.mark.parametrize("points", [1, 7, 300, 5000])
@pytest.mark.parametrize("count", [1, 26, 256, 257, 10_000, 1_000_000])
def test_groups_are_whole_tiles_that_cover_every_particle_once(points, count):
    sums = Engine(Neuron(1), np.zeros((points, 1)), "float64")
    groups = sums._groups(count)
    assert len(groups) <= 32
    assert [group.start for group in groups[1:]] == [group.stop for group in groups[:-1]]
    assert groups[0].start == 0
    assert groups[-1].start < count <= groups[-1].stop
    assert all((group.stop - group.start) % sums.rows == 0 for group in groups)


@pytest.mark.parametrize(
    "use",
    [
        lambda problem, measure: problem.velocity(measure),
        lambda problem, measure: problem.outputs(measure),
        lambda problem, measure: problem.potential(measure, measure.positions),
    ],
    ids=["velocity", "outputs", "potential"],
)
def test_callers_in_several_threads_do_not_disturb_each_other(use):
    problem = large_problem()
    measures = [particles(problem, seed=seed) for seed in range(4)]
    expected = [use(problem, measure) for measure in measures]
    with ThreadPoolExecutor(4) as pool:
        computed = list(pool.map(lambda measure: use(problem, measure), measures * 10))
    for result, alone in zip(computed, expected * 10, strict=True):
        np.testing.assert_array_equal(result, alone)


FORK = """
import multiprocessing, numpy as np
from meanfield.datasets import Dataset
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
problem = Problem(Neuron(1), Dataset(np.linspace(0, 1, 300), np.ones(300)))
measure = ParticleMeasure.gaussian(2500, 3, seed=0)
def total(seed):
    return float(problem.velocity(measure).sum())
expected = total(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(total, [0, 1]).get(timeout=60) == [expected] * 2)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_has_threads_of_its_own():
    assert run(FORK, NUMBA_NUM_THREADS="2") == "True\n"


def test_an_error_in_a_thread_reaches_the_caller(set_threads):
    set_threads(2)
    problem = large_problem()

    def fail(group, scratch):
        raise RuntimeError(f"group at {group.start}")

    with pytest.raises(RuntimeError, match="group at"):
        problem._engine("float64")._sweep(fail, 2500)
    assert engine._Hold.depth == 0


def test_the_environment_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    assert 1 <= thread_count() <= os.cpu_count()


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_linear_algebra_is_held_at_one_thread_until_the_outermost_hold_ends():
    with single_threaded_blas():
        pass  # loads the library
    with threadpool_limits(2, user_api="blas"):
        assert set(blas_threads()) == {2}
        with single_threaded_blas():
            with single_threaded_blas():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {2}


def test_a_hold_ends_with_an_error_too():
    with single_threaded_blas():
        pass
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(RuntimeError, match="inside"), single_threaded_blas():
            raise RuntimeError("inside")
        assert set(blas_threads()) == {2}
    assert engine._Hold.depth == 0
