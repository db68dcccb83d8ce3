"""What a comparison measures: names, titles, and the slopes that theory predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["Quantity", "Statistic", "quantities", "statistics"]


@dataclass(frozen=True)
class Quantity:
    """What is fitted against the width.

    Attributes
    ----------
    title : str
        For tables and figures.
    power : int
        1: the mean over seeds is fitted; 2: the root mean square.
    expected : float or None
        Slope that theory predicts for smooth problems at a fixed time.
    symbols : (str, str) or None
        Of the constants in width and step of the mean square, constant/N + constant · step.
    predictions : (str, str) or None
        Names of the predictions of these constants.
    """

    title: str
    power: int
    expected: float | None = None
    symbols: tuple[str, str] | None = None
    predictions: tuple[str, str] | None = None


#: What is fitted, by the name of the samples.
quantities: Mapping[str, Quantity] = MappingProxyType(
    {
        "coupling_distance": Quantity(
            "coupling distance",
            2,
            -0.5,
            ("K", "D_c"),
            ("coupling_constant", "step_coupling_constant"),
        ),
        "function_distance": Quantity(
            "function distance", 2, -0.5, ("C", "D"), ("function_constant", "step_constant")
        ),
        "test_function_distance": Quantity(
            "held-out distance", 2, -0.5, ("C", "D"), ("test_constant", "test_step_constant")
        ),
        "risk_gap": Quantity("risk gap", 1, -1.0),
        "risk_fluctuation": Quantity("risk fluctuation", 2),
        "sliced_wasserstein": Quantity("sliced W₂", 2),
    }
)


@dataclass(frozen=True)
class Statistic:
    """A distance of the parameters, read against its null.

    Attributes
    ----------
    title : str
    power : int
        Power of the samples whose mean is compared with the null: 2 where the square has
        the smaller bias.
    """

    title: str
    power: int


#: Distances with a null, by the name of the samples; those of the null end in ``_null``.
statistics: Mapping[str, Statistic] = MappingProxyType(
    {
        "sliced_wasserstein": Statistic("sliced W₂", 2),
        "wasserstein_2": Statistic("W₂", 2),
        "wasserstein_1": Statistic("W₁", 1),
        "sinkhorn": Statistic("Sinkhorn divergence", 1),
        "energy": Statistic("energy distance", 2),
    }
)
