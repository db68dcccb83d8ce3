"""Pictures of runs and measures: every panel takes data first and `ax=`, and returns the axes.

Of a run
    `risk`, `accuracy`, `energy`, `gap`, `dissipation`: numbers over time.
    `evolution`, `marginals`, `trajectories`, `phase_portrait`: how the neurons move.
    `kernel_spectrum`, `kernel_alignment`: the tangent kernel.
    `function`: what the network has learned.
    `overview`: the telling ones on one page; `panels`: any of them, by name.
Of one measure
    `measure`.
How a measure is looked at
    `Directions`, `View`, `view`; the look of all pictures: `theme`.
"""

from __future__ import annotations

from meanfield.plotting.catalogue import panels
from meanfield.plotting.cloud import measure
from meanfield.plotting.directions import Directions
from meanfield.plotting.dissipation import dissipation
from meanfield.plotting.energy import energy, gap
from meanfield.plotting.evolution import evolution
from meanfield.plotting.function import function
from meanfield.plotting.marginals import marginals
from meanfield.plotting.overview import overview
from meanfield.plotting.phase_portrait import phase_portrait
from meanfield.plotting.risk import accuracy, risk
from meanfield.plotting.style import theme
from meanfield.plotting.tangents import kernel_alignment, kernel_spectrum
from meanfield.plotting.trajectories import trajectories
from meanfield.plotting.view import View, view

__all__ = [
    "Directions",
    "View",
    "accuracy",
    "dissipation",
    "energy",
    "evolution",
    "function",
    "gap",
    "kernel_alignment",
    "kernel_spectrum",
    "marginals",
    "measure",
    "overview",
    "panels",
    "phase_portrait",
    "risk",
    "theme",
    "trajectories",
    "view",
]
