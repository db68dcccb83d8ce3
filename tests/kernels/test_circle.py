import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.kernels import pairs
from meanfield.kernels.circle import add_circle_pairs

CORNERS = np.array(
    [[1.0, 0.0], [1.0, -0.0], [-1.0, 0.0], [-1.0, -0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]]
)


def around(targets, sources, charges):
    totals, vectors = np.zeros(len(targets)), np.zeros((len(targets), 2))
    add_circle_pairs(targets, sources, charges, totals, vectors)
    return totals, vectors


def by_tiles(targets, sources, charges):
    totals, vectors = np.zeros(len(targets)), np.zeros((len(targets), 2))
    shape = pairs.pair_tile_shape(len(targets), len(sources))
    scratch = np.empty(pairs.LARGEST_TILE)
    pairs.add_pairs(pairs.RELU, targets, sources, charges, 0.0, *shape, scratch, totals, vectors)
    return totals, vectors


def directions(count, rng):
    angles = rng.uniform(-np.pi, np.pi, count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def felt(targets, totals, vectors):
    """sin φ ŵ + (π − φ) ŵ' summed: the gradient, whose two parts may err together."""
    return totals[:, None] * targets + vectors


def assert_equal_sums(targets, sources, charges, rounding):
    found, expected = around(targets, sources, charges), by_tiles(targets, sources, charges)
    bound = rounding * np.pi * np.abs(charges).sum()
    np.testing.assert_allclose(felt(targets, *found), felt(targets, *expected), atol=bound)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**20))
def test_the_circle_gives_the_sums_over_all_pairs(count, others, seed):
    rng = np.random.default_rng(seed)
    charges = rng.standard_normal(others)
    assert_equal_sums(directions(count, rng), directions(others, rng), charges, 1e-14)


def test_axes_half_turns_and_zeros_are_no_exceptions(rng):
    # A zero direction as a target is told apart by its length, which is not seen here.
    targets = np.concatenate([CORNERS[:6], directions(50, rng)])
    sources = np.concatenate([CORNERS, -targets, targets])
    charges = rng.standard_normal(len(sources))
    charges[6] = 0.0
    assert_equal_sums(targets, sources, charges, 1e-14)


@pytest.mark.parametrize("sign", ["signed", "positive", "opposite pairs"])
def test_a_million_sources_lose_no_digits(rng, sign):
    sources = directions(10**6, rng)
    charges = np.abs(rng.standard_normal(10**6)) / 10**6
    if sign == "signed":
        charges *= rng.choice([-1.0, 1.0], 10**6)
    if sign == "opposite pairs":
        sources[500_000:] = -sources[:500_000]
    targets = np.concatenate([directions(60, rng), sources[::100_000]])
    assert_equal_sums(targets, sources, charges, 1e-14)


def test_a_lonely_pair_is_exact():
    totals, vectors = around(CORNERS[:1], CORNERS[4:5], np.array([2.0]))
    np.testing.assert_allclose(totals, [2.0], rtol=1e-15)
    np.testing.assert_allclose(vectors, [[0.0, np.pi]], atol=1e-15)


def test_the_order_of_sources_does_not_matter(rng):
    targets, sources = directions(20, rng), directions(300, rng)
    charges, order = rng.standard_normal(300), rng.permutation(300)
    straight = around(targets, sources, charges)
    shuffled = around(targets, sources[order], charges[order])
    np.testing.assert_array_equal(straight[0], shuffled[0])
    np.testing.assert_array_equal(straight[1], shuffled[1])
