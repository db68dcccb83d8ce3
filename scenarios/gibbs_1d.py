"""Noisy neurons on the line, which settle in the Gibbs measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meanfield.activations import activations
from meanfield.datasets import Dataset
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.regularizers import ridge_from_dict
from meanfield.scenarios.scenario import Scenario, count, frame_times, number, parameter
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.langevin import Langevin

__all__ = ["Gibbs1D"]


@dataclass(frozen=True)
class Gibbs1D(Scenario):
    """Mean-field Langevin dynamics of neurons tanh(w x + b), a measure on the plane.

    Few points on [−2, 2] with targets 0.8 sin(1.5 x + 0.7), squared loss, ridge and noise:
    F(μ) = R(μ) + λ/2 ∫ |θ|² dμ + τ ∫ log μ dμ has one minimiser, μ* ∝ e^{−Ψ(·; μ*)/τ}, which
    `meanfield.gibbs` computes. (w, b) ~ N(0, init_std² I) at the start.

    Convention: squared loss with the factor ½, noise √(2τ) dW.

    Expect the normal law to grow three arms, of neurons that follow the targets' rise and
    their two falls, within ten units of time. The solver ``grid`` records the energy and a
    certificate ``optimality_gap`` ≥ F(μ_t) − min F; both fall like e^{−0.2 t} to 1e-7. That
    is the third mode of the flow linearised at μ*, which the start excites most; the slowest,
    whose rate `meanfield.decay_rate` gives, has 0.077, and that of a frozen potential 0.038.
    The solver ``langevin`` moves finitely many particles, whose energy with noise is
    infinite: it records the risk alone.

    References
    ----------
    A. Nitanda, D. Wu, T. Suzuki (2022), Convex analysis of the mean field Langevin
    dynamics, AISTATS, arXiv 2201.10469. L. Chizat (2022), Mean-field Langevin dynamics:
    exponential convergence and annealing, TMLR, arXiv 2202.01009.

    Examples
    --------
    >>> run = Gibbs1D(t_end=2.0, frames=3).build().run(particles=900)
    >>> bool((np.diff(run.energy) < 0.0).all())
    True
    """

    name: ClassVar[str] = "gibbs-1d"
    summary: ClassVar[str] = "Noisy tanh neurons on the line settle in their Gibbs measure"
    reference: ClassVar[str] = "Nitanda, Wu, Suzuki (2022); Chizat (2022)"

    particles: int = parameter(1024, "number N of neurons", count())
    t_end: float = parameter(60.0, "mean-field time at the end", number("positive"))
    frames: int = parameter(61, "number of saved times", count(2))
    points: int = parameter(6, "number n of data points", count(1))
    ridge: float = parameter(0.05, "strength of λ/2 |θ|²", number("positive"))
    temperature: float = parameter(
        0.1, "temperature τ; 0 is the flow without noise", number("nonnegative")
    )
    init_std: float = parameter(1.0, "standard deviation of w and b", number("positive"))
    step: float = parameter(0.02, "mean-field time of one step of langevin", number("positive"))

    def build(self) -> Experiment:
        """Experiment with these parameters; the flow on a grid is the default solver."""
        neuron = Neuron(inputs=1, activation=activations["tanh"], outer="fixed")
        x = np.linspace(-2.0, 2.0, self.points)
        problem = Problem(
            neuron,
            Dataset(x[:, None], 0.8 * np.sin(1.5 * x + 0.7)),
            ridge=ridge_from_dict(self.ridge),
            temperature=self.temperature,
        )
        grid, langevin = GridFlow(), Langevin(self.step)
        return Experiment(
            name=self.name,
            problem=problem,
            initial=Gaussian(neuron.dim, std=self.init_std),
            particles=self.particles,
            save_at=frame_times(self.t_end, self.frames),
            solvers={grid.name: grid, langevin.name: langevin},
            summary=self.summary,
        )
