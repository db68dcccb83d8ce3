"""
Forty dimensions by one
=======================

Two Gaussians in forty dimensions that differ by their variance alone (Mei, Montanari and
Nguyen 2018, figure 1). By symmetry a neuron is known by the length of its weights, so the
limit is a law of lengths. Neurons in all forty dimensions, trained on a sample, follow it.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.activations import clipped_linear
from meanfield.distributions import IsotropicGaussians
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

neuron = mf.Neuron(40, activation=clipped_linear(0.5, 1.5, -2.5, 7.5), outer="fixed", bias=False)
data = IsotropicGaussians(40, delta=0.8)
reduction = mf.reductions.radial(neuron, data)
initial = mf.Gaussian(40, std=0.8 / np.sqrt(40))
times = np.concatenate([[0.0], np.geomspace(0.02, 20.0, 40)])
lengths = mf.quadrature(reduction.law(initial), "quantile", 200)
limit = mf.simulate(reduction.problem, lengths, ParticleFlow(rtol=1e-3), t_end=20.0, save_at=times)

network = mf.Problem(neuron, data.dataset(2000, seed=0))
flow = ParticleFlow(method="heun", step=0.1)
run = mf.simulate(network, initial.sample(300, seed=0), flow, t_end=20.0, save_at=times)

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=[1.4, 1], layout="constrained")
radii = np.array([np.linalg.norm(m.positions, axis=1) for m in run.measures])
paths = np.array([m.positions[:, 0] for m in limit.measures])
axes[0].semilogx(times[1:], radii[1:, :100], color="#2166a8", lw=0.6, alpha=0.5)
axes[0].semilogx(times[1:], paths[1:, 10::20], color="#d8572a", lw=1.2)
axes[0].set(title="lengths of 100 neurons in $R^{40}$, and quantiles of the limit", xlabel="$t$")
axes[1].semilogx(times[1:], 2.0 * run.risk[1:], color="#2166a8", label="300 neurons")
axes[1].semilogx(times[1:], 2.0 * limit.risk[1:], color="#d8572a", label="limit")
axes[1].set(title="risk $E (y - f)^2$", xlabel="$t$", ylim=(0.0, None))
axes[1].legend()
plt.show()
