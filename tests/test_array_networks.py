"""Networks as plain arrays: one row a neuron."""

from __future__ import annotations

import numpy as np
import pytest

import meanfield as mf


def test_the_measure_predicts_what_the_arrays_compute(rng):
    inner, outer, bias = (rng.standard_normal(s) for s in ((30, 3), (30, 2), 30))
    x = rng.standard_normal((5, 3))
    problem = mf.Problem(mf.Neuron(3, outputs=2), mf.Dataset(x, np.zeros((5, 2))), scale=2.0)
    measure = mf.measure_from_arrays(inner, outer, bias, output_factor=0.1, scale=2.0)
    expected = 0.1 * np.tanh(x @ inner.T + bias) @ outer
    assert np.allclose(problem.predict(measure, x), expected, rtol=0.0, atol=1e-13)


def test_layers_of_flax_are_transposed_kernels(rng):
    kernels = rng.standard_normal((3, 30)), rng.standard_normal((30, 1))
    measure = mf.measure_from_arrays(kernels[0].T, kernels[1])
    assert np.array_equal(measure.positions, np.column_stack([30 * kernels[1], kernels[0].T]))
    assert mf.measure_from_arrays(kernels[0].T, kernels[1][:, 0]) == measure


@pytest.mark.parametrize(("kinds", "kind"), [("fff", "float32"), ("fdf", "float64")])
def test_single_precision_stays_where_all_have_it(kinds, kind):
    arrays = [np.ones(s, k) for s, k in zip(((4, 2), (4, 1), 4), kinds, strict=True)]
    assert mf.measure_from_arrays(*arrays).positions.dtype == kind


def test_half_precision_of_jax_is_widened():
    kind = pytest.importorskip("ml_dtypes").bfloat16
    measure = mf.measure_from_arrays(*(np.ones(s, kind) for s in ((4, 2), (4, 1), 4)))
    assert measure.positions.dtype == np.float32
    assert np.array_equal(measure.positions[0], [4.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 2), (1, 4), 4), r"shapes \(4, 2\) and \(1, 4\); transpose outer"),
        (((2, 4), (4, 1), 4), r"shapes \(2, 4\) and \(4, 1\); transpose inner"),
        (((4, 2), (4, 1), 3), "bias must have one number a neuron, 4, got 3"),
        (((4,), (4, 1), 4), "inner must have 2 axes"),
        (((4, 2), (4, 1), (4, 1)), "bias must have 1 axes"),
    ],
)
def test_other_shapes_are_refused(shapes, message):
    with pytest.raises(mf.InvalidInputError, match=message):
        mf.measure_from_arrays(*(np.ones(shape) for shape in shapes))
