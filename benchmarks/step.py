"""One step of the flow, outputs and all velocities, against plain NumPy: ratios in one run.

Both sides compute the same formula and are compared; rounds alternate, so that what else
the machine does falls on both. Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.special import erf

import meanfield as mf
from meanfield.engines.threads import single_threaded_blas, thread_count

CASES = [
    (1, 200, 100_000),
    (2, 500, 20_000),
    (10, 1000, 8_000),
    (64, 1437, 1_024),
    (784, 1000, 1024),
]
ACTIVATIONS = ("relu", "tanh", "erf")


def numpy_step(problem, positions, activation):
    """Outputs and velocities by whole-array NumPy, as one would write them."""
    inputs = np.hstack([problem.data.inputs, np.ones((len(problem.data), 1))])
    inputs = inputs.astype(positions.dtype)
    outer, inner = positions[:, :1], positions[:, 1:]
    z = inner @ inputs.T
    if activation == "relu":
        value, slope = np.maximum(z, 0), (z > 0).astype(z.dtype)
    elif activation == "tanh":
        value = np.tanh(z)
        slope = 1 - value * value
    else:
        value, slope = erf(z), (2 / np.sqrt(np.pi)) * np.exp(-z * z)
    outputs = (outer.T @ value).T / len(positions)
    covector = ((outputs - problem.data.targets) / len(inputs)).astype(positions.dtype)
    return -np.hstack([value @ covector, (slope * (outer @ covector.T)) @ inputs])


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def compare(case, activation, dtype, rounds):
    """Median seconds of both sides, and the largest relative difference."""
    d, n, particles = case
    rng = np.random.default_rng(0)
    data = mf.Dataset(rng.standard_normal((n, d)), rng.standard_normal(n))
    problem = mf.Problem(mf.Neuron(d, activation=activation), data)
    measure = mf.ParticleMeasure.gaussian(particles, d + 2, seed=0, std=1 / np.sqrt(d), dtype=dtype)
    seconds = {"ours": [], "numpy": []}
    for _ in range(rounds + 1):
        with single_threaded_blas():
            ours, velocity = timed(
                lambda: problem.velocity_at(measure.positions, measure.weights)[0]
            )
        theirs, reference = timed(lambda: numpy_step(problem, measure.positions, activation))
        seconds["ours"].append(ours)
        seconds["numpy"].append(theirs)
    difference = np.abs(velocity - reference).max() / np.abs(reference).max()
    return *(np.median(s[1:]) for s in seconds.values()), difference


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"threads: {thread_count()}; milliseconds a step; ratio = NumPy / meanfield")
    print(f"{'d':>4} {'n':>5} {'N':>7} {'σ':>5} {'dtype':>8} {'ours':>8} {'NumPy':>8} {'ratio':>6}")
    for case in CASES:
        for activation in ACTIVATIONS:
            for dtype in ("float64", "float32"):
                ours, theirs, difference = compare(case, activation, dtype, rounds)
                d, n, particles = case
                assert difference < (1e-12 if dtype == "float64" else 1e-3), difference
                print(
                    f"{d:>4} {n:>5} {particles:>7} {activation:>5} {dtype:>8} "
                    f"{ours * 1e3:>8.2f} {theirs * 1e3:>8.2f} {theirs / ours:>6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
