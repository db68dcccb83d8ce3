"""
A network learns a function
===========================

A neuron a relu(w x + b) bends the network at its kink x = −b/w, by a |w|. A thousand of
them start at random and fit a sine. Kinks gather where the function bends, one cluster
after the other.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-1.0, 1.0, 100)
neuron = mf.Neuron(inputs=1, activation="relu")
problem = mf.Problem(neuron, mf.Dataset(x, np.sin(2.0 * np.pi * x)))
start = mf.ParticleMeasure.gaussian(1024, neuron.dim, seed=0)
times = [0.0, 20.0, 100.0, 250.0, 600.0]
run = mf.simulate(problem, start, ParticleFlow(), t_end=600.0, save_at=times)

# %%
# Above, the network at five times; below, its neurons at the same times. Orange ones are
# active to the right of their kink, blue ones to the left.

wide = np.linspace(-1.3, 1.3, 500)
figure, axes = plt.subplots(2, 5, figsize=(12, 5), sharex=True, sharey="row", layout="constrained")
for time, risk, measure, (above, below) in zip(run.times, run.risk, run.measures, axes.T):
    above.plot(x, problem.data.targets, ".", color="0.75", markersize=5)
    above.plot(wide, problem.predict(measure, wide[:, None]), color="#2166a8")
    above.set_title(f"$t$ = {time:.0f},  risk {risk:.3f}")
    a, w, b = measure.positions.T
    bend = a * np.abs(w)
    below.scatter(-b / w, np.arcsinh(bend), s=9, c=np.where(w > 0, "#d8572a", "#2166a8"), alpha=0.6)
    below.set_xlabel("kink $-b/w$")
axes[0, 0].set(xlim=(-1.3, 1.3), ylim=(-1.4, 1.4), ylabel="network $f(x; \\mu_t)$")
ticks = np.array([-100, -10, -1, 0, 1, 10, 100])
axes[1, 0].set(ylabel="bend $a\\,|w|$", yticks=np.arcsinh(ticks), yticklabels=ticks)
plt.show()
