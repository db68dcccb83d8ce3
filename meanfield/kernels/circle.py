"""Sums of relu pairs in the plane, exactly, by prefix sums around the circle.

Without bias a relu neuron of two inputs is a length and an angle, and a pair depends on
the angle delta in [0, pi] between the two: sin(delta) and pi - delta. Seen from a
target at angle alpha, half of the circle lies ahead (delta = beta - alpha) and half
behind (delta = alpha - beta). Angle addition splits both terms into factors of alpha
and of beta, so that sums over a half are differences of prefix sums of c v and
c beta v, with v the direction and c the charge of a source: O((n + m) log m) in all.
"""

from __future__ import annotations

import math

import numpy as np

from meanfield.kernels.compilation import kernel, part
from meanfield.typing import Array

__all__ = ["add_circle_pairs"]


@kernel
def _prefix_sums(order, angles, sources, charges):
    """Prefix sums of (c v_0, c v_1, c beta v_0, c beta v_1) in this order, (m + 1, 4).

    Compensated after Kahan and Neumaier: the result is rounded once, for any m.
    """
    sums = np.zeros((order.size + 1, 4))
    total, lost, term = np.zeros(4), np.zeros(4), np.empty(4)
    for rank in range(order.size):
        j = order[rank]
        term[0], term[1] = charges[j] * sources[j, 0], charges[j] * sources[j, 1]
        term[2], term[3] = angles[j] * term[0], angles[j] * term[1]
        for c in range(4):
            new = total[c] + term[c]
            if abs(total[c]) >= abs(term[c]):
                lost[c] += (total[c] - new) + term[c]
            else:
                lost[c] += (term[c] - new) + total[c]
            total[c] = new
            sums[rank + 1, c] = new + lost[c]
    return sums


@part
def _halves(alpha, here, opposite, sums):
    """Sums of c v and c beta v ahead of alpha and behind it, beta within pi of alpha."""
    turn = 2.0 * math.pi
    end, first, second = sums[-1], sums[here], sums[opposite]
    ahead, behind = np.empty(4), np.empty(4)
    for c in range(4):
        if alpha <= 0.0:
            ahead[c] = second[c] - first[c]
            behind[c] = first[c] + (end[c] - second[c])
        else:
            behind[c] = first[c] - second[c]
            ahead[c] = (end[c] - first[c]) + second[c]
    for c in range(2):
        if alpha <= 0.0:
            behind[2 + c] -= turn * (end[c] - second[c])
        else:
            ahead[2 + c] += turn * second[c]
    return ahead, behind


@part
def _first_at_least(sorted_angles, angle, start):
    """Number of angles below `angle`, which is known to be at least `start`."""
    while start < sorted_angles.size and sorted_angles[start] < angle:
        start += 1
    return start


@kernel
def _scan(targets, alphas, target_order, sorted_angles, sums, totals, vectors):
    """Go around the circle once; the two ends of the half ahead only move forward."""
    here, opposite, lapped = 0, 0, False
    for i in target_order:
        alpha = alphas[i]
        if alpha > 0.0 and not lapped:
            opposite, lapped = 0, True
        here = _first_at_least(sorted_angles, alpha, here)
        other = alpha + math.pi if alpha <= 0.0 else alpha - math.pi
        opposite = _first_at_least(sorted_angles, other, opposite)
        ahead, behind = _halves(alpha, here, opposite, sums)
        x, y = targets[i, 0], targets[i, 1]
        totals[i] += x * (ahead[1] - behind[1]) - y * (ahead[0] - behind[0])
        for c in range(2):
            vectors[i, c] += (math.pi + alpha) * ahead[c] - ahead[2 + c]
            vectors[i, c] += (math.pi - alpha) * behind[c] + behind[2 + c]


def add_circle_pairs(
    targets: Array, sources: Array, charges: Array, totals: Array, vectors: Array
) -> None:
    """Add what `meanfield.kernels.pairs.add_pairs` adds for relu, in two dimensions.

    `targets` (n, 2), `sources` (m, 2) and `charges` (m,) are float64; directions are
    unit vectors or zero, and sources that are zero have no charge.
    """
    alphas = np.arctan2(targets[:, 1], targets[:, 0])
    betas = np.arctan2(sources[:, 1], sources[:, 0])
    order = np.argsort(betas)
    sums = _prefix_sums(order, betas, sources, charges)
    _scan(targets, alphas, np.argsort(alphas), betas[order], sums, totals, vectors)
