"""Every engine that applies against whole matrices in float64, and against each other."""

import itertools

import pytest

from dense import dense
from engine_cases import (
    ACTIVATIONS,
    CLIP,
    CUBIC,
    DTYPES,
    HAT,
    KINKED,
    NAMED,
    Case,
    assert_within,
    check,
)
from meanfield.activations import activations
from meanfield.engines import tiled
from meanfield.engines.direct import DirectEngine
from meanfield.engines.sorted_data import SortedEngine
from meanfield.engines.tiled import TiledEngine
from meanfield.neurons import Neuron

# -- every activation and form of neuron ---------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS, **NAMED)
def test_every_activation(activation):
    # Three inputs as in the tests of problems: loops are compiled for each number of them.
    case = Case(Neuron(3, 1, activation), particles=41, points=23)
    engine = DirectEngine(case.neuron, case.inputs, case.dtype)
    assert_within(case.sums(engine), dense(*case.arrays), case.allowed(), engine.name)


def test_several_outputs_of_a_custom_activation():
    check(Case(Neuron(2, 2, CUBIC), particles=41, points=23))


#: One for each way in which a tile remembers: a byte, values, pre-activations.
REMEMBERED = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu"]


@pytest.mark.parametrize("kept", [0, 2**30])
@pytest.mark.parametrize("name", REMEMBERED)
def test_one_output_by_tiles_with_and_without_memory(monkeypatch, name, kept):
    monkeypatch.setattr(tiled, "_MEMORY_BYTES", kept)
    case = Case(Neuron(11, 1, name), particles=300, points=70)
    engine = TiledEngine(case.neuron, case.inputs, case.dtype)
    assert_within(case.sums(engine), dense(*case.arrays), case.allowed(), engine.name)


FORMS = list(itertools.product(["trained", "fixed"], [True, False]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("outer", "bias"), FORMS)
@pytest.mark.parametrize(
    "activation", [activations["relu"], activations["tanh"], CLIP, HAT], **NAMED
)
def test_every_form_of_neuron_on_the_line(activation, outer, bias, dtype):
    neuron = Neuron(1, 1, activation, outer, bias)
    case = Case(neuron, particles=700, points=150, dtype=dtype)
    exact, allowed = dense(*case.arrays), case.allowed()
    for engine in case.engines():
        assert_within(case.sums(engine), exact, allowed, engine.name)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_several_outputs_in_both_precisions(name, dtype, bias):
    check(Case(Neuron(2, 3, name, bias=bias), particles=300, points=90, dtype=dtype))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "clipped_linear", "linear_spline"])
def test_sums_over_data_on_the_line_are_exact_for_every_spline(name):
    for dtype, (outer, bias) in itertools.product(DTYPES, FORMS):
        neuron = Neuron(1, 1, {a.name: a for a in KINKED}[name], outer, bias)
        case = Case(neuron, particles=9000, points=60, dtype=dtype)
        engine = SortedEngine(neuron, case.inputs, dtype)
        assert_within(case.sums(engine), dense(*case.arrays), case.allowed(), name)


# -- sizes at the borders of blocks and tiles ------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("particles", "points"),
    [(1, 1), (3, 1), (1, 3), (4, 2047), (511, 5), (512, 2), (513, 2049), (1027, 33)],
)
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_sizes_around_blocks_and_tiles(name, particles, points, dtype):
    check(Case(Neuron(1, 1, name), particles, points, dtype, seed=particles))
    case = Case(Neuron(1, 3, name), particles, points, dtype, seed=points)
    engine = TiledEngine(case.neuron, case.inputs, dtype)
    assert_within(case.sums(engine), dense(*case.arrays), case.allowed(), "tiled, 3 outputs")
