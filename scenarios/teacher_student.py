"""A wide student learns from a narrow teacher of the same kind of neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meanfield.activations import activations
from meanfield.distributions import Teacher
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.scenarios.scenario import Scenario, choice, count, frame_times, number, parameter
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD

__all__ = ["TeacherStudent"]


@dataclass(frozen=True)
class TeacherStudent(Scenario):
    """Learn the outputs of a teacher network of a few neurons on Gaussian inputs.

    x ~ N(0, I_d) and y = (1/m) Σ_i a*_i σ(w*_i·x) + noise, with m = `teacher_width`
    neurons, |w*_i| = 1 and |a*_i| = √(m k): outputs of order 1, for any m. The student
    has N neurons a σ(w·x) of the same kind, with a ~ N(0, init_std² I_k) and
    w ~ N(0, init_std²/d I_d) at the start. The teacher is itself a measure of risk 0
    (without noise): ``Teacher(neuron, width).measure``.

    Conventions: Chizat, Oyallon and Bach have three teacher neurons and n = 1000 inputs
    on the unit sphere of R^100 (here their length is about √d); their scale α(m) = 1/m
    is the mean-field scaling used here, their `tau` is `init_std`.

    Expect neurons to turn towards the teacher's directions (ReLU: the average cosine,
    weighted by |a||w|, grows from 0.35 to 0.9 by t = 50) and the test risk to follow
    the training risk down by more than two orders of magnitude. A larger `init_std`
    keeps more neurons near where they started. Frames are denser at the beginning
    (t_end (i/F)²).

    References
    ----------
    L. Chizat, E. Oyallon, F. Bach (2019), On lazy training in differentiable
    programming, NeurIPS, figure 1, arXiv 1812.07956. L. Chizat, F. Bach (2018), On the
    global convergence of gradient descent for over-parameterized models using optimal
    transport, NeurIPS, arXiv 1805.09545.

    Examples
    --------
    >>> run = TeacherStudent(particles=64, points=100, t_end=5.0, frames=5).build().run()
    >>> bool(run.risk[-1] < run.risk[0]), list(run.observables)
    (True, ['test_risk'])
    """

    name: ClassVar[str] = "teacher-student"
    summary: ClassVar[str] = "A wide student learns from a narrow teacher on Gaussian inputs"
    reference: ClassVar[str] = "Chizat, Oyallon, Bach (2019); Chizat, Bach (2018)"

    particles: int = parameter(1024, "number N of the student's neurons", count())
    t_end: float = parameter(50.0, "mean-field time at the end", number("positive"))
    frames: int = parameter(81, "number of saved times", count(2))
    dim: int = parameter(10, "dimension d of the inputs", count())
    outputs: int = parameter(1, "number k of outputs", count())
    teacher_width: int = parameter(4, "number m of the teacher's neurons", count())
    activation: str = parameter("relu", "name of the activation of both", choice(activations))
    points: int = parameter(1000, "number of training points", count())
    test_points: int = parameter(2000, "number of test points", count())
    noise: float = parameter(0.0, "standard deviation of the label noise", number("nonnegative"))
    init_std: float = parameter(
        0.3, "standard deviation of outer weights and of |w| at the start", number("positive")
    )
    step: float = parameter(0.05, "mean-field time of one step of SGD", number("positive"))
    batch_size: int = parameter(20, "points in a batch of SGD", count())
    data_seed: int = parameter(0, "seed of the teacher and of the data", count(0))

    def build(self) -> Experiment:
        """Experiment with these parameters; the particle flow is the default solver."""
        activation = activations[self.activation]
        neuron = Neuron(self.dim, self.outputs, activation, bias=False)
        law = Teacher(neuron, self.teacher_width, self.noise, seed=self.data_seed)
        inner_std = self.init_std / float(np.sqrt(self.dim))
        std = (self.init_std,) * self.outputs + (inner_std,) * self.dim
        flow = ParticleFlow(rtol=1e-3, atol=1e-4)
        sgd = SGD(self.step, self.batch_size)
        return Experiment(
            name=self.name,
            problem=Problem(neuron, law.dataset(self.points, seed=2 * self.data_seed)),
            initial=Gaussian(neuron.dim, std=std),
            particles=self.particles,
            save_at=frame_times(self.t_end, self.frames, power=2.0),
            solvers={flow.name: flow, sgd.name: sgd},
            test=law.dataset(self.test_points, seed=2 * self.data_seed + 1),
            summary=self.summary,
        )
