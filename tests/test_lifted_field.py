"""Neurons of R^d in a reduced mean field, where their paths are known exactly.

Neurons (w·x)² on isotropic data, |x|² with E|x|⁴ = A and E y|x|² = B: the law of w stays
isotropic, S = E|w|² solves S' = −(4/d) S (A S/d − B), and w(t) = w(0) (S(t)/S(0))^½.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import meanfield as mf
from meanfield.compare import compare, plan_study
from meanfield.coupling import coupling_distance
from meanfield.distributions import IsotropicGaussians
from meanfield.errors import InvalidInputError
from meanfield.lifted_field import LiftedMeanField
from meanfield.reference import choose_reference
from meanfield.replica import _null_samples
from meanfield.scenarios.two_gaussians import TwoGaussians
from meanfield.solvers import OnlineSGD, ParticleFlow
from meanfield.tasks import Plan

DIM, DELTA, STD, END = 2, 0.5, 0.3, 0.3
SQUARE = mf.Neuron(DIM, activation="square", outer="fixed", bias=False)
LAW = IsotropicGaussians(DIM, DELTA)
FOURTH = DIM * (DIM + 2) * ((1 + DELTA) ** 4 + (1 - DELTA) ** 4) / 2
SECOND = 2 * DIM * DELTA
TIGHT = ParticleFlow(rtol=1e-11, atol=1e-12)
SMALL = TwoGaussians(dim=3, points=200, t_end=0.4, frames=21, step=0.01, particles=16)


def size(t):
    """S(t), from S(0) = d STD²."""
    rest, start = SECOND * DIM / FOURTH, DIM * STD**2
    return rest / (1.0 + (rest / start - 1.0) * np.exp(-4.0 * SECOND * t / DIM))


def on_circles(radii, masses, angles=12):
    """Points on circles, which integrate polynomials of degree 11 of isotropic laws exactly."""
    turns = 2.0 * np.pi * np.arange(angles) / angles
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return (radii[:, None, None] * circle).reshape(-1, 2), np.repeat(masses / angles, angles)


@pytest.fixture(scope="module")
def field():
    reduction = mf.reductions.radial(SQUARE, LAW, nodes=6)
    nodes = mf.quadrature(reduction.law(mf.Gaussian(DIM, std=STD)), "gauss-hermite", 24)
    times = np.linspace(0.0, END, 41)
    run = mf.simulate(reduction.problem, nodes, TIGHT, t_end=END, save_at=times)
    data = reduction.problem.data
    inputs, weights = on_circles(data.inputs[:, 0], data.weights)
    full = mf.Problem(SQUARE, mf.Dataset(inputs, np.repeat(data.targets[:, 0], 12), weights))
    return LiftedMeanField(mf.MeanField(run), reduction, full)


def test_neurons_follow_their_exact_paths_in_their_directions(field):
    start = mf.Gaussian(DIM, std=2.0).sample(20, seed=0).positions
    times = np.array([0.0, 0.1, END])
    # Gauss's nodes have E r² to 1e-8: 24 of them do not integrate the length exactly.
    exact = start * np.sqrt(size(times) / size(0.0))[:, None, None]
    np.testing.assert_allclose(field.transport(start, times, rtol=1e-10), exact, rtol=1e-6)


def test_velocity_potential_and_outputs_are_those_of_the_full_problem(field):
    where, t = mf.Gaussian(DIM).sample(7, seed=1).positions, 0.15
    force = (FOURTH * size(t) / DIM - SECOND) / DIM
    potential = force * np.square(where).sum(axis=1)
    np.testing.assert_allclose(field.potential(t, where), potential, rtol=1e-6)
    np.testing.assert_allclose(field.velocity(t, where), -2.0 * force * where, rtol=1e-6)
    law = field.reduction.problem
    nodes = mf.quadrature(field.reduction.law(mf.Gaussian(DIM, std=STD)), "gauss-hermite", 24)
    assert law.neuron.dim == 1
    outputs = field.predict(nodes, where)[:, 0]
    np.testing.assert_allclose(outputs, STD**2 * np.square(where).sum(axis=1), rtol=1e-6)


def test_a_network_that_is_isotropic_keeps_no_distance_from_the_limit(field):
    """Without sampling: circles of neurons, on data that are circles, have the moments alone."""
    radii = np.sqrt([0.5, 1.5]) * STD * np.sqrt(DIM)
    network = mf.ParticleMeasure(on_circles(radii, np.array([0.5, 0.5]))[0])
    run = mf.simulate(field.problem, network, TIGHT, t_end=END, save_at=[0.0, 0.1, END])
    assert coupling_distance(field, run).max() < 1e-6 * STD
    # Twice as long vectors are another limit.
    longer = mf.ParticleMeasure(2.0 * network.positions)
    run = mf.simulate(field.problem, longer, TIGHT, t_end=END, save_at=[0.0, END])
    assert coupling_distance(field, run)[-1] > 0.1 * STD


def test_kept_parameters_and_vanishing_vectors_have_their_place():
    neuron = mf.Neuron(3, activation="tanh")
    points, weights = mf.reductions.gaussian_points(kept=1, dim=3, nodes=(3, 2))
    data = mf.Dataset(points, points[:, 0], weights)
    reduction = mf.reductions.multi_index(neuron, data, kept=1, nodes=4)
    full = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 0.0, 0.0, 5.0]])
    reduced = np.array([[6.0, 7.0, 10.0, 8.0], [6.0, 7.0, 0.0, 8.0]])
    placed = reduction.place(full, reduced)
    np.testing.assert_allclose(placed, [[6, 7, 6, 8, 8], [6, 7, 0, 0, 8]], atol=1e-14)
    np.testing.assert_allclose(reduction.points([[9.0, 3.0, 4.0]]), [[9.0, 5.0]])
    with pytest.raises(InvalidInputError, match="inputs must have 3 columns, got 2"):
        reduction.points([[1.0, 2.0]])


def test_parts_that_do_not_belong_together_are_refused(field):
    other = mf.reductions.radial(SQUARE, IsotropicGaussians(DIM, 0.1), nodes=6)
    with pytest.raises(InvalidInputError, match="that of a run of the reduced problem"):
        LiftedMeanField(field.field, other, field.problem)


# -- as the reference of a study -----------------------------------------------------------


def test_networks_that_learn_from_fresh_data_have_the_reduction_as_their_limit():
    experiment = SMALL.build()
    online = experiment.solver("online-sgd")
    assert choose_reference(experiment, None, (4, 16), online).is_reduced
    assert not choose_reference(experiment, 64, (4, 16), online).is_reduced
    flow = choose_reference(experiment, None, (4, 16), experiment.solver("particle-flow"))
    assert (flow.is_reduced, flow.solver.name) == (False, "particle-flow")
    plain = replace(experiment, reduction=None)
    assert isinstance(choose_reference(plain, None, (4, 16), online).solver, OnlineSGD)
    with pytest.raises(InvalidInputError, match="has no reduction by symmetry"):
        plain.reduced  # noqa: B018


def test_a_plan_in_a_file_keeps_the_reduction():
    plan = plan_study(SMALL.build(), (4, 16), 3)
    again = Plan.from_dict(plan.to_dict())
    assert again.reference == plan.reference
    assert again.experiment.reduction == plan.experiment.reduction


def test_a_study_against_the_reduction_has_a_coupling_and_new_draws():
    plan = plan_study(SMALL.build(), (4, 64), 3)
    limit = plan.limit(plan.run_reference())
    problem = plan.experiment.problem
    # 4096 carried Sobol points have the outputs of the rule, to the scatter of their directions.
    for measure, outputs in zip(limit.measures, limit.outputs, strict=True):
        scale = np.sqrt(np.square(outputs).mean())
        assert np.abs(problem.outputs(measure) - outputs).mean() < 0.02 * scale
    replica = SimpleNamespace(particles=400, number=0, initial=plan.experiment.initial)
    draws = [part.positions for part in _null_samples(replica, limit, seed=0)]
    atoms = limit.measures[-1].positions
    lengths, known = (np.linalg.norm(part, axis=1) for part in (draws[-1], atoms))
    assert abs(lengths.mean() - known.mean()) < 4.0 * known.std() / np.sqrt(len(lengths))
    assert lengths.mean() > 1.01 * np.linalg.norm(draws[0], axis=1).mean()
    np.testing.assert_allclose(draws[-1] * np.linalg.norm(draws[0], axis=1)[:, None],
                               draws[0] * lengths[:, None], atol=1e-12)  # fmt: skip
    assert np.linalg.norm(draws[-1][:, None] - atoms, axis=2).min() > 0.0
    study = compare(SMALL.build(), (4, 64), seeds=3)
    assert study.settings["reference"]["reason"].startswith("exact by symmetry")
    assert not any("sample of the same law" in note for note in study.notes)
    narrow, wide = study.values("coupling_distance")[0][:, -1]
    assert 0.0 < wide < 0.5 * narrow  # a quarter, were it not for the steps of SGD
