"""The bounds behind the numbers of nodes hold on the ellipses themselves."""

import numpy as np
import pytest
from scipy.special import erf

from meanfield.activations import activations
from meanfield.engines import ellipses
from meanfield.engines.ellipses import ANALYTIC, reaches
from meanfield.neurons import Neuron

NODES = (8, 16, 32, 64, 128, 256)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def normal_pdf(z):
    return np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)


# σ and σ' at complex numbers.
COMPLEX = {
    "tanh": (np.tanh, lambda z: 1.0 / np.cosh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "softplus": (lambda z: np.log1p(np.exp(z)), sigmoid),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1.0 + z * sigmoid(-z))),
    "erf": (erf, lambda z: 2.0 / np.sqrt(np.pi) * np.exp(-z * z)),
    "gelu": (
        lambda z: z * 0.5 * (1.0 + erf(z / np.sqrt(2.0))),
        lambda z: 0.5 * (1.0 + erf(z / np.sqrt(2.0))) + z * normal_pdf(z),
    ),
    "sin": (np.sin, np.cos),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_bounds_hold_in_the_strip(name):
    # A comparison with rounding of the reference: 1e-9 relative.
    singular = {"tanh": np.pi / 2, "sigmoid": np.pi, "softplus": np.pi, "silu": np.pi}
    heights = np.linspace(0.02, min(0.98 * singular.get(name, 3.0), 3.0), 60)
    for real in (0.1, 1.0, 4.0, 12.0):
        # Where σ is bounded, the bound holds on the whole line.
        end = real if name in ("softplus", "silu", "gelu") else 15.0
        line = np.linspace(-15.0, end, 2001)
        points = line[None, :] + 1j * heights[:, None]
        value, slope = ANALYTIC[name](np.full_like(heights, real), heights)
        for function, bound in zip(COMPLEX[name], (value, slope), strict=True):
            assert (np.log(np.abs(function(points)).max(axis=1)) <= bound + 1e-9).all()


@pytest.mark.parametrize("name", ["softplus", "silu", "gelu"])
def test_activations_that_grow_are_straight_lines_up_to_a_reflection(name):
    z = np.linspace(-8.0, 8.0, 101)
    np.testing.assert_allclose(activations[name](z) - z, activations[name](-z), atol=1e-14)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu"])
def test_there_is_no_bound_beyond_the_poles(name):
    pole = np.pi / 2 if name == "tanh" else np.pi
    with np.errstate(divide="ignore"):
        value, _ = ANALYTIC[name](np.ones(2), np.array([0.9, 1.001]) * pole)
    assert value[0] < 10.0 and value[1] == np.inf


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10, 1e-13])
@pytest.mark.parametrize("name", ANALYTIC)
def test_interpolation_at_the_steepest_allowed_keeps_the_tolerance(name, tolerance):
    activation = activations[name]
    t = np.cos(np.linspace(0.0, np.pi, 501))
    for count, steepness in zip(NODES, reaches(name, NODES, tolerance), strict=True):
        steepness = min(steepness, 50.0)
        nodes = np.cos(np.pi * np.arange(count) / (count - 1))
        series = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, count - 1))
        matrix = np.polynomial.chebyshev.chebvander(t, count - 1) @ series
        for shift in (0.0, 0.3, 1.0, 0.5 * steepness, steepness, 2.0 * steepness + 3.0, -20.0):
            z, at_nodes = steepness * t + shift, steepness * nodes + shift
            # Sums of `count` terms in float64, besides.
            rounding = 2.0**-52 * count * max(1.0, np.abs(activation(z)).max())
            for function, weight in ((activation, 0), (activation.derivative, 0),
                                     (activation.derivative, 1)):  # fmt: skip
                exact = function(z) * t**weight
                error = np.abs(matrix @ (function(at_nodes) * nodes**weight) - exact).max()
                assert error <= tolerance + rounding


def test_bounds_are_not_far_from_what_is_needed():
    # Measured needs: 48 nodes for tanh at |w| h <= 2 and 96 at 4, for an error of 1e-13.
    assert reaches("tanh", (56,), 1e-13)[0] > 1.9 and reaches("tanh", (108,), 1e-13)[0] > 4.0


@pytest.mark.parametrize("count", [16, 64, 256, 512])
def test_rounded_nodes_keep_their_lebesgue_constant_below_six(count, rng):
    exact = np.cos(np.pi * np.arange(count) / (count - 1))
    nodes = exact + rng.uniform(-1.0, 1.0, count) * 0.125 / count**2
    nodes = np.clip(nodes, -1.0, 1.0)
    series = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, count - 1))
    t = np.cos(np.linspace(0.0, np.pi, 20 * count))
    matrix = np.polynomial.chebyshev.chebvander(t, count - 1) @ series
    assert 2.0 * (1.0 + np.abs(matrix).sum(axis=1).max()) <= ellipses._FACTOR


def test_every_smooth_activation_is_bounded_or_not_interpolated():
    for name in activations:
        activation = Neuron(1, activation=name).activation
        smooth = activation.smoothness == np.inf and activation.functions is None
        assert (name in ANALYTIC) == smooth
