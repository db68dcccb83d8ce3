"""
Lazy against mean field
=======================

The same neurons, the same data, two output scales α in f = α ∫ Φ dμ. With α = 1 neurons
travel: the network learns features. With a large α the function is fitted before any neuron
has moved far: the network stays what it was to first order, a kernel method (Chizat, Oyallon
and Bach 2019). Both start from f = 0, by neurons in pairs of opposite a.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

import meanfield as mf
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-1.0, 1.0, 40)
data = mf.Dataset(x, np.where(np.abs(x) < 0.5, 1.0 - 2.0 * np.abs(x), 0.0))
neuron = mf.Neuron(inputs=1, activation="relu")
half = mf.ParticleMeasure.gaussian(300, neuron.dim, seed=1).positions
start = mf.ParticleMeasure(np.concatenate([half, half * [-1.0, 1.0, 1.0]]))
times = np.linspace(0.0, 400.0, 81)
runs = {
    scale: mf.simulate(
        mf.Problem(neuron, data, scale=scale), start, ParticleFlow(rtol=1e-3), t_end=400.0, save_at=times
    )
    for scale in (1.0, 100.0)
}

# %%
# Paths of the neurons (w, b), and where they end; orange for a > 0, blue for a < 0.

figure, axes = plt.subplots(2, 2, figsize=(10, 8), width_ratios=[1, 1.2], sharey="col")
for (scale, run), (left, right) in zip(runs.items(), axes):
    paths = np.array([measure.positions for measure in run.measures])
    colours = np.where(paths[-1, :, 0] > 0.0, "#d8572a", "#2166a8")
    left.add_collection(LineCollection(paths[:, :, 1:].swapaxes(0, 1), colors=colours, lw=0.6, alpha=0.5))
    left.scatter(*paths[-1, :, 1:].T, s=10, c=colours, zorder=3)
    moved = np.sqrt(np.mean(np.sum((paths[-1] - paths[0]) ** 2, axis=1)))
    left.set(xlim=(-4, 4), ylim=(-4, 4), xlabel="$w$", ylabel="$b$", aspect="equal")
    left.set_title(f"α = {scale:g}: neurons moved by {moved:.3f}")
    right.plot(x, data.targets, ".", color="0.7")
    wide = np.linspace(-1.2, 1.2, 400)
    for index in (1, 4, 16, 80):
        output = run.problem.predict(run.measures[index], wide[:, None])
        right.plot(wide, output, color=plt.cm.Blues(0.3 + 0.7 * index / 80), label=f"$t$ = {times[index]:g}")
    error = run.problem.predict(run.measures[-1], x[:, None]) - data.targets
    right.set(xlabel="$x$", ylabel="network", title=f"mean square error {np.mean(error**2):.1g}")
    right.legend()
plt.show()
