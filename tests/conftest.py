"""Test settings: no window, fixed randomness."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("meanfield", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("meanfield")


@pytest.fixture
def rng():
    """Generator with a fixed seed."""
    return np.random.default_rng(20261124)
