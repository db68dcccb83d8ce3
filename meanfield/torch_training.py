"""Training of two-layer networks of PyTorch: its rates in the mean field, its record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.measures import Measure, ParticleMeasure
from meanfield.observers import Observer
from meanfield.problems import AnyProblem
from meanfield.recorder import Recorder
from meanfield.solver import require_noiseless
from meanfield.torch_layers import Outer, TwoLayers, find_layers

if TYPE_CHECKING:
    import torch

__all__ = ["TorchRecorder", "mean_field_parameter_groups"]


def mean_field_parameter_groups(
    model: torch.nn.Module,
    problem: AnyProblem,
    step: float,
    *,
    output_factor: float = 1.0,
    loss_factor: float = 1.0,
) -> list[dict[str, Any]]:
    """Parameter groups with which `torch.optim.SGD` makes the mean-field steps of `SGD`.

    A step of the flow is θ_i ← θ_i − h ∇Ψ(θ_i), where ∇Ψ(θ_i) = N ∂F/∂θ_i and
    F = α^(−2) mean_j ℓ(f(x_j), y_j) + (1/N) Σ_i V(θ_i). In the parameters of a network
    f = s Σ_i A_i σ(w_i·x + b_i), where a_i = c A_i with c = N s/α, and for a training loss
    that is q times the mean of ℓ, these steps need different rates in the two layers:

    =============  ======================  ==================  =====================
    layer          learning rate           s = 1, α = q = 1    s = 1/N, α = q = 1
    =============  ======================  ==================  =====================
    inner (w, b)   N h / (q α²)            N h                 N h
    outer (A)      N h / (q α² c²)         h / N               N h
    =============  ======================  ==================  =====================

    k steps advance mean-field time by k h, and momentum means the same as in `SGD`. The
    ridge of the problem comes as weight decay. Adaptive optimizers such as Adam follow
    another flow.

    Parameters
    ----------
    model : torch.nn.Module
        As in `measure_from_torch`. A bias of the second layer must not be trained, nor the
        second layer itself if the problem's neuron has ``outer="fixed"``.
    problem : Problem or PopulationProblem
        Without noise, with the neuron of the model: its ℓ, α and V.
    step : float
        h > 0, the mean-field time of one step.
    output_factor : float
        s, as in `measure_from_torch`.
    loss_factor : float
        q. With k outputs, ``MSELoss`` is 2/k times the mean of ½|f − y|² and ``HuberLoss``
        1/k times ours; ``CrossEntropyLoss`` and ``SoftMarginLoss`` (logistic) are the mean.

    Returns
    -------
    list of dict
        For `torch.optim.SGD`, each with its ``lr`` and ``weight_decay``.

    Raises
    ------
    InvalidInputError
        If the model does not fit the problem, the problem has noise, or a number is out of
        range.

    References
    ----------
    Mei, Montanari, Nguyen (2018), eq. 3; Chizat, Oyallon, Bach (2019), section 2.

    Examples
    --------
    >>> import torch
    >>> import meanfield as mf
    >>> problem = mf.Problem(mf.Neuron(1, activation="relu"), mf.Dataset([0.0, 1.0], [0.0, 1.0]))
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(1, 100), torch.nn.ReLU(), torch.nn.Linear(100, 1, bias=False)
    ... )
    >>> groups = mean_field_parameter_groups(model, problem, step=0.01, loss_factor=2)  # MSELoss
    >>> [group["lr"] for group in groups]
    [0.5, 5e-05]
    >>> optimizer = torch.optim.SGD(groups)
    """
    layers = _layers_of(model, problem, output_factor)
    require_noiseless(problem, "torch.optim.SGD")
    time = as_number("step", step, "positive")
    loss = as_number("loss_factor", loss_factor, "positive")
    rate = layers.width * time / (loss * problem.scale**2)
    groups = [_group(layers.inner.parameters(), rate, problem.ridge.inner * time)]
    if problem.neuron.outer == "trained":
        outer_rate = rate / layers.magnification(problem.scale) ** 2
        groups.append(_group([layers.outer.weight], outer_rate, problem.ridge.outer * time))
    return groups


class TorchRecorder(Recorder):
    """Record the training of a two-layer PyTorch network by a loop of one's own.

    A `Recorder` that reads the model: call it with the mean-field time, which is k h after
    k steps with `mean_field_parameter_groups` of step h.

    Parameters
    ----------
    model : torch.nn.Module
        As in `measure_from_torch`; a bias of the second layer must not be trained.
    problem : Problem or PopulationProblem
        What the network learns, with its neuron: the model's activation, inputs, outputs
        and bias. Its ``scale`` and ``outer`` tell how the weights are read.
    save_at, store, observers, force
        As in `Recorder`.
    output_factor : float
        s, as in `measure_from_torch`.

    Raises
    ------
    InvalidInputError
        If the model does not fit the problem, or what `Recorder` raises.

    Examples
    --------
    >>> import torch
    >>> import meanfield as mf
    >>> x = torch.linspace(-1, 1, 8, dtype=torch.float64)[:, None]
    >>> problem = mf.Problem(mf.Neuron(1, activation="relu"), mf.Dataset(x.numpy(), x.numpy()))
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(1, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1, bias=False)
    ... ).double()
    >>> mf.load_into_torch(mf.ParticleMeasure.gaussian(64, 3, seed=0), model)
    >>> optimizer = torch.optim.SGD(mf.mean_field_parameter_groups(model, problem, step=0.1))
    >>> with mf.TorchRecorder(model, problem, save_at=np.linspace(0, 2, 5)) as recorder:
    ...     for k in range(21):
    ...         recorder(0.1 * k)
    ...         optimizer.zero_grad()
    ...         loss = 0.5 * (model(x) - x).square().sum(1).mean()
    ...         loss.backward()
    ...         optimizer.step()
    >>> run = recorder.trajectory
    >>> run.times, bool(run.risk[-1] < run.risk[0])
    (array([0. , 0.5, 1. , 1.5, 2. ]), True)
    """

    def __init__(
        self,
        model: torch.nn.Module,
        problem: AnyProblem,
        save_at: Any,
        *,
        output_factor: float = 1.0,
        store: str | Path | None = None,
        observers: Sequence[Observer] = (),
        force: bool = False,
    ) -> None:
        layers = _layers_of(model, problem, output_factor)

        def read() -> Measure:
            positions = layers.positions(problem.scale, problem.neuron.outer)
            if not np.isfinite(positions).all():
                raise DivergenceError(
                    f"the network left the finite numbers before t = {self._reached:.6g}; try "
                    "smaller learning rates",
                    self._reached,
                )
            return ParticleMeasure(positions)

        super().__init__(
            read,
            problem,
            save_at,
            store=store,
            observers=observers,
            framework="PyTorch",
            force=force,
        )


def _layers_of(model: Any, problem: AnyProblem, output_factor: float) -> TwoLayers:
    """Layers of a model whose training is that of the problem's neurons."""
    layers = find_layers(model, problem.neuron.activation, output_factor)
    neuron = layers.neuron(problem.neuron.outer)
    if neuron != problem.neuron:
        raise InvalidInputError(
            f"the model and the problem must have the same neuron, got {neuron!r} and "
            f"{problem.neuron!r}"
        )
    layers.positions(problem.scale, neuron.outer)
    _check_trained(layers, neuron.outer)
    return layers


def _check_trained(layers: TwoLayers, outer: Outer) -> None:
    """Raise if training would move what neurons do not have, or not move what they have."""
    bias = layers.outer.bias
    if bias is not None and bias.requires_grad:
        raise InvalidInputError(
            "the bias of the second Linear layer would be trained, but mean-field neurons have "
            "none; make the layer with bias=False, or freeze it by bias.requires_grad_(False)"
        )
    if layers.outer.weight.requires_grad != (outer == "trained"):
        raise InvalidInputError(
            'outer="fixed" needs a second Linear layer that is frozen by weight.requires_grad_('
            'False), and outer="trained" one that is not'
        )
    if not all(parameter.requires_grad for parameter in layers.inner.parameters()):
        raise InvalidInputError(
            "the first Linear layer is frozen, but neurons move all of w and b; set "
            "requires_grad_(True)"
        )


def _group(parameters: Any, rate: float, decayed: float) -> dict[str, Any]:
    """Group with a learning rate, and a weight decay that takes that share in one step."""
    return {"params": list(parameters), "lr": rate, "weight_decay": decayed / rate}
