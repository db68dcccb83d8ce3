"""What stands for the limit, and what is prepared of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from meanfield.calibration import null_excess
from meanfield.compare import compare
from meanfield.datasets import Dataset
from meanfield.distances import energy, wasserstein
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian, Sphere
from meanfield.limit import find_limit, limit_from_run
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.reference import choose_reference, run_reference
from meanfield.replica import Replica, _null_samples
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.trajectory import Trajectory
from oracles import NoisyQuadraticNeuron, QuadraticNeuron, quadratic_data

WIDTHS = (16, 64)
SMOOTH = QuadraticNeuron(quadratic_data())
NOISY = NoisyQuadraticNeuron(quadratic_data(), ridge=0.5, temperature=0.1)
FLOW = Experiment(
    "smooth", SMOOTH.problem, Gaussian(1), 100, np.linspace(0.0, 1.0, 21),
    {"particle-flow": ParticleFlow()},
)  # fmt: skip
DIFFUSION = replace(
    FLOW, name="noisy", problem=NOISY.problem, solvers={"langevin": Langevin(step=0.01)}
)
LIMIT = {"times": np.array([0.0, 1.0]), "widths": WIDTHS, "projections": 16, "seed": 0}


def test_the_choice_follows_noise_and_dimension():
    chosen = choose_reference(FLOW, None, WIDTHS)
    assert (chosen.solver.name, chosen.particles) == ("particle-flow", 4096)
    chosen = choose_reference(DIFFUSION, None, WIDTHS)
    assert (chosen.solver.name, chosen.particles) == ("grid", None)
    assert chosen.reason == "there is noise, and 1 parameters fit on a grid"
    wide = Problem(Neuron(3), Dataset(np.eye(3), np.ones(3)), temperature=0.1)
    many = replace(DIFFUSION, problem=wide, initial=Gaussian(5))
    chosen = choose_reference(many, None, (16, 1024))
    assert (chosen.solver.name, chosen.particles) == ("langevin", 16384)
    # A law on the sphere has no density that a grid could hold.
    plane = Problem(
        Neuron(2, activation="tanh", outer="fixed", bias=False),
        Dataset(np.eye(2), np.ones(2)),
        temperature=0.1,
    )
    chosen = choose_reference(replace(DIFFUSION, problem=plane, initial=Sphere(2)), None, WIDTHS)
    assert chosen.solver.name == "langevin"


def test_a_reference_can_be_asked_for():
    assert choose_reference(FLOW, "grid", WIDTHS).solver.name == "grid"
    assert choose_reference(FLOW, "quadrature", WIDTHS).solver.name == "quadrature"
    assert choose_reference(FLOW, 100, WIDTHS).particles == 100
    assert choose_reference(DIFFUSION, "particles", WIDTHS).solver.name == "langevin"


@pytest.mark.parametrize(
    ("experiment", "wanted", "message"),
    [
        (FLOW, "gird", "reference must be 'grid', 'quadrature', 'particles' or a number"),
        (FLOW, 64, r"more particles than the widest network \(64\), got 64"),
        (FLOW, 0, "reference must be an integer >= 1, got 0"),
    ],
)
def test_what_cannot_be_the_limit_is_refused_in_words(experiment, wanted, message):
    with pytest.raises(InvalidInputError, match=message):
        choose_reference(experiment, wanted, WIDTHS)


def test_quadrature_of_a_noisy_problem_is_refused_in_words():
    chosen = choose_reference(DIFFUSION, "quadrature", WIDTHS)
    with pytest.raises(InvalidInputError, match=r"quadrature cannot be the reference: .*noise"):
        find_limit(DIFFUSION, chosen.solver, particles=None, **LIMIT)


def test_every_reference_finds_the_exact_limit():
    exact = SMOOTH.second_moment(1.0, 1.0) * SMOOTH.data.inputs**2
    # Outputs of 4096 Sobol particles to 1e-2 (tails of the normal law), others much better.
    for wanted, tolerance in ((None, 1e-2), ("quadrature", 1e-6), ("grid", 1e-2)):
        chosen = choose_reference(FLOW, wanted, WIDTHS)
        limit = find_limit(FLOW, chosen.solver, particles=chosen.particles, **LIMIT)
        np.testing.assert_allclose(limit.outputs[-1], exact, rtol=tolerance)
        assert limit.targets[16][0].spread >= 0.0


def test_noisy_networks_are_compared_with_a_grid():
    """O4: the law stays Gaussian, and its second moment is known."""
    study = compare(DIFFUSION, WIDTHS, seeds=8, times=1.0)
    assert study.settings["reference"]["solver"]["name"] == "grid"
    mean, covariance = NOISY.moments(np.zeros(1), np.eye(1), 1.0)
    second = float(covariance[0, 0] + mean[0] ** 2)
    risk = 0.5 * NOISY.data.weights @ (
        second * NOISY.data.inputs[:, 0] ** 2 - NOISY.data.targets[:, 0]
    ) ** 2  # fmt: skip
    assert study.reference["risk"][-1] == pytest.approx(risk, abs=1e-3)
    # The same noise in network and limit: what is left of the distance is the mean field.
    coupled, _ = study.values("coupling_distance")
    sampled, _ = study.values("sliced_wasserstein")
    assert np.all(coupled < sampled)
    assert "no predicted constants for the solver langevin" in study.notes[0]


def test_a_limit_from_a_file_is_the_limit_from_memory(tmp_path):
    settings = {"particles": 256, "times": LIMIT["times"], "seed": 0}
    run_reference(FLOW, ParticleFlow(), store=tmp_path / "reference.h5", **settings)
    stored = limit_from_run(
        Trajectory.open(tmp_path / "reference.h5"), FLOW, LIMIT["times"], widths=WIDTHS,
        projections=16,
    )  # fmt: skip
    memory = find_limit(FLOW, ParticleFlow(), particles=256, **LIMIT)
    np.testing.assert_array_equal(stored.outputs, memory.outputs)
    np.testing.assert_array_equal(stored.targets[64][1].parts, memory.targets[64][1].parts)
    assert stored.field.interpolation_error == memory.field.interpolation_error
    with pytest.raises(InvalidInputError, match="no frame at some of the times 0, 0.777"):
        limit_from_run(
            Trajectory.open(tmp_path / "reference.h5"), FLOW, np.array([0.0, 0.777]),
            widths=WIDTHS, projections=16,
        )  # fmt: skip


def test_times_of_the_study_are_frames_of_the_reference():
    times = np.array([0.0, 1 / 3, 0.9])
    run = run_reference(FLOW, ParticleFlow(), particles=64, times=times, seed=0)
    assert set(times) <= set(run.times)
    assert run.times[-1] == 0.9
    assert len(run) == 19  # those of the experiment, of which 0.35 has made way for 1/3
    assert 0.35 not in run.times


def test_frames_of_a_large_reference_are_few_early_ones_in_float32(monkeypatch):
    times = np.array([0.0, 0.33, 1.0])
    settings = {"particles": 64, "times": times, "seed": 0}
    whole = run_reference(FLOW, ParticleFlow(), **settings)
    assert whole.measures[0].positions.dtype == np.float64
    monkeypatch.setattr("meanfield.reference._MANY_NUMBERS", 64 * 10)
    monkeypatch.setattr("meanfield.reference._MOST_NUMBERS", 64 * 15)
    run = run_reference(FLOW, ParticleFlow(), **settings)
    assert len(run) == 15 < len(whole)
    assert set(times) <= set(run.times)
    assert run.times[7] < 0.1  # more than half of them in the first tenth
    assert run.measures[0].positions.dtype == np.float32
    np.testing.assert_allclose(run.risk[-1], whole.risk[-1], rtol=1e-12)


def test_draws_from_a_random_reference_share_no_particle_with_the_target_or_each_other():
    chosen = choose_reference(DIFFUSION, 256, WIDTHS)
    limit = find_limit(DIFFUSION, chosen.solver, particles=256, **LIMIT)
    assert limit.is_sample
    assert limit.particles == 256
    assert "at most 8 for N = 16, 2 for N = 64" in limit.notes[-1]
    pool, target = limit.measures[-1].positions, limit.last.measure.positions
    assert len(pool) == len(target) == 128
    assert len(np.unique(np.concatenate([pool, target]))) == 256
    replicas = [
        Replica(DIFFUSION.problem, DIFFUSION.initial, chosen.solver, 64, 0, number)
        for number in range(3)
    ]
    draws = [_null_samples(replica, limit, 0) for replica in replicas]
    assert draws[2] is None
    together = np.concatenate([draw[-1].positions for draw in draws[:2]])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(pool, axis=0))
    exact = find_limit(FLOW, ParticleFlow(), particles=256, **LIMIT)
    assert not exact.is_sample
    assert len(exact.measures[-1]) == 256


def test_p_values_against_a_random_reference_need_two_draws():
    study = compare(DIFFUSION, (16, 64), seeds=4, times=1.0, reference=256)
    narrow, wide = study.excesses("sliced_wasserstein")
    assert narrow.replicas == (4, 4)
    assert wide.replicas == (4, 2)
    assert str(study)
    assert np.isfinite(study.excess()[0]).all()


def test_networks_that_are_samples_of_the_limit_have_uniform_p_values():
    """N independent neurons beside the null of a study; a shifted law is found out."""
    law, shift = Gaussian(2), np.array([1.0, 0.0])
    neuron = Neuron(1, activation="tanh", bias=False)
    problem = Problem(neuron, Dataset([-1.0, 1.0], [0.3, 0.1]))
    times, flow = np.array([0.0, 1e-9]), ParticleFlow()
    experiment = Experiment("still", problem, law, 8, times, {"particle-flow": flow})
    limit = find_limit(
        experiment, flow, particles=128, times=times, widths=(8,), projections=16, seed=0
    )
    atoms, seeds = limit.last.atoms, range(100)
    same = [law.sample(8, seed, "iid") for seed in seeds]
    other = [ParticleMeasure(network.positions + shift) for network in same]
    replica = Replica(problem, law, flow, 8, 0, 0)
    draws = [_null_samples(replica, limit, 1000 + seed)[-1] for seed in seeds]
    assert not {*map(tuple, atoms.positions)} & {*map(tuple, draws[0].positions)}
    # Studies of five networks each.
    for distance in (wasserstein, energy):
        values = [
            np.array([distance(network, atoms) for network in networks]).reshape(20, 5)
            for networks in (same, other, draws)
        ]
        p_values, powers = (
            [null_excess(*pair).p_value for pair in zip(values[side], values[2], strict=True)]
            for side in (0, 1)
        )
        assert kstest(p_values, "uniform").pvalue > 1e-3
        # 1 is 2.8 standard errors of the mean of a network of eight.
        assert np.median(powers) < 0.05
