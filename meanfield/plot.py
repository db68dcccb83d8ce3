"""Pictures of runs and measures: every panel takes data first and `ax=`, and returns the axes.

Panels of a run
    `risk`, `accuracy`, `energy`, `gap`, `evolution`, `function`; all on one page: `overview`.
Panels of one measure
    `measure`.
How a measure is looked at
    `Directions`, `View`, `view`; the look of all pictures: `theme`.
"""

from __future__ import annotations

from meanfield.plotting.cloud import measure
from meanfield.plotting.directions import Directions
from meanfield.plotting.energy import energy, gap
from meanfield.plotting.evolution import evolution
from meanfield.plotting.function import function
from meanfield.plotting.overview import overview
from meanfield.plotting.risk import accuracy, risk
from meanfield.plotting.style import theme
from meanfield.plotting.view import View, view

__all__ = [
    "Directions",
    "View",
    "accuracy",
    "energy",
    "evolution",
    "function",
    "gap",
    "measure",
    "overview",
    "risk",
    "theme",
    "view",
]
