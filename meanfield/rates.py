"""At what rate something vanishes with the width: power laws with honest intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array
from meanfield.errors import InvalidInputError
from meanfield.typing import Float64Array

__all__ = ["Rate", "expanded_percentiles", "fit_rate", "power_mean", "standard_error"]

#: Seeds from which on an interval is given: fewer resample to too few different sets.
LEAST_SEEDS = 5
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
        95 % bootstrap interval of the slope; NaN with fewer than 5 seeds.
    constant : float
        Prefactor, extrapolated to N = 1; its sign is that of the values.
    expected : float or None
        Slope that theory predicts, if it predicts one.
    resolved : bool
        Whether every value is more than two standard errors from zero. If not, part of
        the fit is noise: use more seeds.
    error : float
        Bootstrap standard error of the slope; NaN with fewer than 5 seeds.

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
    resamples: int = 2000,
    seed: int = 0,
) -> Rate:
    """Fit value(N) = c N^s to the mean, or root mean square, over seeds at each width.

    log |value| is fitted against log N by least squares with the weights
    (value / standard error)², so widths that are mostly noise hardly count. The interval
    comes from resampling the seeds within each width; it is the expanded percentile
    interval, whose tails are widened to what few seeds call for (Hesterberg 2015, §4.5:
    level Φ(−√(n/(n−1)) t_{n−1}) for n seeds).

    Parameters
    ----------
    particles : (W,) array
        Widths N, increasing, at least two.
    samples : (W, S) array
        One number per width and seed, S ≥ 2.
    power : {1, 2}
        1 fits the mean (a signed quantity), 2 the root mean square.
    expected : float, optional
        Slope predicted by theory, kept for the verdict.
    resamples : int
        Number of bootstrap resamples, at least 1000.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Rate

    Raises
    ------
    InvalidInputError
        If there are fewer than two widths or seeds, or shapes do not fit.

    References
    ----------
    Hesterberg, T. C. (2015). What teachers should know about the bootstrap.
    The American Statistician 69, 371–386.

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
    as_count("resamples", resamples, least=1000)
    values, errors = power_mean(array, power), standard_error(array, power)
    if not values.all():
        return Rate(math.nan, math.nan, math.nan, math.nan, expected, resolved=False)
    strength = np.abs(values) / np.maximum(errors, 1e-6 * np.abs(values))
    slope, level = _line(np.log(widths), np.log(np.abs(values)), strength**2)
    lower, upper, error = math.nan, math.nan, math.nan
    if array.shape[1] >= LEAST_SEEDS:
        means = _resampled_means(array**power, resamples, seed)
        logs = np.log(np.maximum(np.abs(means), 1e-300)) / power
        slopes, _ = _line(np.log(widths), logs, strength**2)
        lower, upper = expanded_percentiles(slopes, array.shape[1])
        error = math.sqrt(array.shape[1] / (array.shape[1] - 1)) * float(slopes.std())
    sign = math.copysign(1.0, float((strength * values).sum()))
    return Rate(
        float(slope),
        lower,
        upper,
        sign * math.exp(float(level)),
        expected,
        resolved=bool((strength > _RESOLVED).all()),
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


def _line(x: Float64Array, y: Float64Array, weights: Float64Array) -> tuple[Any, Any]:
    """Slope and intercept of weighted least squares over the last axis of y."""
    weights = weights / weights.sum()
    centre, heights = weights @ x, (y * weights).sum(axis=-1)
    slope = (y * (weights * (x - centre))).sum(axis=-1) / (weights @ (x - centre) ** 2)
    return slope, heights - slope * centre


def _resampled_means(samples: Float64Array, resamples: int, seed: int) -> Float64Array:
    """Means over seeds drawn with replacement within each width, (resamples, W)."""
    generator = np.random.default_rng(seed)
    count = samples.shape[1]
    means = np.empty((resamples, len(samples)))
    for width, row in enumerate(samples):
        drawn = generator.multinomial(count, np.full(count, 1.0 / count), size=resamples)
        means[:, width] = (drawn * row).sum(axis=1) / count
    return means


def expanded_percentiles(slopes: Float64Array, count: int) -> tuple[float, float]:
    """95 % interval of resampled values, widened for `count` seeds (Hesterberg 2015, §4.5)."""
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))
    lower, upper = np.quantile(slopes, [tail, 1.0 - tail])
    return float(lower), float(upper)
