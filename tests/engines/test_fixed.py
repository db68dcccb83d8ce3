"""Fixed particles give the sums of moving ones, up to the tolerance of their factors."""

import numpy as np
import pytest

from meanfield.engines import fixed, threads
from meanfield.engines.direct import DirectEngine
from meanfield.engines.factors import low_rank
from meanfield.engines.fixed import FixedParticles
from meanfield.neurons import Neuron


def cells(box, count=64):
    """Grid points (count², 2) of a box for (w, b)."""
    axis = np.linspace(-box, box, count)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.fixture
def inputs(rng):
    return rng.uniform(-1.0, 1.0, (200, 1))


def dense(neuron, inputs, inner):
    return neuron.activation(inner[:, :-1] @ inputs.T + inner[:, -1:])


@pytest.mark.parametrize("tolerance", [1e-6, 1e-12])
@pytest.mark.parametrize("box", [3.0, 8.0])
@pytest.mark.parametrize("name", ["tanh", "erf", "gelu", "sin", "softplus"])
def test_factors_keep_the_tolerance(name, box, tolerance, inputs, rng):
    neuron, inner = Neuron(1, activation=name, outer="fixed"), cells(box)
    sums = FixedParticles(neuron, inputs, inner, tolerance=tolerance)
    assert sums.method == "factored" and sums.error <= tolerance
    matrix = dense(neuron, inputs, inner)
    masses, covector = rng.uniform(0, 1, len(inner)), rng.standard_normal((200, 1))
    # Beside the tolerance, rounding of sums of up to 4096 terms: 1e-14 relative.
    allowed = (tolerance + 1e-14) * np.abs(matrix).max()
    outputs, potentials = sums.outputs(masses), sums.potentials(covector)
    assert outputs.shape == (200, 1) and potentials.shape == (len(inner),)
    assert np.abs(outputs[:, 0] - masses @ matrix).max() <= allowed * masses.sum()
    error = np.abs(potentials - matrix @ covector[:, 0]).max()
    assert error <= allowed * np.abs(covector).sum()


@pytest.mark.parametrize(
    ("name", "box", "tolerance", "most"),
    # Ranks of the best approximation: 16 to 41 and 39 to 87 for tanh in boxes from 3 to 8,
    # 16 to 34 and 27 to 56 for erf; the largest error of an entry is a stricter measure.
    [
        ("tanh", 3.0, 1e-6, 28),
        ("tanh", 8.0, 1e-6, 60),
        ("tanh", 3.0, 1e-12, 48),
        ("tanh", 8.0, 1e-12, 110),
        ("erf", 3.0, 1e-6, 24),
        ("erf", 8.0, 1e-6, 48),
        ("erf", 3.0, 1e-12, 34),
        ("erf", 8.0, 1e-12, 66),
    ],
)
def test_ranks_are_close_to_the_best(name, box, tolerance, most, inputs):
    sums = FixedParticles(
        Neuron(1, activation=name, outer="fixed"), inputs, cells(box), tolerance=tolerance
    )
    assert sums.rank <= most


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_outputs_and_potentials_are_adjoint(name, dtype, inputs, rng):
    neuron = Neuron(1, activation=name)
    outer = np.linspace(-2.0, 2.0, 7)
    sums = FixedParticles(neuron, inputs, cells(3.0), outer, dtype=dtype)
    masses, covector = rng.uniform(0, 1, (7, 4096)), rng.standard_normal((200, 1))
    left = np.sum(sums.outputs(masses) * covector)
    right = np.sum(masses * sums.potentials(covector))
    scale = np.abs(outer) @ masses.sum(axis=1) * 6.0 * np.abs(covector).sum()
    # Either side rounds once a factor and once a sum of 1024 terms: 10 ulp of the total.
    assert abs(left - right) <= 10 * np.finfo(dtype).eps * scale


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_a_grid_over_outer_weights_too(name, dtype, inputs, rng):
    neuron, inner, outer = Neuron(1, activation=name), cells(2.0, 20), np.linspace(-1.0, 3.0, 9)
    sums = FixedParticles(neuron, inputs, inner, outer, dtype=dtype)
    positions = np.column_stack([np.repeat(outer, len(inner)), np.tile(inner, (9, 1))])
    masses, covector = rng.uniform(0, 1, (9, len(inner))), rng.standard_normal((200, 1))
    masses /= masses.sum()
    engine = DirectEngine(neuron, inputs, "float64")
    # 20 ulp of sums of numbers up to 3 * 4.
    allowed = 20 * 12 * np.finfo(dtype).eps
    expected = engine.outputs(positions, masses.ravel())
    assert np.abs(sums.outputs(masses) - expected).max() <= allowed
    expected = engine.potentials(positions, covector).reshape(9, -1)
    potentials = sums.potentials(covector)
    assert potentials.shape == (9, len(inner))
    assert np.abs(potentials - expected).max() <= allowed * np.abs(covector).sum()


@pytest.mark.parametrize("method", ["factored", "stored", "computed"])
def test_several_inputs_and_outputs_by_every_method(method, rng, monkeypatch):
    neuron = Neuron(2, 3, activation="tanh", bias=False)
    inner, outer = cells(0.7 if method == "factored" else 60.0, 30), rng.standard_normal((4, 3))
    inputs = rng.uniform(-1.0, 1.0, (150, 2))
    if method == "computed":
        monkeypatch.setattr(fixed, "_MEMORY_BYTES", 0)
    sums = FixedParticles(neuron, inputs, inner, outer)
    assert sums.method == method
    matrix = np.tanh(inner @ inputs.T)
    masses, covector = rng.uniform(0, 1, (4, 900)), rng.standard_normal((150, 3))
    expected = np.einsum("am,ak,mn->nk", masses, outer, matrix)
    np.testing.assert_allclose(sums.outputs(masses), expected, atol=1e-12 * masses.sum())
    expected = np.einsum("ak,nk,mn->am", outer, covector, matrix)
    np.testing.assert_allclose(sums.potentials(covector), expected, atol=1e-12 * 450)


def test_piecewise_linear_neurons_are_summed_over_sorted_data(inputs):
    sums = FixedParticles(Neuron(1, activation="relu", outer="fixed"), inputs, cells(3.0))
    assert sums.method == "computed" and sums._sums._engine.name == "sorted"


def test_few_points_are_stored(rng):
    neuron = Neuron(1, outer="fixed")
    sums = FixedParticles(neuron, rng.uniform(-1, 1, (3, 1)), cells(3.0, 10))
    assert sums.method == "stored" and sums.error == 0.0


@pytest.mark.parametrize("rank", [1, 5, 40])
def test_exact_ranks_are_found(rank, rng):
    matrix = rng.standard_normal((1500, rank)) @ rng.standard_normal((rank, 120))
    factors = low_rank(lambda part: matrix[part], matrix.shape, 1e-12)
    assert len(factors.right) == rank and factors.error <= 1e-12


def test_error_is_the_one_measured(rng):
    x, y = np.linspace(0, 1, 2300), np.linspace(0, 1, 300)
    matrix = 1.0 / (1.0 + np.add.outer(x, y))
    factors = low_rank(lambda part: matrix[part], matrix.shape, 1e-9)
    error = np.abs(matrix - factors.left @ factors.right).max() / matrix.max()
    # Two ways to add up a handful of terms.
    assert abs(error - factors.error) <= 1e-14 and factors.error <= 1e-9


def test_there_are_no_factors_of_noise(rng):
    matrix = rng.standard_normal((900, 100))
    assert low_rank(lambda part: matrix[part], matrix.shape, 1e-3) is None


def test_zero_has_rank_zero():
    matrix = np.zeros((900, 100))
    factors = low_rank(lambda part: matrix[part], matrix.shape, 1e-3)
    assert factors.left.shape == (900, 0) and factors.error == 0.0


@pytest.fixture
def set_threads(monkeypatch):
    """Make the sums use so many threads, whatever the machine has."""

    def set_threads(count):
        monkeypatch.setattr(threads, "thread_count", lambda: count)
        threads._pool.cache_clear()

    yield set_threads
    threads._pool.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(set_threads, dtype):
    rng = np.random.default_rng(3)
    inputs, outer = rng.uniform(-1, 1, (200, 1)), np.linspace(-1, 1, 5)
    masses, covector = rng.uniform(0, 1, (5, 90**2)), rng.standard_normal((200, 1))
    results = []
    for count in (1, 2, 4):
        set_threads(count)
        sums = FixedParticles(Neuron(1), inputs, cells(8.0, 90), outer, dtype=dtype)
        results.append((sums.outputs(masses), sums.potentials(covector)))
    for outputs, potentials in results[1:]:
        np.testing.assert_array_equal(outputs, results[0][0])
        np.testing.assert_array_equal(potentials, results[0][1])
