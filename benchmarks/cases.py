"""What is timed: sizes, data, and how exact an answer must be."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np

ACTIVATIONS = ("relu", "tanh", "erf")
DTYPES = ("float32", "float64")

# d, n, N of one step: outputs and all velocities.
STEPS = {
    "d1": (1, 200, 100_000),
    "d1big": (1, 200, 1_000_000),
    "d1n1e4": (1, 10_000, 20_000),
    "d2": (2, 500, 100_000),
    "d10": (10, 1000, 20_000),
    "d40": (40, 1000, 20_000),
    "d100": (100, 2000, 20_000),
    "d784": (784, 1000, 8192),
}
# Pairs of particle and point that a slow peer handles within two seconds, in float32.
MOST_PAIRS = 2e8
# Steps in one call, by batch size; 0 is the full batch.
SGD_STEPS = {1: 2000, 32: 200, 0: 20}
SGD_STEP = 1e-3
SGD_POINTS = 1437
TEACHER = 8


@dataclass(frozen=True)
class Case:
    """One row of the report.

    Attributes
    ----------
    family : str
        Cases of one family share their peers' processes.
    kind : {"step", "growth", "pair", "sgd"}
        What a call computes; `growth` is a step that only meanfield makes.
    inputs, points, particles : int
        d, n (M teacher particles for pairs) and N.
    activation, dtype : str
    batch : int
        Points in a batch of gradient descent.
    steps : int
        Steps in a call.
    """

    family: str
    kind: str
    inputs: int
    points: int
    particles: int
    activation: str
    dtype: str
    batch: int = 0
    steps: int = 1

    @property
    def name(self) -> str:
        """Name by which `--cases` selects."""
        return f"{self.family}-{self.activation}-{self.dtype}"

    @property
    def biased(self) -> bool:
        """Whether the neuron has a bias; closed-form pairs have none."""
        return self.kind != "pair"

    @property
    def flops(self) -> float:
        """Useful operations of a call: two products forth and two back for every pair."""
        points = {"pair": self.particles + self.points, "sgd": self.batch}
        pairs = self.particles * points.get(self.kind, self.points)
        return 4.0 * pairs * self.inputs * self.steps

    @property
    def traffic(self) -> float:
        """Bytes of a step that reads every particle twice and writes its velocity."""
        return 3.0 * self.particles * (2 + self.inputs) * np.dtype(self.dtype).itemsize


def _steps() -> list[Case]:
    cases = []
    for family, (d, n, particles) in STEPS.items():
        for activation in ACTIVATIONS:
            for dtype in DTYPES:
                cost = (2 if activation == "erf" else 1) * (2 if dtype == "float64" else 1)
                fewer = min(particles, int(MOST_PAIRS / cost / n))
                cases.append(Case(family, "step", d, n, fewer, activation, dtype))
    return cases


def _pairs() -> list[Case]:
    """Peers need 4 s for 10 000 particles in float64, so there are fewer of them."""
    return [
        Case(f"pair-d{d}", "pair", d, TEACHER, particles, activation, dtype)
        for d, sizes in ((20, (10_000, 5_000)), (3, (4_000, 4_000)))
        for activation in ("erf", "relu")
        for dtype, particles in zip(DTYPES, sizes, strict=True)
    ]


def _sgd() -> list[Case]:
    return [
        Case(
            f"sgd-d{d}-b{batch or 'full'}", "sgd", d, SGD_POINTS, 1024, activation, "float32",
            batch or SGD_POINTS, steps,
        )
        for d in (64, 2)
        for batch, steps in SGD_STEPS.items()
        for activation in ("relu", "tanh")
    ]  # fmt: skip


def _growth() -> list[Case]:
    return [
        Case(f"growth-1e{power}", "growth", 1, 200, 10**power, activation, "float32")
        for power in (4, 5, 6, 7)
        for activation in ("relu", "tanh")
    ]


def select(patterns: str) -> list[Case]:
    """Cases whose family or name matches one of the patterns, separated by commas."""
    cases = _steps() + _pairs() + _sgd() + _growth()
    wanted = patterns.split(",")
    return [c for c in cases if any(fnmatch(c.name, w) or fnmatch(c.family, w) for w in wanted)]


@dataclass(frozen=True)
class Data:
    """Arrays of a case in float64, every number representable in float32.

    Attributes
    ----------
    inputs, targets : (n, d), (n, 1) arrays
    positions : (N, p) array
    teacher : (M, p) array
    """

    inputs: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    teacher: np.ndarray

    def typed(self, dtype: str) -> tuple[np.ndarray, ...]:
        """Inputs, targets, positions, teacher in the precision of the case."""
        return tuple(
            np.ascontiguousarray(array, dtype)
            for array in (self.inputs, self.targets, self.positions, self.teacher)
        )


def draw(case: Case) -> Data:
    """The same data for every peer; outer weights go along with w_0 so that f is O(1)."""
    generator = np.random.default_rng(0)

    def normal(rows: int, columns: int) -> np.ndarray:
        return generator.standard_normal((rows, columns), np.float32).astype(np.float64)

    inputs, targets = normal(case.points, case.inputs), normal(case.points, 1)
    positions, teacher = (
        normal(rows, 1 + case.inputs + case.biased) for rows in (case.particles, TEACHER)
    )
    positions[:, 0] += positions[:, 1]
    positions[:, 1 : 1 + case.inputs] /= np.sqrt(case.inputs)
    return Data(inputs, targets, positions.astype(np.float32).astype(np.float64), teacher)


def batches(case: Case) -> np.ndarray:
    """Indices (steps, batch) of the data: the stream that meanfield's SGD draws with seed 0."""
    if case.batch == case.points:
        return np.tile(np.arange(case.points), (case.steps, 1))
    generator = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1, 0)))
    drawn = generator.integers(case.points, size=16384)
    return drawn[: case.steps * case.batch].reshape(case.steps, case.batch)


def tolerance(case: Case) -> float:
    """Error allowed to outputs and velocities, relative to their norms.

    Peers that add up N numbers in float32 lose up to eps √N. A few pairs lie on the other
    side of the kink of relu in float32: a fraction of about eps √d of them, as w·x is
    rounded, each with a relative effect 1/√(N n).
    """
    if case.dtype == "float64":
        return 1e-11
    eps = float(np.finfo(np.float32).eps)
    smooth = 1e-3 if case.kind == "sgd" else 1e-5 + eps * case.particles**0.5
    if case.kind == "pair":
        # 1 - g² under the root of the arcsine's slope is about 1 / (2 |w|²) for w = w'.
        return 4.0 * smooth
    if case.activation != "relu":
        return smooth
    pairs = case.particles * case.points
    return smooth + 3.0 * max(1.0 / pairs, eps * case.inputs**0.5) ** 0.5
