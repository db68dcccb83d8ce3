import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf

from meanfield import pairs
from meanfield.engines import threads
from meanfield.errors import InvalidInputError
from meanfield.kernels.pairs import arcsine, pair_tile_shape
from meanfield.neurons import Neuron
from meanfield.pairs import PairEngine, require_closed_form
from pair_formulas import dense_gradients

ACTIVATIONS = ["erf", "relu"]


@numba.njit
def arcsines(x, least, angles, cosines):
    for i in range(x.size):
        angles[i], cosines[i] = arcsine(x[i], least)


def gram(neuron, left, right=None, dtype="float64"):
    """K(θ_i, θ_j) for every pair, by single sources of mass 1."""
    sums = PairEngine(neuron, dtype)
    right = left if right is None else right
    columns = [sums.potentials(left, sums.sources(row[None], np.ones(1))) for row in right]
    return np.stack(columns, axis=1)


def random_rotation(dim, rng):
    return np.linalg.qr(rng.standard_normal((dim, dim)))[0]


@pytest.mark.parametrize(("dtype", "ulp"), [("float64", 2.3e-16), ("float32", 1.2e-7)])
def test_arcsine_and_its_root_are_good_to_two_units_of_rounding(dtype, ulp):
    near_one = 1.0 - np.logspace(-17, 0, 2000)
    x = np.r_[np.linspace(-1.0, 1.0, 100001), near_one, -near_one].astype(dtype)
    angles, cosines = np.empty_like(x), np.empty_like(x)
    arcsines(x, x.dtype.type(0.0), angles, cosines)
    wide = x.astype(np.longdouble)
    root = np.sqrt((1.0 - wide) * (1.0 + wide))
    assert np.abs(angles - np.arcsin(wide)).max() < 2.0 * ulp
    assert (np.abs(cosines - root) <= 2.0 * ulp * root).all()


def test_arcsine_beyond_one_is_that_of_one_and_nan_stays_nan():
    x = np.array([1.0 + 1e-15, -1.0 - 1e-15, np.nan])
    angles, cosines = np.empty(3), np.empty(3)
    arcsines(x, 0.0, angles, cosines)
    np.testing.assert_array_equal(angles, [np.pi / 2, -np.pi / 2, np.nan])
    np.testing.assert_array_equal(cosines, [0.0, 0.0, np.nan])


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_erf_pairs_are_the_gauss_hermite_averages(dim, rng):
    # With 60 nodes a direction the rule is exact to rounding for weights of length <= 1.
    nodes, masses = np.polynomial.hermite_e.hermegauss(60)
    points = np.stack(np.meshgrid(*[nodes] * dim), axis=-1).reshape(-1, dim)
    weights = np.prod(np.meshgrid(*[masses / masses.sum()] * dim), axis=0).ravel()
    positions = rng.standard_normal((4, dim))
    positions /= np.maximum(1.0, np.linalg.norm(positions, axis=1, keepdims=True))
    values = erf(points @ positions.T)
    neuron = Neuron(dim, activation="erf", outer="fixed", bias=False)
    expected = values.T @ (weights[:, None] * values)
    np.testing.assert_allclose(gram(neuron, positions), expected, atol=1e-9)


def test_relu_pairs_are_the_integrals_around_the_circle(rng):
    # E r² = 2 for two inputs, and the direction of x is uniform.
    positions = rng.standard_normal((5, 2))
    angles, lengths = np.arctan2(*positions.T[::-1]), np.linalg.norm(positions, axis=1)

    def average(i, j):
        kinks = [angles[k] + s * np.pi / 2 + turn for k in (i, j) for s in (-1, 1) for turn in
                 (-2 * np.pi, 0.0, 2 * np.pi)]  # fmt: skip
        kinks = [kink for kink in kinks if -np.pi < kink < np.pi]
        integral = quad(
            lambda t: max(0.0, np.cos(t - angles[i])) * max(0.0, np.cos(t - angles[j])),
            -np.pi, np.pi, points=kinks, epsabs=1e-13,
        )[0]  # fmt: skip
        return 2.0 * lengths[i] * lengths[j] * integral / (2.0 * np.pi)

    expected = [[average(i, j) for j in range(5)] for i in range(5)]
    neuron = Neuron(2, activation="relu", outer="fixed", bias=False)
    np.testing.assert_allclose(gram(neuron, positions), expected, atol=1e-12)


def test_relu_pairs_on_the_line_are_half_products():
    # E relu(wx) relu(w'x) = ½ w w' if both have the same sign, else 0.
    neuron = Neuron(1, activation="relu", outer="fixed", bias=False)
    positions = np.array([[1.5], [2.0], [-3.0]])
    expected = 0.5 * np.array([[2.25, 3.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 9.0]])
    np.testing.assert_allclose(gram(neuron, positions), expected, atol=1e-15)


@pytest.mark.parametrize("outer", ["trained", "fixed"])
@pytest.mark.parametrize("dim", [1, 2, 3, 20])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "rounding"), [("float64", 1e-12), ("float32", 1e-4)])
def test_sums_and_gradients_are_those_of_the_dense_formula(
    activation, dim, outer, dtype, rounding, rng
):
    neuron = Neuron(dim, activation=activation, outer=outer, bias=False)
    positions = rng.standard_normal((700, neuron.dim)).astype(dtype)
    sources = rng.standard_normal((1100, neuron.dim)).astype(dtype)
    masses = rng.standard_normal(1100) / 1100
    if dim == 1 and activation == "relu":
        # On the line every pair is parallel or opposite, where torch divides by zero.
        mask = (positions[:, -1:] > 0) == (sources[:, -1] > 0)
        products = 0.5 * mask * np.abs(positions[:, -1:].astype(float) * sources[:, -1])
        outer_left = positions[:, 0].astype(float) if outer == "trained" else 1.0
        outer_right = sources[:, 0] if outer == "trained" else 1.0
        inner = products @ (masses * outer_right)
        values = outer_left * inner
        gradients = [values / positions[:, -1]] if outer == "fixed" else [
            inner, values / positions[:, -1]]  # fmt: skip
        gradients = np.stack(gradients, axis=1)
    else:
        values, gradients = dense_gradients(neuron, positions, sources, masses)
    sums = PairEngine(neuron, dtype)
    found, slopes = sums.gradients(positions, sums.sources(sources, masses))
    assert slopes.dtype == dtype
    np.testing.assert_allclose(found, values, atol=rounding * np.abs(values).max())
    np.testing.assert_allclose(slopes, gradients, atol=rounding * np.abs(gradients).max())


@given(st.sampled_from(ACTIVATIONS), st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**20))
def test_the_gram_matrix_is_symmetric_positive_and_invariant_under_rotations(
    activation, dim, count, seed
):
    rng = np.random.default_rng(seed)
    neuron = Neuron(dim, activation=activation, bias=False)
    positions = rng.standard_normal((count, neuron.dim)) * np.exp(rng.standard_normal((count, 1)))
    matrix = gram(neuron, positions)
    size = np.abs(matrix).max()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14 * size)
    assert np.linalg.eigvalsh(matrix).min() > -1e-13 * count * size
    turned = positions.copy()
    turned[:, 1:] = positions[:, 1:] @ random_rotation(dim, rng)
    np.testing.assert_allclose(gram(neuron, turned), matrix, atol=1e-13 * size)


@pytest.fixture
def set_threads(monkeypatch):
    def set_threads(count):
        for module in (threads, pairs):
            monkeypatch.setattr(module, "thread_count", lambda: count)
        threads._pool.cache_clear()

    yield set_threads
    threads._pool.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dim", [2, 7])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_any_number_of_threads_gives_the_same_bits(set_threads, activation, dim, dtype, rng):
    neuron = Neuron(dim, activation=activation, bias=False)
    positions = rng.standard_normal((3001, neuron.dim)).astype(dtype)
    masses = np.full(3001, 1 / 3001)
    results = []
    for count in (1, 2, 4):
        set_threads(count)
        sums = PairEngine(neuron, dtype)
        results.append(sums.gradients(positions, sums.sources(positions, masses)))
    for values, slopes in results[1:]:
        np.testing.assert_array_equal(values, results[0][0])
        np.testing.assert_array_equal(slopes, results[0][1])


@pytest.mark.parametrize(("targets", "sources"), [(1, 1), (15, 10**6), (10**6, 3), (4096, 4096)])
def test_tiles_fit_their_buffer_and_depend_on_the_numbers_only(targets, sources):
    rows, columns = pair_tile_shape(targets, sources)
    assert 1 <= rows <= 256 and 1 <= columns <= 256
    assert rows <= targets and columns <= sources


@pytest.mark.parametrize("dim", [2, 3])
def test_coincident_and_opposite_relu_neurons_have_finite_exact_gradients(dim):
    # Coincident: K = ½ |w|² and ∂K/∂w = ½ w'; opposite: both vanish.
    neuron = Neuron(dim, activation="relu", outer="fixed", bias=False)
    sums = PairEngine(neuron, "float64")
    w = np.array([[0.3, -0.7, 0.2][:dim]])
    values, slopes = sums.gradients(w, sums.sources(w, np.ones(1)))
    np.testing.assert_allclose(values, 0.5 * (w**2).sum(), rtol=1e-15)
    np.testing.assert_allclose(slopes, 0.5 * w, atol=1e-16)
    values, slopes = sums.gradients(w, sums.sources(-2.0 * w, np.ones(1)))
    np.testing.assert_allclose(values, 0.0, atol=1e-15)
    np.testing.assert_allclose(slopes, 0.0, atol=1e-15)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-8, 1e-12])
def test_nearly_parallel_relu_neurons_keep_full_accuracy(gap):
    # At angle φ: ∂K/∂w = |w'| (sin φ ŵ + (π − φ) ŵ') / 2π, written out without cancellation.
    neuron = Neuron(3, activation="relu", outer="fixed", bias=False)
    sums = PairEngine(neuron, "float64")
    target, source = np.array([[1.0, 0.0, 0.0]]), np.array([[np.cos(gap), np.sin(gap), 0.0]])
    _, slopes = sums.gradients(target, sums.sources(source, np.ones(1)))
    expected = (np.sin(gap) * target + (np.pi - gap) * source) / (2.0 * np.pi)
    np.testing.assert_allclose(slopes, expected, atol=3e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_neurons_without_weights_neither_act_nor_feel(dim, dtype):
    zero, other = np.zeros((1, dim + 1), dtype), np.ones((1, dim + 1), dtype)
    sums = PairEngine(Neuron(dim, activation="relu", bias=False), dtype)
    for target, source in ((zero, zero), (zero, other), (other, zero)):
        values, slopes = sums.gradients(target, sums.sources(source, np.ones(1)))
        assert values[0] == 0.0 and not slopes.any()
    # erf is smooth at 0: with a = 1 and w = 0 there is no value but a slope.
    smooth = PairEngine(Neuron(dim, activation="erf", outer="fixed", bias=False), dtype)
    zero, other = zero[:, 1:], other[:, 1:]
    values, slopes = smooth.gradients(zero, smooth.sources(other, np.ones(1)))
    expected = 4.0 / np.pi / np.sqrt(1.0 + 2.0 * dim)
    assert values[0] == 0.0
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)


@pytest.mark.parametrize("size", [1e6, 1e80, 1e150])
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_huge_weights_keep_their_direction(activation, dim, size, rng):
    # K is 1-homogeneous in each weight for relu, and that of sign(w·x) in the limit for erf.
    neuron = Neuron(dim, activation=activation, outer="fixed", bias=False)
    positions = rng.standard_normal((6, dim))
    huge = gram(neuron, size * positions)
    assert np.isfinite(huge).all()
    if activation == "relu":
        np.testing.assert_allclose(huge / size**2, gram(neuron, positions), rtol=1e-13)
    else:
        units = positions / np.linalg.norm(positions, axis=1, keepdims=True)
        signs = 2.0 / np.pi * np.arcsin(np.clip(units @ units.T, -1.0, 1.0))
        np.testing.assert_allclose(huge, signs, atol=1.0 / min(size, 1e7))
    sums = PairEngine(neuron, "float64")
    slopes = sums.gradients(size * positions, sums.sources(size * positions, np.ones(6)))[1]
    assert np.isfinite(slopes).all()


def test_memory_does_not_grow_with_the_number_of_pairs(rng):
    import tracemalloc

    neuron = Neuron(3, activation="relu", bias=False)
    positions = rng.standard_normal((6000, 4))
    sums = PairEngine(neuron, "float64")
    sums.gradients(positions[:10], sums.sources(positions[:10], np.ones(10)))
    tracemalloc.start()
    sums.gradients(positions, sums.sources(positions, np.ones(6000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * positions.nbytes < 6000**2 * 8 / 50


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        (Neuron(2, activation="tanh", bias=False), "closed form for the activations erf and relu"),
        (Neuron(2, activation="relu"), "closed form only without bias"),
        (Neuron(2, activation="erf"), "closed form only without bias"),
        (Neuron(2, 3, activation="erf", bias=False), "implemented for one output, got outputs=3"),
    ],
)
def test_neurons_without_a_closed_form_are_refused(neuron, message):
    with pytest.raises(InvalidInputError, match=message):
        require_closed_form(neuron)
