"""
Birth and death
===============

Neurons that start in a flat region hardly feel the data: the gradient flow waits. If mass may
also be born where the potential Ψ is low and die where it is high, the few neurons that
happen to be useful take over.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import BirthDeath, ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-2.0, 2.0, 40)
neuron = mf.Neuron(inputs=1, activation="tanh", outer="fixed")
problem = mf.Problem(neuron, mf.Dataset(x, np.tanh(3.0 * (x - 0.5))))
bad = np.random.default_rng(0).normal([-5.0, 0.0], [0.7, 2.0], size=(380, 2))
few = np.random.default_rng(1).normal([0.0, 0.0], [3.0, 3.0], size=(20, 2))
start = mf.ParticleMeasure(np.concatenate([bad, few]))
flows = {"gradient flow": ParticleFlow(), "with birth and death": BirthDeath(reaction=2.0)}
times = np.linspace(0.0, 10.0, 51)
runs = {
    name: mf.simulate(problem, start, solver, t_end=10.0, save_at=times)
    for name, solver in flows.items()
}

figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for (name, run), ax, colour in zip(runs.items(), axes[1:], ("#2166a8", "#d8572a")):
    axes[0].semilogy(run.times, run.risk, color=colour, label=name)
    paths = np.array([measure.positions for measure in run.measures])
    for path in paths.swapaxes(0, 1):
        ax.plot(*path.T, color="0.8", lw=0.6)
    last = run.measures[-1]
    ax.scatter(*last.positions.T, s=3000 * last.weights, color=colour, alpha=0.6, zorder=3)
    ax.set(title=name, xlabel="$w$", ylabel="$b$", xlim=(-9, 9), ylim=(-9, 9), aspect="equal")
axes[0].set(title="risk", xlabel="$t$")
axes[0].legend()
plt.show()
