import copy
import itertools
import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from meanfield.activations import activations, clipped_linear, leaky_relu, linear_spline
from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError
from meanfield.losses import huber, losses
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.regularizers import Ridge
from torch_activations import TORCH

PARTICLES, POINTS, INPUTS = 7, 11, 2
RIDGE, SCALE, THRESHOLD = Ridge(outer=0.3, inner=0.07), 2.0, 0.4


# -- the same network and energy in PyTorch, from the formulas of the package --------------


def torch_loss(loss, outputs, targets):
    """ℓ(f_j, y_j) of every data point."""
    if loss.name == "squared":
        return 0.5 * ((outputs - targets) ** 2).sum(1)
    if loss.name == "logistic":
        return functional.softplus(-targets * outputs, threshold=1e3).sum(1)
    if loss.name == "huber":
        delta = loss.threshold
        return functional.huber_loss(outputs, targets, delta=delta, reduction="none").sum(1)
    return functional.cross_entropy(outputs, targets[:, 0].long(), reduction="none")


def torch_outputs(problem, positions, masses, inputs):
    """f(x) = α Σ_i m_i a_i σ(w_i · x + b_i), shape (n, k)."""
    neuron = problem.neuron
    k = neuron.outer_columns
    outer = positions[:, :k] if k else torch.ones((len(positions), 1), dtype=torch.float64)
    z = inputs @ positions[:, k : k + neuron.inputs].T
    if neuron.bias:
        z = z + positions[:, -1]
    activation = neuron.activation
    hidden = TORCH[activation.name](z, *activation.parameters.values())
    return problem.scale * hidden @ (masses[:, None] * outer)


def torch_energy(problem, positions, masses):
    """F(θ) = α⁻² Σ_j p_j ℓ(f_j, y_j) + Σ_i m_i V(θ_i)."""
    inputs, targets, weights = (torch.tensor(a) for a in problem.data.to_dict().values())
    outputs = torch_outputs(problem, positions, masses, inputs)
    risk = (weights * torch_loss(problem.loss, outputs, targets)).sum() / problem.scale**2
    k = problem.neuron.outer_columns
    penalties = 0.5 * (
        problem.ridge.outer * (positions[:, :k] ** 2).sum(1)
        + problem.ridge.inner * (positions[:, k:] ** 2).sum(1)
    )
    return risk + (masses * penalties).sum()


def data_for(loss, outputs, seed=5):
    """Noisy data with unequal weights and targets that the loss takes."""
    rng = np.random.default_rng(seed)
    targets = {
        "squared": rng.standard_normal((POINTS, outputs)),
        "huber": rng.standard_normal((POINTS, outputs)),
        "logistic": rng.choice([-1.0, 1.0], (POINTS, 1)),
        "cross_entropy": rng.integers(0, outputs, (POINTS, 1)),
    }[loss.name]
    return Dataset(rng.standard_normal((POINTS, INPUTS)), targets, rng.dirichlet(np.ones(POINTS)))


def cloud(dim, seed=6, particles=PARTICLES):
    """Particles of unequal mass."""
    rng = np.random.default_rng(seed)
    masses = rng.dirichlet(np.ones(particles))
    return ParticleMeasure(1.5 * rng.standard_normal((particles, dim)), masses)


def forms(loss):
    """Every form of a neuron that has outputs for this loss."""
    counts = {"logistic": (1,), "cross_entropy": (2, 3)}.get(loss.name, (1, 3))
    for outer, bias, outputs in itertools.product(("trained", "fixed"), (True, False), counts):
        if outer == "trained" or outputs == 1:
            yield {"outer": outer, "bias": bias, "outputs": outputs}


ACTIVATIONS = [
    *(a for a in activations.values() if a.functions is None and not a.parameters),
    leaky_relu(0.2),
    clipped_linear(-0.5, 1.5, -1.0, 2.0),
    linear_spline((-0.7, 0.4, 1.1), (0.5, -1.0, 0.25), 0.3, -0.8),
]
LOSSES = [losses["squared"], losses["logistic"], losses["cross_entropy"], huber(THRESHOLD)]


def test_every_builtin_activation_and_loss_is_differentiated():
    assert {a.name for a in ACTIVATIONS} == set(TORCH)
    assert {loss.name for loss in LOSSES} == set(losses)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.name)
def test_velocity_is_minus_the_gradient_of_the_energy_over_the_mass(activation, loss):
    for form in forms(loss):
        neuron = Neuron(INPUTS, activation=activation, **form)
        problem = Problem(neuron, data_for(loss, neuron.outputs), loss, RIDGE, scale=SCALE)
        measure = cloud(neuron.dim)
        positions = torch.tensor(measure.positions, requires_grad=True)
        masses = torch.tensor(measure.weights)
        energy = torch_energy(problem, positions, masses)
        energy.backward()
        expected = -(positions.grad / masses[:, None]).numpy()
        # Sums of 7 and 11 terms in double precision; 1e-11 of the largest entry leaves
        # room for a division by the smallest mass.
        error = np.abs(problem.velocity(measure) - expected).max()
        assert error <= 1e-11 * np.abs(expected).max(), form
        assert problem.energy(measure) == pytest.approx(energy.item(), rel=1e-13), form


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_predictions_and_residuals_agree_with_pytorch(loss):
    neuron = Neuron(INPUTS, outputs=3 if loss.name != "logistic" else 1, activation="gelu")
    problem = Problem(neuron, data_for(loss, neuron.outputs), loss, scale=SCALE)
    measure, where = cloud(neuron.dim), np.random.default_rng(0).standard_normal((5, INPUTS))
    positions, masses = torch.tensor(measure.positions), torch.tensor(measure.weights)
    expected = torch_outputs(problem, positions, masses, torch.tensor(where)).numpy()
    # Sums of 7 terms of size a few.
    np.testing.assert_allclose(problem.predict(measure, where), expected, rtol=1e-13, atol=1e-13)
    outputs = torch.tensor(problem.outputs(measure), requires_grad=True)
    torch_loss(loss, outputs, torch.tensor(problem.data.targets)).sum().backward()
    np.testing.assert_allclose(
        problem.residual(measure), outputs.grad.numpy(), rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("outer", ["trained", "fixed"])
def test_potential_is_the_first_variation_of_the_energy(loss, outer):
    if loss.name == "cross_entropy":
        outer = "trained"
    neuron = Neuron(INPUTS, 3 if loss.name == "cross_entropy" else 1, "tanh", outer)
    problem = Problem(neuron, data_for(loss, neuron.outputs), loss, RIDGE, scale=SCALE)
    measure, places = cloud(neuron.dim), cloud(neuron.dim, seed=8, particles=3).positions
    own = measure.weights @ problem.potential(measure, measure.positions)
    for place, potential in zip(places, problem.potential(measure, places), strict=True):

        def energy(epsilon, place=place):
            masses = np.append((1.0 - epsilon) * measure.weights, epsilon)
            return problem.energy(ParticleMeasure(np.vstack([measure.positions, place]), masses))

        # d/dε F(μ + ε (δ_θ − μ)) at 0 by a one-sided difference of second order (masses
        # cannot be negative): truncation ε²/6 F''' and rounding 8 * 1e-16 / ε.
        epsilon = 1e-4
        slope = (4 * energy(epsilon / 2) - 3 * energy(0.0) - energy(epsilon)) / epsilon
        assert slope == pytest.approx(potential - own, abs=1e-6)


def test_velocity_is_minus_the_gradient_of_the_potential():
    neuron = Neuron(INPUTS, outputs=3, activation="softplus")
    problem = Problem(neuron, data_for(LOSSES[2], 3), "cross_entropy", RIDGE, scale=SCALE)
    measure, width = cloud(neuron.dim), 1e-5
    for c in range(neuron.dim):
        step = width * np.eye(neuron.dim)[c]
        ahead = problem.potential(measure, measure.positions + step)
        behind = problem.potential(measure, measure.positions - step)
        # Truncation width² and rounding 1e-16 / width.
        expected = -(ahead - behind) / (2 * width)
        np.testing.assert_allclose(problem.velocity(measure)[:, c], expected, atol=1e-9)


# -- symmetries ---------------------------------------------------------------------------

PROBLEM = Problem(Neuron(INPUTS, outputs=2), data_for(LOSSES[0], 2), ridge=RIDGE, scale=SCALE)
particle_counts = st.integers(1, 12)
seeds = st.integers(0, 10_000)
# Sums of at most 13 terms of size one in another order.
ROUNDING = {"rtol": 1e-12, "atol": 1e-12}


@given(particle_counts, seeds)
def test_the_order_of_particles_does_not_matter(particles, seed):
    measure = cloud(PROBLEM.neuron.dim, seed, particles)
    order = np.random.default_rng(seed).permutation(particles)
    permuted = ParticleMeasure(measure.positions[order], measure.weights[order])
    np.testing.assert_allclose(PROBLEM.outputs(permuted), PROBLEM.outputs(measure), **ROUNDING)
    np.testing.assert_allclose(
        PROBLEM.velocity(permuted), PROBLEM.velocity(measure)[order], **ROUNDING
    )
    assert PROBLEM.energy(permuted) == pytest.approx(PROBLEM.energy(measure), rel=1e-12)


@given(particle_counts, seeds, st.floats(0.0, 1.0))
def test_splitting_a_particle_changes_nothing(particles, seed, share):
    measure = cloud(PROBLEM.neuron.dim, seed, particles)
    masses = np.append(measure.weights, share * measure.weights[0])
    masses[0] *= 1.0 - share
    split = ParticleMeasure(np.vstack([measure.positions, measure.positions[0]]), masses)
    velocity = PROBLEM.velocity(measure)
    np.testing.assert_allclose(PROBLEM.outputs(split), PROBLEM.outputs(measure), **ROUNDING)
    np.testing.assert_allclose(
        PROBLEM.velocity(split), np.vstack([velocity, velocity[0]]), **ROUNDING
    )
    assert PROBLEM.energy(split) == pytest.approx(PROBLEM.energy(measure), rel=1e-12)


@given(st.integers(1, 5), seeds)
def test_repeating_data_with_smaller_weights_changes_nothing(copies, seed):
    data, measure = PROBLEM.data, cloud(PROBLEM.neuron.dim, seed)
    repeated = Dataset(
        np.tile(data.inputs, (copies, 1)),
        np.tile(data.targets, (copies, 1)),
        np.tile(data.weights / copies, copies),
    )
    again = Problem(PROBLEM.neuron, repeated, ridge=RIDGE, scale=SCALE)
    np.testing.assert_allclose(again.velocity(measure), PROBLEM.velocity(measure), **ROUNDING)
    assert again.risk(measure) == pytest.approx(PROBLEM.risk(measure), rel=1e-12)


@given(seeds)
def test_reflected_particles_of_an_even_neuron_move_reflected(seed):
    neuron = Neuron(INPUTS, activation="square", outer="fixed", bias=False)
    problem = Problem(neuron, data_for(LOSSES[0], 1), ridge=RIDGE)
    measure = cloud(neuron.dim, seed)
    mirror = ParticleMeasure(-measure.positions, measure.weights)
    # Exact: z -> -z leaves z² and its rounding alone.
    np.testing.assert_array_equal(problem.outputs(mirror), problem.outputs(measure))
    np.testing.assert_array_equal(problem.velocity(mirror), -problem.velocity(measure))


@given(seeds)
def test_two_odd_signs_cancel(seed):
    neuron = Neuron(INPUTS, activation="tanh")
    problem = Problem(neuron, data_for(LOSSES[0], 1), ridge=RIDGE)
    measure = cloud(neuron.dim, seed)
    mirror = ParticleMeasure(-measure.positions, measure.weights)
    np.testing.assert_allclose(problem.outputs(mirror), problem.outputs(measure), **ROUNDING)
    np.testing.assert_allclose(problem.velocity(mirror), -problem.velocity(measure), **ROUNDING)


@given(seeds, st.sampled_from(["relu", "linear", "leaky_relu"]))
def test_homogeneous_neurons_keep_the_balance_of_outer_and_inner_weights(seed, activation):
    neuron = Neuron(INPUTS, outputs=3, activation=activation)
    problem = Problem(neuron, data_for(LOSSES[2], 3), "cross_entropy")
    measure = cloud(neuron.dim, seed)
    rates = measure.positions * problem.velocity(measure)
    # d/dt (|a|² − |w|² − b²) = 0, since Φ(ca, w, b) = Φ(a, cw, cb).
    np.testing.assert_allclose(rates[:, :3].sum(1), rates[:, 3:].sum(1), **ROUNDING)


@given(seeds)
def test_energy_is_risk_plus_penalty(seed):
    measure = cloud(PROBLEM.neuron.dim, seed)
    theta = measure.positions
    penalties = 0.5 * (0.3 * (theta[:, :2] ** 2).sum(1) + 0.07 * (theta[:, 2:] ** 2).sum(1))
    assert PROBLEM.penalty(measure) == pytest.approx(measure.weights @ penalties, rel=1e-14)
    assert PROBLEM.energy(measure) == PROBLEM.risk(measure) + PROBLEM.penalty(measure)


def test_particles_at_rest_in_a_perfect_fit_stay_there():
    data = Dataset([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])
    problem = Problem(Neuron(1, activation="linear", outer="fixed", bias=False), data)
    measure = ParticleMeasure([[1.0], [3.0]])
    assert problem.risk(measure) == 0.0
    np.testing.assert_array_equal(problem.velocity(measure), [[0.0], [0.0]])


def test_a_large_scale_leaves_the_initial_velocity_of_order_one():
    neuron, measure = Neuron(INPUTS), cloud(4)
    # Two particles that cancel: f = 0 for every scale, so that u = −y/α.
    positions = np.vstack([measure.positions, measure.positions * [-1, 1, 1, 1]])
    balanced = ParticleMeasure(positions, np.tile(measure.weights, 2) / 2)
    slow, fast = (
        Problem(neuron, data_for(LOSSES[0], 1), scale=scale).velocity(balanced)
        for scale in (1.0, 100.0)
    )
    np.testing.assert_allclose(100.0 * fast, slow, **ROUNDING)


# -- precision, copies, threads ----------------------------------------------------------


def test_single_precision_particles_move_in_single_precision():
    measure = cloud(PROBLEM.neuron.dim)
    single = ParticleMeasure(measure.positions.astype(np.float32), measure.weights)
    velocity = PROBLEM.velocity(single)
    assert velocity.dtype == np.float32
    assert PROBLEM.outputs(single).dtype == np.float64
    assert PROBLEM.potential(measure, single.positions).dtype == np.float64
    # Sums of 7 and 11 terms of size a few, each rounded to 2^-24.
    np.testing.assert_allclose(velocity, PROBLEM.velocity(measure), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(PROBLEM.outputs(single), PROBLEM.outputs(measure), atol=1e-5)


def test_plain_arrays_give_solvers_the_same_numbers():
    measure = cloud(PROBLEM.neuron.dim)
    velocity, outputs = PROBLEM.velocity_at(measure.positions, measure.weights)
    np.testing.assert_array_equal(velocity, PROBLEM.velocity(measure))
    # With and without a tape, multiply-adds may be fused differently.
    np.testing.assert_allclose(outputs, PROBLEM.outputs(measure), **ROUNDING)
    np.testing.assert_allclose(outputs, PROBLEM.predict(measure, PROBLEM.data.inputs), **ROUNDING)
    assert PROBLEM.risk_of_outputs(outputs) == pytest.approx(PROBLEM.risk(measure), rel=1e-13)
    weights = PROBLEM.data.weights[:, None]
    np.testing.assert_allclose(
        PROBLEM.covector(outputs), weights * PROBLEM.residual(measure) / SCALE, **ROUNDING
    )


def test_nothing_that_was_handed_over_is_changed():
    measure = cloud(PROBLEM.neuron.dim)
    before = copy.deepcopy((measure, PROBLEM.data))
    PROBLEM.velocity(measure)
    PROBLEM.potential(measure, measure.positions)
    assert (measure, PROBLEM.data) == before


def test_copies_and_pickles_are_equal_and_carry_no_buffers():
    measure = cloud(PROBLEM.neuron.dim)
    velocity = PROBLEM.velocity(measure)
    for twin in (copy.deepcopy(PROBLEM), pickle.loads(pickle.dumps(PROBLEM))):
        assert twin == PROBLEM
        assert hash(twin) == hash(PROBLEM)
        np.testing.assert_array_equal(twin.velocity(measure), velocity)
    assert len(pickle.dumps(PROBLEM)) < 5000


@pytest.mark.parametrize(
    "problem",
    [
        PROBLEM,
        Problem(Neuron(INPUTS), data_for(LOSSES[1], 1), "logistic", 0.5, temperature=0.1),
        Problem(Neuron(INPUTS, activation=leaky_relu(0.2)), data_for(LOSSES[3], 1), LOSSES[3]),
    ],
    ids=["squared", "logistic", "huber"],
)
def test_a_problem_survives_its_dictionary(problem):
    described = problem.to_dict()
    assert Problem.from_dict(described) == problem
    data = described.pop("data")
    rebuilt = Problem.from_dict({**json.loads(json.dumps(described)), "data": data})
    assert rebuilt == problem
    assert hash(rebuilt) == hash(problem)


def test_problems_differ_in_every_field():
    data = data_for(LOSSES[0], 1)
    problem = Problem(Neuron(INPUTS), data)
    for change in ({"loss": "huber"}, {"ridge": 1.0}, {"temperature": 1.0}, {"scale": 2.0}):
        assert Problem(Neuron(INPUTS), data, **change) != problem
    assert Problem(Neuron(INPUTS, activation="relu"), data) != problem
    assert Problem(Neuron(INPUTS), data_for(LOSSES[0], 1, seed=9)) != problem


# -- risk and accuracy on other data -------------------------------------------------------


def test_risk_on_the_own_data_is_the_risk():
    measure = cloud(PROBLEM.neuron.dim)
    risk = PROBLEM.risk_on(measure, PROBLEM.data)
    assert risk == pytest.approx(PROBLEM.risk(measure), rel=1e-13)


def test_accuracy_is_the_weight_of_the_points_on_the_right_side():
    data = Dataset([[-2.0], [-1.0], [1.0], [2.0]], [-1, 1, 1, -1], [0.1, 0.2, 0.3, 0.4])
    neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    problem = Problem(neuron, data, "logistic")
    assert problem.accuracy(ParticleMeasure([[1.0]]), data) == pytest.approx(0.4)
    assert problem.accuracy(ParticleMeasure([[-1.0]]), data) == pytest.approx(0.6)


def test_accuracy_of_several_classes_counts_the_largest_output():
    data = Dataset([[1.0], [1.0], [1.0]], [0, 1, 2], [0.5, 0.3, 0.2])
    neuron = Neuron(1, outputs=3, activation="linear", bias=False)
    problem = Problem(neuron, data, "cross_entropy")
    assert problem.accuracy(ParticleMeasure([[0.0, 2.0, 1.0, 1.0]]), data) == pytest.approx(0.3)


# -- mistakes ------------------------------------------------------------------------------

LINE = Dataset([[0.0], [1.0]], [0.0, 1.0])
LABELS = Dataset([[0.0], [1.0]], [-1, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Problem("tanh", LINE), "neuron must be a Neuron, got str"),
        (lambda: Problem(Neuron(1), ([0.0], [1.0])), "data must be a Dataset, got tuple"),
        (lambda: Problem(Neuron(2), LINE), "data have 1 inputs but the neuron has inputs=2"),
        (lambda: Problem(Neuron(1), LINE, "square"), "unknown loss 'square'; did you mean"),
        (lambda: Problem(Neuron(1), LINE, "logistic"), r"takes labels -1 and \+1, got 0"),
        (lambda: Problem(Neuron(1), LABELS, "cross_entropy"), "needs a neuron with outputs >= 2"),
        (lambda: Problem(Neuron(1, 3), LINE), "targets have 1 columns but the neuron has outputs"),
        (lambda: Problem(Neuron(1), LINE, ridge=-1.0), "ridge must be a nonnegative finite number"),
        (lambda: Problem(Neuron(1), LINE, temperature=-1), "temperature must be a nonnegative"),
        (lambda: Problem(Neuron(1), LINE, scale=0), "scale must be a positive finite number"),
        (lambda: Problem(Neuron(1), LINE, scale=np.inf), "scale must be a positive finite number"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda p, m: p.predict(m, 1.0), "inputs must have 2 axes"),
        (lambda p, m: p.predict(m, [[1.0, 2.0]]), r"inputs must have 1 columns, got .* \(1, 2\)"),
        (lambda p, m: p.predict(m, [[np.nan]]), "inputs must be finite, but row 0 holds"),
        (
            lambda p, m: p.velocity(m.positions),
            "measure must be a ParticleMeasure or a GridMeasure, got ndarray",
        ),
        (
            lambda p, m: p.potential(m, [[1.0]]),
            "the measure has 1 parameters, but the neuron has 3",
        ),
        (lambda p, m: p.potential(m, [1.0] * 3), "positions must have 2 axes"),
        (lambda p, m: p.accuracy(m, LINE), "the squared loss has no labels to compare with"),
        (lambda p, m: p.risk_on(m, PROBLEM.data), "data have 2 inputs but the neuron has inputs=1"),
        (lambda p, m: p.risk_on(m, "data"), "data must be a Dataset, got str"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(use, message):
    with pytest.raises(InvalidInputError, match=message):
        use(Problem(Neuron(1), LINE), cloud(3))


@pytest.mark.parametrize("method", ["outputs", "risk", "residual", "velocity", "energy", "penalty"])
def test_particles_of_another_dimension_are_refused_with_the_parameters(method):
    with pytest.raises(
        InvalidInputError, match="the measure has 5 parameters, .* has 3: a_0, w_0, b"
    ):
        getattr(Problem(Neuron(1), LINE), method)(cloud(5))


def test_particles_have_no_energy_at_a_positive_temperature():
    problem = Problem(Neuron(1), LINE, temperature=0.1)
    with pytest.raises(InvalidInputError, match="their entropy is infinite; use risk"):
        problem.energy(cloud(3))
    assert problem.risk(cloud(3)) > 0.0


def test_inputs_of_one_column_may_be_a_vector_as_in_a_dataset():
    data = Dataset([0.0, 1.0], [0.0, 1.0])
    problem = Problem(Neuron(1), data)
    measure = ParticleMeasure.gaussian(5, 3, seed=0)
    assert np.array_equal(problem.predict(measure, [0.0, 1.0]), problem.outputs(measure))
    plane = Problem(Neuron(2), Dataset([[0.0, 1.0]], [1.0]))
    with pytest.raises(InvalidInputError, match=r"2 columns, .* \(2,\); write \[x\] for one point"):
        plane.predict(ParticleMeasure.gaussian(5, 4, seed=0), [0.0, 1.0])
