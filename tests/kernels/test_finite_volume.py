"""Finite volumes along one axis against plain formulas, dense matrices and conservation laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import xlogy

from meanfield.kernels.finite_volume import (
    add_transport,
    entropy,
    solve_lines,
    steepest,
    stir,
    write_rates,
)

# (before, n, after): the first, a middle and the last axis.
LAYOUTS = [(1, 7, 12), (3, 7, 4), (12, 7, 1)]
SPACING = 0.3


def rates(potential, temperature):
    up, down = np.empty((2, *potential.shape))
    write_rates(potential, temperature, SPACING, up, down)
    return up, down


def transport(potential, density):
    room, rate = np.empty((2, density[0].size)), np.zeros_like(density)
    add_transport(potential, density, SPACING, room[0], room[1], rate)
    return rate


def generator(up, down):
    """Dense matrix A with (dr/dt) = A r, for arrays (1, n, 1)."""
    rise, fall = up.ravel(), down.ravel()
    return np.diag(-rise - fall) + np.diag(rise[:-1], -1) + np.diag(fall[1:], 1)


def line(size, rng, scale=1.0):
    return scale * rng.standard_normal((1, size, 1))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rates_are_those_of_scharfetter_and_gummel(layout, rng):
    potential = rng.standard_normal(layout)
    up, down = rates(potential, 0.25)
    z = np.diff(potential, axis=1) / 0.25
    scale = 0.25 / SPACING**2
    np.testing.assert_allclose(up[:, :-1], scale * z / np.expm1(z), rtol=1e-13)
    np.testing.assert_allclose(down[:, 1:], scale * -z / np.expm1(-z), rtol=1e-13)
    assert (up[:, -1] == 0.0).all() and (down[:, 0] == 0.0).all()


@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-9, 1e-8, 1e-7, 1e-3, 1.0, 40.0, 600.0])
def test_rates_are_in_detailed_balance(step):
    up, down = rates(np.array([0.0, step]).reshape(1, 2, 1), 1.0)
    # Rates of about 11 are rounded by 2e-15.
    np.testing.assert_allclose(down[0, 1, 0] * np.exp(-step), up[0, 0, 0], rtol=1e-13)
    np.testing.assert_allclose(
        down[0, 1, 0] - up[0, 0, 0], step / SPACING**2, rtol=1e-13, atol=1e-14
    )


def test_rates_without_noise_are_upwind(rng):
    potential = line(30, rng)
    up, down = rates(potential, 0.0)
    cold_up, cold_down = rates(potential, 1e-300)
    drops = -np.diff(potential, axis=1) / SPACING**2
    np.testing.assert_allclose(up[:, :-1], np.maximum(drops, 0.0), rtol=1e-14)
    np.testing.assert_allclose(down[:, 1:], np.maximum(-drops, 0.0), rtol=1e-14)
    np.testing.assert_array_equal(up, cold_up)
    np.testing.assert_array_equal(down, cold_down)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_transport_keeps_mass_and_is_the_plain_formula(layout, rng):
    potential, density = rng.standard_normal(layout), rng.random(layout) + 0.05
    rate = transport(potential, density)
    central = np.zeros_like(density)
    back, forth = np.diff(density, axis=1)[:, :-1], np.diff(density, axis=1)[:, 1:]
    central[:, 1:-1] = 0.5 * (back + forth)
    small = np.minimum(2 * np.minimum(np.abs(back), np.abs(forth)), np.abs(central[:, 1:-1]))
    limited = np.zeros_like(density)
    limited[:, 1:-1] = np.where(back * forth > 0, np.sign(back) * small, 0.0)
    slope = np.where(np.abs(central) / 2 > density, limited, central)
    assert (slope != central).any(), "the limiter is not tested"
    speed = -np.diff(potential, axis=1) / SPACING
    flux = np.maximum(speed, 0) * (density + slope / 2)[:, :-1]
    flux += np.minimum(speed, 0) * (density - slope / 2)[:, 1:]
    walls = np.zeros_like(density[:, :1])
    expected = -np.diff(np.concatenate([walls, flux, walls], axis=1), axis=1) / SPACING
    np.testing.assert_allclose(rate, expected, atol=1e-13 * np.abs(expected).max())
    assert abs(rate.sum()) < 1e-13 * np.abs(rate).sum()


def test_linear_densities_are_transported_exactly():
    x = SPACING * np.arange(20.0).reshape(1, 20, 1)
    rate = transport(-2.0 * x, 1.0 + x)  # u = 2
    np.testing.assert_allclose(rate[0, 2:-2], -2.0, rtol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), zeros=st.floats(0.0, 0.9))
def test_transport_keeps_densities_positive_up_to_its_longest_step(seed, zeros):
    rng = np.random.default_rng(seed)
    density = np.exp(6 * rng.standard_normal((1, 40, 1))) * (rng.random((1, 40, 1)) >= zeros)
    potential = line(40, rng, 3.0)
    longest = SPACING**2 / (2.0 * steepest(potential))
    assert (density + 0.98 * longest * transport(potential, density)).min() >= 0.0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_steepest_difference(layout, rng):
    potential = rng.standard_normal(layout)
    assert steepest(potential) == np.abs(np.diff(potential, axis=1)).max()


def test_entropy_of_a_density_with_empty_cells(rng):
    density = rng.random(3000) * (rng.random(3000) > 0.3)
    # Rounding of a sum of 3000 numbers of both signs below one.
    assert entropy(density) == pytest.approx(xlogy(density, density).sum(), abs=1e-11)


def chain(shape, rng):
    """Padded arrays of a chain on a grid of two axes, and its dense matrix."""
    count, stride = shape[0] * shape[1], shape[1]
    up, down = rng.random((2, 2, *shape)) / 8.0
    up[0, -1], up[1, :, -1], down[0, 0], down[1, :, 0] = 0.0, 0.0, 0.0, 0.0
    padded = np.zeros((2, 2, count + 2 * stride))
    padded[:, :, stride:-stride] = np.stack([up, down]).reshape(2, 2, count)
    stay = 1.0 - (up + down).sum(axis=0).reshape(-1)
    matrix = np.diag(stay)
    for axis, step in enumerate((stride, 1)):
        matrix += np.diag(up[axis].reshape(-1)[:-step], -step)
        matrix += np.diag(down[axis].reshape(-1)[step:], step)
    return padded[0], padded[1], stay, matrix


@pytest.mark.parametrize("pieces", [1, 3])
def test_steps_of_a_chain_are_powers_of_its_matrix(pieces, rng):
    shape = (45, 50)  # more cells than a block holds
    count, pad = shape[0] * shape[1], shape[1]
    up, down, stay, matrix = chain(shape, rng)
    buffers = np.zeros((2, count + 2 * pad))
    start = rng.random(count)
    buffers[0, pad:-pad] = start
    weights = np.array([[0.5, 0.25, 0.125, 0.125], [0.0, 1.0, 0.0, 0.0]])
    sums = weights[:, :1] * start
    strides, edges = np.array([pad, 1]), np.linspace(0, count, pieces + 1).astype(int)
    for k in range(3):
        for first, last in zip(edges[:-1], edges[1:], strict=True):
            stir(buffers, stay, up, down, strides, pad, weights, sums, k, k + 1, first, last)
    powers = [start]
    for _ in range(3):
        powers.append(matrix @ powers[-1])
    np.testing.assert_allclose(sums, weights @ np.array(powers), rtol=1e-13)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_implicit_lines_solve_their_equations(layout, rng):
    potential, density = rng.standard_normal(layout), rng.random(layout)
    up, down = rates(potential, 0.5)
    room, solved = np.empty((2, density[0].size)), density.copy()
    solve_lines(up, down, 0.7, room[0], room[1], solved)
    for b in range(layout[0]):
        for c in range(layout[2]):
            line = (slice(b, b + 1), slice(None), slice(c, c + 1))
            matrix = np.eye(layout[1]) - 0.7 * generator(up[line], down[line])
            expected = np.linalg.solve(matrix, density[line].ravel())
            np.testing.assert_allclose(solved[line].ravel(), expected, rtol=1e-12)


def test_long_implicit_steps_lose_no_mass_and_know_far_tails(rng):
    # Elimination with subtractions lost 7e-9 of the mass and a third of the far tail here.
    x = np.linspace(-6.0, 6.0, 400).reshape(1, 400, 1)
    potential = 0.5 * x**2
    up, down = np.empty((2, *x.shape))
    write_rates(potential, 0.5, 12.0 / 399, up, down)
    room, solved = np.empty((2, 400)), rng.random(x.shape)
    solved /= solved.sum()
    solve_lines(up, down, 1e25, room[0], room[1], solved)
    gibbs = np.exp(-potential / 0.5)
    # 400 roundings; the slowest rate is about 1, so that the step is as good as infinite.
    assert abs(solved.sum() - 1.0) < 400 * 2.3e-16
    np.testing.assert_allclose(solved, gibbs / gibbs.sum(), rtol=2e-12)
