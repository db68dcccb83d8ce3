"""Calibration against the null: exact levels, errors, predicted power."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, permutation_test, ttest_ind

from meanfield import calibration
from meanfield.calibration import null_excess
from meanfield.errors import InvalidInputError


@given(seed=st.integers(0, 2**20))
def test_enumerated_p_value_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.exponential(size=rng.integers(2, 6)), rng.exponential(size=4)
    expected = permutation_test(
        (first, second),
        lambda x, y: x.mean() - y.mean(),
        alternative="greater",
        n_resamples=np.inf,
    )
    excess = null_excess(first, second)
    assert excess.value == pytest.approx(expected.statistic, abs=1e-12)
    assert excess.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_drawn_relabellings_agree_with_all_of_them(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal(7) + 0.4, rng.standard_normal(7)
    exact = null_excess(first, second).p_value
    monkeypatch.setattr(calibration, "_MOST_ENUMERATED", 0)
    drawn = null_excess(first, second, seed=3).p_value
    # 9999 draws: 4 standard errors
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))
    monkeypatch.setattr(calibration, "_BLOCK", 20)
    assert null_excess(first, second, seed=3).p_value == drawn


@pytest.mark.parametrize(("observed", "null"), [(9, 9), (5, 12)])
def test_p_values_are_uniform_under_the_null(observed, null):
    # skewed statistics, as squares of distances are; at most 1/C(17, 5) between levels
    rng = np.random.default_rng(1)
    draws = rng.exponential(size=(200, observed + null))
    values = [null_excess(row[:observed], row[observed:], seed=i).p_value
              for i, row in enumerate(draws)]  # fmt: skip
    assert kstest(values, "uniform").pvalue > 1e-3


def test_few_replicas_never_reject_too_often():
    # 20 relabellings: P(p <= k/20) = k/20 exactly; 4 standard errors
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((2000, 6))
    values = np.array([null_excess(row[:3], row[3:]).p_value for row in draws])
    assert values.min() == pytest.approx(1 / comb(6, 3))
    for level in (0.05, 0.1, 0.5):
        share = np.mean(values <= level + 1e-12)
        assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 2000))


def test_a_known_shift_is_detected_with_the_predicted_power():
    rng = np.random.default_rng(3)
    shift, sides = 0.9, rng.standard_normal((250, 2, 12))
    sides[:, 0] += shift
    found = [null_excess(*pair, seed=i) for i, pair in enumerate(sides)]
    share = np.mean([excess.p_value <= 0.05 for excess in found])
    exact = calibration.Excess(shift, np.sqrt(2 / 12), 0.0, (12, 12)).power(shift)
    # 4 standard errors of 250 tests
    assert 0.5 < exact < 0.8
    assert share == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 250))
    # predicted from the scatter of each study itself
    assert np.median([excess.power(shift) for excess in found]) == pytest.approx(exact, abs=0.05)


def test_power_at_no_shift_is_the_level_and_grows():
    excess = null_excess([1.0, 2.0, 4.0], [0.0, 1.0, 1.5, 2.0])
    powers = [excess.power(shift, level=0.1) for shift in (0.0, 1.0, 3.0, 20.0)]
    assert powers[0] == pytest.approx(0.1, abs=1e-9)
    assert powers == sorted(powers)
    assert powers[-1] > 0.99


def test_error_is_that_of_many_resamples():
    rng = np.random.default_rng(4)
    first, second = rng.standard_normal(30), 2.0 * rng.standard_normal(20)
    drawn = rng.choice(first, (20000, 30)).mean(axis=1) - rng.choice(second, (20000, 20)).mean(1)
    # resamples have the variance (S - 1)/S of the unbiased one: 2.5 % at 20
    assert null_excess(first, second).error == pytest.approx(drawn.std(), rel=0.04)
    assert null_excess(first, second).error == pytest.approx(
        (first.mean() - second.mean())
        / ttest_ind(first, second, equal_var=False).statistic
    )  # fmt: skip


def test_constant_replicas_have_no_excess():
    excess = null_excess([1.0, 1.0], [1.0, 1.0, 1.0])
    assert (excess.value, excess.error, excess.p_value) == (0.0, 0.0, 1.0)


def test_scale_of_the_statistic_does_not_matter():
    rng = np.random.default_rng(5)
    first, second = rng.standard_normal(8) + 1.0, rng.standard_normal(8)
    small = null_excess(1e-9 * first, 1e-9 * second)
    assert small.p_value == null_excess(first, second).p_value
    assert small.value == pytest.approx(1e-9 * null_excess(first, second).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: null_excess([1.0], [1.0, 2.0]), "observed must hold at least two replicas, got 1"),
        (lambda: null_excess([1.0, 2.0], [1.0]), "null must hold at least two replicas"),
        (lambda: null_excess([1.0, np.nan], [1.0, 2.0]), "observed must be finite"),
        (lambda: null_excess([1, 2], [1, 3]).power(1.0, level=1.0), "level must be between 0 and"),
        (lambda: null_excess([1, 1], [1, 1]).power(1.0), "do not scatter"),
    ],
)
def test_bad_calls_are_explained(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
