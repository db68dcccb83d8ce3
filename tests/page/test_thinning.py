"""Pages stay within their budget."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.page.thinning import Budget, frames_in_pace


@pytest.mark.parametrize("particles", [1, 1000, 20_000, 10**6])
@pytest.mark.parametrize("frames", [1, 30, 1000])
@pytest.mark.parametrize("dim", [1, 3, 75, 5000])
@pytest.mark.parametrize("runs", [1, 6])
def test_what_is_kept_fits(particles, frames, dim, runs):
    budget = Budget(15.0, runs)
    shown, kept = budget.cloud(particles, frames, 6)
    held, moments = budget.neurons(shown, kept, dim)
    points = budget.points(kept, 10, 400)
    numbers = shown * kept * 6 + held * moments * dim + points * kept * 10
    assert numbers <= budget.numbers * 1.01
    assert min(shown, kept, held, moments, points) >= 1
    assert shown <= min(particles, 20_000) and kept <= frames and held <= shown


def test_small_runs_are_kept_whole():
    assert Budget().cloud(1024, 101, 6) == (1024, 101)
    assert Budget().neurons(1024, 101, 3) == (1024, 101)


def test_a_budget_is_positive():
    with pytest.raises(InvalidInputError, match="megabytes must be a positive finite number"):
        Budget(-1.0)


@pytest.mark.parametrize("count", [2, 7, 50, 100, 200])
def test_frames_hold_both_ends_and_dwell_on_what_is_fast(count):
    progress = np.linspace(0.0, 1.0, 101) ** 0.25
    frames = frames_in_pace(progress, count)
    assert frames[0] == 0 and frames[-1] == 100
    assert (np.diff(frames) > 0).all() and len(frames) <= count
    if count == 7:
        assert np.median(frames) < 50
