"""Distances on the line from sorted points, in one walk along both."""

from __future__ import annotations

from meanfield.kernels.compilation import inline, kernel

__all__ = ["area_between", "transport_cost"]


@inline
def _mean_power(first, last, p):
    """Mean of |d|^p, d running linearly from `first` to `last`."""
    a, b = abs(first), abs(last)
    if p == 2.0:
        return (first * first + first * last + last * last) / 3.0
    if first == last:
        return a if p == 1.0 else a**p
    if p == 1.0:
        return 0.5 * (a + b) if first * last >= 0.0 else 0.5 * (a * a + b * b) / (a + b)
    change = last - first
    most = max(a, b)
    if abs(change) <= 1e-4 * most:  # Simpson's rule: the closed form below would cancel
        middle = abs(0.5 * (first + last))
        return (a**p + 4.0 * middle**p + b**p) / 6.0
    above = b ** (p + 1.0) if last > 0.0 else -(b ** (p + 1.0))
    below = a ** (p + 1.0) if first > 0.0 else -(a ** (p + 1.0))
    return (above - below) / ((p + 1.0) * change)


@kernel
def transport_cost(levels, lower, slopes, other_levels, other_lower, other_slopes, p):
    """Integral over u in (0, 1) of |Q(u) - Q'(u)|^p for piecewise linear quantile functions.

    Q(u) = lower[i] + slopes[i] (u - levels[i - 1]) between the levels i - 1 and i; levels
    (n,) do not decrease, begin after 0 and end at 1. A slope of 0 is an atom.
    """
    i, j = 0, 0
    level, start, other_start, total = 0.0, 0.0, 0.0, 0.0
    while i < levels.size and j < other_levels.size:
        end = min(levels[i], other_levels[j])
        if end > level:
            first = lower[i] - other_lower[j]
            last = first
            if slopes[i] != 0.0 or other_slopes[j] != 0.0:
                first = lower[i] + slopes[i] * (level - start)
                first -= other_lower[j] + other_slopes[j] * (level - other_start)
                last = lower[i] + slopes[i] * (end - start)
                last -= other_lower[j] + other_slopes[j] * (end - other_start)
            total += (end - level) * _mean_power(first, last, p)
            level = end
        if levels[i] <= end:
            start = levels[i]
            i += 1
        if other_levels[j] <= end:
            other_start = other_levels[j]
            j += 1
    return total


@kernel
def area_between(points, levels, other_points, other_levels):
    """Integral over x of (F(x) - G(x))^2 for distribution functions of sorted atoms.

    F jumps to levels[i] at points[i], and G likewise; levels end at 1.
    """
    i, j = 0, 0
    below, above, total = 0.0, 0.0, 0.0
    here = min(points[0], other_points[0])
    while i < points.size and j < other_points.size:
        place = min(points[i], other_points[j])
        total += (place - here) * (below - above) * (below - above)
        here = place
        if points[i] <= place:
            below = levels[i]
            i += 1
        if other_points[j] <= place:
            above = other_levels[j]
            j += 1
    while i < points.size:
        total += (points[i] - here) * (below - above) * (below - above)
        here, below = points[i], levels[i]
        i += 1
    while j < other_points.size:
        total += (other_points[j] - here) * (below - above) * (below - above)
        here, above = other_points[j], other_levels[j]
        j += 1
    return total
