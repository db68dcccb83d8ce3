"""Pointwise losses ℓ(f, y): values, derivatives, and the targets that they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield.checks import as_number
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.registry import Registry
from meanfield.typing import Float64Array, IntArray

__all__ = ["Loss", "huber", "loss_from_dict", "losses"]


@dataclass(frozen=True)
class Loss:
    """A loss ℓ(f, y) of one data point.

    ========================  =======================================  ==================
    name                      ℓ(f, y)                                  targets
    ========================  =======================================  ==================
    ``squared``               ½ |f − y|²                               (n, k) numbers
    ``logistic``              log(1 + exp(−y f))                       labels −1 and +1
    ``cross_entropy``         log Σ_c exp(f_c) − f_y                   labels 0 … k − 1
    ``huber``                 ½ r² for |r| ≤ δ, δ (|r| − ½ δ) beyond   (n, k) numbers
    ========================  =======================================  ==================

    Attributes
    ----------
    name : str
        Name in the vocabulary `losses`.
    threshold : float
        δ of the Huber loss, in units of the targets; unused by the others.

    Examples
    --------
    >>> squared = losses["squared"]
    >>> squared.values([[1.0], [3.0]], [[0.0], [1.0]])
    array([0.5, 2. ])
    >>> squared.derivatives([[1.0], [3.0]], [[0.0], [1.0]]).ravel()
    array([1., 2.])
    """

    name: str
    threshold: float = 1.0

    @property
    def code(self) -> int:
        """Integer by which the kernels know the loss."""
        from meanfield.kernels.losses import CODES

        return CODES[self.name]

    @property
    def classifies(self) -> bool:
        """Whether targets are labels, so that an accuracy makes sense."""
        return self.name in ("logistic", "cross_entropy")

    def values(self, outputs: Any, targets: Any) -> Float64Array:
        """Losses ℓ(f_j, y_j), shape (n,)."""
        return self._evaluate(outputs, targets)[0]

    def derivatives(self, outputs: Any, targets: Any) -> Float64Array:
        """Derivatives ∂ℓ/∂f at each data point, shape (n, k)."""
        return self._evaluate(outputs, targets)[1]

    def _evaluate(self, outputs: Any, targets: Any) -> tuple[Float64Array, Float64Array]:
        from meanfield.kernels.compilation import read_only
        from meanfield.kernels.losses import fill_loss

        f = np.ascontiguousarray(outputs, dtype=np.float64)
        y = np.ascontiguousarray(targets, dtype=np.float64)
        self._check_shapes(f, y)
        values, derivatives = np.empty(f.shape[0]), np.empty_like(f)
        fill_loss(self.code, self.threshold, f, read_only(y), values, derivatives)
        return values, derivatives

    def _check_shapes(self, outputs: Float64Array, targets: Float64Array) -> None:
        """Raise unless the kernel stays inside these arrays."""
        if outputs.ndim != 2 or targets.ndim != 2 or len(outputs) != len(targets):
            raise InvalidInputError(
                "outputs must have shape (n, k) and targets (n, t), "
                f"got {outputs.shape} and {targets.shape}"
            )
        if self.name == "cross_entropy":
            inside = targets.min(initial=0) >= 0 and targets.max(initial=0) < outputs.shape[1]
            fits = targets.shape[1] == 1 and inside
        elif self.name == "logistic":
            fits = outputs.shape[1] == targets.shape[1] == 1
        else:
            fits = outputs.shape[1] == targets.shape[1]
        if not fits:
            self.check_targets(targets, outputs.shape[1])

    def classify(self, outputs: Float64Array) -> IntArray:
        """Most likely label of each row of outputs (n, k): −1/+1 or 0 … k − 1.

        Raises
        ------
        InvalidInputError
            If the loss has no labels.
        """
        if self.name == "logistic":
            return np.asarray(np.where(outputs[:, 0] >= 0.0, 1, -1), dtype=np.int64)
        if self.name == "cross_entropy":
            return np.asarray(np.argmax(outputs, axis=1), dtype=np.int64)
        raise InvalidInputError(f"the {self.name} loss has no labels to compare with")

    def check_targets(self, targets: Float64Array, outputs: int) -> None:
        """Raise a clear error unless `targets` (n, t) fit this loss and k `outputs`.

        Raises
        ------
        InvalidInputError
            If shape or values do not fit.
        """
        columns = targets.shape[1]
        if self.name == "cross_entropy":
            if outputs < 2:
                raise InvalidInputError(
                    f"cross_entropy needs a neuron with outputs >= 2, got {outputs}; "
                    "for two classes with one output use logistic and labels -1, +1"
                )
            whole = columns == 1 and bool((targets == np.floor(targets)).all())
            if not whole or targets.min() < 0 or targets.max() > outputs - 1:
                raise InvalidInputError(
                    f"cross_entropy takes integer labels 0 to {outputs - 1} (outputs={outputs}), "
                    f"got targets of shape {targets.shape} from {targets.min():g} "
                    f"to {targets.max():g}"
                )
        elif columns != outputs:
            raise InvalidInputError(
                f"targets have {columns} columns but the neuron has outputs={outputs}"
            )
        elif self.name == "logistic":
            if outputs != 1:
                raise InvalidInputError(
                    f"logistic takes one output, got outputs={outputs}; use cross_entropy"
                )
            if not bool(np.isin(targets, (-1.0, 1.0)).all()):
                wrong = targets[~np.isin(targets, (-1.0, 1.0))][0]
                raise InvalidInputError(f"logistic takes labels -1 and +1, got {wrong:g}")

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary from which `loss_from_dict` rebuilds the loss."""
        described: dict[str, Any] = {"name": self.name}
        if self.name == "huber":
            described["threshold"] = self.threshold
        return described


#: Vocabulary of losses by name.
losses: Registry[Loss] = Registry("loss")
for _name in ("squared", "logistic", "cross_entropy", "huber"):
    losses.register(_name, Loss(_name))


def huber(threshold: float = 1.0) -> Loss:
    """Huber loss with threshold δ, applied to each output and summed.

    Parameters
    ----------
    threshold : float
        δ > 0, in units of the targets.

    Raises
    ------
    InvalidInputError
        If δ is not positive and finite.

    Examples
    --------
    >>> huber(0.5).values([[2.0]], [[0.0]])
    array([0.875])
    """
    return Loss("huber", as_number("threshold", threshold, "positive"))


def loss_from_dict(described: Mapping[str, Any] | str | Loss) -> Loss:
    """Loss from a name, a dictionary, or itself.

    Raises
    ------
    InvalidInputError
        If the name or a setting is unknown.

    Examples
    --------
    >>> loss_from_dict({"name": "huber", "threshold": 2.0}).threshold
    2.0
    """
    if isinstance(described, Loss):
        return described
    if isinstance(described, str):
        return losses[described]
    if not isinstance(described, Mapping):
        raise InvalidInputError(f"loss must be a name, a dictionary or a Loss, got {described!r}")
    loss = losses[described.get("name", "")]
    known = ("name", "threshold") if loss.name == "huber" else ("name",)
    for setting in described:
        if setting not in known:
            raise unknown_name(f"setting of the {loss.name} loss", setting, known)
    return huber(described["threshold"]) if "threshold" in described else loss
