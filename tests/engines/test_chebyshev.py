"""Interpolated sums are those of the direct engine up to the error that is stated."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield import activations
from meanfield.engines import chebyshev, threads
from meanfield.engines.chebyshev import ChebyshevEngine, is_analytic
from meanfield.engines.choice import choose_engine
from meanfield.engines.direct import DirectEngine
from meanfield.engines.ellipses import ANALYTIC
from meanfield.neurons import Neuron

RNG_SEED = 5
FEWEST_PAIRS = chebyshev._PAIRS


@pytest.fixture(autouse=True, scope="module")
def _nodes_for_few_pairs_too():
    """Small cases use nodes as large ones do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chebyshev, "_PAIRS", 0)
        yield


@dataclass(frozen=True)
class Sums:
    """What an engine computes, as float64."""

    outputs: np.ndarray
    potentials: np.ndarray
    gradients: np.ndarray

    @classmethod
    def by(cls, engine, positions, masses, covector):
        gradients = np.empty_like(positions)
        outputs = engine.velocity_pass(positions, masses, lambda f: covector, gradients)
        return cls(outputs, engine.potentials(positions, covector), gradients.astype(np.float64))


def sample(neuron, particles, steepness, seed=RNG_SEED, offset=3.0):
    """Positions with |w| <= `steepness` and |b| <= `offset`."""
    rng = np.random.default_rng(seed)
    positions = rng.standard_normal((particles, neuron.dim))
    positions[:, neuron.outer_columns] = rng.uniform(-steepness, steepness, particles)
    if neuron.bias:
        positions[:, -1] = rng.uniform(-offset, offset, particles)
    return positions


def check(neuron, inputs, positions, dtype="float64", ulps=chebyshev._ULPS):
    """Compare with float64 sums at the same, rounded, data and positions."""
    rng = np.random.default_rng(RNG_SEED)
    positions, typed = positions.astype(dtype), inputs.astype(dtype).astype(np.float64)
    masses = rng.uniform(0.0, 2.0 / len(positions), len(positions))
    covector = rng.standard_normal((len(inputs), 1))
    engine = ChebyshevEngine(neuron, inputs, dtype)
    found = Sums.by(engine, positions, masses, covector)
    exact = Sums.by(
        DirectEngine(neuron, typed, "float64"), positions.astype(np.float64), masses, covector
    )
    np.testing.assert_array_equal(engine.outputs(positions, masses), found.outputs)

    weight = np.abs(positions[:, neuron.outer_columns].astype(np.float64))
    shift = np.abs(positions[:, -1].astype(np.float64)) if neuron.bias else 0.0
    size = np.abs(typed).max()
    outer = np.abs(positions[:, 0]) if neuron.outer_columns else np.ones(len(positions))
    # Beside the stated error, rounding of z = w x + b, as of any engine, and of σ(z).
    z = weight * size + shift
    values = np.maximum(np.abs(neuron.activation(z)), np.abs(neuron.activation(-z)))
    slopes = np.maximum(np.abs(neuron.activation.derivative(z)), 1.2)
    rounding = 4.0 * (1.0 + values + slopes * z)
    each = np.finfo(dtype).eps * (ulps + rounding)
    pull = np.abs(covector).sum()
    assert np.abs(found.outputs - exact.outputs).max() <= masses @ (outer * each)
    assert (np.abs(found.potentials - exact.potentials) <= pull * outer * each).all()
    bound = pull * (1.0 + size) * np.maximum(outer, 1.0) * each
    assert (np.abs(found.gradients - exact.gradients) <= bound[:, None]).all()
    return engine, found, exact


#: Loops are compiled for each; in float32, one for each way in which functions grow.
COMPILED = [(name, "float64") for name in ANALYTIC]
COMPILED += [(name, "float32") for name in ("tanh", "erf", "sin", "gelu")]


@pytest.mark.parametrize(("name", "dtype"), COMPILED)
def test_steep_and_flat_particles_together_keep_the_stated_error(name, dtype, rng):
    neuron = Neuron(1, activation=name)
    engine, _, _ = check(neuron, rng.uniform(-1, 1, (1500, 1)), sample(neuron, 2000, 16.0), dtype)
    assert len(engine._plan(sample(neuron, 2000, 16.0)).dense) == 0


@pytest.mark.parametrize("name", ANALYTIC)
def test_far_biases(name, rng):
    neuron = Neuron(1, activation=name)
    positions = sample(neuron, 600, 8.0, offset=1e4)
    check(neuron, rng.uniform(-2, 1, (700, 1)), positions)


@given(
    compiled=st.sampled_from(sorted(COMPILED)),
    outer=st.sampled_from(["trained", "fixed"]),
    bias=st.booleans(),
    points=st.integers(500, 900),
    particles=st.integers(130, 700),
    steepness=st.floats(0.01, 300.0),
    centre=st.floats(-30.0, 30.0),
    clusters=st.integers(1, 5),
    seed=st.integers(0, 2**20),
)
def test_any_data_and_particles(
    compiled, outer, bias, points, particles, steepness, centre, clusters, seed
):
    name, dtype = compiled
    rng = np.random.default_rng(seed)
    neuron = Neuron(1, activation=name, outer=outer, bias=bias)
    middles = centre + rng.standard_normal(clusters)
    inputs = rng.choice(middles, points) + 0.01 * rng.standard_normal(points)
    check(neuron, inputs[:, None], sample(neuron, particles, steepness, seed), dtype)


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "sin"])
def test_at_the_borders_of_levels_the_error_is_the_one_stated(name, rng, monkeypatch):
    """With a coarse tolerance in float64 the truncation itself is seen, below its bound."""
    tolerance = 1e-6
    monkeypatch.setattr(chebyshev, "_ULPS", tolerance / np.finfo(np.float64).eps)
    neuron = Neuron(1, activation=name)
    inputs = rng.uniform(-0.5, 1.5, (1200, 1))
    inputs[:2, 0] = -0.5, 1.5
    limits = ChebyshevEngine(neuron, inputs, "float64")._limits
    positions = sample(neuron, 120 * len(limits), 1.0)
    positions[:, 1] = np.tile(limits, 120)
    engine, found, exact = check(neuron, inputs, positions, ulps=chebyshev._ULPS)
    assert engine._plan(positions).counts.tolist() == [120] * len(limits)
    error = np.abs(found.potentials - exact.potentials).max()
    assert error > 1e3 * np.finfo(np.float64).eps


def test_particles_too_steep_for_the_data_are_summed_at_the_data(rng):
    neuron = Neuron(1)
    positions = sample(neuron, 3000, 2.0)
    positions[::7, 1] *= 1e4
    positions[5, 1] = 1e30
    engine, found, exact = check(neuron, rng.uniform(-1, 1, (600, 1)), positions)
    dense = engine._plan(positions).dense
    assert set(range(0, 3000, 7)) - set(dense) <= set(np.flatnonzero(np.abs(positions[:, 1]) < 30))
    np.testing.assert_array_equal(found.gradients[dense], exact.gradients[dense])


def test_one_steep_particle_does_not_lengthen_the_series(rng):
    neuron = Neuron(1)
    positions = sample(neuron, 1000, 1.0)
    positions[17, 1] = 12.0
    plan = check(neuron, rng.uniform(-1, 1, (2000, 1)), positions)[0]._plan(positions)
    assert plan.dense.tolist() == [17]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [0.0, 1e-12, 1e-5, 1e-2])
def test_data_in_a_narrow_interval_far_from_zero(width, dtype, rng):
    neuron = Neuron(1)
    inputs = 100.0 + width * rng.uniform(-1, 1, (800, 1))
    positions = sample(neuron, 400, 0.5)
    positions[:, 2] -= 100.0 * positions[:, 1]
    check(neuron, inputs, positions, dtype)


def test_not_a_number_shows():
    neuron = Neuron(1)
    positions = sample(neuron, 500, 1.0)
    positions[3, 1] = np.nan
    engine = ChebyshevEngine(neuron, np.linspace(-1, 1, 900)[:, None], "float64")
    gradients = np.empty_like(positions)
    outputs = engine.velocity_pass(positions, np.ones(500), lambda f: np.ones((900, 1)), gradients)
    assert np.isnan(outputs).all() and np.isnan(gradients[3]).any()
    assert np.isfinite(np.delete(gradients, 3, axis=0)).all()


def test_gradients_are_those_of_the_potentials(rng):
    neuron = Neuron(1)
    engine = ChebyshevEngine(neuron, rng.uniform(-1, 1, (900, 1)), "float64")
    positions, covector = sample(neuron, 400, 5.0), rng.standard_normal((900, 1))
    gradients, step = np.empty_like(positions), 1e-5
    engine.velocity_pass(positions, np.ones(400), lambda f: covector, gradients)
    for column in range(3):
        shift = step * np.eye(3)[column]
        ahead, behind = (engine.potentials(positions + s * shift, covector) for s in (1, -1))
        # Central differences: h² |Ψ'''| / 6 + eps |Ψ| / h, both below 1e-9 relative.
        difference = (ahead - behind) / (2 * step)
        scale = np.abs(covector).sum()
        np.testing.assert_allclose(gradients[:, column], difference, atol=1e-9 * scale)


def test_outputs_and_potentials_are_adjoint(rng):
    neuron = Neuron(1, activation="gelu")
    engine = ChebyshevEngine(neuron, rng.uniform(-1, 1, (1100, 1)), "float64")
    positions, masses = sample(neuron, 900, 30.0), rng.uniform(0, 1, 900)
    covector = rng.standard_normal((1100, 1))
    left = np.sum(engine.outputs(positions, masses) * covector)
    right = masses @ engine.potentials(positions, covector)
    scale = masses @ np.abs(positions[:, 0]) * np.abs(covector).sum()
    assert abs(left - right) <= 1e-14 * 30.0 * scale


def test_new_data_take_the_place_of_the_old(rng):
    neuron = Neuron(1)
    positions, masses = sample(neuron, 800, 4.0), np.ones(800)
    first, second = rng.uniform(-1, 1, (600, 1)), 3.0 + rng.uniform(-2, 2, (600, 1))
    engine = ChebyshevEngine(neuron, first, "float64")
    engine.outputs(positions, masses)
    engine.load(second)
    expected = ChebyshevEngine(neuron, second, "float64").outputs(positions, masses)
    np.testing.assert_array_equal(engine.outputs(positions, masses), expected)


@pytest.fixture
def set_threads(monkeypatch):
    """Make the engines use so many threads, whatever the machine has."""

    def set_threads(count):
        monkeypatch.setattr(threads, "thread_count", lambda: count)
        threads._pool.cache_clear()

    yield set_threads
    threads._pool.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(set_threads, dtype):
    neuron = Neuron(1)
    rng = np.random.default_rng(1)
    inputs, covector = rng.uniform(-1, 1, (20000, 1)), rng.standard_normal((20000, 1))
    positions = sample(neuron, 7000, 40.0).astype(dtype)
    results = []
    for count in (1, 2, 4):
        set_threads(count)
        engine = ChebyshevEngine(neuron, inputs, dtype)
        results.append(Sums.by(engine, positions, np.ones(7000), covector))
    for result in results[1:]:
        np.testing.assert_array_equal(result.outputs, results[0].outputs)
        np.testing.assert_array_equal(result.potentials, results[0].potentials)
        np.testing.assert_array_equal(result.gradients, results[0].gradients)


def test_few_pairs_are_summed_at_the_data(monkeypatch):
    monkeypatch.setattr(chebyshev, "_PAIRS", FEWEST_PAIRS)
    neuron, inputs = Neuron(1), np.linspace(-1, 1, 512)[:, None]
    few, enough = (sample(neuron, FEWEST_PAIRS // 512 - missing, 0.1) for missing in (1, 0))
    engine, found, exact = check(neuron, inputs, few)
    assert not engine._plan(few).levels and engine._plan(enough).levels
    np.testing.assert_array_equal(found.outputs, exact.outputs)


def test_it_is_chosen_for_much_data_and_analytic_activations():
    names = {
        (activation, points): choose_engine(
            Neuron(1, activation=activation), np.linspace(-1, 1, points)[:, None], "float64"
        ).name
        for activation in ("tanh", "gelu", "relu")
        for points in (149, 150)
    }
    assert names["tanh", 149] == "direct" and names["tanh", 150] == "chebyshev"
    assert names["gelu", 150] == "chebyshev" and names["relu", 150] == "sorted"
    plane = choose_engine(Neuron(2), np.zeros((9000, 2)), "float64")
    assert plane.name == "direct"


def test_a_users_activation_is_not_taken_for_analytic():
    bump = activations.custom("half_line", lambda z: z * z, lambda z: 2.0 * z)
    assert not is_analytic(Neuron(1, activation=bump))
