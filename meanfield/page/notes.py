"""What the page says of how its data were thinned and rounded."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield.page.packing import rounding

__all__ = ["notes"]

_KINDS = {
    "curve": "points of the line",
    "map": "points of the plane",
}


def notes(told: dict[str, Any], stand_ins: int) -> list[str]:
    """Sentences about one run.

    Parameters
    ----------
    told : dict
        What the page shows of it.
    stand_ins : int
        Number of particles from which the function was computed; 0 for all.
    """
    return [
        _frames(told),
        *_unrecorded(told),
        _particles(told),
        *_function(told, stand_ins),
        *_neurons(told),
        *([f"The run {told['status']}: {told['reason']}."] if told["reason"] else []),
    ]


def _frames(told: dict[str, Any]) -> str:
    shown, total = len(told["times"]), told["frames"]
    if total == 1:
        return "The run has one frame."
    which = f"All {total:,} frames" if shown == total else f"{shown:,} of {total:,} frames"
    thinned = "" if shown == total else ", equidistant in the pace of the run,"
    return f"{which}{thinned} are here; between them, neurons move on straight lines."


def _particles(told: dict[str, Any]) -> str:
    limits = np.array(told["cloud"]["limits"])
    errors = rounding(told["cloud"]["coordinates"]) / (limits[:, 1] - limits[:, 0])
    rounded = f"coordinates are rounded by at most {100.0 * errors.max():.1g} % of an axis"
    shown, total = told["shown"], told["particles"]
    if told["atoms"]:
        return (
            f"The grid of {total:,} cells is shown by {shown:,} points of equal mass that move "
            f"with its density; {rounded}."
        )
    held = " that the file holds" if told["unrecorded"] else ""
    if shown < total:
        return (
            f"{shown:,} of {total:,} neurons{held} are drawn, with the same chance each; {rounded}."
        )
    return f"All {total:,} neurons{held} are drawn; {rounded}."


def _unrecorded(told: dict[str, Any]) -> list[str]:
    if not told["unrecorded"]:
        return []
    held, total = told["particles"], told["particles"] + told["unrecorded"]
    return [
        f"The file holds {held:,} of the {total:,} neurons of the run: what is shown but the "
        "risk is that of these."
    ]


def _function(told: dict[str, Any], stand_ins: int) -> list[str]:
    function = told["function"]
    if function is None:
        return ["The network has too many outputs for a picture of what it computes."]
    count = function["points"]["shape"][1]
    place = _KINDS.get(function["kind"], f"of {function['dataCount']:,} points of the data")
    of = f"{stand_ins:,} of all neurons" if stand_ins else "all neurons"
    of += " in the file" if told["unrecorded"] else ""
    return [
        f"The learned function is that of {of} at {count:,} {place}, rounded by at most "
        f"{function['rounding']:.1g}."
    ]


def _neurons(told: dict[str, Any]) -> list[str]:
    neurons = told["neurons"]
    kept, held, _ = neurons["parameters"]["shape"]
    whose = "all that are drawn" if neurons["rows"] is None else f"{held:,} of them"
    found = [
        f"Parameters of {whose} are here at {kept:,} frames, rounded by at most "
        f"{neurons['rounding']:.1g}"
    ]
    if neurons["table"] is not None:
        found[0] += (
            f"; the activation is interpolated with a relative error of "
            f"{neurons['table']['error']:.0e}"
        )
    elif told["function"] is not None:
        found[0] += "; what single neurons compute is not shown"
    return [f"{found[0]}."]
