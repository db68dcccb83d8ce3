"""Pair sums: roots to rounding, halves of a matrix."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.kernels.distances import DISTANCE, GAUSSIAN, pair_sum


@pytest.mark.parametrize(("dtype", "decades"), [("f8", 150), ("f4", 18)])
def test_roots_are_right_to_three_units_of_rounding(dtype, decades):
    zero, one = np.zeros((2, 1), dtype), np.ones(1, dtype)
    lengths = np.logspace(-decades, decades, 500).astype(dtype)
    for length in lengths:
        points = np.array([[length], [0.0]], dtype)
        got = pair_sum(DISTANCE, zero, one, points, one, 0, 1, False)
        assert abs(got - float(length)) <= 3 * np.finfo(dtype).eps * float(length)
    assert pair_sum(DISTANCE, zero, one, zero, one, 0, 1, False) == 0.0


@pytest.mark.parametrize("code", [DISTANCE, GAUSSIAN])
def test_pairs_of_one_set_are_half_of_all_but_the_diagonal(code):
    rng = np.random.default_rng(0)
    points, masses = rng.standard_normal((6, 2000)), rng.random(2000)
    whole = pair_sum(code, points, masses, points, masses, 0, 2000, False)
    own = [pair_sum(code, points, masses, points, masses, i, i + 500, True)
           for i in range(0, 2000, 500)]  # fmt: skip
    diagonal = masses @ masses if code == GAUSSIAN else 0.0
    assert 2 * sum(own) + diagonal == pytest.approx(whole, rel=1e-12)
