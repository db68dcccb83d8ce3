"""Time distances against POT, SciPy and PyTorch in one run: ``python -m benchmarks.distances``.

Calls go to and fro between ours and its peers, and medians are compared. Values must agree.
The largest sizes are timed alone, once, with the processor time of all threads.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.machine import processor

_ROUNDS = 3

#: A distance, ready to be computed.
Call = Callable[[], float]


@dataclass(frozen=True)
class Comparison:
    """One row: ours and its peers, which return the same number.

    Attributes
    ----------
    name : str
    ours : callable
    peers : dict of str to callable
    tolerance : float
        Relative difference allowed.
    """

    name: str
    ours: Call
    peers: dict[str, Call]
    tolerance: float = 1e-8


def clouds(particles: int, dim: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Two clouds half a unit apart."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((particles, dim)) for _ in range(2))
    return x.astype(dtype), (y + 0.5).astype(dtype)


def comparisons() -> list[Comparison]:
    """Sizes that the slowest peer manages in a second or so."""
    return [
        _line(100_000),
        _line(1_000_000),
        _sliced(20_000, 4),
        *(_energy(5_000, 4, dtype) for dtype in ("float64", "float32")),
        *(_mmd(5_000, 4, dtype) for dtype in ("float64", "float32")),
        _exact(1_000, 3),
    ]


def _measures(x: np.ndarray, y: np.ndarray) -> tuple:
    from meanfield.measures import ParticleMeasure

    return ParticleMeasure(x), ParticleMeasure(y)


def _line(particles: int) -> Comparison:
    import ot
    from scipy.stats import wasserstein_distance

    from meanfield import distances

    x, y = clouds(particles, 1)
    mu, nu = _measures(x, y)
    peers = {
        "POT": lambda: float(ot.wasserstein_1d(x[:, 0], y[:, 0], p=1)),
        "SciPy": lambda: float(wasserstein_distance(x[:, 0], y[:, 0])),
    }
    name = f"W₁ on the line, N = {particles:g}"
    return Comparison(name, lambda: distances.wasserstein(mu, nu, 1), peers)


def _sliced(particles: int, dim: int) -> Comparison:
    import ot

    from meanfield import distances
    from meanfield.slices import random_directions

    x, y = clouds(particles, dim)
    mu, nu = _measures(x, y)
    lines = random_directions(dim, 64, 0).T
    return Comparison(
        f"sliced W₂, 64 lines, N = {particles:g}, p = {dim}",
        lambda: distances.sliced_wasserstein(mu, nu, projections=64),
        {"POT": lambda: float(ot.sliced_wasserstein_distance(x, y, projections=lines))},
    )


def _energy(particles: int, dim: int, dtype: str) -> Comparison:
    import torch
    from scipy.spatial.distance import cdist

    from meanfield import distances

    x, y = clouds(particles, dim, dtype)
    mu, nu = _measures(x, y)
    u, v = torch.from_numpy(x), torch.from_numpy(y)

    def with_torch() -> float:
        square = 2 * torch.cdist(u, v).mean() - torch.cdist(u, u).mean() - torch.cdist(v, v).mean()
        return float(square) ** 0.5

    def with_scipy() -> float:
        square = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
        return float(square) ** 0.5

    return Comparison(
        f"energy, N = {particles:g}, p = {dim}, {dtype}",
        lambda: distances.energy(mu, nu),
        {"PyTorch": with_torch, "SciPy": with_scipy},
        1e-8 if dtype == "float64" else 1e-3,
    )


def _mmd(particles: int, dim: int, dtype: str) -> Comparison:
    import torch

    from meanfield import distances

    x, y = clouds(particles, dim, dtype)
    mu, nu = _measures(x, y)
    u, v = torch.from_numpy(x), torch.from_numpy(y)

    def mean(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(torch.exp(-0.5 * torch.cdist(a, b) ** 2).mean())

    return Comparison(
        f"mmd, N = {particles:g}, p = {dim}, {dtype}",
        lambda: distances.mmd(mu, nu, bandwidth=1.0),
        {"PyTorch": lambda: (mean(u, u) + mean(v, v) - 2 * mean(u, v)) ** 0.5},
        1e-8 if dtype == "float64" else 1e-3,
    )


def _exact(particles: int, dim: int) -> Comparison:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    from meanfield import distances

    x, y = clouds(particles, dim)
    mu, nu = _measures(x, y)

    def assignment() -> float:
        costs = cdist(x, y, "sqeuclidean")
        return float(costs[linear_sum_assignment(costs)].mean() ** 0.5)

    name = f"exact W₂, N = {particles:g}, p = {dim}"
    return Comparison(name, lambda: distances.wasserstein(mu, nu), {"SciPy": assignment})


def large() -> list[tuple[str, Call]]:
    """What is timed alone."""
    from meanfield import distances

    line, space = _measures(*clouds(1_000_000, 1)), _measures(*clouds(1_000_000, 4))
    many = _measures(*clouds(100_000, 4))
    single = _measures(*clouds(100_000, 4, "float32"))
    return [
        ("W₂ on the line, N = 1e6", lambda: distances.wasserstein(*line)),
        ("energy on the line, N = 1e6", lambda: distances.energy(*line)),
        ("sliced W₂, 64 lines, N = 1e6, p = 4",
         lambda: distances.sliced_wasserstein(*space, projections=64)),
        ("sliced energy, 64 lines, N = 1e6, p = 4",
         lambda: distances.sliced_energy(*space, projections=64)),
        ("energy, N = 1e5, p = 4, float64", lambda: distances.energy(*many)),
        ("energy, N = 1e5, p = 4, float32", lambda: distances.energy(*single)),
        ("mmd, N = 1e5, p = 4, float64", lambda: distances.mmd(*many, bandwidth=1.0)),
        ("mmd, N = 1e5, p = 4, float32", lambda: distances.mmd(*single, bandwidth=1.0)),
    ]  # fmt: skip


def main() -> int:
    for backend in ("JAX", "TENSORFLOW", "CUPY"):
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
    print(
        f"{processor()}\n\n| distance | ours, ms | peers, ms | peers / ours |\n"
        "| --- | --- | --- | --- |"
    )
    wrong = [row.name for row in comparisons() if not _compare(row)]
    print("\n| distance | seconds | of processors |\n| --- | --- | --- |")
    for name, call in large():
        wall, busy = time.perf_counter(), time.process_time()
        call()
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        print(f"| {name} | {wall:.2f} | {busy:.2f} |", flush=True)
    if wrong:
        print(f"values differ in {', '.join(wrong)}")
    return int(bool(wrong))


def _compare(row: Comparison) -> bool:
    """Print a row of the table; whether all values agree."""
    calls = {"ours": row.ours, **row.peers}
    values = {name: call() for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(_ROUNDS):
        for name in list(calls)[:: 1 if number % 2 == 0 else -1]:
            start = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - start)
    ours = median(times["ours"])
    peers = [(name, median(times[name])) for name in row.peers]
    milliseconds = ", ".join(f"{name} {1e3 * seconds:.0f}" for name, seconds in peers)
    ratios = ", ".join(f"{seconds / ours:.1f}" for _, seconds in peers)
    print(f"| {row.name} | {1e3 * ours:.1f} | {milliseconds} | {ratios} |", flush=True)
    limit = row.tolerance * abs(values["ours"])
    return all(abs(values[name] - values["ours"]) <= limit for name in row.peers)


if __name__ == "__main__":
    sys.exit(main())
