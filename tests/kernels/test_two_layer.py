"""Tiled sums over neurons and data against the same sums written with whole matrices."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.kernels.activations import CODES
from meanfield.kernels.two_layer import add_outputs, tile_shape, write_gradients, write_potentials

ROWS, COLUMNS = 4, 5
TANH = CODES["tanh"]
NO_PARAMETERS = np.zeros(4)


@dataclass
class Case:
    """Particles, masses, data and a covector of one shape."""

    particles: int
    points: int
    outputs: int
    outer: bool
    inner: int
    seed: int
    dtype: type = np.float64

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.outer_columns = self.outputs if self.outer else 0
        width = self.outer_columns + self.inner
        self.positions = rng.standard_normal((self.particles, width)).astype(self.dtype)
        self.masses = rng.dirichlet(np.ones(self.particles)).astype(self.dtype)
        self.inputs = rng.standard_normal((self.points, self.inner)).astype(self.dtype)
        self.covector = rng.standard_normal((self.points, self.outputs)).astype(self.dtype)

    def tape(self, size):
        return np.full(size, np.nan, self.dtype), np.full(size, np.nan, self.dtype)

    def forward(self, values, slopes, rows=ROWS, columns=COLUMNS):
        scratch = np.full(rows * columns, np.nan, self.dtype)
        outputs = np.zeros((self.points, self.outputs))
        add_outputs(
            self.positions, self.masses, self.outer_columns, self.inputs, TANH, NO_PARAMETERS,
            rows, columns, scratch, values, slopes, outputs,
        )  # fmt: skip
        return outputs

    def backward(self, values, slopes, rows=ROWS, columns=COLUMNS):
        scratch = np.full(3 * rows * columns, np.nan, self.dtype)
        gradients = np.full_like(self.positions, np.nan)
        write_gradients(
            self.positions, self.outer_columns, self.inputs, self.covector, TANH, NO_PARAMETERS,
            rows, columns, scratch, values, slopes, gradients,
        )  # fmt: skip
        return gradients

    def potentials(self, rows=ROWS, columns=COLUMNS):
        scratch = np.full(rows * columns, np.nan, self.dtype)
        potentials = np.full(self.particles, np.nan)
        write_potentials(
            self.positions, self.outer_columns, self.inputs, self.covector, TANH, NO_PARAMETERS,
            rows, columns, scratch, potentials,
        )  # fmt: skip
        return potentials


def oracle(case):
    """Outputs, gradients and potentials from whole (particles, points) matrices, float64."""
    theta, x = case.positions.astype(np.float64), case.inputs.astype(np.float64)
    u, masses = case.covector.astype(np.float64), case.masses.astype(np.float64)
    a = theta[:, : case.outer_columns] if case.outer else np.ones((case.particles, 1))
    z = theta[:, case.outer_columns :] @ x.T
    h, slope = np.tanh(z), 1.0 - np.tanh(z) ** 2
    outputs = h.T @ (masses[:, None] * a)
    by_inner = ((a @ u.T) * slope) @ x
    gradients = np.hstack([h @ u, by_inner]) if case.outer else by_inner
    return outputs, gradients, ((h @ u) * a).sum(axis=1)


shapes = st.builds(
    Case,
    # One particle or point, and both sides of the borders of tiles of 4 by 5.
    particles=st.sampled_from([1, 2, 3, 4, 5, 8, 9, 13]),
    points=st.sampled_from([1, 2, 4, 5, 6, 10, 11, 16]),
    outputs=st.sampled_from([1, 3]),
    outer=st.just(True),
    inner=st.integers(1, 4),
    seed=st.integers(0, 1000),
) | st.builds(
    Case,
    particles=st.sampled_from([1, 4, 5, 13]),
    points=st.sampled_from([1, 5, 6, 16]),
    outputs=st.just(1),
    outer=st.just(False),
    inner=st.integers(1, 4),
    seed=st.integers(0, 1000),
)

# Sums of at most 16 terms of size a few: some 16 roundings of numbers up to about 30.
TOLERANCE = {"rtol": 1e-13, "atol": 1e-13}


@given(shapes)
def test_outputs_are_the_weighted_sum_over_neurons(case):
    outputs = case.forward(*case.tape(0))
    np.testing.assert_allclose(outputs, oracle(case)[0], **TOLERANCE)


@given(shapes)
def test_gradients_are_those_of_the_paired_outputs(case):
    gradients = case.backward(*case.tape(0))
    np.testing.assert_allclose(gradients, oracle(case)[1], **TOLERANCE)


@given(shapes)
def test_potentials_pair_the_covector_with_each_neuron(case):
    np.testing.assert_allclose(case.potentials(), oracle(case)[2], **TOLERANCE)


@given(shapes)
def test_a_tape_changes_nothing_beyond_rounding(case):
    tape = case.tape(case.particles * case.points)
    np.testing.assert_allclose(case.forward(*tape), oracle(case)[0], **TOLERANCE)
    np.testing.assert_allclose(case.backward(*tape), oracle(case)[1], **TOLERANCE)


@given(shapes, st.integers(1, 20), st.integers(1, 20))
def test_the_tiling_changes_nothing_beyond_rounding(case, rows, columns):
    tape = case.tape(case.particles * case.points)
    np.testing.assert_allclose(case.forward(*tape, rows, columns), oracle(case)[0], **TOLERANCE)
    np.testing.assert_allclose(case.backward(*tape, rows, columns), oracle(case)[1], **TOLERANCE)
    np.testing.assert_allclose(case.potentials(rows, columns), oracle(case)[2], **TOLERANCE)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("taped", [0, 1])
def test_single_precision_is_right_to_its_rounding(outputs, taped):
    case = Case(13, 16, outputs, outer=True, inner=3, seed=5, dtype=np.float32)
    tape = case.tape(taped * case.particles * case.points)
    forward, backward = case.forward(*tape), case.backward(*tape)
    expected = oracle(case)
    assert backward.dtype == np.float32
    # Sums of 13 to 16 terms of size a few, each rounded to 2^-24.
    for computed, exact in zip((forward, backward, case.potentials()), expected, strict=True):
        np.testing.assert_allclose(computed, exact, rtol=1e-5, atol=1e-5)


def test_outputs_are_added_to_what_is_there():
    case = Case(5, 6, 1, outer=True, inner=2, seed=6)
    start = np.arange(6.0)[:, None]
    outputs = start.copy()
    add_outputs(
        case.positions, case.masses, case.outer_columns, case.inputs, TANH, NO_PARAMETERS,
        ROWS, COLUMNS, np.empty(ROWS * COLUMNS), *case.tape(0), outputs,
    )  # fmt: skip
    np.testing.assert_allclose(outputs - start, oracle(case)[0], **TOLERANCE)


def test_a_particle_without_mass_adds_nothing_but_still_has_a_gradient():
    case = Case(3, 6, 1, outer=True, inner=2, seed=7)
    case.masses = np.array([0.0, 0.5, 0.5])
    without = Case(3, 6, 1, outer=True, inner=2, seed=7)
    without.masses = np.array([0.0, 0.5, 0.5])
    without.positions[0] = 100.0
    np.testing.assert_array_equal(case.forward(*case.tape(0)), without.forward(*case.tape(0)))
    assert np.abs(case.backward(*case.tape(0))[0]).min() > 0.0


@pytest.mark.parametrize("points", [1, 2, 100, 511, 512, 513, 10**6])
def test_tiles_fit_in_the_cache_and_hold_at_least_one_particle(points):
    rows, columns = tile_shape(points)
    assert 1 <= columns <= min(points, 512)
    assert rows >= 1
    assert rows * columns <= 131072 < (rows + 1) * columns
