"""What is kept of a pre-activation gives value and slope back."""

import numpy as np
import pytest

from meanfield.kernels.activations import BUILTIN, fill_pairs
from meanfield.kernels.compilation import kernel
from meanfield.kernels.memory import BYTE_KINDS, keep, recall

PARAMETERS = {
    "leaky_relu": (0.2,),
    "clipped_linear": (-0.5, 1.5, -1.0, 2.0),
    "linear_spline": ((-0.75, 0.5), (0.5, -1.0), (0.25, -1.2, -0.75)),
}
Z = np.concatenate([np.linspace(-4.0, 4.0, 65), [0.0, -0.0, 40.0, -40.0]])


@kernel
def remember(activation, z, memory, values, slopes):
    """Keep and recall every element of z."""
    for i in range(z.size):
        memory[i] = keep(activation, z[i], memory[i])
    for i in range(z.size):
        values[i], slopes[i] = recall(activation, memory[i], z[i])


def through_memory(activation, z, kept):
    memory, (values, slopes) = np.empty(z.size, kept), np.empty((2, z.size), z.dtype)
    remember(activation, z, memory, values, slopes)
    return values, slopes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_number_gives_value_and_slope_back(name, dtype):
    activation, z = BUILTIN[name](*PARAMETERS.get(name, ())), Z.astype(dtype)
    exact_value, exact_slope = np.empty((2, z.size), dtype)
    fill_pairs(activation, z, exact_value, exact_slope)
    values, slopes = through_memory(activation, z, dtype)
    # Slopes from values, 1 - σ² and σ (1 - σ), are right to roundings of numbers of size one.
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(values, exact_value, rtol=4 * eps, atol=4 * eps)
    np.testing.assert_allclose(slopes, exact_slope, rtol=4 * eps, atol=4 * eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", BYTE_KINDS)
def test_a_byte_gives_the_slope_back_and_no_value(kind, dtype):
    activation, z = kind(*([0.2] if kind is BUILTIN["leaky_relu"] else [])), Z.astype(dtype)
    exact_value, exact_slope = np.empty((2, z.size), dtype)
    fill_pairs(activation, z, exact_value, exact_slope)
    values, slopes = through_memory(activation, z, np.uint8)
    np.testing.assert_array_equal(slopes, exact_slope)
    assert not values.any()
    # Euler's identity stands for the value, as in the kernels.
    np.testing.assert_array_equal(z * slopes, exact_value)
