"""The same bits on any number of threads, from any thread, in any process."""

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from engine_cases import CLIP, DTYPES, Case, parts
from meanfield import stages
from meanfield.activations import activations
from meanfield.engines import direct, sorted_data, threads, tiled
from meanfield.engines.direct import DirectEngine
from meanfield.engines.ensemble import block_size
from meanfield.engines.sorted_data import SortedEngine
from meanfield.engines.threads import cut, single_threaded_blas, sweep, thread_count
from meanfield.engines.tiled import TiledEngine, tile_shape
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron

ROOT = Path(__file__).parents[2]


@pytest.fixture
def set_threads(monkeypatch):
    """Make the engines use so many threads, whatever the machine has."""

    def set_threads(count):
        monkeypatch.setattr(threads, "thread_count", lambda: count)
        monkeypatch.setattr(tiled, "thread_count", lambda: count)
        threads._pool.cache_clear()

    yield set_threads
    threads._pool.cache_clear()


@pytest.fixture
def small_groups(monkeypatch):
    """Cut small numbers of particles into many groups."""
    monkeypatch.setattr(direct, "_PAIRS", 1)
    monkeypatch.setattr(sorted_data, "_LEAST", 64)
    monkeypatch.setattr(stages, "_LEAST", 64)
    monkeypatch.setattr(tiled, "tile_shape", lambda points, inputs, itemsize: (32, 40))


KINDS = [
    (DirectEngine, Neuron(1, 1, "tanh"), 0),
    (SortedEngine, Neuron(1, 1, "relu"), 0),
    (SortedEngine, Neuron(1, 1, CLIP), 0),
    (TiledEngine, Neuron(11, 1, "relu"), 0),
    (TiledEngine, Neuron(11, 1, "relu"), 2**30),
    (TiledEngine, Neuron(11, 1, "tanh"), 0),
    (TiledEngine, Neuron(11, 1, "tanh"), 2**30),
    (TiledEngine, Neuron(11, 3, "tanh"), 0),
    (TiledEngine, Neuron(11, 3, "tanh"), 2**30),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "neuron", "memory"), KINDS)
def test_any_number_of_threads_gives_the_same_bits(
    set_threads, small_groups, monkeypatch, kind, neuron, memory, dtype
):
    monkeypatch.setattr(tiled, "_MEMORY_BYTES", memory)
    case = Case(neuron, particles=2100, points=130, dtype=dtype)
    results = []
    for count in (1, 2, 4):
        set_threads(count)
        engine = kind(neuron, case.inputs, dtype)
        results.append((*parts(case.sums(engine)), case.pulled(engine)))
    for computed, expected in itertools.product(results[1:], [results[0]]):
        for one, other in zip(computed, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("kind", "neuron", "memory"), KINDS)
def test_groups_change_nothing_beyond_rounding(small_groups, monkeypatch, kind, neuron, memory):
    monkeypatch.setattr(tiled, "_MEMORY_BYTES", memory)
    case = Case(neuron, particles=2100, points=130)
    grouped = parts(case.sums(kind(neuron, case.inputs, case.dtype)))
    monkeypatch.undo()
    whole = parts(case.sums(kind(neuron, case.inputs, case.dtype)))
    for one, other in zip(grouped, whole, strict=True):
        # Sums of at most 2100 terms of size one in another order.
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("particles", [1, 63, 64, 65, 4095, 4096, 4097])
def test_stages_are_added_with_the_same_bits_in_groups(monkeypatch, particles, rng):
    base, rows = rng.standard_normal((particles, 3)), rng.standard_normal((4, particles, 3))
    factors = np.array([0.5, 0.0, -1.25])
    whole = stages.combine(base, 0.1, factors, rows, np.empty_like(base))
    monkeypatch.setattr(stages, "_LEAST", 64)
    grouped = stages.combine(base, 0.1, factors, rows, np.empty_like(base))
    np.testing.assert_array_equal(grouped, whole)


# -- groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1, 32, 512])
@pytest.mark.parametrize("least", [1, 7, 512, 8192])
@pytest.mark.parametrize("particles", [1, 511, 512, 513, 10_000, 1_000_003])
def test_groups_cover_every_particle_once_in_whole_units(particles, least, unit):
    groups = cut(particles, least, unit)
    blocks = -(-particles // block_size(least))
    assert 1 <= len(groups) <= 64 + 2 * blocks
    assert groups[0].start == 0 and groups[-1].stop == particles
    assert all(one.stop == other.start for one, other in itertools.pairwise(groups))
    sizes = [group.stop - group.start for group in groups]
    ends_block = [group.stop % block_size(least) == 0 for group in groups]
    whole = [size for size, ends in zip(sizes[:-1], ends_block, strict=False) if not ends]
    assert all(size % unit == 0 and size >= least for size in whole)
    assert all(
        group.start // block_size(least) == (group.stop - 1) // block_size(least)
        for group in groups
    )
    assert min(sizes) >= 1


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("inputs", [1, 23, 24, 255, 256, 784])
@pytest.mark.parametrize("points", [1, 2, 100, 511, 512, 513, 10**6])
def test_tiles_fit_in_the_cache_and_cover_the_data_evenly(points, inputs, itemsize):
    rows, columns = tile_shape(points, inputs, itemsize)
    assert 1 <= columns <= points
    assert rows >= 1
    assert rows * columns * itemsize <= 8 * 2**20
    tiles_of_data = -(-points // columns)
    assert tiles_of_data * columns - points < tiles_of_data


# -- callers and processes -----------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "neuron", "memory"), [KINDS[0], KINDS[2], KINDS[4], KINDS[8]])
def test_callers_in_several_threads_do_not_disturb_each_other(small_groups, kind, neuron, memory):
    shared = Case(neuron, particles=600, points=70)
    engine = kind(neuron, shared.inputs, shared.dtype)
    cases = [Case(neuron, particles=600 + seed, points=70, seed=seed) for seed in range(4)]
    for case in cases:
        case.take(case.positions, case.masses, shared.inputs)
    expected = [parts(case.sums(engine)) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        computed = list(pool.map(lambda case: parts(case.sums(engine)), cases * 10))
    for result, alone in zip(computed, expected * 10, strict=True):
        for one, other in zip(result, alone, strict=True):
            np.testing.assert_array_equal(one, other)


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
digest = hashlib.sha256()
for inputs, outputs, name in [(1, 1, "relu"), (1, 1, "tanh"), (11, 1, "tanh"), (11, 3, "tanh")]:
    data = Dataset(rng.standard_normal((300, inputs)), rng.standard_normal((300, outputs)))
    problem = Problem(Neuron(inputs, outputs, name), data)
    measure = ParticleMeasure.gaussian(9000, problem.neuron.dim, seed=2)
    for array in problem.outputs(measure), problem.velocity(measure):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


def test_threads_of_ours_and_of_the_linear_algebra_do_not_change_a_bit():
    digests = {
        run(BITS, NUMBA_NUM_THREADS=ours, OPENBLAS_NUM_THREADS=theirs, MKL_NUM_THREADS=theirs)
        for ours, theirs in [("1", "1"), ("2", "4"), ("4", "2")]
    }
    assert len(digests) == 1


FORK = """
import multiprocessing, numpy as np
from meanfield.datasets import Dataset
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
problem = Problem(Neuron(1), Dataset(np.linspace(0, 1, 1100), np.ones(1100)))
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


def test_an_error_in_a_thread_reaches_the_caller_after_all_threads_ended(set_threads):
    set_threads(4)
    done = []

    def fail(group, thread):
        if group == 3:
            raise RuntimeError(f"group {group}")
        done.append(group)

    with pytest.raises(RuntimeError, match="group 3"):
        sweep(fail, 40)
    before = len(done)
    sweep(lambda group, thread: None, 40)
    assert len(done) == before


def test_every_group_is_done_once_by_threads_that_exist(set_threads):
    set_threads(3)
    calls = []
    sweep(lambda group, thread: calls.append((group, thread)), 500)
    assert sorted(group for group, _ in calls) == list(range(500))
    assert {thread for _, thread in calls} <= {0, 1, 2}


def test_the_environment_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    assert 1 <= thread_count() <= os.cpu_count()


# -- the hold on the linear algebra ----------------------------------------------------------------


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two_blas_threads():
    with single_threaded_blas():
        pass  # loads the library
    with threadpool_limits(2, user_api="blas"):
        yield


def test_linear_algebra_is_held_at_one_thread_until_the_outermost_hold_ends(two_blas_threads):
    assert blas_threads() == {2}
    with single_threaded_blas():
        with single_threaded_blas():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_a_hold_ends_with_an_error_too(two_blas_threads):
    with pytest.raises(RuntimeError, match="inside"), single_threaded_blas():
        raise RuntimeError("inside")
    assert blas_threads() == {2}
    assert threads._Hold.depth == 0


def test_holds_of_several_threads_end_with_the_last(two_blas_threads):
    def hold(_):
        with single_threaded_blas():
            return blas_threads()

    with ThreadPoolExecutor(4) as pool:
        assert all(seen == {1} for seen in pool.map(hold, range(40)))
    assert blas_threads() == {2}
    assert threads._Hold.depth == 0


def test_a_hold_may_end_in_another_thread_than_it_began(two_blas_threads):
    inside, leave = Event(), Event()

    def hold():
        with single_threaded_blas():
            inside.set()
            leave.wait(60)

    with ThreadPoolExecutor(1) as pool:
        with single_threaded_blas():
            pool.submit(hold)
            assert inside.wait(60)
        assert blas_threads() == {1}
        leave.set()
    assert blas_threads() == {2}


def test_an_engine_leaves_the_linear_algebra_as_it_was(two_blas_threads):
    case = Case(Neuron(11, 1, activations["relu"]), particles=300, points=70)
    case.sums(TiledEngine(case.neuron, case.inputs, case.dtype))
    assert blas_threads() == {2}


def test_a_failing_covector_leaves_no_hold_and_no_lock(two_blas_threads):
    case = Case(Neuron(11, 1, "tanh"), particles=40, points=7)
    engine = TiledEngine(case.neuron, case.inputs, case.dtype)

    def fail(outputs):
        raise RuntimeError("inside")

    gradients = np.empty(case.positions.shape)
    with pytest.raises(RuntimeError, match="inside"):
        engine.velocity_pass(case.positions, case.masses, fail, gradients)
    with ThreadPoolExecutor(1) as pool:
        outputs = pool.submit(engine.outputs, case.positions, case.masses).result(timeout=60)
    assert np.isfinite(outputs).all()


def test_a_measure_of_one_particle_is_served_on_many_threads(set_threads):
    set_threads(4)
    case = Case(Neuron(1, 1, "relu"), particles=1, points=1)
    assert ParticleMeasure(case.positions).dim == 3
    for engine in case.engines():
        assert np.isfinite(case.sums(engine).outputs).all()
