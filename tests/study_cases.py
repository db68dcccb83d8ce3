"""A small study whose tasks other processes can be sent, and a program that does it."""

from __future__ import annotations

import sys

import numpy as np

from meanfield import conduct
from meanfield.compare import plan_study
from meanfield.conduct import carry_out
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD
from oracles import LinearNeuron, QuadraticNeuron, line_data, quadratic_data

LINEAR = LinearNeuron(line_data())
QUADRATIC = QuadraticNeuron(quadratic_data())
EULER = ParticleFlow(method="euler", step=0.5)
LINE = Experiment(
    "linear neuron",
    LINEAR.problem,
    Gaussian(1, mean=LINEAR.limit),
    particles=16,
    save_at=np.array([0.0, 1.0]),
    solvers={"particle-flow": EULER},
)
# SGD with this step loses network number 3 of four neurons, and no other of the first four.
WILD = Experiment(
    "quadratic neuron",
    QUADRATIC.problem,
    Gaussian(1, std=float(np.sqrt(QUADRATIC.limit))),
    particles=16,
    save_at=np.array([0.0, 12.0]),
    solvers={"sgd": SGD(step=0.3), "particle-flow": ParticleFlow(method="heun", step=0.1)},
)


def small_plan(seeds=6, **options):
    """Two widths: blocks of two networks of four neurons, and networks of eight."""
    return plan_study(LINE, (4, 8), seeds, **{"reference": 16, **options})


def same_samples(study, other):
    """Assert that two studies have the same bits."""
    assert study.samples.keys() == other.samples.keys()
    for name, values in study.samples.items():
        np.testing.assert_array_equal(values, other.samples[name])


if __name__ == "__main__":
    conduct._WORTHWHILE = 0.0  # other processes are started even for so little
    carry_out(small_plan(), workers=int(sys.argv[2]), folder=sys.argv[1])
