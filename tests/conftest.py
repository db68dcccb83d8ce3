"""Test settings: no window, fixed randomness."""

from __future__ import annotations

import os

import pytest

os.environ["MPLBACKEND"] = "Agg"

import numpy as np  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("meanfield", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("meanfield")


@pytest.fixture
def rng():
    """Generator with a fixed seed."""
    return np.random.default_rng(20261124)
