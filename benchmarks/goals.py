"""The goals of the design, each set a little below what a prototype reached."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.cases import ACTIVATIONS, DTYPES, Case


@dataclass(frozen=True)
class Goal:
    """Least ratios to default PyTorch and to the best peer, and fraction of GEMM peak."""

    user: float | None = None
    best: float | None = None
    peak: float | None = None


_LINE = ("d1", "d1big", "d1n1e4")
_LOW = (*_LINE, "d2")
_F32, _F64 = ("float32",), ("float64",)
_RELU, _TANH, _ERF = (("relu",), ("tanh",), ("erf",))

# Families, activations, precisions, goal; the first line that fits counts.
_GOALS = [
    (("d1big",), _RELU, _F32, Goal(200, 40)),
    (("d1big",), _RELU, _F64, Goal(400, 40)),
    (("d1n1e4",), _RELU, DTYPES, Goal(2000, 500)),
    (("d1",), _RELU, DTYPES, Goal(150, 30)),
    (_LINE, _TANH, _F32, Goal(15, 5)),
    (_LINE, _TANH, _F64, Goal(8, 5)),
    (("d2",), _RELU, _F32, Goal(60, 10)),
    (("d2",), _TANH, _F32, Goal(15, 4)),
    (_LOW, _ERF, _F32, Goal(12, 2)),
    (_LOW, _ERF, _F64, Goal(6, 2)),
    (("d10",), ("relu", "tanh"), _F32, Goal(7, 2.5)),
    (("d40",), _RELU, _F32, Goal(5, 1.7, 0.40)),
    (("d40",), _RELU, _F64, Goal(peak=0.40)),
    (("d40",), _TANH, _F32, Goal(5, 2.2)),
    (("d100",), _RELU, _F32, Goal(2.5, 1.3, 0.65)),
    (("d100",), _RELU, _F64, Goal(peak=0.65)),
    (("d100",), _TANH, _F32, Goal(3, 1.3)),
    (("d784",), ACTIVATIONS, DTYPES, Goal(1.2, 1.0, 0.80)),
    (("pair-d20",), ("erf", "relu"), DTYPES, Goal(25, 10)),
]


def goal_of(case: Case) -> Goal:
    """The goal of a case; empty where none was set."""
    for families, activations, dtypes, goal in _GOALS:
        if case.family in families and case.activation in activations and case.dtype in dtypes:
            return goal
    return Goal()
