"""
A PyTorch network beside its limit
==================================

The training loop is PyTorch's own. Initial weights and learning rates are those of
mean-field training, the weights are recorded on the way as a measure, and a call
compares the record with the limit.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import meanfield as mf

plt.style.use("meanfield.plotting.meanfield")

N, step = 256, 0.2
x = torch.linspace(-1, 1, 32, dtype=torch.float64)[:, None]
y = torch.sin(4 * x)
model = torch.nn.Sequential(
    torch.nn.Linear(1, N), torch.nn.Tanh(), torch.nn.Linear(N, 1, bias=False)
).double()
problem = mf.Problem(mf.neuron_from_torch(model), mf.Dataset(x.numpy(), y.numpy()))
law = mf.Gaussian(problem.neuron.dim, std=[4.0, 2.0, 2.0])  # of (a, w, b)
mf.load_into_torch(law.sample(N, seed=0), model)

groups = mf.mean_field_parameter_groups(model, problem, step, loss_factor=2.0)
optimizer, loss = torch.optim.SGD(groups), torch.nn.MSELoss()
recorder = mf.TorchRecorder(model, problem, save_at=np.linspace(0.0, 40.0, 41))
for k in range(201):
    recorder(k * step)  # mean-field time
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()
run = recorder.finish()
found = mf.compare_with_limit(run, law)
print(found)

# %%
# The network during training; its risk beside that of the limit; and how far they are apart.

figure, axes = plt.subplots(1, 3, figsize=(13, 3.8))
wide = np.linspace(-1.5, 1.5, 200)[:, None]
for index in (0, 4, 40):
    output = problem.predict(run.measures[index], wide)
    shade = plt.cm.Blues(0.35 + 0.65 * index / 40)
    axes[0].plot(wide, output, color=shade, label=f"$t$ = {run.times[index]:g}")
axes[0].plot(x, y, ".", color="0.6")
axes[0].set(title="network", xlabel="$x$")
axes[0].legend()
axes[1].semilogy(found.times, found.risk, "o", color="#2166a8", label="network, PyTorch")
axes[1].semilogy(found.times, found.reference_risk, color="#d8572a", label="limit")
axes[1].set(title="risk", xlabel="$t$")
axes[1].legend()
axes[2].plot(found.times, found.function_distance, color="#2166a8", label="of functions")
axes[2].plot(found.times, found.coupling, color="#d8572a", label="of neurons, coupled")
axes[2].set(title="distance from the limit", xlabel="$t$", ylim=(0.0, None))
axes[2].legend()
plt.show()
