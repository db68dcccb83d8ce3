"""Tables of activations are exact where they say so."""

from __future__ import annotations

import zlib
from base64 import b64decode

import numpy as np
import pytest

from meanfield.activations import activations, clipped_linear, custom, leaky_relu, linear_spline
from meanfield.page.neurons import activation_table, interpolate

CASES = [*activations.values(), leaky_relu(0.1), clipped_linear(0.5, 1.5, -2.5, 7.5)]
CASES += [linear_spline([-1.0, 0.0, 2.0], [0.0, 1.0, -1.0], 0.0, 0.5)]


def opened(table):
    names = ("nodes", "values", "slopes")
    return [np.frombuffer(zlib.decompress(b64decode(table[name])), "<f8") for name in names]


@pytest.mark.parametrize("activation", CASES, ids=lambda each: each.name)
@pytest.mark.parametrize("reach", [3.0, 200.0])
def test_tables_interpolate_every_activation(activation, reach):
    table = activation_table(activation, reach)
    if table is None:
        return  # not finite so far out
    places = np.random.default_rng(1).uniform(-reach, reach, 1000)
    found, exact = interpolate(*opened(table), places), activation(places)
    assert np.abs(found - exact).max() <= max(10.0 * table["error"], 1e-12) * np.abs(exact).max()
    # Between nodes at distance h the error is h⁴/384 |σ⁗|; h ≤ 200 asinh(200)/8192 for the sine.
    assert table["error"] < 2e-6


def test_kinks_have_both_slopes():
    table = activation_table(activations["relu"], 50.0)
    places = np.array([-1e-9, 0.0, 1e-9, 0.3, -0.3])
    np.testing.assert_allclose(
        interpolate(*opened(table), places), [0.0, 0.0, 1e-9, 0.3, 0.0], atol=1e-15
    )


def test_a_users_activation_needs_no_formula_in_the_page():
    bump = custom(
        "page-bump", lambda z: 1.0 / (1.0 + z * z), lambda z: -2.0 * z / (1.0 + z * z) ** 2
    )
    assert activation_table(bump, 30.0)["error"] < 1e-6


def test_what_is_not_finite_has_no_table():
    steep = custom("page-steep", lambda z: np.exp(z), lambda z: np.exp(z))
    assert activation_table(steep, 1e4) is None
