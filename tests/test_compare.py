"""Widths against the limit, where the law of every width is known exactly.

Linear neuron (oracle O1): f_N − f = x δ e^{−At} with δ ~ N(0, s²/N) the error of the mean
of the initial weights. Started at the minimum, the risk gap is A δ² e^{−2At} / 2.
Quadratic neuron (O2): f_N − f = x² (S_N(t) − S(t)) with S_N(0) = S_0 χ²_N / N.
"""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from meanfield.compare import compare, plan_study
from meanfield.datasets import Dataset
from meanfield.distributions import IsotropicGaussians
from meanfield.errors import InvalidInputError, MeanfieldError
from meanfield.experiment import Experiment
from meanfield.laws import Gaussian
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.replica import Replica, find_limit, measure_replica
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.sgd import SGD, OnlineSGD
from meanfield.study import Study
from oracles import LinearNeuron, NoisyLinearNeuron, QuadraticNeuron, line_data, quadratic_data

WIDTHS = (8, 32, 128, 512)
# The quadratic neuron has a large C₂/N² below.
WIDER = (32, 128, 512)
TIMES = (0.0, 0.5, 1.0)
LINEAR = LinearNeuron(line_data())
QUADRATIC = QuadraticNeuron(quadratic_data())
SOLVERS = {"particle-flow": ParticleFlow(), "sgd": SGD(step=0.05)}


def experiment_of(name, problem, initial, **changes):
    settings = {"save_at": np.linspace(0.0, 1.0, 11), "solvers": SOLVERS, **changes}
    return Experiment(name, problem, initial, 100, **settings)


LINE = experiment_of("linear neuron", LINEAR.problem, Gaussian(1, mean=LINEAR.limit))
PARABOLA = experiment_of(
    "quadratic neuron", QUADRATIC.problem, Gaussian(1, std=float(np.sqrt(QUADRATIC.limit)))
)


@pytest.fixture(scope="module")
def linear_study():
    return compare(LINE, WIDTHS, seeds=40, times=TIMES)


@pytest.fixture(scope="module")
def quadratic_study():
    return compare(PARABOLA, WIDER, seeds=40, times=TIMES)


@pytest.fixture(scope="module")
def small_study():
    return compare(LINE, (8, 32), seeds=6, reference=256)


# -- the exact laws of finite width --------------------------------------------------------


def test_function_distance_closes_with_slope_minus_one_half(linear_study, quadratic_study):
    for study in (linear_study, quadratic_study):
        rate = study.rates["function_distance"]
        assert rate.consistent, str(rate)
        # 40 seeds of a half-normal over 4 octaves: the slope's error is 0.06, over 6 it is 0.036.
        assert rate.error < 0.07
    assert abs(linear_study.rates["function_distance"].slope + 0.5) < 0.07


def test_risk_gap_closes_with_slope_minus_one(linear_study, quadratic_study):
    for study in (linear_study, quadratic_study):
        rate = study.rates["risk_gap"]
        assert rate.consistent, str(rate)
        assert rate.resolved
        assert rate.upper - rate.lower < 0.6


def test_linear_neuron_has_the_exact_constants(linear_study):
    decay = np.exp(-2.0 * LINEAR.curvature * linear_study.times)
    squared = LINEAR.curvature * decay / np.array(WIDTHS)[:, None]
    value, error = linear_study.values("function_distance")
    assert np.all(np.abs(value - np.sqrt(squared)) < 4 * error)
    value, error = linear_study.values("risk_gap")
    assert np.all(np.abs(value - squared / 2) < 4 * error)


def test_quadratic_neuron_has_the_exact_finite_width_law(quadratic_study):
    limit, fourth = QUADRATIC.limit, QUADRATIC.drive / QUADRATIC.limit
    for width, count in enumerate(WIDER):
        for frame, t in enumerate(quadratic_study.times):
            moment = gamma(count / 2, scale=2 * limit / count)

            def error_squared(start, t=t, moment=moment):
                return (QUADRATIC.second_moment(start, t) - limit) ** 2 * moment.pdf(start)

            ends = moment.ppf([1e-12, 1 - 1e-12])
            squared = fourth * quad(error_squared, *ends, limit=200)[0]
            value, error = (x[width, frame] for x in quadratic_study.values("function_distance"))
            assert abs(value - np.sqrt(squared)) < 4 * error
            value, error = (x[width, frame] for x in quadratic_study.values("risk_gap"))
            assert abs(value - squared / 2) < 4 * error


def test_linear_neuron_has_the_exact_coupling_constant(linear_study):
    """X_i − X̄_i = (m_t^N − m_0^N) − (m_t − m_0) = δ (e^{−At} − 1) for every neuron."""
    exact = (1.0 - np.exp(-LINEAR.curvature * linear_study.times)) ** 2
    value, error = linear_study.values("coupling_distance")
    # Neurons are carried to 1e-6.
    assert np.all(np.abs(value - np.sqrt(exact / np.array(WIDTHS)[:, None])) < 4 * error + 1e-5)
    fitted = linear_study.expansion("coupling_distance").coefficients
    assert abs(fitted["C"].deviation(exact[-1])) < 4
    assert abs(fitted["C₂"].deviation(0.0)) < 4
    # Sobol nodes of the linearised flow have the variance of a normal law to a per cent.
    np.testing.assert_allclose(
        linear_study.predictions["coupling_constant"], exact, rtol=0.02, atol=1e-12
    )
    assert abs(linear_study.rates["coupling_distance"].slope + 0.5) < 0.07


def test_quadratic_neuron_has_the_exact_coupling_constant(quadratic_study):
    """X_i = w_i √(S_N(t)/S_N(0)) beside X̄_i = w_i, with S_N(0) = S* χ²_N / N."""
    limit = QUADRATIC.limit
    for width, count in enumerate(WIDER):
        moment = gamma(count / 2, scale=2 * limit / count)

        def distance_squared(start, moment=moment):
            growth = np.sqrt(QUADRATIC.second_moment(start, 1.0) / start)
            return start * (growth - 1.0) ** 2 * moment.pdf(start)

        squared = quad(distance_squared, *moment.ppf([1e-12, 1 - 1e-12]), limit=200)[0]
        value, error = (part[width, -1] for part in quadratic_study.values("coupling_distance"))
        assert abs(value - np.sqrt(squared)) < 4 * error + 1e-5
    assert quadratic_study.rates["coupling_distance"].consistent


def test_langevin_has_the_exact_constants_and_slopes():
    """Networks and limit with the same noise, from the law to rates, constants and p-values."""
    noisy = NoisyLinearNeuron(line_data(), ridge=0.4, temperature=0.2)
    step, widths = 0.1, (16, 64, 256)
    experiment = experiment_of(
        "linear neuron with noise",
        noisy.problem,
        Gaussian(1, mean=noisy.limit, std=0.8),
        save_at=np.linspace(0.0, 2.0, 11),
        solvers={"langevin": Langevin(step, "euler-maruyama"), "grid": GridFlow()},
    )
    study = compare(experiment, widths, seeds=40, times=[0.0, 1.0, 2.0])
    assert study.settings["reference"]["solver"]["name"] == "grid"
    for name, exact in zip(
        ("function_distance", "coupling_distance"),
        noisy.width_constants(0.8**2, step, 20),
        strict=True,
    ):
        value, error = (part[:, -1] for part in study.values(name))
        np.testing.assert_array_less(np.abs(value - np.sqrt(exact / np.array(widths))), 4 * error)
        assert abs(study.expansion(name).coefficients["C"].deviation(exact)) < 4
        rate = study.rates[name]
        assert rate.consistent, str(rate)
        assert abs(rate.slope + 0.5) < 0.1
    # The force pulls the mean of a network to m*: it is nearer to the limit than iid draws,
    # of which no statistic may make a significant distance.
    for name in ("sliced_wasserstein", "wasserstein_1", "energy"):
        assert min(excess.p_value for excess in study.excesses(name)) > 0.01


def test_fluctuations_have_the_predicted_covariance(linear_study):
    found = linear_study.fluctuation
    assert found.directions == 1  # f_N − f is a multiple of x
    assert found.consistent
    assert abs(found.ratio - 1.0) < 4 * found.ratio_error


def test_networks_start_like_iid_samples_of_the_limit(quadratic_study):
    excess, error = quadratic_study.excess()
    assert np.all(np.abs(excess[:, 0]) < 4 * error[:, 0])
    # Permutation p-values are uniform: the least of 4 is below 0.002 in 1 of 125 studies.
    p_values = [found.p_value for found in quadratic_study.excesses(index=0)]
    assert min(p_values) > 0.002


def sgd_error(variance, step):
    """E Σ p (f_SGD − f)² at t = 1 from the mean m* and a variance, in batches of one point."""
    p, x = LINEAR.data.weights, LINEAR.data.inputs[:, 0]
    count = round(1.0 / step)
    start = variance * (p @ (1.0 - step * x**2) ** 2) ** count
    return LINEAR.curvature * (start + LINEAR.sgd_variance(LINEAR.limit, step, 1, count))


def test_width_and_step_have_the_exact_constants_in_gradient_descent():
    """O7: moments of the mean weight under SGD close; f is at its minimum."""
    steps, widths, variance = (0.0025, 0.02, 0.125), (16, 512), 0.04
    narrow = replace(LINE, initial=Gaussian(1, mean=LINEAR.limit, std=variance**0.5))
    study = compare(narrow, widths, seeds=40, solver="sgd", steps=steps, times=1.0)
    assert study.samples["function_distance"].shape == (2, 40, 1, 3)
    for number, step in enumerate(steps):
        value, error = study.at_step(number).values("function_distance")
        exact = [sgd_error(variance / count, step) for count in widths]
        assert np.all(np.abs(value[:, 0] - np.sqrt(exact)) < 4 * error[:, 0])
    fitted = study.expansion("function_distance").coefficients
    decay = np.exp(-2.0 * LINEAR.curvature)
    assert abs(fitted["C"].deviation(variance * LINEAR.curvature * decay)) < 4
    # The slope of the exact mean square in the step, which the prediction has at step 0.
    slope = sgd_error(0.0, 1e-4) / 1e-4
    assert abs(fitted["D"].deviation(slope)) < 4
    assert study.predictions["step_constant"][-1] == pytest.approx(slope, rel=0.01)
    for name in ("function_distance", "coupling_distance"):
        rate = study.step_rate(name)
        assert rate.consistent
        assert abs(rate.slope - 0.5) < 0.07, str(rate)
    assert study.fluctuation.consistent


def test_a_finite_step_leaves_an_error_that_width_does_not_remove():
    study = compare(LINE, (64, 256, 1024), seeds=20, solver="sgd", times=1.0)
    rate = study.rates["function_distance"]
    assert rate.lower > -0.5
    assert str(rate).endswith("not consistent with −1/2")


# -- randomness ----------------------------------------------------------------------------


def test_same_seed_same_bits(small_study):
    again = compare(LINE, (8, 32), seeds=6, reference=256)
    other = compare(LINE, (8, 32), seeds=6, reference=256, seed=1)
    for name, values in small_study.samples.items():
        np.testing.assert_array_equal(values, again.samples[name])
        assert not np.array_equal(values, other.samples[name])


def test_more_widths_or_seeds_change_no_other_network(small_study):
    more = compare(LINE, (4, 8, 16, 32), seeds=9, reference=256)
    for name, values in small_study.samples.items():
        np.testing.assert_array_equal(values, more.samples[name][[1, 3], :6])


@pytest.mark.parametrize("solver", ["particle-flow", "sgd"])
def test_a_replica_gives_the_same_bits_alone_in_any_order_and_pickled(solver):
    study = compare(LINE, (8, 32), seeds=3, reference=256, solver=solver)
    limit = find_limit(
        LINE, ParticleFlow(), particles=256, times=study.times, widths=(8, 32),
        projections=64, seed=0,
    )  # fmt: skip
    for width, number in [(1, 2), (0, 1), (1, 0), (0, 2)]:
        replica = Replica(
            LINE.problem, LINE.initial, SOLVERS[solver], int(study.particles[width]), 0, number
        )
        found = measure_replica(*pickle.loads(pickle.dumps((replica, limit))))
        for name, values in found.items():
            np.testing.assert_array_equal(values, study.samples[name][width, number])


# -- what is measured, and against what ----------------------------------------------------


def test_default_times_are_five_telling_frames():
    np.testing.assert_array_equal(
        compare(LINE, (4, 8), seeds=2, reference=16).times, LINE.save_at[[0, 1, 2, 5, 10]]
    )


def test_reference_is_a_power_of_two_sixteen_times_wider(linear_study, small_study):
    assert linear_study.settings["reference"]["particles"] == 16 * 512
    assert small_study.settings["reference"]["particles"] == 256
    assert compare(LINE, (4, 8), seeds=2, times=1.0).settings["reference"]["particles"] == 4096


def test_reference_is_the_exact_limit(linear_study):
    # A Sobol sample of 8192 normals has a mean within 1e-4; its risk is quadratic in that.
    exact = LINEAR.problem.risk(replace(LINE, sampling="sobol").start(2**13))
    np.testing.assert_allclose(linear_study.reference["risk"], exact, atol=1e-8)


def test_one_pass_descent_is_its_own_reference(tmp_path):
    problem = Problem(Neuron(2), Dataset(np.eye(2), [1.0, -1.0]))
    online = OnlineSGD(0.05, IsotropicGaussians(dim=2, delta=0.5))
    experiment = experiment_of("online", problem, Gaussian(4), solvers={"online-sgd": online})
    study = compare(experiment, (4, 8), seeds=2, reference=64)
    assert study.settings["reference"]["solver"]["name"] == "online-sgd"
    assert Study.open(study.save(tmp_path / "study.h5")).settings == study.settings


def test_accuracy_is_recorded_for_held_out_labels(tmp_path):
    data = Dataset(np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0]))
    problem = Problem(Neuron(1), data, loss="logistic")
    experiment = experiment_of("labels", problem, Gaussian(3), test=data)
    study = compare(experiment, (32, 64), seeds=2, reference=256, times=1.0)
    assert study.samples["test_accuracy"].shape == (2, 2, 1)
    assert set(study.samples["test_accuracy"].ravel()) <= {0.0, 0.5, 1.0}
    opened = Study.open(study.save(tmp_path / "study.h5"))
    np.testing.assert_array_equal(
        opened.reference["test_accuracy"], study.reference["test_accuracy"]
    )


def test_a_log_is_told_of_each_part_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr("meanfield.display.LOG_INTERVAL", 0.0)
    compare(LINE, (4, 8), seeds=2, reference=16, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0].startswith("reference: t = 0 of ")
    assert any(line.startswith("networks: 2 of 4, ") for line in lines)
    assert lines[-1].startswith("networks: all done; constants are being predicted")


# -- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("particles", "options", "message"),
    [
        ((64,), {}, "at least two widths, got 64"),
        ((), {}, "at least two widths, got none"),
        ((64, 16), {}, "widths must increase, got 64, 16"),
        ((16, 16), {}, "widths must increase"),
        ((0, 16), {}, "particles must be an integer >= 1, got 0"),
        ((16, 32.5), {}, "particles must be an integer >= 1, got 32.5"),
        (64, {}, "sequence of widths such as"),
        ((16, 64), {"seeds": 1}, "seeds must be an integer >= 2, got 1"),
        ((16, 64), {"reference": 64}, r"more particles than the widest network \(64\)"),
        ((16, 64), {"reference": "gird"}, "reference must be 'grid', 'quadrature', 'particles'"),
        ((16, 64), {"steps": (0.1, 0.2)}, "steps are those of sgd, but .* by particle-flow"),
        ((16, 64), {"solver": "sgd", "steps": (0.1,)}, "at least two and increase, got 0.1"),
        ((16, 64), {"solver": "sgd", "steps": (0.2, 0.1)}, "at least two and increase, got 0.2"),
        ((16, 64), {"solver": "sdg"}, "unknown solver 'sdg'; did you mean 'sgd'"),
        ((16, 64), {"times": [0.0, 2.0]}, r"within the experiment's \[0, 1\], got 0, 2"),
        ((16, 64), {"times": [0.5, 0.1]}, "times must increase"),
        ((16, 64), {"times": 0.0}, "at least one time after 0"),
        ((16, 64), {"seed": -1}, "seed must be an integer >= 0"),
        ((16, 64), {"projections": 0}, "projections must be an integer >= 1"),
    ],
)
def test_bad_input_is_answered_by_one_sentence(particles, options, message):
    with pytest.raises(InvalidInputError, match=message):
        compare(LINE, particles, **options)


def test_gradient_descent_is_compared_where_its_steps_end():
    """Between steps networks stand still, and would be behind the limit."""
    step, points = 0.3, len(LINEAR.data)
    method = SGD(step, batch_size=points, replacement=False)
    plan = plan_study(LINE, (4, 8), 2, reference=16, solver=method)
    np.testing.assert_allclose(plan.times, [0.0, 0.3, 0.6, 0.9], rtol=1e-14)
    study = compare(LINE, (4, 8), seeds=2, reference=16, solver=method)
    distance = study.samples["coupling_distance"]
    assert (distance[:, :, 1:] > 0.0).all()
    several = plan_study(LINE, (4, 8), 2, reference=16, solver="sgd", steps=(0.1, 0.25))
    np.testing.assert_allclose(several.times, [0.0, 0.5, 1.0], rtol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"times": [0.0, 0.25, 0.6]},
            r"multiples of the step 0\.3, .*got 0\.25; the nearest: 0\.3$",
        ),
        ({"times": 1.0}, r"got 1; the nearest: 0\.9$"),
        ({"steps": (0.1, 0.1 * 2**0.5)}, "have no common multiple up to the end of the run, t = 1"),
        ({"steps": (0.3, 0.7)}, "no common multiple"),
        ({"steps": (0.2, 0.5), "times": 0.8}, r"of 1, the common multiple of the steps 0\.2, 0\.5"),
        ({"solver": SGD(1.5)}, r"the step 1\.5 is longer than the run, which ends at t = 1"),
    ],
)
def test_times_between_steps_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        plan_study(LINE, (4, 8), 2, **{"reference": 16, "solver": SGD(0.3), **options})


def test_what_cannot_be_compared_is_refused_before_anything_is_computed():
    for solver in (5, SGD):
        with pytest.raises(InvalidInputError, match="solver must be a name such as 'sgd' or a s"):
            compare(LINE, (4, 8), solver=solver)
    noisy = replace(LINE, problem=replace(LINE.problem, temperature=0.1))
    with pytest.raises(InvalidInputError, match="the solver sgd has no noise"):
        plan_study(noisy, (4, 8), 2, solver="sgd")
    wide = Problem(Neuron(7), Dataset(np.eye(7), np.ones(7)))
    experiment = experiment_of("wide", wide, Gaussian(9))
    with pytest.raises(InvalidInputError, match="quadrature as the reference would take hours"):
        plan_study(experiment, (4, 8), 2, reference="quadrature")


def test_a_network_that_diverges_is_named():
    with pytest.raises(MeanfieldError, match=r"4 of 4 networks failed.* N = 4, .*step"):
        compare(
            replace(PARABOLA, save_at=np.array([0.0, 100.0])),
            (4, 8),
            seeds=2,
            reference=16,
            solver=SGD(step=10.0),
        )
