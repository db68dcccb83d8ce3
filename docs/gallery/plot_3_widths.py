"""
Wide networks agree
===================

Networks of N neurons differ, because their initial weights are random. Trained alike, they
come together as N grows: each approaches the same limit, the flow of a measure, at the
rate N^(−1/2).
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import ParticleFlow, QuadratureFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-2.0, 2.0, 25)
neuron = mf.Neuron(inputs=1, activation="tanh")
problem = mf.Problem(neuron, mf.Dataset(x, np.sin(2.0 * x)))
law = mf.Gaussian(neuron.dim)
limit = mf.simulate(problem, mf.quadrature(law, "sobol", 16384), QuadratureFlow(), t_end=10.0, save_at=[0.0, 10.0])

wide = np.linspace(-3.0, 3.0, 200)[:, None]
truth = problem.predict(limit.measures[-1], wide)
figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), width_ratios=[1, 1, 1, 1.1])
widths, errors = [16, 64, 256, 1024, 4096], []
for width in widths:
    outputs = []
    for seed in range(20):
        network = mf.ParticleMeasure.gaussian(width, neuron.dim, seed=seed)
        run = mf.simulate(problem, network, ParticleFlow(), t_end=10.0, save_at=[0.0, 10.0])
        outputs.append(problem.predict(run.measures[-1], wide)[:, 0])
    errors.append(np.sqrt(np.mean((np.array(outputs) - truth[:, 0]) ** 2)))
    if width <= 256:
        ax = axes[widths.index(width)]
        ax.plot(wide, np.transpose(outputs), color="#2166a8", lw=0.8, alpha=0.5)
        ax.plot(wide, truth, color="#d8572a", label="limit")
        ax.set(title=f"20 networks of {width} neurons", xlabel="$x$", ylim=(-1.9, 1.9))
axes[0].set_ylabel("network after training")
axes[2].legend()
axes[3].loglog(widths, errors, "o", color="#2166a8", label="networks")
axes[3].loglog(widths, errors[0] * np.sqrt(widths[0] / np.array(widths)), color="0.6", lw=1, label="$N^{-1/2}$")
axes[3].set(title="distance from the limit", xlabel="neurons $N$")
axes[3].legend()
plt.show()
