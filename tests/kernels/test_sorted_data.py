"""Bins and sums over sorted data against NumPy's binary search and plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.engines.sorted_data import _cells
from meanfield.kernels.sorted_data import find_bins

DTYPES = ["float32", "float64"]


def bins_of(points, inner, biases, knots, dtype):
    """Bins by the kernel, and points and breakpoints as it rounds them."""
    points = np.unique(np.asarray(points, dtype))
    positions = np.column_stack([inner, biases]).astype(dtype)
    knots = np.asarray(knots, dtype)
    bins = np.full((len(knots), len(positions)), -1, np.int32)
    find_bins(positions, 0, 1, knots, *_cells(points), bins)
    return bins, points, positions[:, 0], positions[:, 1], knots


def expected_bins(points, inner, biases, knot):
    """Points left of t (or at it, for w >= 0), plus n + 1 if w < 0."""
    height = biases - knot
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = -height / inner
    t[inner == 0] = np.where(height[inner == 0] > 0, -np.inf, np.inf)
    rising = inner >= 0
    right, left = np.searchsorted(points, t, "right"), np.searchsorted(points, t, "left")
    return np.where(rising, right, left + len(points) + 1)


def check(points, inner, biases, knots, dtype):
    bins, points, inner, biases, knots = bins_of(points, inner, biases, knots, dtype)
    for q, knot in enumerate(knots):
        np.testing.assert_array_equal(bins[q], expected_bins(points, inner, biases, knot))


def crowds(rng):
    """Data in one place, in two crowds, evenly, and spread over all exponents."""
    return {
        "one": np.array([0.25]),
        "even": np.arange(-50, 50) / 16.0,
        "crowded": np.concatenate([[-1e6, 1e6], 1.0 + 1e-6 * rng.random(500)]),
        "two crowds": np.concatenate([rng.normal(0, 1e-9, 300), rng.normal(1e9, 1.0, 300)]),
        "all exponents": np.concatenate([s * 2.0 ** np.arange(-80, 80) for s in (1, -1)]),
        "many": rng.standard_normal(9000),
        "tiny": 1e-34 * rng.standard_normal(100),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("crowd", sorted(crowds(np.random.default_rng(0))))
def test_bins_are_those_of_a_binary_search(crowd, dtype, rng):
    points = crowds(rng)[crowd].astype(dtype)
    near = rng.choice(points, 1000) * (1 + 1e-6 * rng.standard_normal(1000))
    inner = rng.choice([1.0, -1.0, 0.5, -4.0, 1e-8, -1e10, 0.0, -0.0], 2000)
    # Breakpoints exactly on data, near them, and anywhere.
    biases = -inner * np.concatenate([rng.choice(points, 500), near, rng.standard_normal(500)])
    check(points, inner, biases, [0.0, 0.5], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_data_over_the_whole_range_of_a_precision(dtype):
    largest = float(np.finfo(dtype).max) / 1.5
    points = [-largest, -1.0, 0.0, float(np.finfo(dtype).tiny), 1.0, 1e30, largest]
    inner, biases = np.array([1.0, -1.0, 1e-30, 0.0, 1.0]), np.array([0.5, 0.5, 1.0, 1.0, -1e30])
    check(points, inner, biases, [0.0], dtype)


@given(
    st.lists(st.floats(-2, 2, width=16), min_size=1, max_size=40),
    st.lists(
        st.tuples(st.floats(-2, 2, width=16), st.floats(-2, 2, width=16)), min_size=1, max_size=40
    ),
)
def test_numbers_of_few_digits_that_often_coincide(points, rows):
    inner, biases = np.array(rows).T
    for dtype in DTYPES:
        check(points, inner, biases, [0.0, -0.5], dtype)


def test_a_zero_inner_weight_of_either_sign_is_active_everywhere_or_nowhere():
    bins, points, *_ = bins_of(
        [-1.0, 1.0], [0.0, -0.0, 0.0, -0.0], [1.0, 1.0, 0.0, -1.0], [0.0], "f8"
    )
    np.testing.assert_array_equal(bins[0], [0, 0, len(points), len(points)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 5000, 2_200_000])
def test_the_last_cell_is_never_passed_by_rounding(dtype, count):
    # In float32, from 2^24 cells on, the number of the last one rounds to one beyond.
    points = np.arange(count, dtype=np.float64).astype(dtype)
    _, _, _, cells, _ = _cells(points)
    assert int(np.dtype(dtype).type(cells.size - 1)) <= cells.size - 1
