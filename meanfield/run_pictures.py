"""Small pictures of the measures of one run: the same directions, and a window that only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meanfield.grids import GridMeasure
from meanfield.measures import Measure
from meanfield.neurons import Neuron
from meanfield.problems import AnyProblem
from meanfield.thumbnails import Window, density_picture, scatter, window_of
from meanfield.typing import Float64Array, FloatArray

if TYPE_CHECKING:
    from meanfield.plotting.directions import Directions

__all__ = ["MeasurePictures"]


class MeasurePictures:
    """Pictures of measures of a run for a notebook.

    Parameters
    ----------
    problem : Problem or PopulationProblem
    first : Measure
        That of the first frame: directions are those in which the particles move, where
        parameters are many.
    """

    def __init__(self, problem: AnyProblem, first: Measure) -> None:
        self._problem, self._first = problem, first
        self._directions: Directions | None = None
        self._window: Window | None = None

    def picture(self, measure: Measure) -> str:
        """SVG of a measure.

        Examples
        --------
        >>> from meanfield import Dataset, ParticleMeasure, Problem
        >>> problem = Problem(Neuron(1, bias=False), Dataset([[0.0], [1.0]], [0.0, 1.0]))
        >>> measure = ParticleMeasure([[1.0, 2.0], [-1.0, 0.0]])
        >>> MeasurePictures(problem, measure).picture(measure).count("<path")
        2
        """
        neuron = self._problem.neuron
        if isinstance(measure, GridMeasure):
            names = neuron.parameter_names
            return density_picture(measure.density, measure.lower, measure.upper, names)
        points, labels = self._projected(measure)
        if points.shape[1] == 2:
            self._window = window_of(points, self._window)
        signs = _signs(neuron, measure)
        return scatter(points, labels, signs, _masses(measure), self._window)

    def _projected(self, measure: Measure) -> tuple[Float64Array, tuple[str, ...]]:
        from meanfield.page.words import plain
        from meanfield.plotting.directions import Subject, choose_directions
        from meanfield.plotting.survey import Survey

        if self._directions is None:
            survey = Survey.of([self._first, measure])
            problem = self._problem
            self._directions = choose_directions(Subject(survey, problem.neuron, problem.data))
        found = self._directions
        return found.project(measure.positions), tuple(map(plain, found.labels))


def _signs(neuron: Neuron, measure: Measure) -> FloatArray | None:
    """Outer weights, where each neuron has one."""
    return measure.positions[:, 0] if neuron.outer_columns == 1 else None


def _masses(measure: Measure) -> Float64Array | None:
    """Masses, where they differ."""
    return None if getattr(measure, "is_uniform", False) else measure.weights
