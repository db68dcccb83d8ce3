"""The same bits from any number of threads, of numba and of BLAS, and from any process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from meanfield.sums import weighted_sum

# Threads of this package, and of BLAS and OpenMP.
SETTINGS = [(1, 1), (2, 4), (4, 1)]


def digests_with(threads):
    own, others = map(str, threads)
    variables = {
        "NUMBA_NUM_THREADS": own,
        "OMP_NUM_THREADS": others,
        "OPENBLAS_NUM_THREADS": others,
        "MKL_NUM_THREADS": others,
    }
    script = Path(__file__).with_name("digests.py")
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | variables | {"PYTHONPATH": str(script.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_bits_do_not_depend_on_threads_or_processes():
    first = digests_with(SETTINGS[0])  # alone: it may have to compile kernels for the others
    with ThreadPoolExecutor(2) as pool:
        others = list(pool.map(digests_with, SETTINGS[1:]))
    assert len(first) > 50
    for threads, found in zip(SETTINGS[1:], others, strict=True):
        assert [name for name in first if found[name] != first[name]] == [], threads


def test_weighted_sums_are_exact_to_rounding(rng):
    masses, values = rng.random(1000), rng.standard_normal((1000, 3))
    exact = [float(np.sum(np.longdouble(masses) * column)) for column in values.T]
    # A sum of n terms is off by n roundings of their absolute sum at most.
    bound = 1000 * 2.0**-53 * (masses[:, None] * np.abs(values)).sum(axis=0)
    assert (np.abs(weighted_sum(masses, values) - exact) <= bound).all()
