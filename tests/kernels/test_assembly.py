"""Hot kernels are vector instructions: packed arithmetic on 256 or 512 bits."""

import platform
import re

import llvmlite.binding as llvm
import numpy as np
import pytest

from engine_cases import Case
from meanfield.activations import activations
from meanfield.engines.direct import DirectEngine
from meanfield.engines.tiled import TiledEngine
from meanfield.kernels import chebyshev, direct, many_outputs, tiles
from meanfield.kernels.compilation import uncached
from meanfield.neurons import Neuron

FEATURES = llvm.get_host_cpu_features()
pytestmark = [
    pytest.mark.skipif(
        platform.machine().lower() not in ("x86_64", "amd64") or not FEATURES.get("avx2"),
        reason="the names of instructions are those of x86 with AVX2",
    )
]

#: Endings of instructions.
SUFFIX = {"float32": "ps", "float64": "pd"}


def assembly(kernel, *arguments):
    """Machine code of a kernel for these arguments, compiled afresh."""
    twin = uncached.__wrapped__(kernel)
    twin(*arguments)
    (text,) = twin.inspect_asm().values()
    return text


def packed(text, suffix):
    """Number of multiplications, and of fused ones, of whole registers."""
    pattern = rf"\bv(?:mul|fn?m(?:add|sub)\d+){suffix}\s+[^\n]*%?[yz]mm"
    return len(re.findall(pattern, text))


def calls_of_the_c_library(text):
    return set(re.findall(r"\b(tanhf?|expf?|expm1f?)\b", text))


def direct_arguments(name, dtype):
    case = Case(Neuron(2, 1, name), particles=16, points=64, dtype=dtype)
    engine = DirectEngine(case.neuron, case.inputs, dtype)
    covector = case.covector[:, 0].astype(dtype)
    typed, columns = activations[name].typed, (1, 1)
    return {
        direct.add_outputs: (
            typed, case.positions, case.masses, *columns, engine.points, np.zeros(64),
        ),
        direct.write_gradients: (
            typed, case.positions, *columns, engine.points, covector, np.empty((16, 4), dtype),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_direct_sums_fill_registers_and_call_nothing(name, dtype):
    for kernel, arguments in direct_arguments(name, dtype).items():
        text = assembly(kernel, *arguments)
        assert packed(text, SUFFIX[dtype]) >= 4, kernel.__name__
        assert not calls_of_the_c_library(text), kernel.__name__


def test_sums_at_nodes_fill_registers_and_call_nothing():
    positions, nodes = np.ones((64, 3)), np.linspace(-1, 1, 16)
    text = assembly(
        chebyshev.pull_gradients, activations["tanh"].typed, positions, np.arange(64), 1, 1,
        nodes, np.ones(16), np.empty_like(positions),
    )  # fmt: skip
    assert packed(text, "pd") >= 4
    assert not calls_of_the_c_library(text)


@pytest.mark.parametrize(
    ("outputs", "module", "dtype"), [(1, tiles, "float32"), (3, many_outputs, "float64")]
)
def test_sweeps_over_tiles_fill_registers_and_call_nothing(outputs, module, dtype):
    case = Case(Neuron(9, outputs, "tanh"), particles=16, points=64, dtype=dtype)
    engine = TiledEngine(case.neuron, case.inputs, dtype)
    room, typed = np.empty(2 * 16 * 64, dtype), activations["tanh"].typed
    forward = assembly(
        module.add_outputs, typed, case.positions, case.masses, outputs, 1, engine.inputs,
        16, 64, room, np.empty(16 * 64, dtype), np.zeros((64, outputs)),
    )  # fmt: skip
    backward = assembly(
        module.write_gradients, typed, case.positions, outputs, 1, engine.inputs,
        case.covector.astype(dtype), 16, 64, room, np.empty(16 * 64, dtype), 0,
        np.empty_like(case.positions),
    )  # fmt: skip
    for text in (forward, backward):
        assert packed(text, SUFFIX[dtype]) >= 4
        assert not calls_of_the_c_library(text)
