"""At what rate something vanishes with the width: power laws with honest intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_finite_array
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["Rate", "fit_rate", "power_mean", "standard_error"]

#: Seeds from which on an interval is given: of fewer the scatter is hardly known.
LEAST_SEEDS = 5
# Shares of the mean above which a mean without one seed counts, and of variances in rounding.
_LEAST_REST, _ROUNDING = 1e-6, 1e-28
# A width counts as resolved if its value is that many standard errors from zero.
_RESOLVED = 2.0
_FRACTIONS = {
    -0.25: "−1/4", -1 / 3: "−1/3", -0.5: "−1/2", -1.0: "−1", -1.5: "−3/2", -2.0: "−2",
    0.5: "1/2", 1.0: "1",
}  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """A fitted power law, value ≈ constant · N^slope.

    Attributes
    ----------
    slope : float
        NaN if the law is not defined, because a value is exactly zero.
    lower, upper : float
        95 % interval of the slope; NaN with fewer than 5 seeds.
    constant : float
        Prefactor, extrapolated to N = 1; its sign is that of the values.
    expected : float or None
        Slope that theory predicts, if it predicts one.
    resolved : bool
        Whether every value is more than two standard errors from zero. If not, part of
        the fit is noise: use more seeds.
    error : float
        Standard error of the slope; NaN with fewer than 5 seeds.

    Examples
    --------
    >>> rate = Rate(-0.49, -0.55, -0.43, 1.2, expected=-0.5, error=0.03)
    >>> print(rate)
    −0.49 [−0.55, −0.43], consistent with −1/2
    >>> rate.verdict
    'consistent with −1/2: slope −0.49 ± 0.03'
    """

    slope: float
    lower: float
    upper: float
    constant: float
    expected: float | None = None
    resolved: bool = True
    error: float = math.nan

    def __call__(self, particles: Any) -> Float64Array:
        """Value of the law at given widths."""
        return np.asarray(self.constant * np.asarray(particles, dtype=np.float64) ** self.slope)

    @property
    def has_interval(self) -> bool:
        """Whether there were enough seeds for an interval."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    @property
    def consistent(self) -> bool | None:
        """Whether the expected slope lies in the interval; None if either is missing."""
        if self.expected is None or not self.has_interval:
            return None
        return self.lower <= self.expected <= self.upper

    @property
    def interval(self) -> str:
        """Slope and interval as text, for example ``−0.49 [−0.55, −0.43]``."""
        if not math.isfinite(self.slope):
            return "n/a"
        if not self.has_interval:
            return signed(self.slope)
        return f"{signed(self.slope)} [{signed(self.lower)}, {signed(self.upper)}]"

    @property
    def expected_name(self) -> str:
        """Expected slope as text, for example ``−1/2``; empty if there is none."""
        if self.expected is None:
            return ""
        return _FRACTIONS.get(self.expected, signed(self.expected))

    @property
    def verdict(self) -> str:
        """What the slope says, in words."""
        if not math.isfinite(self.slope):
            return "no slope: a value is exactly zero"
        slope = f"slope {signed(self.slope)}"
        if math.isfinite(self.error):
            slope += f" ± {self.error:.2f}"
        if self.consistent is not None:
            words = "consistent with" if self.consistent else "not consistent with"
            slope = f"{words} {self.expected_name}: {slope}"
        elif self.expected is not None:
            slope += f", too few seeds for an interval (expected {self.expected_name})"
        return slope if self.resolved else f"{slope}, partly within noise: use more seeds"

    def __str__(self) -> str:
        if not math.isfinite(self.slope):
            return "n/a (a value is zero)"
        text = self.interval
        if not self.has_interval:
            text += f" (no interval with fewer than {LEAST_SEEDS} seeds)"
        elif self.expected is not None:
            words = "consistent" if self.consistent else "not consistent"
            text += f", {words} with {self.expected_name}"
        return text if self.resolved else f"{text} (partly within noise: use more seeds)"


def signed(value: float) -> str:
    """Number with two decimals and a true minus sign."""
    return f"{value:.2f}".replace("-", "−")


def power_mean(samples: Any, power: int = 1) -> Float64Array:
    """Mean over the last axis (power 1), or root mean square (power 2).

    Examples
    --------
    >>> float(power_mean([3.0, 5.0])), float(power_mean([1.0, 7.0], power=2))
    (4.0, 5.0)
    """
    array = np.asarray(samples, dtype=np.float64)
    return np.asarray((array**power).mean(axis=-1) ** (1.0 / power))


def standard_error(samples: Any, power: int = 1) -> Float64Array:
    """Standard error of `power_mean`, by propagation of that of the mean.

    Examples
    --------
    >>> float(standard_error([1.0, 2.0, 3.0])) == 1.0 / 3**0.5
    True
    """
    array = np.asarray(samples, dtype=np.float64) ** power
    error = array.std(axis=-1, ddof=1) / math.sqrt(array.shape[-1])
    value = array.mean(axis=-1) ** (1.0 / power)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(value == 0.0, 0.0, value ** (1 - power) / power)
    return np.asarray(error * slope)


def fit_rate(
    particles: Any,
    samples: Any,
    *,
    power: int = 1,
    expected: float | None = None,
) -> Rate:
    """Fit value(N) = c N^s to the mean, or root mean square, over seeds at each width.

    log |value| is fitted against log N by least squares. Its variance v_w at each width is
    the jackknife's, from the logarithms without one seed each. What few seeds tell of it is
    mostly noise, so that it is smoothed by a power law v(N) of its own; weights are 1/v(N),
    by which widths that are mostly noise hardly count. The interval is that of Student,
    slope ± t_ν (Σ k_w² v_w)^(1/2) with slope = Σ k_w log |value_w|, and has the degrees of
    freedom ν of the variance in it (Satterthwaite): ν = 1 / (h (1/(S−1) + κ/2S)), where
    h = Σ a_w H_wx a_x for the shares a_w of the widths in that variance and the projection
    H on power laws, about 1/W, and κ ≥ 0 is the excess kurtosis of the seeds.

    Measured, in 8000 trials each: how often the interval covers the true slope, and in
    brackets the root mean square of `Rate.error` over the standard deviation of the slope.

    ==========================  ===============  ===============  ===============
    what is fitted              3 widths,        5 widths,        5 widths,
                                10 seeds         10 seeds         20 seeds
    ==========================  ===============  ===============  ===============
    squares of one Gaussian     94.2 % (0.99)    94.5 % (1.00)    94.6 % (0.99)
    of the norm of two          94.3 % (0.98)    94.7 % (0.99)    95.1 % (1.00)
    of 20                       93.9 % (0.96)    94.5 % (0.98)    94.5 % (0.97)
    lognormal squares, σ = 1/2  94.0 % (0.97)    94.9 % (0.99)    95.1 % (0.99)
    lognormal squares, σ = 1    93.9 % (0.96)    94.4 % (0.97)    94.7 % (0.97)
    normal, mean of order 1/N   94.5 % (0.98)    94.6 % (0.98)    94.7 % (0.99)
    ==========================  ===============  ===============  ===============

    With 5 or 6 seeds it covers 92 to 95 %, of lognormal squares 90 to 94 % (2000 trials each).
    Bootstrap percentiles, expanded for few seeds, with weights from the data covered 91 to
    95 %, with an error 15 % too small for squares of one Gaussian and 10 seeds.

    Parameters
    ----------
    particles : (W,) array
        Widths N, increasing, at least two.
    samples : (W, S) array
        One number per width and seed, S ≥ 2, independent of each other.
    power : {1, 2}
        1 fits the mean (a signed quantity), 2 the root mean square.
    expected : float, optional
        Slope predicted by theory, kept for the verdict.

    Returns
    -------
    Rate

    Raises
    ------
    InvalidInputError
        If there are fewer than two widths or seeds, or shapes do not fit.

    References
    ----------
    B. Efron, C. Stein (1981), The jackknife estimate of variance, Ann. Stat. 9;
    F. Satterthwaite (1946), An approximate distribution of estimates of variance
    components, Biometrics Bull. 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> widths = np.array([64, 256, 1024])
    >>> errors = rng.standard_normal((3, 100)) / np.sqrt(widths)[:, None]
    >>> print(fit_rate(widths, errors, power=2, expected=-0.5))
    −0.45 [−0.52, −0.38], consistent with −1/2
    """
    widths = as_finite_array("particles", particles, 1).astype(np.float64)
    array = as_finite_array("samples", samples, 2).astype(np.float64)
    _check_shapes(widths, array)
    if power not in (1, 2):
        raise InvalidInputError(f"power must be 1 or 2, got {power!r}")
    values, errors = power_mean(array, power), standard_error(array, power)
    if not values.all():
        return Rate(math.nan, math.nan, math.nan, math.nan, expected, resolved=False)
    x, y = np.log(widths), np.log(np.abs(values))
    deviations = _log_deviations(array**power) / power
    law = _PowerLaw.of(x)
    variances = law.smoothed((deviations**2).sum(axis=1))
    factors, centre = _slope_factors(x, 1.0 / variances)
    slope = float(factors @ y)
    level = float((y / variances).sum() / (1.0 / variances).sum()) - slope * centre
    lower, upper, error = math.nan, math.nan, math.nan
    if array.shape[1] >= LEAST_SEEDS:
        shares = factors**2 * variances
        error = math.sqrt(shares.sum())
        reach = error * _student(law.freedom(shares, variances, deviations))
        lower, upper = slope - reach, slope + reach
    return Rate(
        slope,
        lower,
        upper,
        math.copysign(math.exp(level), float((np.sign(values) / variances).sum())),
        expected,
        resolved=bool((np.abs(values) > _RESOLVED * errors).all()),
        error=error,
    )


def _check_shapes(widths: Float64Array, samples: Float64Array) -> None:
    if len(widths) < 2 or (np.diff(widths) <= 0.0).any() or widths[0] <= 0.0:
        raise InvalidInputError(
            "a rate needs at least two widths, positive and increasing, got "
            + ", ".join(f"{width:g}" for width in widths)
        )
    if len(samples) != len(widths):
        raise InvalidInputError(
            f"samples must have one row for each of the {len(widths)} widths, got "
            f"shape {samples.shape}"
        )
    if samples.shape[1] < 2:
        raise InvalidInputError("a rate needs at least two seeds, got 1")


def _log_deviations(samples: Float64Array) -> Float64Array:
    """What each seed does to log |mean|: their squares add up to the jackknife variance."""
    count = samples.shape[1]
    means = samples.mean(axis=1, keepdims=True)
    rest = np.abs(count * means - samples) / (count - 1)
    logs = np.log(np.maximum(rest, _LEAST_REST * np.abs(means)))
    return np.asarray(math.sqrt((count - 1) / count) * (logs - logs.mean(axis=1, keepdims=True)))


def _slope_factors(x: Float64Array, weights: Float64Array) -> tuple[Float64Array, float]:
    """Factors k of weighted least squares, slope = k · y, and the weighted mean of x."""
    weights = weights / weights.sum()
    centre = float(weights @ x)
    factors = weights * (x - centre)
    return factors / (factors @ (x - centre)), centre


@dataclass(frozen=True, eq=False)
class _PowerLaw:
    """Variances at several widths as a power law of the width.

    Attributes
    ----------
    projection : (W, W) array
        H, of logarithms on straight lines in log N.
    """

    projection: Float64Array

    @classmethod
    def of(cls, x: Float64Array) -> _PowerLaw:
        basis, _ = np.linalg.qr(np.stack([np.ones_like(x), x], axis=1))
        return cls(basis @ basis.T)

    def smoothed(self, variances: Float64Array) -> Float64Array:
        """The law, of the mean level of the variances themselves."""
        variances = np.maximum(variances, _ROUNDING)
        law = np.exp(self.projection @ np.log(variances))
        return np.asarray(law * (variances / law).mean())

    def freedom(
        self, shares: Float64Array, variances: Float64Array, deviations: Float64Array
    ) -> float:
        """Degrees of freedom of the sum of the shares, from the kurtosis of the deviations."""
        count = deviations.shape[1]
        shares = shares / shares.sum()
        squares = deviations**2 / variances[:, None] * count
        kurtosis = max(float((squares**2).mean()) - 3.0, 0.0)
        spread = float(shares @ self.projection @ shares)
        return float(max(1.0, 1.0 / (spread * (1.0 / (count - 1) + 0.5 * kurtosis / count))))


def _student(freedom: float) -> float:
    """97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
