"""Runge–Kutta methods as tables of coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanfield.registry import Registry
from meanfield.typing import Float64Array

__all__ = ["Tableau", "tableaus"]


@dataclass(frozen=True, eq=False)
class Tableau:
    """An explicit Runge–Kutta method with its continuous extension.

    Attributes
    ----------
    name : str
    order : int
        Order of convergence.
    coupling : (s, s) array
        a_ij: stage i is evaluated at y + h Σ_j a_ij k_j.
    weights : (s,) array
        b_i: the step ends at y + h Σ_i b_i k_i.
    interpolation : (s, m) array
        Between the ends, y(θ) = y + h Σ_i k_i Σ_m P_im θ^(m+1).
    error : (s,) array or None
        e_i: h Σ_i e_i k_i estimates the local error; None for a fixed step.
        A method with an error estimate has k_s evaluated at the end of the step.
    """

    name: str
    order: int
    coupling: Float64Array
    weights: Float64Array
    interpolation: Float64Array
    error: Float64Array | None = None

    @property
    def stages(self) -> int:
        """Number s of stages."""
        return len(self.weights)

    @property
    def spare(self) -> int:
        """A stage that nothing needs once the step is made: its memory is free."""
        assert self.error is not None
        unused = (self.weights == 0) & (self.error == 0) & ~self.interpolation.any(axis=1)
        return int(np.flatnonzero(unused)[0])


#: Vocabulary of Runge–Kutta methods by name.
tableaus: Registry[Tableau] = Registry("method")

tableaus.register(
    "euler",
    Tableau("euler", 1, np.zeros((1, 1)), np.array([1.0]), np.array([[1.0]])),
)

tableaus.register(
    "heun",
    Tableau(
        "heun",
        2,
        np.array([[0.0, 0.0], [1.0, 0.0]]),
        np.array([0.5, 0.5]),
        np.array([[1.0, -0.5], [0.0, 0.5]]),
    ),
)

# Interpolation: the cubic that has the right values and slopes at both ends (to order 3).
tableaus.register(
    "rk4",
    Tableau(
        "rk4",
        4,
        np.array(
            [
                [0.0, 0.0, 0.0, 0.0],
                [0.5, 0.0, 0.0, 0.0],
                [0.0, 0.5, 0.0, 0.0],
                [0.0, 0.0, 1.0, 0.0],
            ]
        ),
        np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        np.array([[1.0, -1.5, 2 / 3], [0.0, 1.0, -2 / 3], [0.0, 1.0, -2 / 3], [0.0, -0.5, 2 / 3]]),
    ),
)

# Dormand, Prince (1980), J. Comput. Appl. Math. 6; interpolation of order 4 by
# Shampine (1986), Math. Comp. 46.
tableaus.register(
    "dopri5",
    Tableau(
        "dopri5",
        5,
        np.array(
            [
                [0, 0, 0, 0, 0, 0, 0],
                [1 / 5, 0, 0, 0, 0, 0, 0],
                [3 / 40, 9 / 40, 0, 0, 0, 0, 0],
                [44 / 45, -56 / 15, 32 / 9, 0, 0, 0, 0],
                [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0, 0],
                [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0, 0],
                [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0],
            ]
        ),
        np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0]),
        np.array(
            [
                [
                    1,
                    -8048581381 / 2820520608,
                    8663915743 / 2820520608,
                    -12715105075 / 11282082432,
                ],
                [0, 0, 0, 0],
                [
                    0,
                    131558114200 / 32700410799,
                    -68118460800 / 10900136933,
                    87487479700 / 32700410799,
                ],
                [
                    0,
                    -1754552775 / 470086768,
                    14199869525 / 1410260304,
                    -10690763975 / 1880347072,
                ],
                [
                    0,
                    127303824393 / 49829197408,
                    -318862633887 / 49829197408,
                    701980252875 / 199316789632,
                ],
                [
                    0,
                    -282668133 / 205662961,
                    2019193451 / 616988883,
                    -1453857185 / 822651844,
                ],
                [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
            ]
        ),
        np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]),
    ),
)
