"""The numbers that matter of a run and a study, and where they lie.

``python -m meanfield.summary RUN.h5 STUDY.h5 MOVIE`` prints them; the demo ends with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from meanfield.study import Study
from meanfield.trajectory import Trajectory

__all__ = ["summarise"]


def summarise(run: str | Path, study: str | Path, movie: str | Path) -> str:
    """Return a summary of a run, a study and a movie as text.

    Parameters
    ----------
    run, study, movie : paths

    Raises
    ------
    FileError
        If a file cannot be read.
    """
    trajectory, widths = Trajectory.open(run), Study.open(study)
    lines = [f"{run}: trajectory of {len(trajectory)} frames"]
    for name, values in {"risk": trajectory.risk, **trajectory.observables}.items():
        lines.append(f"    {name.replace('_', ' ')}: {values[0]:.4g} → {values[-1]:.4g}")
    lines.append(f"{study}: networks of {len(widths.particles)} widths against their limit")
    for name in ("function_distance", "sliced_wasserstein"):
        means, errors = widths.values(name)
        ends = " → ".join(
            f"{means[i, -1]:.3g} ± {errors[i, -1]:.1g} (N = {widths.particles[i]})" for i in (0, -1)
        )
        lines.append(f"    {name.replace('_', ' ')}: {ends}")
        lines.append(f"    rate: {widths.rates[name]}")
    lines.append(f"{movie}: movie of the neurons")
    return "\n".join(lines)


if __name__ == "__main__":
    print(summarise(*sys.argv[1:4]))
