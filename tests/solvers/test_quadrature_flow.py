"""Quadrature flows against closed forms of the limit, much finer rules, and their own estimate."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.distances import wasserstein
from meanfield.errors import InvalidInputError
from meanfield.laws import Box, Gaussian, Sphere
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.population import PopulationProblem
from meanfield.problem import Problem
from meanfield.quadrature import coarser, quadrature
from meanfield.simulate import simulate
from meanfield.solver import solver_from_dict
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.quadrature_flow import QuadratureError, QuadratureFlow
from meanfield.solvers.rule_choice import choose_rule, default_nodes
from meanfield.trajectory import open as open_run
from oracles import LinearNeuron, ProductNeuron, QuadraticNeuron, line_data, quadratic_data

LINE = Gaussian(1)


def wave(activation="tanh", **parts):
    """Neurons σ(w x) and nine data points: the flow map grows layers at basin boundaries."""
    x = np.linspace(-2.0, 2.0, 9)
    neuron = Neuron(1, activation=activation, outer="fixed", bias=False)
    return Problem(neuron, Dataset(x, 0.6 * np.sin(2.0 * x) + 0.2), **parts)


def outputs(problem, start, t, flow=None):
    flow = flow or ParticleFlow(rtol=1e-10, atol=1e-12)
    return problem.outputs(simulate(problem, start, flow, t_end=t, save_at=[t]).measures[-1])


# -- closed forms of the limit -------------------------------------------------------------


def limit(name):
    """Oracle, law, and particles with the moments of the law on which alone the flow depends."""
    if name == "linear":
        return LinearNeuron(line_data()), Gaussian(1, mean=0.4), ParticleMeasure([[0.4]])
    if name == "quadratic":
        return QuadraticNeuron(quadratic_data()), Box(1), ParticleMeasure([[3.0**-0.5]])
    axes = np.sqrt(2.0) * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    return ProductNeuron(line_data()), Gaussian(2), ParticleMeasure(axes)


@pytest.mark.parametrize("name", ["linear", "quadratic", "product"])
def test_the_risk_of_the_limit_is_exact(name):
    oracle, law, moments = limit(name)
    problem, flow = oracle.problem, QuadratureFlow()
    nodes = flow.place(problem, law, None, 2.0, 0)
    run = simulate(problem, nodes, flow, t_end=2.0, save_at=[0.5, 2.0])
    for time, measure in zip(run.times, run.measures, strict=True):
        exact = ParticleMeasure(oracle.positions(moments.positions, moments.weights, time))
        assert abs(problem.risk(measure) - problem.risk(exact)) < 1e-9
        np.testing.assert_allclose(problem.outputs(measure), problem.outputs(exact), atol=1e-8)


# -- much finer rules ----------------------------------------------------------------------


def test_the_risk_of_a_smooth_problem_is_correct_to_nine_digits():
    problem, flow = wave(ridge=0.01), QuadratureFlow()
    nodes = flow.place(problem, LINE, None, 3.0, 0)
    run = simulate(problem, nodes, flow, t_end=3.0, save_at=[1.0, 3.0])
    fine = quadrature(LINE, "trapezoid", 2000)
    other = simulate(problem, fine, ParticleFlow("rk4", step=1 / 64), t_end=3.0, save_at=[1.0, 3.0])
    # RK4 with h = 1/64: h⁴ = 6e-8 times time, over 120 and less; halving it leaves 3e-11.
    np.testing.assert_allclose(run.risk, other.risk, atol=1e-9, rtol=0)


def test_two_parameters_by_the_trapezoid_rule():
    problem = Problem(Neuron(1, outer="fixed"), wave().data)
    law = Gaussian(2, std=0.3)
    nodes = QuadratureFlow().place(problem, law, 1600, 1.0, 0)
    assert nodes.rule == "trapezoid"
    difference = outputs(problem, nodes, 1.0) - outputs(
        problem, quadrature(law, "trapezoid", 6000), 1.0
    )
    assert np.abs(difference).max() < 1e-9


# -- thin layers -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layered():
    """Adapted panels at t = 25, and outputs by more nodes on each."""
    problem, flow = wave(), QuadratureFlow(rtol=1e-8)
    nodes = flow.place(problem, LINE, None, 25.0, 0)
    return problem, nodes


def test_panels_follow_layers_thinner_than_any_grid(layered):
    problem, nodes = layered
    # Panels are narrower than 1e-3 where the flow map jumps, of 17 for the whole law.
    assert np.ptp(nodes.positions.reshape(-1, 10), axis=1).min() < 1e-3
    tight = ParticleFlow(rtol=1e-10, atol=1e-12)
    got, half = (
        outputs(problem, nodes, 25.0, tight),
        outputs(problem, coarser(LINE, nodes), 25.0, tight),
    )
    # Panels are cut until the last Legendre terms, of degree 9, are below 100 rtol = 1e-6.
    # Five nodes a panel miss what comes next, ten only what is beyond degree 19.
    assert np.abs(got - half).max() < 1e-6
    finer = QuadratureFlow(rtol=1e-9).place(problem, LINE, None, 25.0, 0)
    assert len(finer) > len(nodes)
    assert np.abs(got - outputs(problem, finer, 25.0, tight)).max() < 1e-9


def test_heavy_nodes_stall_at_thin_layers_and_equal_masses_do_not(layered):
    problem, nodes = layered
    flow = ParticleFlow(rtol=1e-7, atol=1e-9)
    exact = outputs(problem, nodes, 25.0, flow)

    def error(rule, count):
        return np.abs(outputs(problem, quadrature(LINE, rule, count), 25.0, flow) - exact).max()

    # A node of a spectral rule near a layer carries h/√(2π) of the mass: errors stay of that
    # size times the share of the layer. Of m equal masses one is 1/m.
    assert error("trapezoid", 256) > 1e-4 and error("gauss-hermite", 256) > 1e-3
    assert error("trapezoid", 256) > 0.3 * error("trapezoid", 64)
    assert error("quantile", 1024) < error("quantile", 64) / 6.0


def test_panels_that_may_not_grow_say_what_they_leave():
    with pytest.warns(UserWarning, match=r"200 nodes on panels leave a relative error of about"):
        QuadratureFlow(rtol=1e-8).place(wave(), LINE, 200, 30.0, 0)


def test_kinks_are_isolated_by_panels():
    problem = wave("relu")
    nodes = QuadratureFlow().place(problem, LINE, None, 2.0, 0)
    assert len(nodes) < 1000
    flow = ParticleFlow("heun", step=0.02)
    exact = outputs(problem, quadrature(LINE, "quantile", 4000), 2.0, flow)
    # Quantiles of 4000 nodes are good to 1/4000.
    assert np.abs(outputs(problem, nodes, 2.0, flow) - exact).max() < 3e-4


# -- the estimate of the error -----------------------------------------------------------------


@pytest.mark.parametrize("rule", ["trapezoid", "quantile", "sobol"])
def test_the_recorded_error_bounds_the_true_one(rule, tmp_path):
    problem, flow, times = wave(), QuadratureFlow(rule, rtol=1e-9), [0.0, 1.0, 4.0]
    nodes = flow.place(problem, LINE, 128, 4.0, 3)
    path = tmp_path / "run.h5"
    simulate(
        problem, nodes, flow, t_end=4.0, save_at=times, store=path,
        observers=flow.observers(problem, LINE, nodes, 3),
    )  # fmt: skip
    run = open_run(path)
    assert flow.could_be(run.solver) and run.solver.atol == pytest.approx(1e-11)
    recorded = run.observables["quadrature_error"]
    fine = simulate(
        problem, flow.place(problem, LINE, 4000, 4.0, 3), flow, t_end=4.0, save_at=times
    )
    pairs = zip(run.measures, fine.measures, strict=True)
    true = [np.abs(problem.outputs(a) - problem.outputs(b)).max() for a, b in pairs]
    # Finer nodes are better ones, apart from the rounding of sums; of Sobol points, whose
    # errors are random, by little more than a factor of two.
    assert (3.0 * recorded > np.array(true) - 1e-13).all()
    assert recorded[-1] > 1e-8


def test_an_estimate_can_watch_several_runs():
    problem, flow = wave(), QuadratureFlow("quantile", rtol=1e-8)
    nodes = flow.place(problem, LINE, 64, 1.0, 0)
    watch = QuadratureError(coarser(LINE, nodes), flow.flow(problem))
    runs = [
        simulate(problem, nodes, flow, t_end=1.0, save_at=at, observers=[watch])
        for at in ([0.2, 1.0], [0.1, 0.2, 0.5, 1.0])
    ]
    first, second = (run.observables["quadrature_error"] for run in runs)
    assert first[-1] == second[-1] and first[0] == second[1]


# -- laws of the flow --------------------------------------------------------------------------


def test_energy_and_distance_balance():
    problem, flow = wave(ridge=0.05), QuadratureFlow()
    nodes = flow.place(problem, LINE, None, 1.0, 0)
    times = np.linspace(0.0, 1.0, 201)
    run = simulate(problem, nodes, flow, t_end=1.0, save_at=times)
    rates = [m.weights @ (problem.velocity(m) ** 2).sum(axis=1) for m in run.measures]
    simpson = np.ones(201)
    simpson[1:-1:2], simpson[2:-1:2] = 4.0, 2.0
    # O5; Simpson's rule on 200 intervals of a smooth function: (1/200)⁴ = 6e-10.
    drop = run.energy[0] - run.energy[-1]
    assert drop > 0.001
    assert abs(drop - simpson @ np.array(rates) / 600.0) < 1e-8
    # O12; on the line the flow map is monotone, hence optimal.
    moved = run.measures[-1]
    path = nodes.weights @ (moved.positions - nodes.positions)[:, 0] ** 2
    assert abs(wasserstein(nodes, moved, p=2) ** 2 - path) < 1e-8


# -- choices and refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "law", "rule"),
    [
        ("tanh", Gaussian(3, std=(1.0, 0.0, 0.0)), "panels"),
        ("relu", Gaussian(3, std=(0.0, 1.0, 0.0)), "panels"),
        ("relu", Gaussian(3), "sobol"),
        ("tanh", Sphere(3), "sobol"),
        ("tanh", Gaussian(3, std=(0.5, 0.5, 0.0)), "trapezoid"),
        ("tanh", Box(3, (-0.5, -0.5, 0.2), (0.5, 0.5, 0.2)), "gauss-legendre"),
        ("tanh", Gaussian(3, std=0.0), "sobol"),
    ],
)
def test_the_automatic_rule(activation, law, rule):
    problem = Problem(Neuron(1, activation=activation), wave().data)
    assert choose_rule(problem, law, 1000, 0.5, 0) == rule


def test_the_automatic_rule_on_a_circle_and_for_many_parameters():
    assert choose_rule(Problem(Neuron(1, bias=False), wave().data), Sphere(2), 100, 1.0, 0) == (
        "circle"
    )
    wide = Problem(Neuron(4), Dataset(np.ones((1, 4)), [1.0]))
    assert choose_rule(wide, Gaussian(6), 1000, 1.0, 0) == "sobol"
    assert default_nodes(wide, Gaussian(6)) == 8192


def test_populations_take_fewer_nodes_and_no_offence_at_kinks():
    neuron = Neuron(2, activation="relu", bias=False)
    problem = PopulationProblem(neuron, ParticleMeasure([[1.0, 1.0, 0.0]]))
    assert default_nodes(problem, Gaussian(3)) == 2048
    assert len(QuadratureFlow("gauss-hermite").place(problem, Gaussian(3), 64, 1.0, 0)) == 64


@pytest.mark.parametrize(
    ("problem", "law", "flow", "message"),
    [
        (wave("relu"), LINE, QuadratureFlow("trapezoid"),
         "loses its order at the kinks of relu; use panels, quantile or sobol"),
        (wave(temperature=0.1), LINE, QuadratureFlow(),
         "temperature is 0.1; use the solver grid or langevin"),
        (wave(), Box(1), QuadratureFlow("gauss-hermite"), "use gauss-legendre or panels"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_an_alternative(problem, law, flow, message):
    with pytest.raises(InvalidInputError, match=message):
        flow.place(problem, law, 100, 1.0, 0)


def test_no_nodes_are_refused():
    with pytest.raises(InvalidInputError, match="particles must be an integer >= 1, got 0"):
        QuadratureFlow().place(wave(), LINE, 0, 1.0, 0)


def test_noise_is_refused_at_the_start_too():
    with pytest.raises(InvalidInputError, match="use the solver grid or langevin"):
        simulate(wave(temperature=0.1), ParticleMeasure([[0.0]]), QuadratureFlow(), t_end=1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "simpson"}, "unknown quadrature rule 'simpson'.*known: auto, circle"),
        ({"rtol": 0.0}, "rtol must be a positive finite number"),
        ({"nodes": 0}, "nodes must be an integer >= 1"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        QuadratureFlow(**settings)


def test_a_run_says_what_was_chosen():
    problem, flow = wave(), QuadratureFlow()
    nodes = flow.place(problem, LINE, None, 0.5, 0)
    run = simulate(problem, nodes, flow, t_end=0.5, save_at=[0.5])
    assert run.solver == QuadratureFlow("panels", 1e-10, 1e-12)
    assert flow.could_be(run.solver)
    assert not QuadratureFlow("sobol").could_be(run.solver)
    assert not flow.could_be(ParticleFlow())
    # Particles of a user's own belong to no rule.
    assert flow.resolved(problem, ParticleMeasure([[0.0]])).rule == "auto"


def test_the_solver_can_be_rebuilt():
    flow = QuadratureFlow("sobol", nodes=100)
    assert solver_from_dict(flow.to_dict()) == flow
