"""Scalar nonlinearities with their slopes, and the loops that apply them to tiles.

Each scalar function returns ``(value, slope)``; a loop that ignores the slope pays
nothing for it, because the functions are inlined. A tile loop is chosen by an
integer code, so that every kernel is compiled and cached once for all activations.
At a kink the slope is the one from the left, as in PyTorch (relu'(0) = 0).
"""

from __future__ import annotations

import math

import numba

from meanfield.kernels.elementary import (
    exp_minus,
    expm1_minus,
    inline,
    log1p_unit,
    normal_cdf,
    normal_pdf,
)

__all__ = ["CODES", "fill_pairs", "fill_values"]

RELU, LEAKY_RELU, TANH, ERF, SIGMOID, SOFTPLUS = 0, 1, 2, 3, 4, 5
GELU, SILU, SIN, SQUARE, LINEAR, CLIPPED_LINEAR = 6, 7, 8, 9, 10, 11

#: Integer code of each built-in activation.
CODES = {
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "tanh": TANH,
    "erf": ERF,
    "sigmoid": SIGMOID,
    "softplus": SOFTPLUS,
    "gelu": GELU,
    "silu": SILU,
    "sin": SIN,
    "square": SQUARE,
    "linear": LINEAR,
    "clipped_linear": CLIPPED_LINEAR,
}


@inline
def relu(z):
    """max(z, 0)."""
    return (0.0 if z <= 0.0 else z), (0.0 if z <= 0.0 else 1.0)


@inline
def leaky_relu(z, slope):
    """The identity for z > 0, slope * z otherwise."""
    factor = 1.0 if z > 0.0 else slope
    return factor * z, factor


@inline
def tanh(z):
    """Hyperbolic tangent, -m / (2 + m) with m = e^{-2|z|} - 1, made odd in z."""
    m = expm1_minus(-2.0 * abs(z))
    value = math.copysign(m / (2.0 + m), z)
    return value, 1.0 - value * value


@inline
def erf(z):
    """Error function, with slope 2 e^{-z^2} / sqrt(pi)."""
    return math.erf(z), 1.1283791670955126 * exp_minus(-z * z)


@inline
def sigmoid(z):
    """1 / (1 + e^{-z}), without cancellation on either side."""
    e = exp_minus(-abs(z))
    scale = 1.0 / (1.0 + e)
    return (1.0 if z >= 0.0 else e) * scale, e * scale * scale


@inline
def softplus(z):
    """log(1 + e^z) = max(z, 0) + log(1 + e^{-|z|})."""
    e = exp_minus(-abs(z))
    positive = 0.0 if z <= 0.0 else z
    return positive + log1p_unit(e), (1.0 if z >= 0.0 else e) / (1.0 + e)


@inline
def gelu(z):
    """The product z P(G <= z) for a standard normal G (the exact form, not the tanh one)."""
    below = normal_cdf(z)
    return z * below, below + z * normal_pdf(z)


@inline
def silu(z):
    """The product z sigmoid(z)."""
    value, slope = sigmoid(z)
    return z * value, value + z * slope


@inline
def sin(z):
    """The sine of z."""
    return math.sin(z), math.cos(z)


@inline
def square(z):
    """z^2."""
    return z * z, 2.0 * z


@inline
def linear(z):
    """The identity."""
    return z, 1.0


@inline
def clipped_linear(z, start, stop, low, high):
    """`low` up to `start`, `high` from `stop` on, linear between."""
    slope = (high - low) / (stop - start)
    value = low + slope * (z - start)
    value = low if z <= start else value
    value = high if z >= stop else value
    return value, (slope if start < z <= stop else 0.0 * slope)


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def fill_values(code, parameters, z, value):
    """Write the activation of every element of the flat array `z` into `value`."""
    if code == RELU:
        for i in range(z.size):
            value[i] = relu(z[i])[0]
    elif code == LEAKY_RELU:
        for i in range(z.size):
            value[i] = leaky_relu(z[i], parameters[0])[0]
    elif code == TANH:
        for i in range(z.size):
            value[i] = tanh(z[i])[0]
    elif code == ERF:
        for i in range(z.size):
            value[i] = erf(z[i])[0]
    elif code == SIGMOID:
        for i in range(z.size):
            value[i] = sigmoid(z[i])[0]
    elif code == SOFTPLUS:
        for i in range(z.size):
            value[i] = softplus(z[i])[0]
    elif code == GELU:
        for i in range(z.size):
            value[i] = gelu(z[i])[0]
    elif code == SILU:
        for i in range(z.size):
            value[i] = silu(z[i])[0]
    elif code == SIN:
        for i in range(z.size):
            value[i] = sin(z[i])[0]
    elif code == SQUARE:
        for i in range(z.size):
            value[i] = square(z[i])[0]
    elif code == LINEAR:
        for i in range(z.size):
            value[i] = linear(z[i])[0]
    else:
        start, stop, low, high = parameters[0], parameters[1], parameters[2], parameters[3]
        for i in range(z.size):
            value[i] = clipped_linear(z[i], start, stop, low, high)[0]


@numba.njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def fill_pairs(code, parameters, z, value, slope):
    """Write value and slope of every element of `z`; `slope` may be `z` itself."""
    if code == RELU:
        for i in range(z.size):
            value[i], slope[i] = relu(z[i])
    elif code == LEAKY_RELU:
        for i in range(z.size):
            value[i], slope[i] = leaky_relu(z[i], parameters[0])
    elif code == TANH:
        for i in range(z.size):
            value[i], slope[i] = tanh(z[i])
    elif code == ERF:
        for i in range(z.size):
            value[i], slope[i] = erf(z[i])
    elif code == SIGMOID:
        for i in range(z.size):
            value[i], slope[i] = sigmoid(z[i])
    elif code == SOFTPLUS:
        for i in range(z.size):
            value[i], slope[i] = softplus(z[i])
    elif code == GELU:
        for i in range(z.size):
            value[i], slope[i] = gelu(z[i])
    elif code == SILU:
        for i in range(z.size):
            value[i], slope[i] = silu(z[i])
    elif code == SIN:
        for i in range(z.size):
            value[i], slope[i] = sin(z[i])
    elif code == SQUARE:
        for i in range(z.size):
            value[i], slope[i] = square(z[i])
    elif code == LINEAR:
        for i in range(z.size):
            value[i], slope[i] = linear(z[i])
    else:
        start, stop, low, high = parameters[0], parameters[1], parameters[2], parameters[3]
        for i in range(z.size):
            value[i], slope[i] = clipped_linear(z[i], start, stop, low, high)
