import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meanfield.distances import coupling, wasserstein
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Box, Gaussian, Sphere
from meanfield.measures import Measure, ParticleMeasure

each_dim = pytest.mark.parametrize("dim", [1, 2, 3])
STD = (0.8, 1.2, 0.5)


def gaussian_grid(dim, cells=24):
    """N(0.1, diag(STD²)), in a box whose walls are at 7 standard deviations."""
    std = np.array(STD[:dim])
    law = Gaussian(dim, 0.1, STD[:dim])
    return GridMeasure.from_density(law.density, 0.1 - 7 * std, 0.1 + 7 * std, cells)


def positive(shape):
    return arrays(np.float64, shape, elements=st.floats(0.0, 1.0)).filter(lambda a: a.sum() > 0.1)


densities = st.one_of(positive((7,)), positive((4, 5)), positive((3, 2, 4)))


def normalised(values, lower=-1.0, upper=1.5):
    return GridMeasure(values / (values.mean() * (upper - lower) ** values.ndim), lower, upper)


# -- laws have densities ----------------------------------------------------------------


@each_dim
def test_the_midpoint_rule_integrates_the_density_of_a_normal_law(dim):
    std = np.array(STD[:dim])
    law = Gaussian(dim, 0.1, STD[:dim])
    # 24 cells over 14 standard deviations: the error is 2 exp(−2 (π 24 / 14)²) = 1e-25 inside,
    # and the tail outside is 3e-12 an axis.
    axes = [0.1 + s * np.linspace(-7, 7, 24, endpoint=False) + s * 7 / 24 for s in std]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, dim)
    total = law.density(points).sum() * np.prod(14 * std / 24)
    assert total == pytest.approx(1.0, abs=1e-11)


def test_the_density_of_a_box_is_one_over_its_volume_inside():
    law = Box(2, (-1.0, 0.0), (1.0, 3.0))
    np.testing.assert_array_equal(
        law.density([[0.0, 1.0], [0.0, 4.0], [-2.0, 1.0], [1.0, 3.0]]), [1 / 6, 0, 0, 1 / 6]
    )


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (Sphere(2), "the law sphere has no density; use the law gaussian or box, or particles"),
        (Gaussian(2, std=(1.0, 0.0)), r"gaussian law with std \(1.0, 0.0\) has no density"),
        (Box(2, (0.0, 1.0), 1.0), "a box law .* has no density; give every side a length"),
        (Gaussian(3), "points must have 3 columns, got 2"),
    ],
)
def test_a_law_without_density_says_so(law, message):
    with pytest.raises(InvalidInputError, match=message):
        law.density(np.zeros((1, 2)))


# -- grids ------------------------------------------------------------------------------


@each_dim
def test_moments_and_entropy_are_those_of_the_density(dim):
    grid = gaussian_grid(dim)
    variances = np.square(STD[:dim])
    # Midpoint sums of a Gaussian are exact up to its tails outside the box, 1e-10 of a moment.
    np.testing.assert_allclose(grid.mean(), 0.1, atol=1e-10)
    np.testing.assert_allclose(grid.covariance(), np.diag(variances), atol=1e-9)
    entropy = -0.5 * np.log(2 * np.pi * np.e * variances).sum()
    assert grid.entropy() == pytest.approx(entropy, abs=1e-8)
    assert isinstance(grid, Measure) and isinstance(ParticleMeasure([[0.0]]), Measure)
    assert ParticleMeasure([[0.0]]).entropy() == np.inf


@each_dim
def test_axes_positions_and_weights_agree(dim):
    grid = normalised(np.random.default_rng(0).random((4, 3, 5)[:dim]))
    assert len(grid) == grid.density.size == len(grid.positions) == len(grid.weights)
    assert grid.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert grid.volume == pytest.approx(np.prod(grid.spacing), rel=1e-15)
    index = np.unravel_index(len(grid) - 2, grid.shape)
    np.testing.assert_array_equal(
        grid.positions[-2], [axis[i] for axis, i in zip(grid.axes, index, strict=True)]
    )
    assert grid.weights[-2] == grid.density[index] * grid.volume
    assert grid.positions is grid.positions


def test_marginals_are_sums_over_the_other_axes():
    grid = gaussian_grid(3)
    for axis, std in enumerate(STD):
        marginal = grid.marginal(axis)
        assert marginal.dim == 1 and marginal.weights.sum() == pytest.approx(1.0, abs=1e-14)
        expected = Gaussian(1, 0.1, std).density(marginal.positions)
        np.testing.assert_allclose(marginal.density, expected, atol=1e-11)


def test_mass_at_the_walls_is_told_by_side():
    density = np.zeros((5, 6))
    density[1, 2], density[4, 5] = 0.25, 0.75
    walls = GridMeasure(density, 0.0, (5.0, 6.0)).wall_mass()
    np.testing.assert_array_equal(walls, [[0.25, 0.75], [0.0, 0.75]])


def test_numbers_of_cells_and_corners_can_differ_by_axis():
    grid = GridMeasure.from_density(lambda x: 1.0 + x[:, 0], (0.0, -1.0), (1.0, 1.0), (3, 5))
    assert repr(grid) == "GridMeasure(3 x 5 cells on [0, 1] x [-1, 1])"
    assert grid.weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert pickle.loads(pickle.dumps(grid)) == grid
    assert hash(GridMeasure(grid.density, grid.lower, grid.upper)) == hash(grid)
    assert grid != gaussian_grid(2)


# -- particles to a grid and back ----------------------------------------------------------


@each_dim
def test_particles_keep_their_mean_on_a_grid(dim):
    cloud = ParticleMeasure.box(200, dim, -1.0, 1.0, seed=0)
    grid = GridMeasure.from_particles(cloud, -2.0, 2.0, 8)
    np.testing.assert_allclose(grid.mean(), cloud.mean(), atol=1e-14)
    # Each adds h² f (1 − f) to a variance, f its place between two centres.
    fraction = (cloud.positions + 2.0) / 0.5 - 0.5
    fraction -= np.floor(fraction)
    growth = 0.25 * (fraction * (1 - fraction)).mean(axis=0)
    np.testing.assert_allclose(
        np.diag(grid.covariance()), np.diag(cloud.covariance()) + growth, atol=1e-14
    )


def test_particles_in_the_outermost_half_cell_go_to_its_centre():
    grid = GridMeasure.from_particles(ParticleMeasure([[-1.0], [0.99]]), -1.0, 1.0, 4)
    np.testing.assert_array_equal(grid.weights, [0.5, 0.0, 0.0, 0.5])


@each_dim
def test_gauss_points_keep_mean_and_covariance(dim):
    variances = np.square(STD[:dim])
    # Exact but for the limiter: it acts where Σ |θ_a| h_a / 2σ_a² > 1, h = 0.58 σ, beyond
    # 3.4 σ on the line and 2.4 σ along diagonals (mass 0.001 to 0.02), and costs O(h²) there.
    particles = gaussian_grid(dim).to_particles()
    np.testing.assert_allclose(particles.mean(), 0.1, atol=1e-9)
    covariance = particles.covariance()
    np.testing.assert_allclose(np.diag(covariance), variances, rtol=(1e-3, 4e-3, 0.02)[dim - 1])
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0.0, atol=1e-9)
    if dim < 3:  # Half the width: beyond 6.9 σ and 4.9 σ.
        finer = gaussian_grid(dim, 48).to_particles().covariance()
        np.testing.assert_allclose(np.diag(finer), variances, rtol=(1e-7, 1e-5)[dim - 1])


@given(densities)
def test_particles_of_any_density_are_a_probability_measure_in_the_box(values):
    grid = normalised(values)
    particles = grid.to_particles()
    assert particles.weights.min() >= 0.0
    assert particles.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert (np.abs(particles.positions - 0.25) <= 1.25).all()
    sample = grid.sample(20, seed=1)
    assert sample.is_uniform and len(sample) == 20
    assert (np.abs(sample.positions - 0.25) <= 1.25).all()
    # No mean is off by more than what walls do: h/24 of the mass that moves there, and tilts.
    np.testing.assert_array_less(np.abs(particles.mean() - grid.mean()), grid.spacing / 6)


def test_more_gauss_points_have_the_same_moments():
    grid = normalised(np.random.default_rng(1).random((5, 4)) + 0.5)
    two, five = grid.to_particles(), grid.to_particles(5)
    assert len(five) == 25 * len(grid)
    np.testing.assert_allclose(five.mean(), two.mean(), atol=1e-14)
    np.testing.assert_allclose(five.covariance(), two.covariance(), atol=1e-14)


@each_dim
@pytest.mark.parametrize("sampling", ["iid", "sobol"])
def test_samples_have_the_moments_of_the_grid(dim, sampling):
    # Coarse cells, h = 0.58 σ: their centres as atoms lack nothing, uniform places within
    # cells would add h²/12, 3 % of a variance, and a half-cell shift 29 % of σ.
    grid, count = gaussian_grid(dim), 2**15
    sample = grid.sample(count, seed=2, sampling=sampling)
    variances = np.square(STD[:dim])
    # 4 standard errors, as for the laws.
    spread = 4 * np.sqrt(2 / count) * np.sqrt(np.outer(variances, variances))
    np.testing.assert_array_less(np.abs(sample.mean() - 0.1), 4 * np.sqrt(variances / count))
    np.testing.assert_array_less(np.abs(sample.covariance() - np.diag(variances)), spread)
    if sampling == "sobol":
        np.testing.assert_allclose(sample.mean(), 0.1, atol=0.01)


def test_a_sample_follows_the_slope_within_cells():
    # Two cells, ρ = 1/4 and 3/4 on [0, 2]: as true masses 13/48·… the slope is kept.
    grid = GridMeasure([0.25, 0.75], 0.0, 2.0)
    x = np.sort(grid.sample(2**14, seed=0, sampling="sobol").positions[:, 0])
    masses = np.array([0.25 + 0.5 / 24, 0.75 - 0.5 / 24])
    tilt = (masses[1] - masses[0]) / 2
    # P(X <= 1/2) = ∫_0^½ (m_1 + tilt (2 s − 1)) ds = m_1 / 2 − tilt / 4.
    expected = masses[0] / 2 - tilt / 4
    assert np.mean(x <= 0.5) == pytest.approx(expected, abs=5e-3)
    assert np.mean(x <= 1.0) == pytest.approx(masses[0], abs=5e-3)


def test_samples_have_seeds_and_precisions():
    grid = gaussian_grid(2)
    first = grid.sample(10, seed=3)
    assert first == grid.sample(10, seed=3)
    assert first != grid.sample(10, seed=4)
    assert grid.sample(10, seed=3, dtype="float32").positions.dtype == np.float32


def test_gauss_points_are_nearer_to_the_density_than_centres():
    # A coarse and a very fine grid of one law. Atoms at centres have W₂ ≈ h/√12 = 0.289 h
    # from a density; two points at ±h/√12 have ((2 − √3)/12)^½ h = 0.149 h, since either
    # serves half a cell: ∫_0^½ (x − 1/√12)² dx = (2 − √3)/24.
    law = Gaussian(1)
    fine = GridMeasure.from_density(law.density, -7.0, 7.0, 2800)
    coarse = GridMeasure.from_density(law.density, -7.0, 7.0, 70)
    h = coarse.spacing[0]
    centres = ParticleMeasure(coarse.positions, coarse.weights)
    assert wasserstein(centres, fine) == pytest.approx(h / np.sqrt(12), rel=0.03)
    two = coarse.to_particles()
    assert wasserstein(two, fine) == pytest.approx(np.sqrt((2 - np.sqrt(3)) / 12) * h, rel=0.03)
    # What is left of sixteen points is 0.02 h; the linear density itself is off by O(h²).
    assert wasserstein(coarse, fine) < 0.025 * h


def test_a_grid_is_not_coupled_to_anything():
    grid = gaussian_grid(1)
    with pytest.raises(InvalidInputError, match="particle by particle, which grids have not"):
        coupling(grid, grid)


def test_a_grid_has_no_distance_from_itself():
    grid = gaussian_grid(1)
    assert wasserstein(grid, grid) == 0.0


# -- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GridMeasure(np.ones((1,) * 4), 0.0, 1.0), "covers 1 to 3 parameters, got 4; use"),
        (lambda: GridMeasure(1.0, 0.0, 1.0), "covers 1 to 3 parameters, got 0"),
        (lambda: GridMeasure([1.0, 1.5, 0.5], 0.0, 3.0), "must have integral 1 .*, got 3"),
        (lambda: GridMeasure([-1.0, 3.0], 0.0, 1.0), "density must be >= 0, got -1"),
        (lambda: GridMeasure([np.nan, 1.0], 0.0, 1.0), "density must be finite"),
        (lambda: GridMeasure([1.0, 1.0], 0.0, 0.0), "lower must be < upper"),
        (lambda: GridMeasure([1.0, 1.0], [0.0, 1.0], 2.0), "lower must be one number or 1 numbers"),
        (
            lambda: GridMeasure.from_density(Gaussian(1, 0.1, 0.05).density, -5.0, 5.0, 40),
            "not resolved by the 40 cells: halved ones change its integral .* use more cells",
        ),
        (
            lambda: GridMeasure.from_density(Gaussian(2, 9.0).density, [-90.0] * 2, -80.0, 8),
            "the density is 0 at the centres of all 8 x 8 cells.*use more cells or another box",
        ),
        (lambda: GridMeasure.from_density(Gaussian(1).density, -5, 5, 0), "cells must be an int"),
        (
            lambda: GridMeasure.from_density(lambda x: x[:, 0], -5, 5, (8, 8)),
            "a density must be finite and >= 0 on the box",
        ),
        (
            lambda: GridMeasure.from_density(lambda x: x, -5, 5, (8, 8)),
            r"takes points \(M, 2\) to values \(M,\), got values of shape \(64, 2\)",
        ),
        (
            lambda: GridMeasure.from_density(lambda x: 1, (0, 0), (1, 1), (8, 8, 8)),
            "lower must be one number or 3 numbers, got 2",
        ),
        (lambda: GridMeasure.from_density(lambda x: 1, [0] * 4, 1, 4), "covers 1 to 3 parameters"),
        (
            lambda: GridMeasure.from_particles(ParticleMeasure([[0.0], [3.0]]), -1.0, 1.0, 4),
            "1 of 2 particles lie outside the box",
        ),
        (
            lambda: GridMeasure.from_particles(ParticleMeasure([[0.0]]), -1.0, 1.0, 2.5),
            "cells must be an integer >= 1, got 2.5",
        ),
        (lambda: gaussian_grid(1).marginal(1), "axis must be below 1, got 1"),
        (lambda: gaussian_grid(1).to_particles(1), "points must be an integer >= 2, got 1"),
        (lambda: gaussian_grid(1).sample(0, 0), "particles must be an integer >= 1, got 0"),
        (lambda: gaussian_grid(1).sample(4, 0, "sobel"), "did you mean 'sobol'"),
    ],
)
def test_a_wrong_grid_is_explained(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_a_grid_does_not_change():
    grid = gaussian_grid(1)
    for array in (grid.density, grid.lower, grid.positions, grid.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_a_box_of_one_axis_for_a_law_of_two_says_how_to_give_two():
    with pytest.raises(
        InvalidInputError, match=r"2 columns, got 1; the box has 1 axes.*\(80, 80\)"
    ):
        GridMeasure.from_density(Gaussian(2).density, -9.0, 9.0, 80)


def test_padding_adds_empty_cells_of_the_same_width():
    grid = GridMeasure([[0.1, 0.2], [0.3, 0.4]], (0.0, 1.0), (2.0, 3.0))
    wide = grid.padded([[1, 0], [2, 3]])
    assert wide.shape == (3, 7)
    np.testing.assert_array_equal(wide.lower, [-1.0, -1.0])
    np.testing.assert_array_equal(wide.upper, [2.0, 6.0])
    np.testing.assert_array_equal(wide.density[1:, 2:4], grid.density)
    assert wide.weights.sum() == grid.weights.sum()
    np.testing.assert_array_equal(wide.mean(), grid.mean())
    assert grid.padded(0) == grid
    for cells, message in [
        (-1, "one integer >= 0 or .* of them, got -1"),
        (0.5, r"one integer >= 0 or \(2, 2\) of them, got 0.5"),
        ([1, 2], r"of them, got \[1, 2\]"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            grid.padded(cells)
