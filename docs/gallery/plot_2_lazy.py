"""
Lazy against mean field
=======================

The same neurons, the same data, two output scales α in f = α ∫ Φ dμ. With α = 1 neurons
travel: the network learns features. With a large α the function is fitted before any neuron
has moved far: a kernel method (Chizat, Oyallon and Bach 2019). Both start from f = 0, by
neurons in pairs of opposite a.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

x, wide = np.linspace(-1.0, 1.0, 40), np.linspace(-1.2, 1.2, 400)
data = mf.Dataset(x, np.where(np.abs(x) < 0.5, 1.0 - 2.0 * np.abs(x), 0.0))
neuron = mf.Neuron(inputs=1, activation="relu")
half = mf.ParticleMeasure.gaussian(300, neuron.dim, seed=1).positions
start = mf.ParticleMeasure(np.concatenate([half, half * [-1.0, 1.0, 1.0]]))
times = np.linspace(0.0, 400.0, 81)

# %%
# Left: paths of the neurons (w, b), and where they end; orange for a > 0, blue for a < 0.

figure, axes = plt.subplots(2, 2, figsize=(10, 8), sharey="col", layout="constrained")
for scale, (left, right) in zip((1.0, 100.0), axes):
    problem = mf.Problem(neuron, data, scale=scale)
    run = mf.simulate(problem, start, ParticleFlow(rtol=1e-3), t_end=400.0, save_at=times)
    paths = np.array([measure.positions for measure in run.measures])
    for sign, colour, size in ((1.0, "#d8572a", 9), (-1.0, "#2166a8", 4)):
        a, w, b = paths[:, sign * paths[-1, :, 0] > 0.0].T
        left.plot(w.T, b.T, color=colour, lw=0.6, alpha=0.5)
        left.plot(w[:, -1], b[:, -1], ".", color=colour, markersize=size)
    moved = np.sqrt(np.mean(np.sum((paths[-1] - paths[0]) ** 2, axis=1)))
    left.set(xlim=(-4, 4), ylim=(-4, 4), xlabel="$w$", ylabel="$b$", aspect="equal")
    left.set_title(f"α = {scale:g}: neurons moved by {moved:.2g}")
    for index in (1, 4, 16, 80):
        output = problem.predict(run.measures[index], wide)
        shade = plt.cm.Blues(0.3 + 0.7 * index / 80)
        right.plot(wide, output, color=shade, label=f"$t$ = {times[index]:g}")
    right.plot(x, data.targets, ".", color="0.6", zorder=1)
    right.set(xlabel="$x$", title="network")
    right.legend()
plt.show()
