"""What the machine can do at all: matrix products and memory traffic."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np

from meanfield.engines.threads import sweep, thread_count

_TRIAD_LENGTH = 2**24
_PIECES = 16


@numba.njit(nogil=True, cache=True)
def _add_scaled(result, first, second):
    for i in range(len(result)):
        result[i] = first[i] + 3.0 * second[i]


def least_seconds(call: Callable[[], object], repeats: int) -> float:
    """The fastest of some calls, after one that is discarded."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def gemm(dtype: str, size: int) -> tuple[Callable[[], object], float]:
    """A square matrix product, and its operations."""
    generator = np.random.default_rng(0)
    first, second = (generator.standard_normal((size, size)).astype(dtype) for _ in range(2))
    result = np.empty_like(first)
    return lambda: np.matmul(first, second, out=result), 2.0 * size**3


def triad() -> tuple[Callable[[], object], float]:
    """a = b + 3 c in float64 on all threads, and its bytes: two read, one written."""
    arrays = tuple(np.ones(_TRIAD_LENGTH) for _ in range(3))
    size = _TRIAD_LENGTH // _PIECES

    def work(piece: int, thread: int) -> None:
        _add_scaled(*(array[piece * size : (piece + 1) * size] for array in arrays))

    return lambda: sweep(work, _PIECES), 24.0 * _TRIAD_LENGTH


def calibrate() -> dict[str, float]:
    """GEMM in GF/s for both precisions and triad in GB/s, on all threads."""
    rates = {"threads": float(thread_count())}
    for dtype in ("float32", "float64"):
        call, flops = gemm(dtype, 2048)
        rates[f"gemm_{dtype}"] = flops / least_seconds(call, 5) / 1e9
    call, size = triad()
    rates["triad"] = size / least_seconds(call, 5) / 1e9
    return rates
