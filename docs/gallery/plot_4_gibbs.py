"""
Noise finds the Gibbs measure
=============================

With noise of temperature τ the free energy F(μ) = R(μ) + λ/2 ∫ |θ|² dμ + τ ∫ log μ dμ has one
minimiser, μ* ∝ exp(−Ψ(·; μ*)/τ), and the flow comes to it from anywhere. Here the density
flows on a grid; Newton steps find μ* itself, in milliseconds.
"""

import matplotlib.pyplot as plt
import numpy as np

import meanfield as mf
from meanfield.solvers import GridFlow

plt.style.use("meanfield.plotting.meanfield")

x = np.linspace(-2.0, 2.0, 6)
problem = mf.Problem(
    mf.Neuron(inputs=1, activation="tanh", outer="fixed"),
    mf.Dataset(x, 0.8 * np.sin(1.5 * x + 0.7)),
    ridge=0.05,
    temperature=0.1,
)
start = mf.GridMeasure.from_density(mf.Gaussian(2).density, -9.0, 9.0, (100, 100))
times, gap = np.linspace(0.0, 60.0, 61), mf.observers.OptimalityGap()
run = mf.simulate(problem, start, GridFlow(), t_end=60.0, save_at=times, observers=[gap])
rest = mf.gibbs(problem, start)
bound = run.observables["optimality_gap"]  # from μ_t alone

figure, axes = plt.subplots(
    1, 5, figsize=(14, 3.2), width_ratios=[1, 1, 1, 1, 1.25], layout="constrained"
)
shown = [(run.measures[i], f"$t$ = {run.times[i]:g}") for i in (0, 5, 20)]
for (measure, title), ax in zip([*shown, (rest.measure, "Gibbs measure $\\mu^*$")], axes):
    w, b = measure.axes
    root = np.sqrt(measure.density.T)
    ax.contourf(w, b, root, levels=np.linspace(0.02, 1.0, 25) * root.max(), cmap="Blues")
    ax.set(title=title, xlabel="$w$", ylabel="$b$", xlim=(-5, 5), ylim=(-5, 5), aspect="equal")
    ax.label_outer()
axes[4].semilogy(
    run.times, run.energy - rest.energy, color="#2166a8", label="$F(\\mu_t) - F(\\mu^*)$"
)
axes[4].semilogy(run.times, bound, "--", color="#d8572a", label="certified bound")
axes[4].set(title="free energy", xlabel="$t$", ylim=(1e-8, 10))
axes[4].legend()
plt.show()
