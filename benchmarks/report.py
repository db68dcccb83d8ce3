"""The report: ratios, goals, and where they were measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.goals import goal_of
from benchmarks.harness import Harness
from benchmarks.machine import blas_kernel, processor

FOLDER = Path("build")
OTHERS = ("torch", "torch-tuned", "jax", "numpy")

Row = dict[str, Any]


def case_of(row: Row) -> Case:
    """The case of a row."""
    return Case(**{name: row[name] for name in Case.__dataclass_fields__})


def seconds(row: Row, peer: str) -> float | None:
    """Median seconds of one step by the fastest variant of a peer; None without it."""
    medians = [p["median"] for p in row["peers"].values() if p["peer"] == peer and "median" in p]
    return min(medians) / row["steps"] if medians else None


def ratios(row: Row) -> tuple[float | None, float | None]:
    """R_user = default PyTorch / ours, and R_best = fastest other / ours."""
    ours, user = seconds(row, "meanfield"), seconds(row, "torch")
    others = [s for s in (seconds(row, peer) for peer in OTHERS) if s is not None]
    if ours is None or not others:
        return None, None
    return (user / ours if user else None), min(others) / ours


def peak_fraction(row: Row, rates: dict[str, float]) -> float | None:
    """4Nnd operations a step against GEMM of the same precision; for steps that make them."""
    ours = seconds(row, "meanfield")
    if ours is None or row["kind"] != "step" or _engine(row) == "sorted":
        return None
    return case_of(row).flops / ours / (rates[f"gemm_{row['dtype']}"] * 1e9)


def agrees(row: Row) -> bool:
    """Whether every peer gave the exact answer."""
    return all(peer["agrees"] for peer in row["peers"].values())


def verdict(row: Row, rates: dict[str, float]) -> tuple[str, str]:
    """The goal in words, and whether it is met."""
    goal = goal_of(case_of(row))
    user, best = ratios(row)
    tried = [
        (name, least, value)
        for name, least, value in zip(
            ("user", "best", "peak"),
            (goal.user, goal.best, goal.peak),
            (user, best, peak_fraction(row, rates)),
            strict=True,
        )
        if least is not None
    ]
    words = ", ".join(f"{name} {least:g}" for name, least, _ in tried)
    missed = [name for name, least, value in tried if value is not None and value < least]
    if not tried or any(value is None for *_, value in tried):
        return words, ""
    return words, f"missed ({', '.join(missed)})" if missed else "met"


def progress(row: Row, done: int, total: int) -> str:
    """One line for the terminal."""
    user, best = ratios(row)
    parts = [f"{peer} {_ms(seconds(row, peer))}" for peer in ("meanfield", *OTHERS)]
    disagreeing = [label for label, peer in row["peers"].items() if not peer["agrees"]]
    warning = f"  DISAGREE: {', '.join(disagreeing)}" if disagreeing else ""
    errors = "".join(f"  {name}: {error}" for name, error in row["errors"].items())
    return (
        f"[{done}/{total}] {row['name']:<24} ms: {'  '.join(parts)}  R_user {_number(user)}  "
        f"R_best {_number(best)}  error {_error(row)}  {_rounds(row)}{warning}{errors}"
    )


def describe_rates(rates: dict[str, float]) -> str:
    """What the machine can do."""
    return (
        f"GEMM {rates['gemm_float32']:.0f} GF/s in float32, {rates['gemm_float64']:.0f} GF/s in "
        f"float64; triad {rates['triad']:.1f} GB/s; {rates['threads']:.0f} threads"
    )


def write(rates: dict[str, float], harness: Harness, rows: list[Row]) -> None:
    """Write build/benchmarks.json and build/benchmarks.md."""
    FOLDER.mkdir(exist_ok=True)
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "blas": blas_kernel(),
        "versions": harness.versions,
        "rates": rates,
        "skipped": harness.skipped,
    }
    text = json.dumps({**about, "rows": rows}, indent=1)
    (FOLDER / "benchmarks.json").write_text(text)
    (FOLDER / "benchmarks.md").write_text(_page(about, rows))


def _page(about: dict[str, Any], rows: list[Row]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    errors = [f"* {r['name']}: {name}: {e}" for r in rows for name, e in r["errors"].items()]
    skipped = [f"* {name} was skipped: {why}" for name, why in about["skipped"].items()]
    verdicts = [verdict(row, about["rates"])[1] for row in rows]
    met, all_goals = verdicts.count("met"), sum(map(bool, verdicts))
    lines = [
        "# Benchmarks",
        "",
        f"* {about['date']}; {about['processor']}; {about['blas']}",
        f"* {versions}",
        f"* {describe_rates(about['rates'])}",
        f"* goals met: {met} of {all_goals}",
        f"* every result checked against dense float64: {_agreement(rows)}",
        f"* disturbed rounds: {sum(row['disturbed_rounds'] for row in rows)}; `!` marks rows "
        "with fewer than 3 clean rounds",
        *skipped,
        *errors,
        "",
        "Medians in ms a step. R_user = torch / ours, R_best = best other / ours; peak = "
        "4Nnd operations against GEMM of the same precision.",
    ]
    for title, kind, table in _TABLES:
        chosen = [row for row in rows if row["kind"] == kind]
        if chosen:
            lines += ["", f"## {title}", "", *table(chosen, about["rates"])]
    return "\n".join(lines) + "\n"


def _agreement(rows: list[Row]) -> str:
    wrong = [row["name"] for row in rows if not agrees(row)]
    return f"disagreement in {', '.join(wrong)}" if wrong else "all agree"


def _comparison(rows: list[Row], rates: dict[str, float]) -> list[str]:
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("case", lambda row: row["family"]),
        ("d", lambda row: str(row["inputs"])),
        ("n", lambda row: str(row["points"])),
        ("N", lambda row: str(row["particles"])),
        ("σ", lambda row: row["activation"]),
        ("dtype", lambda row: row["dtype"]),
        ("engine", _engine),
        *_timings(),
        ("R_user", lambda row: _number(ratios(row)[0])),
        ("R_best", lambda row: _number(ratios(row)[1])),
        ("goal", lambda row: verdict(row, rates)[0]),
        ("", lambda row: verdict(row, rates)[1]),
        ("peak", lambda row: _percent(peak_fraction(row, rates))),
        ("error", _error),
        ("rounds", _rounds),
    ]
    return _table(rows, columns)


def _descent(rows: list[Row], rates: dict[str, float]) -> list[str]:
    columns = [
        ("d", lambda row: str(row["inputs"])),
        ("batch", lambda row: str(row["batch"])),
        ("σ", lambda row: row["activation"]),
        ("steps/s", lambda row: _per_second(seconds(row, "meanfield"))),
        ("torch steps/s", lambda row: _per_second(seconds(row, "torch"))),
        *_timings(),
        ("R_user", lambda row: _number(ratios(row)[0])),
        ("R_best", lambda row: _number(ratios(row)[1])),
        ("error", _error),
        ("rounds", _rounds),
    ]
    return _table(rows, columns)


def _growth(rows: list[Row], rates: dict[str, float]) -> list[str]:
    def nanoseconds(row: Row) -> str:
        ours = seconds(row, "meanfield")
        return _number(ours and ours * 1e9 / row["particles"])

    columns = [
        ("σ", lambda row: row["activation"]),
        ("N", lambda row: str(row["particles"])),
        ("engine", _engine),
        *_timings()[:2],
        ("ns a particle", nanoseconds),
        ("error", _error),
        ("rounds", _rounds),
    ]
    return _table(rows, columns)


_TABLES = [
    ("One step: outputs and all velocities", "step", _comparison),
    ("Pairs under Gaussian inputs", "pair", _comparison),
    ("Gradient descent, N = 1024", "sgd", _descent),
    ("Growth with N, d = 1, n = 200", "growth", _growth),
]


def _timings() -> list[tuple[str, Callable[[Row], str]]]:
    names = {"meanfield": "ours", "meanfield-1": "ours, 1 thread"}
    return [
        (names.get(peer, peer.replace("-", " ")), lambda row, peer=peer: _ms(seconds(row, peer)))
        for peer in ("meanfield", "meanfield-1", *OTHERS)
    ]


def _table(rows: list[Row], columns: list[tuple[str, Callable[[Row], str]]]) -> list[str]:
    lines = [[title for title, _ in columns], ["---"] * len(columns)]
    lines += [[cell(row) for _, cell in columns] for row in rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _engine(row: Row) -> str:
    return next((p["method"] for p in row["peers"].values() if p["peer"] == "meanfield"), "")


def _error(row: Row) -> str:
    """The largest error of any peer."""
    return f"{max((peer['error'] for peer in row['peers'].values()), default=0.0):.0e}"


def _rounds(row: Row) -> str:
    mark = "!" if row["clean_rounds"] < 3 else ""
    return f"{row['clean_rounds']}+{row['disturbed_rounds']}{mark}"


def _ms(value: float | None) -> str:
    return _number(value and value * 1e3)


def _per_second(value: float | None) -> str:
    return _number(value and 1.0 / value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    """Three digits; empty for None."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
