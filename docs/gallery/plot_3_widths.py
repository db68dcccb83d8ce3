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
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-2.0, 2.0, 25)
neuron = mf.Neuron(inputs=1, activation="tanh")
problem = mf.Problem(neuron, mf.Dataset(x, np.sin(2.0 * x)))
law = mf.Gaussian(neuron.dim, std=[4.0, 2.0, 2.0])
limit = mf.simulate(problem, law.sample(8192, seed=0, sampling="sobol"), ParticleFlow(rtol=1e-4), t_end=30.0, save_at=[0.0, 30.0])

wide = np.linspace(-3.0, 3.0, 200)[:, None]
truth = problem.predict(limit.measures[-1], wide)
figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), width_ratios=[1, 1, 1, 1.1])
widths, errors = [16, 64, 256, 1024], []
for width in widths:
    outputs = []
    for seed in range(12):
        network = law.sample(width, seed=seed)
        run = mf.simulate(problem, network, ParticleFlow(rtol=1e-4), t_end=30.0, save_at=[0.0, 30.0])
        outputs.append(problem.predict(run.measures[-1], wide)[:, 0])
    errors.append(np.sqrt(np.mean((np.array(outputs) - truth[:, 0]) ** 2)))
    if width <= 256:
        ax = axes[widths.index(width)]
        ax.plot(wide, np.transpose(outputs), color="#2166a8", lw=0.8, alpha=0.5)
        ax.plot(x, problem.data.targets, ".", color="0.6")
        ax.plot(wide, truth, color="#d8572a", label="limit")
        ax.set(title=f"12 networks of {width} neurons", xlabel="$x$", ylim=(-1.7, 1.7))
axes[0].set_ylabel("network after training")
axes[2].legend()
axes[3].loglog(widths, errors, "o", color="#2166a8", label="networks")
constant = np.exp(np.mean(np.log(errors * np.sqrt(widths))))
axes[3].loglog(widths, constant / np.sqrt(widths), color="0.6", lw=1, label="$N^{-1/2}$")
axes[3].set(title="distance from the limit", xlabel="neurons $N$")
axes[3].legend()
plt.show()
