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
predicted = mf.fluctuations(problem, mf.quadrature(law, "sobol", 256), times)


def flow(start, times=times):
    """A network of any width, trained by the flow."""
    return mf.simulate(problem, start, ParticleFlow(rtol=1e-4), t_end=8.0, save_at=times)


limit = flow(law.sample(4096, seed=0, sampling="sobol"), times=np.linspace(0.0, 8.0, 81))
field = mf.MeanField(limit)
target = np.array([field.outputs(time) for time in times])

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for width, colour in ((50, "#94b8d9"), (200, "#2f78bd"), (800, "#123e74")):
    runs = [flow(law.sample(width, seed=seed)) for seed in range(10)]
    outputs = np.array([[problem.predict(mu, x) for mu in run.measures] for run in runs])
    error = np.sqrt(np.mean((outputs - target) ** 2, axis=(0, 2, 3)))
    coupling = np.sqrt(np.mean([coupling_distance(field, run) ** 2 for run in runs], axis=0))
    axes[0].semilogy(times, error, "o", ms=4, color=colour, label=f"{width} neurons")
    axes[0].semilogy(times, predicted.function_error(width), color=colour)
    axes[1].semilogy(times[1:], coupling[1:], "o", ms=4, color=colour)
    axes[1].semilogy(times[1:], predicted.coupling_error(width)[1:], color=colour)
axes[0].set(title="distance of functions", xlabel="$t$")
axes[1].set(title="coupling distance $D_N$", xlabel="$t$")
axes[0].legend(title="points: measured, lines: predicted")
plt.show()
