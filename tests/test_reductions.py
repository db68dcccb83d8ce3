import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.stats import chi, kstest

from meanfield.activations import clipped_linear
from meanfield.datasets import Dataset
from meanfield.distributions import IsotropicGaussians
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.quadrature import quadrature
from meanfield.radial_laws import RadialGaussian
from meanfield.reductions import multi_index, radial
from meanfield.simulate import simulate
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.standard_laws import StandardForm
from meanfield.volumes import RadialVolume

CLIP = clipped_linear(0.5, 1.5, -2.5, 7.5)


def plain(dim):
    return Neuron(dim, activation=CLIP, outer="fixed", bias=False)


@pytest.mark.parametrize(
    ("delta", "least"), [(0.2, 0.39514), (0.4, 0.07288), (0.6, 0.01528), (0.8, 0.00318)]
)
def test_the_least_risk_over_all_laws(delta, least):
    reduction = radial(plain(40), IsotropicGaussians(40, delta), nodes=32)
    data = reduction.problem.data
    grid = np.concatenate([np.linspace(0.0, 8.0, 400), np.geomspace(8.0, 200.0, 60)])
    rows = reduction.problem.neuron.activation(np.outer(data.inputs[:, 0], grid))
    weights = np.sqrt(data.weights)
    # Least squares over masses >= 0 whose sum is 1, which a heavy row enforces.
    matrix = np.vstack([weights[:, None] * rows, np.full(len(grid), 1e4)])
    masses, _ = nnls(matrix, np.append(weights * data.targets[:, 0], 1e4), maxiter=10**5)
    masses /= masses.sum()
    risk = 2.0 * reduction.problem.risk(ParticleMeasure(grid[:, None], masses))
    # Radii on a grid of distance h are h²/8 off, and the numbers have five digits.
    assert risk == pytest.approx(least, rel=2e-3, abs=2e-5)


def test_grid_quadrature_and_particles_agree_in_forty_dimensions():
    reduction = radial(plain(40), IsotropicGaussians(40, 0.8), nodes=12)
    law = reduction.law(Gaussian(40, std=0.8 / np.sqrt(40)))
    flow, problem = ParticleFlow(rtol=1e-9, atol=1e-11), reduction.problem

    def risk(measure, solver=flow):
        return 2.0 * simulate(problem, measure, solver, t_end=0.5).risk[-1]

    exact, other = (risk(quadrature(law, "gauss-hermite", nodes)) for nodes in (18, 14))
    assert other == pytest.approx(exact, abs=1e-8)
    assert risk(quadrature(law, "trapezoid", 40)) == pytest.approx(exact, abs=1e-8)
    # Sobol points of the line miss a mean by about 1 / N.
    assert risk(law.sample(512, seed=0, sampling="sobol")) == pytest.approx(exact, abs=1e-3)
    # On a grid the error is of second order: cells of width 0.01.
    grid = GridMeasure.from_density(law.density, 0.0, 2.0, 200)
    assert risk(grid, GridFlow()) == pytest.approx(exact, abs=2e-4)


def test_labels_undo_places():
    form = StandardForm.of(RadialGaussian(3, 1, 40, mean=(1.0, 0.0, 2.0), std=(0.5, 2.0, 1.0)))
    labels = np.random.default_rng(0).standard_normal((50, 3)) * 3.0
    np.testing.assert_allclose(form.labels(form.place(labels)), labels, atol=1e-9)


def test_an_orthogonal_frame_of_neurons_is_followed_exactly():
    # In the plane, many neurons on a ring are a law which is invariant up to kinks.
    dim, count = 2, 600
    angles = 2.0 * np.pi * (np.arange(count) + 0.5) / count
    ring = ParticleMeasure(0.9 * np.column_stack([np.cos(angles), np.sin(angles)]))
    lengths, labels = np.array([0.7, 1.9]), np.array([1.0, -1.0])
    turned = 2.0 * np.pi * np.arange(64) / 64
    points = np.vstack([r * np.column_stack([np.cos(turned), np.sin(turned)]) for r in lengths])
    full = Problem(Neuron(dim, outer="fixed", bias=False, activation="softplus"),
                   Dataset(points, np.repeat(labels, 64)))  # fmt: skip
    reduction = radial(full.neuron, Dataset(lengths[:, None], labels))
    reduced = reduction.reduce(ring)
    assert reduction.problem.risk(reduced) == pytest.approx(full.risk(ring), rel=1e-12)
    speed = reduction.problem.velocity(reduced)[:, 0]
    outward = np.einsum("ij,ij->i", full.velocity(ring), ring.positions) / 0.9
    np.testing.assert_allclose(speed, outward, rtol=1e-10)


def test_many_neurons_in_twenty_dimensions_have_the_reduced_radii():
    law = IsotropicGaussians(20, 0.8)
    reduction = radial(plain(20), law, nodes=16)
    full = Problem(plain(20), law.dataset(3000, seed=0))
    start = Gaussian(20, std=0.8 / np.sqrt(20)).sample(600, seed=1)
    flow = ParticleFlow(method="heun", step=0.05)
    ends = [
        simulate(problem, measure, flow, t_end=0.4).measures[-1]
        for problem, measure in ((full, start), (reduction.problem, reduction.reduce(start)))
    ]
    radii = reduction.reduce(ends[0]).positions[:, 0]
    # Sampling of 3000 points and 600 neurons: 1/√600 and 0.5/√3000 of quantities below 1.
    assert radii.mean() == pytest.approx(ends[1].positions.mean(), abs=0.02)


@given(seed=st.integers(0, 2**31), dim=st.integers(2, 6))
def test_lifting_is_undone_by_reducing(seed, dim):
    neuron = Neuron(dim, activation="tanh", bias=False)
    reduction = radial(neuron, IsotropicGaussians(dim, 0.5), nodes=2)
    rng = np.random.default_rng(seed)
    reduced = ParticleMeasure(rng.standard_normal((7, 2)))
    again = reduction.reduce(reduction.lift(reduced, seed))
    np.testing.assert_allclose(again.positions[:, 0], reduced.positions[:, 0], rtol=0.0)
    np.testing.assert_allclose(again.positions[:, 1], np.abs(reduced.positions[:, 1]), rtol=1e-13)


def test_lifted_neurons_have_no_preferred_direction():
    reduction = radial(plain(3), IsotropicGaussians(3, 0.5), nodes=2)
    lifted = reduction.lift(ParticleMeasure(np.full((4000, 1), 2.0)), seed=0).positions
    # One coordinate of a uniform unit vector in R³ is uniform in [−1, 1].
    assert kstest(lifted[:, 1] / 2.0, "uniform", (-1.0, 2.0)).pvalue > 0.01


def test_the_reduced_problem_keeps_what_the_full_one_has():
    neuron = Neuron(7, activation="relu", bias=False)
    problem = radial(neuron, IsotropicGaussians(7, 0.5), ridge=0.25, temperature=0.5).problem
    assert problem.neuron.parameter_names == ("a_0", "w_0")
    assert problem.volume == RadialVolume(1, 6)
    measure = Gaussian(7 + 1).sample(50, seed=0)
    reduction = radial(neuron, IsotropicGaussians(7, 0.5), ridge=0.25)
    ridge = 0.125 * np.mean(np.sum(measure.positions**2, axis=1))
    assert reduction.problem.penalty(reduction.reduce(measure)) == pytest.approx(ridge, rel=1e-14)


def test_one_weight_has_a_length_too():
    neuron = Neuron(1, activation="tanh", bias=False)
    data = Dataset([[0.5], [1.0]], [0.0, 0.0])
    assert radial(neuron, data).problem.volume == RadialVolume(1, 0)
    neuron = Neuron(3, activation="tanh", bias=False)
    points = Dataset(np.ones((2, 3)), [0.0, 1.0])
    assert multi_index(neuron, points, kept=2).problem.volume == RadialVolume(3, 0)


def test_the_law_of_lengths_is_that_of_chi():
    law = radial(plain(5), IsotropicGaussians(5, 0.5), nodes=2).law(Gaussian(5, std=0.3))
    assert law == RadialGaussian(1, 0, 5, 0.0, 0.3)
    exact = chi(5, scale=0.3)
    r = np.linspace(-0.5, 2.0, 11)
    np.testing.assert_allclose(law.density(r[:, None]), exact.pdf(r), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(law.quantile(np.array([0.1, 0.9])), exact.ppf([0.1, 0.9]))
    assert kstest(law.sample(4000, seed=0).positions[:, 0], exact.cdf).pvalue > 0.01
    sobol = law.sample(1024, seed=0, sampling="sobol").positions[:, 0]
    assert sobol.mean() == pytest.approx(exact.mean(), rel=1e-3)


def test_other_parameters_of_the_law_stay_gaussian():
    law = RadialGaussian(3, column=1, freedom=2, mean=(1.0, 0.0, -1.0), std=(0.5, 1.0, 2.0))
    drawn = law.sample(4096, seed=0, sampling="sobol")
    np.testing.assert_allclose(drawn.mean(), [1.0, np.sqrt(np.pi / 2.0), -1.0], atol=0.01)
    point = np.array([[1.3, 0.7, -2.0]])
    full = Gaussian(4, mean=(1.0, 0.0, 0.0, -1.0), std=(0.5, 1.0, 1.0, 2.0))
    ring = 2.0 * np.pi * 0.7 * full.density([[1.3, 0.7, 0.0, -2.0]])
    np.testing.assert_allclose(law.density(point), ring, rtol=1e-13)


def test_mistakes_are_named():
    law = IsotropicGaussians(3, 0.5)
    with pytest.raises(InvalidInputError, match="needs a neuron without bias; use bias=False"):
        radial(Neuron(3, activation="tanh"), law)
    with pytest.raises(InvalidInputError, match="IsotropicGaussians in 4 dimensions"):
        radial(plain(4), law)
    reduction = radial(plain(3), law, nodes=2)
    with pytest.raises(InvalidInputError, match="mean 0 and equal std"):
        reduction.law(Gaussian(3, mean=1.0))
    with pytest.raises(InvalidInputError, match="must be a ParticleMeasure over w_0, w_1, w_2"):
        reduction.reduce(ParticleMeasure([[1.0]]))
    with pytest.raises(InvalidInputError, match="must be a Gaussian in 3 dimensions"):
        reduction.law(Gaussian(2))
    with pytest.raises(InvalidInputError, match="column must be below dim=1, got 1"):
        RadialGaussian(1, 1, 5)
    with pytest.raises(InvalidInputError, match="std must be positive"):
        RadialGaussian(1, 0, 5, std=0.0)
