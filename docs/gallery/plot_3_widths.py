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

x, wide = np.linspace(-2.0, 2.0, 25), np.linspace(-3.0, 3.0, 200)
neuron = mf.Neuron(inputs=1, activation="tanh")
problem = mf.Problem(neuron, mf.Dataset(x, np.sin(2.0 * x)))
law = mf.Gaussian(neuron.dim, std=[4.0, 2.0, 2.0])  # of (a, w, b)


def trained(start):
    """Outputs of a network after training."""
    run = mf.simulate(problem, start, ParticleFlow(rtol=1e-4), t_end=30.0, save_at=[0.0, 30.0])
    return problem.predict(run.measures[-1], wide)[:, 0]


limit = trained(law.sample(8192, seed=0, sampling="sobol"))
figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
widths, errors = [16, 64, 256, 1024], []
for width, ax in zip(widths, axes):
    networks = np.array([trained(law.sample(width, seed=seed)) for seed in range(12)])
    errors.append(np.sqrt(np.mean((networks - limit) ** 2)))
    ax.plot(wide, networks.T, color="#2166a8", lw=0.8, alpha=0.5)
    ax.plot(wide, limit, color="#d8572a", label="limit")
    ax.plot(x, problem.data.targets, ".", color="0.6")
    ax.set(title=f"12 networks of {width} neurons", xlabel="$x$", ylim=(-1.7, 1.7))
axes[0].legend()
axes[3].clear()
constant = np.exp(np.mean(np.log(errors * np.sqrt(widths))))
axes[3].loglog(widths, errors, "o", label="12 networks each")
axes[3].loglog(widths, constant / np.sqrt(widths), color="0.6", lw=1, label="$N^{-1/2}$")
axes[3].set(title="distance from the limit", xlabel="neurons $N$")
axes[3].legend()
plt.show()
