"""Squared errors as sums of known powers: C/N + C₂/N² in the width, C/N + D s in the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array
from meanfield.errors import InvalidInputError
from meanfield.rates import LEAST_SEEDS
from meanfield.typing import Float64Array

__all__ = ["Coefficient", "Expansion", "fit_width_and_step", "fit_widths"]

_SWEEPS = 10
# Fitted values are kept above this share of the observed ones, so that weights stay finite.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Coefficient:
    """A fitted coefficient of an expansion.

    Attributes
    ----------
    value : float
    error : float
        Bootstrap standard error; NaN with fewer than 5 seeds.
    lower, upper : float
        95 % bootstrap interval; NaN with fewer than 5 seeds.

    Examples
    --------
    >>> print(Coefficient(1.25, 0.05, 1.15, 1.36))
    1.25 ± 0.05 [1.15, 1.36]
    """

    value: float
    error: float
    lower: float
    upper: float

    def deviation(self, predicted: float) -> float:
        """Distance of a predicted value in standard errors, with its sign."""
        return (self.value - predicted) / self.error if self.error > 0.0 else math.nan

    def __str__(self) -> str:
        if not math.isfinite(self.error):
            return _digits(self.value)
        return (
            f"{_digits(self.value)} ± {_digits(self.error, 2)} "
            f"[{_digits(self.lower)}, {_digits(self.upper)}]"
        )


@dataclass(frozen=True)
class Expansion:
    """A mean square fitted by a sum of known terms.

    Attributes
    ----------
    coefficients : mapping of str to Coefficient
        By the symbol of the term: ``"C"`` of 1/N, ``"C₂"`` of 1/N², ``"D"`` of the step.

    Examples
    --------
    >>> expansion = Expansion({"C": Coefficient(2.0, 0.1, 1.8, 2.2)})
    >>> float(expansion(100))
    0.02
    """

    coefficients: Mapping[str, Coefficient]

    def __call__(self, particles: Any, step: Any = 0.0) -> Float64Array:
        """Value of the sum at widths and steps."""
        n, s = np.asarray(particles, dtype=np.float64), np.asarray(step, dtype=np.float64)
        values = {name: entry.value for name, entry in self.coefficients.items()}
        return np.asarray(
            values.get("C", 0.0) / n + values.get("C₂", 0.0) / n**2 + values.get("D", 0.0) * s
        )

    def __str__(self) -> str:
        return ", ".join(f"{name} = {entry}" for name, entry in self.coefficients.items())


def fit_widths(particles: Any, squares: Any, *, resamples: int = 2000, seed: int = 0) -> Expansion:
    """Fit mean squares by C/N + C₂/N²; arguments as in `fit_width_and_step`.

    Parameters
    ----------
    particles : (W,) array
        Widths N, increasing, at least two.
    squares : (W, S) array
        A squared error for each width and seed.
    resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    InvalidInputError
        If shapes do not fit, or there are fewer than two widths or seeds.

    Examples
    --------
    >>> widths = np.array([16, 64, 256])
    >>> squares = np.outer(2.0 / widths + 5.0 / widths**2, np.ones(8))
    >>> expansion = fit_widths(widths, squares)
    >>> [round(entry.value, 6) for entry in expansion.coefficients.values()]
    [2.0, 5.0]
    """
    widths = as_finite_array("particles", particles, 1).astype(np.float64)
    samples = as_finite_array("squares", squares, 2).astype(np.float64)
    _check(widths, samples, "particles")
    design = np.stack([1.0 / widths, 1.0 / widths**2], axis=-1)[:, None]
    return _fit(("C", "C₂"), design, samples[..., None], resamples, seed)


def fit_width_and_step(
    particles: Any, steps: Any, squares: Any, *, resamples: int = 2000, seed: int = 0
) -> Expansion:
    """Fit mean squares by C/N + D s over a grid of widths N and steps s.

    The scatter of a squared error is proportional to its mean, so that the weights of the
    least squares are one over the square of the fit itself, found by iteration: weights
    from the data would favour cells which happen to be small. Intervals come from
    seeds drawn with replacement, all steps of a network together.

    Parameters
    ----------
    particles : (W,) array
        Widths N, increasing, at least two.
    steps : (E,) array
        Steps s, increasing, at least two.
    squares : (W, S, E) array
        A squared error for each width, seed and step.
    resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    InvalidInputError
        If shapes do not fit, or there are fewer than two widths, steps or seeds.

    References
    ----------
    Mei, Montanari, Nguyen (2018), theorem 3, whose bound has these two terms; Wedderburn
    (1974), Biometrika 61, on fits with a variance proportional to the squared mean.

    Examples
    --------
    >>> widths, steps = np.array([16, 64, 256]), np.array([0.01, 0.1])
    >>> mean = 2.0 / widths[:, None] + 0.5 * steps
    >>> squares = np.repeat(mean[:, None], 8, axis=1)
    >>> expansion = fit_width_and_step(widths, steps, squares)
    >>> [round(entry.value, 6) for entry in expansion.coefficients.values()]
    [2.0, 0.5]
    """
    widths = as_finite_array("particles", particles, 1).astype(np.float64)
    lengths = as_finite_array("steps", steps, 1).astype(np.float64)
    samples = as_finite_array("squares", squares, 3).astype(np.float64)
    _check(widths, samples, "particles")
    _check(lengths, np.moveaxis(samples, -1, 0), "steps")
    design = np.stack(np.broadcast_arrays(1.0 / widths[:, None], lengths), axis=-1)
    return _fit(("C", "D"), design, samples, resamples, seed)


def _check(values: Float64Array, samples: Float64Array, name: str) -> None:
    if len(values) < 2 or (np.diff(values) <= 0.0).any() or values[0] <= 0.0:
        raise InvalidInputError(
            f"{name} must be at least two positive, increasing numbers, got "
            + ", ".join(f"{value:g}" for value in values)
        )
    if len(samples) != len(values):
        raise InvalidInputError(
            f"squares must have one entry for each of the {len(values)} {name}, got {len(samples)}"
        )
    if name == "particles" and samples.shape[1] < 2:
        raise InvalidInputError("a fit needs at least two seeds, got 1")
    if (samples < 0.0).any():
        raise InvalidInputError("squares must not be negative")


def _fit(
    names: Sequence[str], design: Float64Array, samples: Float64Array, resamples: int, seed: int
) -> Expansion:
    """Coefficients of a design (W, E, q), and their scatter over seeds of samples (W, S, E)."""
    as_count("resamples", resamples, least=1000)
    if not samples.any():
        return Expansion(dict.fromkeys(names, Coefficient(0.0, 0.0, 0.0, 0.0)))
    terms = design.reshape(-1, len(names))
    values = _coefficients(terms, samples.mean(axis=1).reshape(1, -1))[0]
    count = samples.shape[1]
    if count < LEAST_SEEDS:
        return Expansion(
            {
                name: Coefficient(float(value), math.nan, math.nan, math.nan)
                for name, value in zip(names, values, strict=True)
            }
        )
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(
        count, np.full(count, 1.0 / count), size=(resamples, len(samples))
    )
    means = np.einsum("bws,wse->bwe", drawn, samples) / count
    scattered = _coefficients(terms, means.reshape(resamples, -1))
    return Expansion(
        {
            name: Coefficient(float(value), _spread(column, count), *_percentiles(column, count))
            for name, value, column in zip(names, values, scattered.T, strict=True)
        }
    )


def _percentiles(values: Float64Array, count: int) -> tuple[float, float]:
    """95 % interval of resampled values, widened for `count` seeds (Hesterberg 2015, §4.5)."""
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))
    lower, upper = np.quantile(values, [tail, 1.0 - tail])
    return float(lower), float(upper)


def _spread(values: Float64Array, count: int) -> float:
    """Standard deviation of resampled values, from quantiles: few resamples are far off."""
    lower, upper = np.quantile(values, [0.1587, 0.8413])
    return math.sqrt(count / (count - 1)) * 0.5 * float(upper - lower)


def _coefficients(terms: Float64Array, means: Float64Array) -> Float64Array:
    """Weighted least squares of each row of means (B, m) on terms (m, q), (B, q)."""
    floor = np.maximum(_LEAST_SHARE * means, 1e-300)
    fitted = np.maximum(means, means.max(axis=1, keepdims=True) * 1e-6) + 1e-300
    solution = np.zeros((len(means), terms.shape[1]))
    size = np.abs(terms).max(axis=0)
    for _ in range(_SWEEPS):
        # Rows are scaled by their weights, so that no product leaves the range of numbers.
        rows = (terms / size) / fitted[..., None]
        right = means / fitted
        normal = np.einsum("bmq,bmr->bqr", rows, rows)
        solution = _solved(normal, np.einsum("bmq,bm->bq", rows, right)[..., None])[..., 0]
        fitted = np.maximum(solution @ (terms / size).T, floor)
    return np.asarray(solution / size)


def _solved(matrices: Float64Array, right: Float64Array) -> Float64Array:
    """Solutions of symmetric systems; of singular ones, the shortest."""
    try:
        return np.asarray(np.linalg.solve(matrices, right))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrices, hermitian=True) @ right)


def _digits(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}g}".replace("-", "−")
