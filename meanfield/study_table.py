"""A study as tables: of numbers, and as plain text for the terminal and for logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from meanfield.quantities import quantities, statistics
from meanfield.typing import Float64Array

if TYPE_CHECKING:
    from meanfield.study import Study

__all__ = ["constants", "heading", "number", "root_mean", "rows", "table", "with_error"]

# Distances of the parameters that the terminal shows; pages show all.
_SHOWN = ("sliced_wasserstein", "wasserstein_2")
# Widths below which the next order of the expansion is given.
_SMALL = 100


def heading(study: Study) -> str:
    """Who is compared with what, in one line."""
    reference, solver = study.settings.get("reference", {}), study.settings.get("solver", {})
    kind = {"grid": "cells", "quadrature": "nodes"}.get(reference["solver"]["name"], "particles")
    return (
        f"{study.experiment}: {study.seeds} seeds of {solver['name']} against "
        f"{reference['solver']['name']} with {reference['particles']} {kind}, "
        f"t = {study.times[-1]:g}"
    )


def rows(study: Study, index: int | None = None) -> list[dict[str, float]]:
    """Numbers of all widths, at all times or one; see `meanfield.study.Study.rows`."""
    columns: dict[str, Float64Array] = {}
    for name in (*study.samples, "risk_fluctuation"):
        if study.sample(name).ndim == 3:
            columns[name], columns[f"{name}_error"] = study.values(name)
    columns["excess"], columns["excess_error"] = study.excess()
    frames = range(len(study.times)) if index is None else [range(len(study.times))[index]]
    return [
        {
            "particles": int(count),
            "time": float(study.times[frame]),
            **{name: float(values[width, frame]) for name, values in columns.items()},
        }
        for frame in frames
        for width, count in enumerate(study.particles)
    ]


def table(study: Study, index: int = -1) -> str:
    """Tables of the widths, rates, constants and notes at time number `index`."""
    rates = study.rates_at(index)
    width = max(len(quantities[name].title) for name in rates)
    parts = [_outputs(study, index), _parameters(study, index)]
    parts.append(
        "\n".join(
            f"slope of {quantities[name].title.ljust(width)}  {rate}"
            for name, rate in rates.items()
        )
    )
    lines = [f"{name}: {text}" for name, text in constants(study, index)]
    if index in (-1, len(study.times) - 1) and study.fluctuation is not None:
        lines.append(f"central limit at N = {study.particles[-1]}: {study.fluctuation}")
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else []), *_notes(study)])


def constants(study: Study, index: int = -1) -> list[tuple[str, str]]:
    """Fitted constants of squared errors, each with its prediction, as names and texts."""
    found = []
    for name, quantity in study.quantities.items():
        if quantity.symbols is None or not study.sample(name)[:, :, index].any():
            continue
        if study.steps is None and not _has_expansion(study):
            continue
        symbols = dict(zip("CD", quantity.symbols, strict=True))
        predicted = dict(zip("CD", quantity.predictions or (), strict=False))
        for letter, entry in study.expansion(name, index).coefficients.items():
            text = str(entry)
            expected = study.predictions.get(predicted.get(letter, ""))
            if expected is not None:
                doubt = study.predictions.get(f"{predicted[letter]}_error", 0.0 * expected)
                value = with_error(float(expected[index]), float(doubt[index]))
                text += f", predicted {value}"
                if np.isfinite(entry.error) and entry.error > 0.0:
                    text += f" ({_signed(entry.deviation(float(expected[index])))} s.e.)"
            if letter in symbols and entry.value < 0.0:
                text += ", not resolved: a mean square is not negative"
            symbol = symbols.get(letter, quantity.symbols[0] + "₂")
            found.append((f"{symbol} of the squared {quantity.title}", text))
    return found


def _has_expansion(study: Study) -> bool:
    """Whether C/N + C₂/N² says more than the slope: of three widths or more, some of them small."""
    small = bool(study.particles[0] < _SMALL)
    return len(study.particles) > 2 and (small or bool(study.predictions))


def _outputs(study: Study, index: int) -> str:
    names = [name for name in study.quantities if name != "sliced_wasserstein"]
    lines = [["N", *(quantities[name].title for name in names)]]
    for row in study.rows(index):
        cells = [with_error(row[name], row[f"{name}_error"]) for name in names]
        lines.append([str(row["particles"]), *cells])
    return _aligned(lines)


def _parameters(study: Study, index: int) -> str:
    lines = [["N"], *([str(count)] for count in study.particles)]
    for name in _SHOWN:
        if name not in study.statistics:
            continue
        excesses = study.excesses(name, index)
        if not any(excesses):
            continue
        lines[0] += [statistics[name].title, "same, iid limit", "p"]
        values, nulls = (
            root_mean(study.sample(part)[:, :, index]) for part in (name, f"{name}_null")
        )
        for line, value, null, excess in zip(lines[1:], values, nulls, excesses, strict=True):
            line += ["—"] * 3 if excess is None else [
                number(value), number(null), f"{excess.p_value:.2g}",
            ]  # fmt: skip
    return _aligned(lines)


def root_mean(samples: Float64Array) -> Float64Array:
    """Root mean square over the seeds that are known, (W, …)."""
    known = np.isfinite(samples)
    total = np.where(known, samples, 0.0) ** 2
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(total.sum(axis=1) / known.sum(axis=1)))


def _notes(study: Study) -> list[str]:
    return ["\n".join(f"note: {note}" for note in study.notes)] if study.notes else []


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    sizes = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.rjust(size) for cell, size in zip(line, sizes, strict=True))
        for line in lines
    ]
    text.insert(1, "─" * len(text[0]))
    return "\n".join(text)


def number(value: float) -> str:
    """Three digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def with_error(value: float, error: float) -> str:
    """``0.0123 ± 0.0004``, to the digits that the error leaves.

    Examples
    --------
    >>> with_error(0.01234, 0.00056), with_error(5.0, 0.0)
    ('0.01234 ± 0.00056', '5')
    """
    if not np.isfinite(error) or error <= 0.0:
        return number(value)
    decimals = 1 - int(np.floor(np.log10(error)))
    if 0 <= decimals <= 5:
        return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")
    exponent = int(np.floor(np.log10(max(abs(value), error))))
    scale = 10.0**exponent
    decimals = max(0, decimals + exponent)
    digits = f"{value / scale:.{decimals}f} ± {error / scale:.{decimals}f}"
    return f"({digits})e{exponent}".replace("-", "−")
