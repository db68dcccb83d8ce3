"""
How far is a network of N neurons?
==================================

Fluctuations about the limit obey the flow linearised there, which gives the constant C in
E ‖f_N − f‖² = C/N + O(N⁻²) at every time, and that of the coupling distance D_N, without
training a network. Here both are set beside networks that are trained.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.coupling import coupling_distance
from meanfield.solvers import ParticleFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-2.0, 2.0, 9)
neuron = mf.Neuron(inputs=1, activation="tanh", outer="fixed")
problem = mf.Problem(neuron, mf.Dataset(x, np.sin(x)), ridge=0.05)
law, times = mf.Gaussian(neuron.dim), np.linspace(0.0, 8.0, 17)
nodes = mf.quadrature(law, "sobol", 256)
predicted = mf.fluctuations(problem, nodes, times)
limit = mf.simulate(problem, law.sample(4096, seed=0, sampling="sobol"), ParticleFlow(rtol=1e-4), t_end=8.0)
field = mf.MeanField(limit)
target = np.array([field.outputs(time) for time in times])

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True)
for width, colour in ((50, "#94b8d9"), (200, "#2f78bd"), (800, "#123e74")):
    outputs, couplings = [], []
    for seed in range(20):
        run = mf.simulate(problem, law.sample(width, seed=seed), ParticleFlow(rtol=1e-4), t_end=8.0, save_at=times)
        outputs.append([problem.predict(measure, x[:, None]) for measure in run.measures])
        couplings.append(coupling_distance(field, run))
    error = np.sqrt(np.mean((np.array(outputs) - target) ** 2, axis=(0, 2, 3)))
    axes[0].plot(times, error, "o", ms=4, color=colour, label=f"{width} neurons")
    axes[0].plot(times, predicted.function_error(width), color=colour)
    coupling = np.sqrt(np.mean(np.square(couplings), axis=0))
    axes[1].plot(times[1:], coupling[1:], "o", ms=4, color=colour)
    axes[1].plot(times[1:], predicted.coupling_error(width)[1:], color=colour)
axes[0].set(title="distance of functions", xlabel="$t$", yscale="log")
axes[1].set(title="coupling distance $D_N$", xlabel="$t$", yscale="log")
axes[0].legend(title="points: measured, lines: predicted")
plt.show()
