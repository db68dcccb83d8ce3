"""Which quadrature rule a problem deserves, and how many nodes."""

from __future__ import annotations

import numpy as np

from meanfield.laws import InitialLaw
from meanfield.population import PopulationProblem
from meanfield.problems import AnyProblem
from meanfield.quadrature import quadrature, rules_for
from meanfield.rules import rules
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.standard_laws import StandardForm
from meanfield.typing import Float64Array

__all__ = ["choose_rule", "default_nodes", "is_smooth"]

# Nodes by number of free parameters; of all with more than three; and at most so many where
# a velocity is a sum over all pairs.
_NODES = {0: 1, 1: 4000, 2: 4096, 3: 16384}
_NODES_BEYOND, _NODES_OF_PAIRS = 8192, 2048
# Pilot runs are made with these parts of the nodes, to this tolerance.
_PARTS, _PILOT = (1, 4, 16), ParticleFlow(rtol=1e-5, atol=1e-7)


def is_smooth(problem: AnyProblem) -> bool:
    """Whether the potential is smooth in θ for all measures that have no atoms."""
    activation = problem.neuron.activation
    smooth = not activation.kinks and bool(np.isinf(activation.smoothness))
    return smooth or isinstance(problem, PopulationProblem)


def default_nodes(problem: AnyProblem, law: InitialLaw) -> int:
    """Number of nodes that suffices for most purposes in that many parameters."""
    nodes = _NODES.get(StandardForm.of(law).dimensions, _NODES_BEYOND)
    return min(nodes, _NODES_OF_PAIRS) if isinstance(problem, PopulationProblem) else nodes


def choose_rule(problem: AnyProblem, law: InitialLaw, nodes: int, t_end: float, seed: int) -> str:
    """Name of the rule that is likely to be the most accurate.

    For one free parameter these are panels, on a circle equidistant nodes. For two and
    three, and smooth activations, runs with all, a fourth and a sixteenth of the nodes say
    whether a spectral rule is better than Sobol points, which serve in all other cases.

    Examples
    --------
    >>> from meanfield import Dataset, Gaussian, Neuron, Problem
    >>> problem = Problem(Neuron(1, bias=False), Dataset([[-1.0], [1.0]], [0.0, 0.5]))
    >>> choose_rule(problem, Gaussian(2), 1024, 1.0, 0), default_nodes(problem, Gaussian(2))
    ('trapezoid', 4096)
    """
    known = rules_for(law)
    for rule in ("circle", "panels"):
        if rule in known and nodes >= rules[rule].least(1):
            return rule
    dimensions = StandardForm.of(law).dimensions
    spectral = [rule for rule in ("trapezoid", "gauss-legendre") if rule in known]
    resolved = nodes >= _PARTS[-1] * 3**dimensions
    if not (spectral and is_smooth(problem) and 2 <= dimensions <= 3 and resolved):
        return "sobol"
    forecasts = {
        rule: _forecast([_pilot(problem, law, rule, nodes // part, t_end, seed) for part in _PARTS])
        for rule in (*spectral, "sobol")
    }
    return min(forecasts, key=lambda rule: forecasts[rule])


def _pilot(
    problem: AnyProblem, law: InitialLaw, rule: str, nodes: int, t_end: float, seed: int
) -> Float64Array:
    """Outputs at the end of a run."""
    state = _PILOT.start(problem, quadrature(law, rule, nodes, seed), 0)
    return problem.outputs(_PILOT.advance(problem, state, t_end)[1])


def _forecast(outputs: list[Float64Array]) -> float:
    """Error of the finest outputs, if errors go on to shrink as they do."""
    fine, middle, coarse = outputs
    late, early = np.abs(fine - middle).max(), np.abs(middle - coarse).max()
    return float(late * min(1.0, late / early)) if early > 0.0 else 0.0
