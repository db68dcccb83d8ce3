import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.scenarios.two_gaussians import TwoGaussians
from meanfield.scenarios.two_gaussians_radial import TwoGaussiansRadial
from meanfield.simulate import simulate
from meanfield.solvers.particle_flow import ParticleFlow


def quantiles(experiment, count):
    fractions = (np.arange(count) + 0.5) / count
    return ParticleMeasure(experiment.initial.quantile(fractions)[:, None])


def test_the_reduced_equation_of_figure_one():
    experiment = TwoGaussiansRadial(nodes=16).build()
    times = np.array([0.0, 0.01, 0.1, 0.5, 1.0, 2.0])
    run = simulate(
        experiment.problem, quantiles(experiment, 100), experiment.solver(),
        t_end=4.0, save_at=2.0 * times,
    )  # fmt: skip
    # Numbers of an independent solution, rounded to 1e-4 and right to 4e-4 of the risk.
    risks = [1.7044, 1.6316, 1.3385, 1.1273, 1.0706, 1.0114]
    means = [0.7950, 0.8218, 0.9801, 1.2565, 1.4231, 1.6591]
    deviations = [0.0889, 0.0850, 0.0671, 0.0570, 0.0686, 0.1235]
    lengths = [measure.positions[:, 0] for measure in run.measures]
    np.testing.assert_allclose(2.0 * run.risk, risks, rtol=5e-4)
    np.testing.assert_allclose([r.mean() for r in lengths], means, rtol=5e-4)
    # Midpoints of 100 equal parts miss 1/100 of a variance.
    np.testing.assert_allclose([r.std() for r in lengths], deviations, rtol=1e-2)


def test_the_start_is_that_of_the_full_scenario():
    full = TwoGaussians(points=4000).build()
    reduced = TwoGaussiansRadial().build()
    lengths = np.linalg.norm(full.start(particles=4000).positions, axis=1)
    sobol = reduced.start(particles=512).positions[:, 0]
    assert sobol.mean() == pytest.approx(lengths.mean(), abs=4 * lengths.std() / np.sqrt(4000))
    # E R_N − R = c / N with c ≈ 7 here, and 4000 points have a risk to within 0.5 / √4000.
    network = full.problem.risk(full.start(particles=4000))
    assert reduced.problem.risk(reduced.start()) == pytest.approx(network, abs=0.025)


def test_the_failing_activation_is_trapped_by_its_start():
    risks = {}
    for step in (0.02, 0.01):
        experiment = TwoGaussiansRadial(
            dim=320, delta=0.5, init_std=0.1, activation="failing", nodes=12
        ).build()
        solver = ParticleFlow(method="heun", step=step)
        measure = quantiles(experiment, 8)
        _, measure = solver.advance(
            experiment.problem, solver.start(experiment.problem, measure, 0), 1.0
        )
        risks[step] = 2.0 * experiment.problem.risk(measure)
    # With all lengths at 0 the output is −2.5. Chatter at a distance ∝ step is ∝ step.
    trapped = 0.5 * (3.5**2 + 1.5**2)
    assert trapped < risks[0.01] < risks[0.02] < trapped + 0.3
    assert risks[0.02] - trapped == pytest.approx(2.0 * (risks[0.01] - trapped), rel=0.2)


def test_the_failing_activation_learns_from_a_wide_start():
    experiment = TwoGaussiansRadial(
        dim=320, delta=0.5, init_std=0.4, activation="failing", nodes=12
    ).build()
    _, measure = experiment.solver().advance(
        experiment.problem,
        experiment.solver().start(experiment.problem, quantiles(experiment, 20), 0),
        2.0,
    )
    # An independent solution has 0.02749, at a time that is right to 1e-3.
    assert 2.0 * experiment.problem.risk(measure) == pytest.approx(0.02749, rel=0.02)


def test_an_unknown_activation_is_refused():
    with pytest.raises(InvalidInputError, match="standard"):
        TwoGaussiansRadial(activation="standart")
