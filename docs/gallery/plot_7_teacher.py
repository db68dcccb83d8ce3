"""
A teacher recovered
===================

A teacher of three ReLU neurons in the plane labels the data. A student of 500 small random
neurons has to find their directions. In mean-field training neurons first turn, each to a
nearby direction of the teacher, and then grow along it.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

neuron = mf.Neuron(inputs=2, activation="relu", bias=False)
angles = np.deg2rad([80.0, 200.0, 330.0])
directions = np.column_stack([np.cos(angles), np.sin(angles)])
teacher = mf.ParticleMeasure(np.column_stack([[3.0, 3.0, -3.0], directions]))
problem = mf.PopulationProblem(neuron, teacher)  # inputs from the normal law itself
start = mf.ParticleMeasure.gaussian(500, neuron.dim, std=0.3, seed=0)
times = 200.0 * np.linspace(0.0, 1.0, 121) ** 3
run = mf.simulate(problem, start, ParticleFlow(rtol=1e-3), t_end=200.0, save_at=times)

# %%
# Each point is |a| w of a neuron, orange for a > 0 and blue for a < 0, with its path behind
# it; rays are the teacher's directions.

figure, axes = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
places = np.array([np.abs(m.positions[:, :1]) * m.positions[:, 1:] for m in run.measures])
colours = np.where(run.measures[-1].positions[:, 0] > 0.0, "#d8572a", "#2166a8")
for index, ax in zip((20, 35, 120), axes):
    for direction, colour in zip(directions, ("#d8572a", "#d8572a", "#2166a8")):
        ax.plot(*np.outer(direction, [0.0, 20.0]), color=colour, lw=6, alpha=0.2)
    for path, colour in zip(places[: index + 1].swapaxes(0, 1), colours):
        ax.plot(*path.T, color=colour, lw=0.5, alpha=0.4)
    ax.scatter(*places[index].T, s=10, c=colours, zorder=3)
    span = 1.1 * np.abs(places[index]).max()
    ax.set(xlim=(-span, span), ylim=(-span, span), aspect="equal")
    ax.set_title(f"$t$ = {times[index]:.0f}")
axes[3].loglog(run.times[5:], run.risk[5:], color="#1f2430")
axes[3].set(title="population risk", xlabel="$t$")
plt.show()
