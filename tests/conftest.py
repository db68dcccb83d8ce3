"""Test settings: fresh kernels after an edit, no window, fixed randomness."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

# A cached kernel does not notice an edit of a kernel in another file that it calls: the
# cache lives in a folder named by all of them. This precedes every import of numba.
_KERNELS = sorted((Path(__file__).parents[1] / "meanfield" / "kernels").glob("*.py"))
_HASH = hashlib.sha256(b"".join(path.read_bytes() for path in _KERNELS)).hexdigest()[:16]
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"meanfield-kernels-{_HASH}")
os.environ["MPLBACKEND"] = "Agg"

import numpy as np  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("meanfield", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("meanfield")


@pytest.fixture
def rng():
    """Generator with a fixed seed."""
    return np.random.default_rng(20261124)
