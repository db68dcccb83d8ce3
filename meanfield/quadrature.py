"""Quadrature rules: laws of neurons as few weighted nodes instead of many random particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.checks import as_count
from meanfield.errors import InvalidInputError
from meanfield.laws import InitialLaw
from meanfield.measures import ParticleMeasure
from meanfield.rules import rules
from meanfield.standard_laws import StandardForm

__all__ = ["QuadratureNodes", "coarser", "quadrature", "rules_for"]


@dataclass(frozen=True, eq=False, repr=False)
class QuadratureNodes(ParticleMeasure):
    """A measure of weighted nodes which knows by what rule they were chosen.

    Attributes
    ----------
    rule : str
        Name of the rule.
    """

    rule: str = ""

    def __repr__(self) -> str:
        return f"QuadratureNodes({len(self)} nodes of the rule {self.rule}, {self.dim} dimensions)"


def quadrature(law: InitialLaw, rule: str, nodes: int, seed: int = 0) -> QuadratureNodes:
    """Weighted nodes that stand for a law in integrals, ∫ g dμ_0 ≈ Σ_i m_i g(θ_i).

    Moved by the flow they keep their masses, and give the mean-field limit to the accuracy
    of the rule. Parameters with standard deviation or width 0 take one node, and no
    dimension. The rules are

    - ``"gauss-hermite"``: all combinations of Gauss's nodes, for gaussian laws;
    - ``"gauss-legendre"``: the same for box laws;
    - ``"trapezoid"``: equidistant nodes, within a ball that holds all but a negligible part
      of a gaussian law, for up to three free parameters;
    - ``"quantile"``: nodes of equal mass, the medians of as many equal parts of each
      parameter, for gaussian and box laws;
    - ``"panels"``: Gauss's nodes on panels, for laws with one free parameter;
    - ``"circle"``: equidistant nodes of equal mass, for a sphere in two parameters;
    - ``"sobol"``: a scrambled Sobol sequence of equal masses, for every law.

    The first three converge faster than every power of the number of nodes as long as the
    integrand is smooth in θ: for tanh(wx + b) the error of the trapezoid rule with nodes at
    distance h is about exp(−π²/(|x| h)). Nodes of equal mass converge more slowly, but do
    not stall when the flow map has grown layers thinner than the distance of the nodes.

    Parameters
    ----------
    law : InitialLaw
        μ_0.
    rule : str
        Name of the rule.
    nodes : int
        Number of nodes for all parameters together; combinations take the largest number
        that does not exceed it.
    seed : int
        Of the scrambling of ``"sobol"``.

    Returns
    -------
    QuadratureNodes
        A `ParticleMeasure`.

    Raises
    ------
    InvalidInputError
        If the rule does not serve the law, or there are too few nodes for it.

    References
    ----------
    L. N. Trefethen, J. A. C. Weideman (2014), The exponentially convergent trapezoidal
    rule, SIAM Review 56.

    Examples
    --------
    >>> import numpy as np
    >>> from meanfield.laws import Gaussian
    >>> nodes = quadrature(Gaussian(2, std=(1.0, 0.0)), "trapezoid", 50)
    >>> nodes
    QuadratureNodes(50 nodes of the rule trapezoid, 2 dimensions)
    >>> np.allclose(nodes.covariance(), [[1.0, 0.0], [0.0, 0.0]], atol=1e-10)
    True
    """
    chosen, form = rules[rule], StandardForm.of(law)
    as_count("nodes", nodes)
    as_count("seed", seed, least=0)
    if rule not in rules_for(law):
        raise InvalidInputError(
            f"the rule {rule} does not serve {form}; use {' or '.join(rules_for(law))}"
        )
    if nodes < chosen.least(form.dimensions):
        raise InvalidInputError(
            f"the rule {rule} needs at least {chosen.least(form.dimensions)} nodes for {form}, "
            f"got {nodes}; use more, or sobol"
        )
    if form.dimensions == 0:
        return QuadratureNodes(form.centre[None, :], rule=rule)
    measure = chosen.build(form, nodes, seed)
    return QuadratureNodes(measure.positions, measure.weights, rule)


def rules_for(law: InitialLaw) -> tuple[str, ...]:
    """Names of the rules that serve a law.

    Examples
    --------
    >>> from meanfield.laws import Box, Sphere
    >>> rules_for(Sphere(3)), rules_for(Box(2))
    (('sobol',), ('gauss-legendre', 'quantile', 'sobol'))
    """
    form = StandardForm.of(law)
    return tuple(sorted(name for name, rule in rules.items() if rule.serves(form)))


def coarser(law: InitialLaw, measure: ParticleMeasure, seed: int = 0) -> ParticleMeasure:
    """Nodes of the same rule at half the resolution: what an error can be estimated from.

    Combinations and panels take half the nodes in each parameter or panel; a Sobol
    sequence takes half the points of another scrambling, whose error is independent. The
    one node of a law without free parameters is exact, and stays.

    Parameters
    ----------
    law : InitialLaw
    measure : ParticleMeasure
        What `quadrature` gave for this law and seed, or adapted `Panels`.
    seed : int

    Raises
    ------
    InvalidInputError
        If the measure is that of no rule, or has too few nodes.

    Examples
    --------
    >>> from meanfield.laws import Gaussian
    >>> len(coarser(Gaussian(2), quadrature(Gaussian(2), "gauss-hermite", 144)))
    36
    """
    form = StandardForm.of(law)
    if form.dimensions == 0 and np.array_equal(measure.positions, form.centre[None, :]):
        return measure
    for name in rules_for(law) if form.dimensions > 0 else ():
        if len(measure) > rules[name].least(form.dimensions):
            found = rules[name].coarser(form, measure, seed)
            if found is not None:
                return found
    if form.dimensions > 0 and len(measure) == 1:
        raise InvalidInputError(
            "a single node has no lower resolution from which its error could be estimated; "
            "use more nodes"
        )
    raise InvalidInputError(
        f"{measure} is not what a quadrature rule gives for {form}; make it with quadrature"
    )
