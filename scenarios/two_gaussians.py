"""Two isotropic Gaussians of different variance, classified by online gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meanfield.activations import clipped_linear
from meanfield.distributions import IsotropicGaussians
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.reductions import radial
from meanfield.scenarios.scenario import Scenario, count, early_times, number, parameter, within
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import OnlineSGD

__all__ = ["TwoGaussians"]

# Gauss nodes for |x| in each class: in 40 dimensions they leave an error of 1e-8 in the risk.
_NODES = 8


@dataclass(frozen=True)
class TwoGaussians(Scenario):
    """Tell two Gaussians apart by their variances: y = ±1, x | y ~ N(0, (1 + yΔ)² I_d).

    Figure 1 of Mei, Montanari, Nguyen (2018): neurons σ(w·x) without bias or outer
    weight, σ = −2.5 below ½, 7.5 above 3/2 and linear between, w ~ N(0, κ²/d I_d) at
    the start with κ = 0.8, d = 40, Δ = 0.8, N = 800, and fresh data in every step. The
    data of the problem are an independent sample of `points` points, which measures the
    risk (with standard error 0.5/√points at most) and is what the alternative solver,
    the particle flow, trains on. In such a finite sample the flow falls behind: with
    10,000 points the mean radius at t = 2 is 1.376 instead of 1.423.

    Conventions: the paper's risk is E (y − f)², without our ½: R_paper = 2 R. Its
    neurons move by 2 ε (y − f) ∇σ in a step, so its time is t_paper = t / 2 and its
    step ε = step / 2. The defaults (step 10⁻³, batches of 100) have the noise of single
    points with step 10⁻⁵ (ε = 5 · 10⁻⁶), and t_end = 20 is the paper's t = 10.

    Expect the radii |w_i| to move like the exact radial reduction (numbers of the
    reduced equation in the paper's conventions):

    ========  ======  ======  ======  ======  ======  ======
    t_paper   0       0.1     0.5     1       5       10
    R_paper   1.7044  1.3385  1.1273  1.0706  0.700   0.1753
    mean |w|  0.7950  0.9801  1.2565  1.4231  2.3559  3.453
    ========  ======  ======  ======  ======  ======  ======

    That reduction is what `meanfield compare` measures networks against.

    At the end the radii have two modes: a seventh of the neurons is near 0, most are
    above 3. Frames are at 0 and at geometrically spaced times from t_end/1000 on.

    References
    ----------
    S. Mei, A. Montanari, P.-M. Nguyen (2018), A mean field view of the landscape of
    two-layer neural networks, PNAS 115(33), E7665, arXiv 1804.06561.

    Examples
    --------
    >>> experiment = TwoGaussians(particles=50, t_end=0.5, frames=4, points=500).build()
    >>> run = experiment.run()
    >>> bool(run.risk[-1] < run.risk[0])
    True
    """

    name: ClassVar[str] = "two-gaussians"
    summary: ClassVar[str] = "Two isotropic Gaussians of different variance, online data"
    reference: ClassVar[str] = "Mei, Montanari, Nguyen (2018), PNAS 115(33), figure 1"

    particles: int = parameter(800, "number N of neurons", count())
    t_end: float = parameter(
        20.0, "mean-field time at the end, twice the paper's", number("positive")
    )
    frames: int = parameter(81, "number of saved times", count(2))
    dim: int = parameter(40, "dimension d of the data", count())
    delta: float = parameter(0.8, "Δ in [0, 1]: standard deviations are 1 ± Δ", within(0.0, 1.0))
    init_std: float = parameter(
        0.8, "κ: weights start with standard deviation κ/√d", number("positive")
    )
    step: float = parameter(
        1e-3, "mean-field time of one step of SGD, twice the paper's ε", number("positive")
    )
    batch_size: int = parameter(100, "fresh points in a batch of SGD", count())
    points: int = parameter(10_000, "points of the sample that measures the risk", count())
    data_seed: int = parameter(0, "seed of that sample", count(0))

    def build(self) -> Experiment:
        """Experiment with these parameters; online SGD is the default solver."""
        law = IsotropicGaussians(self.dim, self.delta)
        activation = clipped_linear(start=0.5, stop=1.5, low=-2.5, high=7.5)
        neuron = Neuron(self.dim, activation=activation, outer="fixed", bias=False)
        online = OnlineSGD(self.step, law, self.batch_size)
        flow = ParticleFlow(rtol=1e-3, atol=1e-4)
        return Experiment(
            name=self.name,
            problem=Problem(neuron, law.dataset(self.points, self.data_seed)),
            initial=Gaussian(neuron.dim, std=self.init_std / np.sqrt(self.dim)),
            particles=self.particles,
            save_at=early_times(self.t_end, self.frames),
            solvers={online.name: online, flow.name: flow},
            summary=self.summary,
            reduction=radial(neuron, law, nodes=_NODES),
        )
