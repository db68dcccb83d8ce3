"""Damage files and settings for so many seconds: ``python tests/fuzz.py 300``.

It goes on where the test suite stops, with the same ways to damage and new seeds every time,
counts what came of the inputs, and fails if one was neither read nor refused by a sentence.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

from hypothesis import HealthCheck, settings

from hostile_files import HONEST, KINDS, outcomes

FLIPS = 60
settings.register_profile(
    "fuzz",
    max_examples=300,
    derandomize=False,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")
# Properties take the settings that hold when they are defined.
tests = import_module("test_hostile")
PROPERTIES = (
    tests.test_odd_descriptions_are_read_or_refused,
    tests.test_odd_settings_of_a_toml_file_are_taken_or_refused,
    tests.test_any_bytes_as_toml_csv_and_npz_are_refused,
)


def damage_bytes(seeds):
    """Counts of what came of files with damaged bytes."""
    with tempfile.TemporaryDirectory() as folder:
        return outcomes(Path(folder), seeds)


def try_property(test):
    """Counts of the examples of one property: passed, or the error."""
    tried = Counter()
    inner = test.hypothesis.inner_test

    def counted(*arguments, **drawn):
        tried["examples"] += 1
        inner(*arguments, **drawn)

    test.hypothesis.inner_test = counted
    try:
        test()
    except Exception as error:
        notes = " ".join(getattr(error, "__notes__", ()))
        tried[f"{type(error).__name__}: {str(error)[:300]} {notes[:1000]}"] += 1
    finally:
        test.hypothesis.inner_test = inner
    return tried


def main(seconds):
    """Run rounds until the time is over, and say what was found."""
    end, first = time.monotonic() + seconds, time.time_ns() % 10**12
    files, examples = Counter(), {test.__name__: Counter() for test in PROPERTIES}
    while time.monotonic() < end:
        files += damage_bytes(range(first, first + FLIPS))
        first += FLIPS
        for test in PROPERTIES:
            if time.monotonic() < end:
                examples[test.__name__] += try_property(test)
    print(f"{files.total()} files with damaged bytes ({', '.join(KINDS)}):")
    for outcome, count in files.most_common():
        print(f"  {count} {outcome}")
    for name, counts in examples.items():
        print(f"{name}:")
        for outcome, count in counts.most_common():
            print(f"  {count} {outcome}")
    bad = set(files) - HONEST
    return int(bool(bad) or any(len(counts) > 1 for counts in examples.values()))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
