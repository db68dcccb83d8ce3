"""Order conditions of the Runge–Kutta tables."""

import numpy as np
import pytest
from scipy.integrate import RK45

from meanfield.solvers.tableaus import tableaus


@pytest.mark.parametrize("name", list(tableaus))
def test_tables_satisfy_the_order_conditions(name):
    tableau = tableaus[name]
    nodes = tableau.coupling.sum(axis=1)
    for power in range(tableau.order):
        # quadrature conditions Σ b_i c_i^q = 1/(q+1), exact up to rounding of the literals
        np.testing.assert_allclose(tableau.weights @ nodes**power, 1 / (power + 1), rtol=1e-14)
    if tableau.order >= 3:
        np.testing.assert_allclose(tableau.weights @ tableau.coupling @ nodes, 1 / 6, rtol=1e-14)


@pytest.mark.parametrize("name", list(tableaus))
def test_interpolation_ends_at_the_step(name):
    tableau = tableaus[name]
    np.testing.assert_allclose(tableau.interpolation.sum(axis=1), tableau.weights, atol=1e-15)


def test_dormand_prince_is_the_one_of_scipy():
    tableau = tableaus["dopri5"]
    np.testing.assert_allclose(tableau.coupling[:6, :5], RK45.A, rtol=1e-15)
    np.testing.assert_allclose(tableau.weights[:6], RK45.B, rtol=1e-15)
    np.testing.assert_allclose(np.abs(tableau.error), np.abs(RK45.E), rtol=1e-15)
    np.testing.assert_allclose(tableau.interpolation, RK45.P, rtol=1e-15)
