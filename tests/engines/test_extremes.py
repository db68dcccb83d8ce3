"""Numbers at the edges: kinks on data, zeros, huge and tiny values, crowded data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dense import dense
from engine_cases import CLIP, DTYPES, HAT, NAMED, ROUNDING, Case, check
from meanfield.activations import activations
from meanfield.engines.sorted_data import SortedEngine
from meanfield.neurons import Neuron

#: Numbers whose sums and quotients hit kinks, cells and zeros exactly.
ROUND = [0.0, -0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, 1.5, -2.0]
STRAIGHT = [activations["relu"], activations["tanh"], CLIP, HAT]


def numbers(*more):
    return st.sampled_from([*ROUND, *more]) | st.floats(-3.0, 3.0, width=32)


def cases(activation, weights, data, dtype):
    """Cases on the line with particles and data drawn from these numbers."""

    def build(rows, points):
        case = Case(Neuron(1, 1, activation), len(rows), len(points), dtype)
        case.take(rows, case.masses, np.array(points)[:, None])
        return case

    row = st.tuples(weights, weights, weights)
    return st.builds(
        build, st.lists(row, min_size=1, max_size=20), st.lists(data, min_size=1, max_size=20)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", STRAIGHT, **NAMED)
def test_round_numbers_that_put_kinks_on_data(activation, dtype):
    @given(cases(activation, numbers(), numbers(), dtype))
    def run(case):
        check(case)

    run()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", STRAIGHT, **NAMED)
def test_huge_and_tiny_inner_weights(activation, dtype):
    @given(cases(activation, numbers(1e30, -1e30, 1e-30, -1e-30, 1e6, -1e4), numbers(), dtype))
    def run(case):
        case.positions = np.array(case.positions)
        # Outer weights of moderate size: products of two huge numbers overflow in float32.
        case.positions[:, 0] = np.clip(case.positions[:, 0], -4.0, 4.0)
        case.positions.flags.writeable = False
        check(case)

    run()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", STRAIGHT, **NAMED)
def test_data_far_away_and_crowded(activation, dtype):
    far = [1e6, 1e6 + 0.0625, 1e6 + 0.125, -1e10, 1e-10, 2e-10, 1e-30, -1e-38]

    @given(cases(activation, numbers(), numbers(*far), dtype))
    def run(case):
        check(case)

    run()


WIDE = {
    "float32": [1e15, -1e15, 1e-15, 3e-15, -1e-12, 1.0 + 1e-9, 1.0 + 2e-9],
    "float64": [1e120, -1e120, 1e-120, 3e-120, -1e-100, 1e70, 1.0 + 1e-16],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", STRAIGHT, **NAMED)
def test_data_over_many_orders_of_magnitude(activation, dtype):
    @given(cases(activation, numbers(1e-15, -1e-15), numbers(*WIDE[dtype]), dtype))
    def run(case):
        check(case)

    run()


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 3e38), ("float64", 1.7e308)])
@pytest.mark.parametrize("activation", [activations["relu"], CLIP], **NAMED)
def test_data_at_the_ends_of_the_range_give_right_numbers_or_none(activation, dtype, largest):
    case = Case(Neuron(1, 1, activation), particles=5, points=5, dtype=dtype)
    data = np.array([-largest, -1.0, 0.0, 1.0, largest])
    case.take(case.positions, case.masses, data[:, None])
    engine = SortedEngine(case.neuron, case.inputs, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        exact = dense(*case.arrays).outputs
    outputs = engine.outputs(case.positions, case.masses)
    right = np.isclose(outputs, exact, rtol=ROUNDING[dtype], atol=ROUNDING[dtype])
    assert (right | ~np.isfinite(outputs)).all()
    assert right[1:4].all()


@pytest.mark.parametrize("name", ["relu", "tanh", "clipped_linear"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_nan_in_any_particle_reaches_the_outputs_and_its_potential(name, dtype, column):
    # Active on all data, on some from the left or the right, and on none.
    rows = np.array([[1.0, 1.0, 2.0], [1.0, 1.0, -0.25], [1.0, -1.0, -0.25], [1.0, 1.0, -5.0]])
    for row in range(len(rows)):
        case = Case(Neuron(1, 1, name), len(rows), points=7, dtype=dtype)
        broken = rows.copy()
        broken[row, column] = np.nan
        case.take(broken, case.masses, np.linspace(-1.0, 1.0, 7)[:, None])
        for engine in case.engines():
            computed = case.sums(engine)
            assert np.isnan(computed.outputs).any(), (engine.name, row)
            assert np.isnan(computed.potentials[row]), (engine.name, row)
            assert np.isfinite(np.delete(computed.potentials, row)).all(), (engine.name, row)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [(1.0, 0.5, 12345.678), (1.0, -777.7, 0.1), (2.0, 1e-3, -1e8)])
def test_a_neuron_beyond_its_last_knot_is_as_flat_as_it_should_be(dtype, row):
    case = Case(Neuron(1, 1, CLIP), particles=1, points=9, dtype=dtype)
    case.take([row], [1.0], np.linspace(0.5, 1.0, 9)[:, None])
    case.covector = np.abs(case.covector)
    exact, eps = dense(*case.arrays), ROUNDING[dtype]
    for engine in case.engines():
        computed = case.sums(engine)
        np.testing.assert_allclose(computed.outputs, exact.outputs, rtol=eps)
        np.testing.assert_allclose(computed.gradients, exact.gradients, rtol=eps, atol=eps)
        np.testing.assert_allclose(computed.potentials, exact.potentials, rtol=eps)
