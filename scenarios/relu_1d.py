"""A function on the line, fitted by biased ReLU neurons: kinks that travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meanfield.activations import activations
from meanfield.datasets import Dataset
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.registry import Registry
from meanfield.regularizers import ridge_from_dict
from meanfield.scenarios.scenario import Scenario, choice, count, frame_times, number, parameter
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD
from meanfield.typing import Float64Array

__all__ = ["Relu1D", "functions"]

#: Vocabulary of functions on [-1, 1] to fit.
functions: Registry[Callable[[Float64Array], Float64Array]] = Registry("function")
functions.register("sine", lambda x: np.sin(2.0 * np.pi * x))
functions.register("zigzag", lambda x: np.arcsin(np.sin(2.0 * np.pi * x)) * 2.0 / np.pi)
functions.register("hat", lambda x: np.maximum(0.0, 1.0 - 2.0 * np.abs(x)))
functions.register("steps", lambda x: 0.5 * (np.abs(x) < 1.0 / 3.0) - 0.5 * (x <= -1.0 / 3.0))
functions.register("wavelet", lambda x: (1.0 - 16.0 * x**2) * np.exp(-8.0 * x**2))


@dataclass(frozen=True)
class Relu1D(Scenario):
    """Fit a function on [−1, 1] by neurons a relu(w x + b): a measure in three parameters.

    A neuron bends the network at its kink x = −b/w, by a|w|. Points are equidistant,
    y_j = function(x_j) + noise; (a, w, b) ~ N(0, init_std² I) at the start.

    Convention: squared loss with the factor ½ and f = (1/N) Σ_i, no factor 1/√N; the
    smaller `init_std`, the further from the kernel regime.

    Expect kinks, spread out at first, to gather in a few places where the function
    bends: near the extrema for ``sine`` (two at t = 100; four and more by t = 500), at
    the corners for ``hat`` and ``zigzag``, with plateaus of the risk between the
    arrivals. The clusters are rays in the space of (w, b), and |a|² − w² − b² of each
    neuron is conserved. Frames are denser at the beginning (t_end (i/F)²).

    References
    ----------
    H. Maennel, O. Bousquet, S. Gelly (2018), Gradient descent quantizes ReLU network
    features, arXiv 1803.08367. F. Williams, M. Trager, C. Silva, D. Panozzo, D. Zorin,
    J. Bruna (2019), Gradient dynamics of shallow univariate ReLU networks, NeurIPS.

    Examples
    --------
    >>> run = Relu1D(function="hat", particles=64, t_end=20.0, frames=5).build().run()
    >>> bool(run.risk[-1] < 0.5 * run.risk[0])
    True
    """

    name: ClassVar[str] = "relu-1d"
    summary: ClassVar[str] = "A function on the line by ReLU neurons whose kinks travel"
    reference: ClassVar[str] = "Maennel et al. (2018); Williams et al. (2019)"

    particles: int = parameter(1024, "number N of neurons", count())
    t_end: float = parameter(600.0, "mean-field time at the end", number("positive"))
    frames: int = parameter(101, "number of saved times", count(2))
    function: str = parameter("sine", f"function to fit: {', '.join(functions)}", choice(functions))
    points: int = parameter(100, "number n of data points", count(2))
    noise: float = parameter(
        0.0, "standard deviation of the noise of the targets", number("nonnegative")
    )
    init_std: float = parameter(
        1.0, "standard deviation of a, w and b at the start", number("positive")
    )
    ridge: float = parameter(0.0, "strength of λ/2 |θ|²", number("nonnegative"))
    step: float = parameter(0.02, "mean-field time of one step of SGD", number("positive"))
    batch_size: int = parameter(10, "points in a batch of SGD", count())
    data_seed: int = parameter(0, "seed of the noise of the targets", count(0))

    def build(self) -> Experiment:
        """Experiment with these parameters; the particle flow is the default solver."""
        neuron = Neuron(inputs=1, activation=activations["relu"])
        # The velocity jumps where a kink passes a data point: tight tolerances buy nothing.
        flow = ParticleFlow(rtol=1e-3, atol=1e-4)
        sgd = SGD(self.step, self.batch_size)
        return Experiment(
            name=self.name,
            problem=Problem(neuron, self._data(), ridge=ridge_from_dict(self.ridge)),
            initial=Gaussian(neuron.dim, std=self.init_std),
            particles=self.particles,
            save_at=frame_times(self.t_end, self.frames, power=2.0),
            solvers={flow.name: flow, sgd.name: sgd},
            summary=self.summary,
        )

    def _data(self) -> Dataset:
        x = np.linspace(-1.0, 1.0, self.points)
        errors = np.random.default_rng([self.data_seed, self.points]).standard_normal(self.points)
        return Dataset(x[:, None], functions[self.function](x) + self.noise * errors)
