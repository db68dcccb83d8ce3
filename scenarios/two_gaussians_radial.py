"""Two isotropic Gaussians of different variance, reduced to the lengths of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meanfield.activations import clipped_linear, linear_spline
from meanfield.distributions import IsotropicGaussians
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.reductions import radial
from meanfield.scenarios.scenario import (
    Scenario,
    choice,
    count,
    early_times,
    number,
    parameter,
    within,
)
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.quadrature_flow import QuadratureFlow

__all__ = ["TwoGaussiansRadial"]

_ACTIVATIONS = {
    "standard": clipped_linear(start=0.5, stop=1.5, low=-2.5, high=7.5),
    "failing": linear_spline([0.0, 0.5, 1.5], [-2.5, -4.0, 7.5], 0.0, 0.0),
}


@dataclass(frozen=True)
class TwoGaussiansRadial(Scenario):
    """The limit of ``two-gaussians`` at infinite width, with the law of the data itself.

    Neurons σ(w·x), data y = ±1, x | y ~ N(0, (1 + yΔ)² I_d) and an isotropic start: only
    the law of r = |w| moves, by the flow of a neuron with one parameter and the activation
    g(s) = E σ(s u_1), on the law of |x| (32 Gauss nodes in each class). Nothing is sampled
    but the start, and that by a Sobol sequence; any dimension costs the same.

    Conventions: R_paper = 2 R and t_paper = t / 2, as in ``two-gaussians``. In the paper's,
    with 800 neurons (figure 1, d = 40, Δ = 0.8, κ = 0.8):

    ========  ======  ======  ======  ======  ======  ======  ======  ======
    t_paper   0       0.01    0.1     0.5     1       2       5       10
    R_paper   1.7044  1.6318  1.3390  1.1274  1.0706  1.0115  0.6997  0.175
    mean r    0.7950  0.8216  0.9798  1.2562  1.4228  1.6590  2.3556  3.453
    sd r      0.0889  0.0850  0.0671  0.0570  0.0685  0.1236  0.6923  1.538
    ========  ======  ======  ======  ======  ======  ======  ======  ======

    The activation ``failing`` (figure 4: −2.5 below 0, falling to −4 at ½, 7.5 above 3/2)
    with d = 320, Δ = 0.5 learns from κ = 0.4, R_paper = 0.0143 at t_paper = 5, and fails
    from κ = 0.1: the lengths fall to 0 in finite time and stay, at R_paper = 7.25. There
    the velocity jumps, so that it takes a fixed step or loose tolerances, and lengths
    chatter around 0 at a distance of the order of the step.

    References
    ----------
    S. Mei, A. Montanari, P.-M. Nguyen (2018), A mean field view of the landscape of
    two-layer neural networks, PNAS 115(33), E7665, arXiv 1804.06561.

    Examples
    --------
    >>> run = TwoGaussiansRadial(particles=50, t_end=1.0, frames=3).build().run()
    >>> bool(run.risk[-1] < run.risk[0])
    True
    """

    name: ClassVar[str] = "two-gaussians-radial"
    summary: ClassVar[str] = "Two isotropic Gaussians in the limit of infinite width, by lengths"
    reference: ClassVar[str] = "Mei, Montanari, Nguyen (2018), PNAS 115(33), figures 1 and 4"

    particles: int = parameter(400, "number N of lengths", count())
    t_end: float = parameter(
        20.0, "mean-field time at the end, twice the paper's", number("positive")
    )
    frames: int = parameter(81, "number of saved times", count(2))
    dim: int = parameter(40, "dimension d of the data", count())
    delta: float = parameter(0.8, "Δ in [0, 1]: standard deviations are 1 ± Δ", within(0.0, 1.0))
    init_std: float = parameter(
        0.8, "κ: weights start with standard deviation κ/√d", number("positive")
    )
    activation: str = parameter("standard", "standard or failing", choice(tuple(_ACTIVATIONS)))
    nodes: int = parameter(32, "quadrature nodes for |x| in each class", count())

    def build(self) -> Experiment:
        """Experiment with these parameters; the particle flow is the default solver."""
        neuron = Neuron(
            self.dim, activation=_ACTIVATIONS[self.activation], outer="fixed", bias=False
        )
        reduction = radial(neuron, IsotropicGaussians(self.dim, self.delta), nodes=self.nodes)
        if self.activation == "standard":
            flow, nodes = ParticleFlow(rtol=1e-4, atol=1e-6), QuadratureFlow()
        else:
            flow = ParticleFlow(method="heun", step=0.01)
            nodes = QuadratureFlow(rtol=1e-3, atol=1e-3)
        return Experiment(
            name=self.name,
            problem=reduction.problem,
            initial=reduction.law(Gaussian(self.dim, std=self.init_std / np.sqrt(self.dim))),
            particles=self.particles,
            save_at=early_times(self.t_end, self.frames),
            solvers={flow.name: flow, nodes.name: nodes},
            sampling="sobol",
            summary=self.summary,
        )
