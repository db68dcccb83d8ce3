"""Two-sample calibration: what a statistic exceeds that sampling alone makes of it.

A distance between finite samples is never zero. What a comparison may claim is the
excess over the same statistic of samples that differ from the limit by nothing but
chance: its size, its standard error, and how often chance alone would exceed it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array, as_number
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["Excess", "null_excess"]

# Relabellings are all enumerated up to this number, and drawn at random beyond.
_MOST_ENUMERATED = 20_000
_DRAWN = 9_999
# Numbers of random keys held at a time.
_BLOCK = 1_000_000
# Sums of the same numbers in another order may differ by a few units of rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Excess:
    """Mean of a statistic beyond its mean under the null.

    Attributes
    ----------
    value : float
        mean(observed) − mean(null).
    error : float
        Its standard error.
    p_value : float
        One-sided: how often chance alone gives at least this value.
    replicas : (int, int)
        Numbers of observed and of null replicas.

    Examples
    --------
    >>> print(Excess(0.25, 0.1, 0.0132, (20, 20)))
    0.25 ± 0.1 (p = 0.013)
    """

    value: float
    error: float
    p_value: float
    replicas: tuple[int, int]

    def power(self, shift: float, level: float = 0.05) -> float:
        """Probability that a test at this level detects a true excess of `shift`.

        For as many replicas with the same scatter: 1 − F(t_{1−level}), with F the
        noncentral t-distribution of noncentrality shift / error, which is that of
        Gaussian statistics; permutation and t tests have the same power up to O(1/S).

        Parameters
        ----------
        shift : float
            True difference of the means.
        level : float
            Between 0 and 1.

        Raises
        ------
        InvalidInputError
            If the level is not between 0 and 1, or the replicas do not scatter.

        References
        ----------
        E. Lehmann, J. Romano (2005), Testing Statistical Hypotheses, §5.9 and §15.2.

        Examples
        --------
        >>> round(Excess(0.0, 1.0, 0.5, (20, 20)).power(3.0), 3)
        0.903
        """
        from scipy.special import nctdtr, stdtrit

        if not 0.0 < as_number("level", level) < 1.0:
            raise InvalidInputError(f"level must be between 0 and 1, got {level!r}")
        if self.error <= 0.0:
            raise InvalidInputError("replicas that do not scatter have no power to predict")
        freedom = sum(self.replicas) - 2
        threshold = stdtrit(freedom, 1.0 - level)
        return float(1.0 - nctdtr(freedom, as_number("shift", shift) / self.error, threshold))

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.error:.2g} (p = {self.p_value:.2g})"


def null_excess(observed: Any, null: Any, seed: int = 0) -> Excess:
    """Excess of a statistic over the same statistic under the null, with error and p-value.

    The error is that of the bootstrap over replicas of each side in the limit of many
    resamples, (s²_observed/S + s²_null/R)^(1/2) with unbiased variances. The p-value is
    that of the permutation test of the difference of means: if the two sides have the
    same law, every relabelling of the S + R values is equally likely, so that
    P(p ≤ α) ≤ α for every law, with equality at every attainable α. All relabellings are
    enumerated where there are at most 20 000; otherwise 9 999 random ones are drawn, and
    p = (1 + number that reach the observed difference) / 10 000.

    Parameters
    ----------
    observed : (S,) array
        One value for each replica, S ≥ 2.
    null : (R,) array
        The statistic of independent replicas of the null, R ≥ 2.
    seed : int
        Seed of the random relabellings.

    Returns
    -------
    Excess
        Its p-value is at least 1 over the number of relabellings, (S + R)! / (S! R!).

    Raises
    ------
    InvalidInputError
        If a side has fewer than two values, or one that is not finite.

    References
    ----------
    B. Phipson, G. Smyth (2010), Permutation p-values should never be zero, Stat. Appl.
    Genet. Mol. Biol. 9, eq. 2; E. Lehmann, J. Romano (2005), Testing Statistical
    Hypotheses, thm. 15.2.1.

    Examples
    --------
    >>> excess = null_excess([3.0, 4.0, 5.0], [0.0, 1.0, 2.0])
    >>> excess.value, excess.p_value  # one of the 20 relabellings
    (3.0, 0.05)
    """
    first, second = _replicas("observed", observed), _replicas("null", null)
    value = float(first.mean() - second.mean())
    variance = first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)
    p_value = _permutation_p_value(first, second, seed)
    return Excess(value, math.sqrt(variance), p_value, (len(first), len(second)))


def _replicas(name: str, values: Any) -> Float64Array:
    array = as_finite_array(name, values, 1).astype(np.float64)
    if len(array) < 2:
        raise InvalidInputError(f"{name} must hold at least two replicas, got {len(array)}")
    return array


def _permutation_p_value(first: Float64Array, second: Float64Array, seed: int) -> float:
    """Fraction of relabellings whose first side has at least the sum of the given one."""
    values = np.concatenate([first, second])
    values = values - values.mean()
    count, size = len(values), len(first)
    least = values[:size].sum() - _ROUNDING * np.abs(values).sum()
    if math.comb(count, size) <= _MOST_ENUMERATED:
        chosen = combinations(range(count), size)
        subsets = np.fromiter(chain.from_iterable(chosen), np.intp).reshape(-1, size)
        return float(np.mean(values[subsets].sum(axis=1) >= least))
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // count)
    reached = 0
    for start in range(0, _DRAWN, rows):
        keys = generator.random((min(rows, _DRAWN - start), count))
        subsets = np.argpartition(keys, size - 1, axis=1)[:, :size]
        reached += int((values[subsets].sum(axis=1) >= least).sum())
    return (1 + reached) / (1 + _DRAWN)
