"""Test settings: no window, fixed randomness."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

# Not searched for examples: importing what tests import can mean making runs.
collect_ignore = [
    "files",
    *(path.name for path in Path(__file__).parent.glob("*.py") if path.name[:5] != "test_"),
]

settings.register_profile("meanfield", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("meanfield")


@pytest.fixture
def rng():
    """Generator with a fixed seed."""
    return np.random.default_rng(20261124)
