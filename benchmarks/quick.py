"""A check for every machine: steps on one thread as ratios to equal work of another kind.

A step that multiplies matrices or sums over pairs is compared with a matrix product of as
many operations and the same precision, one on sorted data with a triad of as many bytes.
Such ratios are nearly the same on all machines, times are not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from benchmarks.cases import Case, select
from benchmarks.harness import check_result

# What a step took over what equal work took, when this was written. A ratio above SLACK
# times its reference fails.
REFERENCES = {
    "d1-relu-float32": 7.0,
    "d1-tanh-float32": 17.0,
    "d2-relu-float64": 3.0,
    "d2-erf-float32": 42.0,
    "d10-tanh-float32": 8.0,
    "d40-relu-float32": 1.7,
    "d100-tanh-float64": 1.7,
    "d784-relu-float32": 1.35,
    "pair-d3-erf-float32": 14.0,
    "sgd-d64-b1-relu-float32": 14.0,
    "sgd-d64-b32-tanh-float32": 3.7,
}
SLACK = 2.5
_LEAST_CALLS = 5
_LEAST_SECONDS = 1.0
_GEMM_SIZE = 768


def check_speed() -> int:
    """Print all ratios; 1 if one is too large or a result is wrong."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    from meanfield.engines.threads import single_threaded_blas

    failures = []
    with single_threaded_blas():
        for name, reference in REFERENCES.items():
            (case,) = select(name)
            ratio, agrees = _measure(case)
            print(f"{name:<26} {ratio:8.2f}  (reference {reference:g})", flush=True)
            if not agrees:
                failures.append(f"{name} differs from dense float64")
            if ratio > SLACK * reference:
                failures.append(
                    f"{name} took {ratio:.3g} times as long as equal work, more than {SLACK:g} "
                    f"times the reference {reference:g}"
                )
    for failure in failures:
        print(failure)
    return int(bool(failures))


def _measure(case: Case) -> tuple[float, bool]:
    """Least time of a call over that of equal work, and whether the result is right."""
    from benchmarks.peers.meanfield_peer import prepare

    variant = prepare(case)["meanfield"]
    agrees = check_result(case, *variant.arrays(variant.call()))["agrees"]
    work, amount = _equal_work(case, variant.method)
    work()
    ours, theirs = [_seconds(variant.call)], [_seconds(work)]
    while len(ours) < _LEAST_CALLS or sum(ours + theirs) < _LEAST_SECONDS:
        ours.append(_seconds(variant.call))
        theirs.append(_seconds(work))
    return min(ours) / (min(theirs) * amount), bool(agrees)


def _equal_work(case: Case, engine: str) -> tuple[Callable[[], object], float]:
    """Work to time, and how many times it has to be done to equal one call."""
    from benchmarks.calibration import gemm, triad

    if engine == "sorted":
        work, size = triad()
        return work, case.traffic / size
    work, flops = gemm(case.dtype, _GEMM_SIZE)
    return work, case.flops / flops


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
