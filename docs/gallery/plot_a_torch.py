"""
A PyTorch network beside its limit
==================================

The training loop is PyTorch's own. Initial weights and learning rates are those of
mean-field training, the weights are recorded on the way as a measure, and a call
compares the record with the limit.
"""

import matplotlib.pyplot as plt
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

loss = torch.nn.MSELoss()
groups = mf.mean_field_parameter_groups(model, problem, step, loss_factor=2.0)
optimizer = torch.optim.SGD(groups)
recorder = mf.TorchRecorder(model, problem, save_at=[0, 0.2, 0.6, 1, 2, 4, 8, 12, 20, 30, 40])
for k in range(201):
    recorder(k * step)  # mean-field time
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()
found = mf.compare_with_limit(recorder.finish(), law)
print(found)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].semilogy(found.times, found.risk, "o", label="PyTorch")
axes[0].semilogy(found.times, found.reference_risk, label="limit")
axes[0].set(title="risk", xlabel="$t$")
axes[0].legend()
axes[1].plot(found.times, found.function_distance, label="of functions")
axes[1].plot(found.times, found.coupling, label="of neurons, coupled")
axes[1].set(title="distance from the limit", xlabel="$t$", ylim=(0.0, None))
axes[1].legend()
plt.show()
