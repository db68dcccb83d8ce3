"""Time meanfield and its peers in one run: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys

from benchmarks import report
from benchmarks.calibration import calibrate
from benchmarks.cases import Case, select
from benchmarks.harness import PEERS, Harness
from benchmarks.quick import check_speed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="check meanfield alone on one thread, within a minute"
    )
    parser.add_argument(
        "--cases", default="*", metavar="A,B", help="families or names, as d1 or pair-*-float32"
    )
    parser.add_argument("--peers", default=",".join(PEERS), metavar="A,B", help=", ".join(PEERS))
    parser.add_argument(
        "--rounds", type=int, default=3, help="undisturbed rounds to aim at; 0 checks results only"
    )
    choices = parser.parse_args()
    if choices.quick:
        return check_speed()
    names = choices.peers.split(",")
    for name in names:
        if name not in PEERS:
            parser.error(f"unknown peer {name!r}; known are {', '.join(PEERS)}")
    cases = select(choices.cases)
    if not cases:
        parser.error(f"no case matches {choices.cases!r}")
    return compare(Harness(names, choices.rounds), cases)


def compare(harness: Harness, cases: list[Case]) -> int:
    """Run all cases and write the report after each; 1 if a peer disagrees."""
    rates, rows = calibrate(), []
    print(report.describe_rates(rates), flush=True)
    for row in harness.run(cases):
        rows.append(row)
        print(report.progress(row, len(rows), len(cases)), flush=True)
        report.write(rates, harness, rows)
    wrong = [row["name"] for row in rows if not report.agrees(row)]
    if wrong:
        print(f"peers disagree with float64 in {', '.join(wrong)}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
