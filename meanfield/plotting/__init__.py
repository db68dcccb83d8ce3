"""Pictures and movies of measures over neurons and of what they learn."""

from meanfield.plotting.cloud import plot_measure
from meanfield.plotting.directions import Directions
from meanfield.plotting.energy import plot_energy, plot_gap
from meanfield.plotting.evolution import plot_evolution
from meanfield.plotting.function import plot_function
from meanfield.plotting.movie import animate
from meanfield.plotting.overview import plot
from meanfield.plotting.risk import plot_accuracy, plot_risk
from meanfield.plotting.style import theme
from meanfield.plotting.view import View, view

__all__ = [
    "Directions",
    "View",
    "animate",
    "plot",
    "plot_accuracy",
    "plot_energy",
    "plot_evolution",
    "plot_function",
    "plot_gap",
    "plot_measure",
    "plot_risk",
    "theme",
    "view",
]
