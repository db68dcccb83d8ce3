"""
Grid against particles
======================

Two ways to the same noisy flow: finite volumes move a density, Langevin dynamics moves
neurons at random. They share nothing but the problem, and agree within the sampling error
of so many neurons.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import GridFlow, Langevin

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-2.0, 2.0, 6)
problem = mf.Problem(
    mf.Neuron(inputs=1, activation="tanh", outer="fixed"),
    mf.Dataset(x, 0.8 * np.sin(1.5 * x + 0.7)),
    ridge=0.05,
    temperature=0.02,
)
law = mf.Gaussian(2)
density = mf.GridMeasure.from_density(law.density, -7.0, 7.0, (140, 140))
grid = mf.simulate(problem, density, GridFlow(), t_end=15.0, save_at=[0.0, 3.0, 15.0])
neurons = law.sample(4000, seed=0)
particles = mf.simulate(problem, neurons, Langevin(0.02), t_end=15.0, save_at=[0.0, 3.0, 15.0])

figure, axes = plt.subplots(
    3, 3, figsize=(10, 8.5), sharex=True, sharey="row", layout="constrained"
)
for time, mu, nu, column in zip(grid.times, grid.measures, particles.measures, axes.T):
    (w, b), root, marginal = mu.axes, np.sqrt(mu.density.T), mu.marginal(0)
    column[0].contourf(w, b, root, levels=np.linspace(0.02, 1.0, 25) * root.max(), cmap="Blues")
    column[1].plot(*nu.positions.T, ".", color="#d8572a", markersize=3, alpha=0.4)
    column[2].hist(nu.positions[:, 0], 60, density=True, color="#d8572a", alpha=0.5)
    column[2].plot(*marginal.axes, marginal.density, color="#2166a8")
    distance = mf.distances.sliced_wasserstein(mu, nu)
    column[0].set_title(f"$t$ = {time:g},  sliced $W_2$ = {distance:.3f}")
    column[2].set_xlabel("$w$")
axes[0, 0].set(ylabel="density:  $b$", xlim=(-4, 4), ylim=(-4, 4))
axes[1, 0].set(ylabel="4000 neurons:  $b$", ylim=(-4, 4))
axes[2, 0].set(ylabel="both:  marginal density")
plt.show()
