import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meanfield.directions import extremal_sums, largest_norm
from meanfield.errors import InvalidInputError


def sums_around(inputs, covector, slopes, count=20_001):
    """g at many equidistant directions of the plane."""
    angles = np.linspace(0.0, 2.0 * np.pi, count)
    z = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ inputs.T
    return np.where(z > 0.0, slopes[1], slopes[0]) * z @ covector


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (0.1, 1.0), (-0.5, 0.3)])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("biased", [True, False])
def test_extremes_on_the_circle_are_those_of_many_directions(slopes, count, biased, rng):
    for points in (1, 2, 7):
        inputs = rng.standard_normal((points, 2))
        if biased:
            inputs[:, 1] = 1.0
        covector = rng.standard_normal((points, count))
        found, dense = (
            extremal_sums(inputs, covector, slopes),
            sums_around(inputs, covector, slopes),
        )
        # Between directions 3e-4 apart g changes by at most that times Σ |u||x|, and by the
        # square of it at a critical point.
        allowed = 3.2e-4 * np.sum(np.linalg.norm(covector, axis=1) * np.linalg.norm(inputs, axis=1))
        for exact, near in [
            (largest_norm(found), largest_norm(dense)),
            *zip(found.max(axis=0), dense.max(axis=0), strict=True),
            *zip(-found.min(axis=0), -dense.min(axis=0), strict=True),
        ]:
            assert near - 1e-12 <= exact <= near + allowed


def test_data_on_the_axes(rng):
    inputs = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    covector = rng.standard_normal((6, 1))
    found, dense = (sums(inputs, covector, (0.0, 1.0)) for sums in (extremal_sums, sums_around))
    for sign in (1.0, -1.0):
        assert np.max(sign * found) == pytest.approx(np.max(sign * dense), abs=1e-6)


def test_one_inner_weight_has_two_directions():
    inputs, covector = np.array([[1.0], [-2.0]]), np.array([[1.0], [3.0]])
    assert extremal_sums(inputs, covector, (0.0, 1.0)).ravel().tolist() == [1.0, 6.0]


def test_linear_neurons_in_any_dimension(rng):
    inputs, covector = rng.standard_normal((6, 5)), rng.standard_normal((6, 2))
    found = largest_norm(extremal_sums(inputs, covector, (1.0, 1.0)))
    assert found == pytest.approx(np.linalg.norm(covector.T @ inputs, 2), rel=1e-12)


def test_what_is_too_much_is_refused(rng):
    with pytest.raises(InvalidInputError, match="up to 400 points with 3, got 4 points with 4"):
        extremal_sums(rng.standard_normal((4, 4)), np.ones((4, 1)), (0.0, 1.0))
    with pytest.raises(InvalidInputError, match="got 401 points with 3"):
        extremal_sums(rng.standard_normal((401, 3)), np.ones((401, 1)), (0.0, 1.0))


# -- three inner parameters: directions of the sphere -----------------------------------------


def sums_over_sphere(inputs, covector, slopes, directions):
    z = directions @ inputs.T
    return np.where(z > 0.0, slopes[1], slopes[0]) * z @ covector


def climbed(inputs, covector, slopes, value, directions):
    """Directions improved by ever smaller random steps: local maxima of a value of g."""
    rng, best = np.random.default_rng(0), directions
    heights = value(sums_over_sphere(inputs, covector, slopes, best))
    for width in np.geomspace(0.3, 1e-5, 120):
        moved = best + width * rng.standard_normal(best.shape)
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        reached = value(sums_over_sphere(inputs, covector, slopes, moved))
        best = np.where((reached > heights)[:, None], moved, best)
        heights = np.maximum(heights, reached)
    return heights.max()


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (-0.5, 0.3)])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("biased", [True, False])
def test_extremes_on_the_sphere_are_those_of_searches(slopes, count, biased, rng):
    for points in (1, 2, 3, 9):
        inputs = rng.standard_normal((points, 3))
        if biased:
            inputs[:, 2] = 1.0
        covector = rng.standard_normal((points, count))
        found = extremal_sums(inputs, covector, slopes)
        starts = rng.standard_normal((300, 3))
        starts /= np.linalg.norm(starts, axis=1, keepdims=True)
        values = [lambda g: np.square(g).sum(axis=1) ** 0.5]
        values += [lambda g, c=c, s=s: s * g[:, c] for c in range(count) for s in (1.0, -1.0)]
        for value in values:
            searched = climbed(inputs, covector, slopes, value, starts)
            # Steps of a search end at 1e-5: at kinks it is that far below, times Σ |u||x|.
            assert searched - 1e-12 <= value(found).max() <= searched + 1e-3


@example(seed=8, points=10, shared=True)  # all sums of one output are positive
@given(seed=st.integers(0, 2**31), points=st.integers(1, 12), shared=st.booleans())
def test_no_direction_of_the_sphere_exceeds_the_extremes(seed, points, shared):
    rng = np.random.default_rng(seed)
    inputs, covector = rng.standard_normal((points, 3)), rng.standard_normal((points, 2))
    if shared:  # parallel, opposite and zero points, and three in a plane
        inputs = np.vstack([inputs, 2.0 * inputs[:1], -inputs[:1], np.zeros((1, 3)),
                            inputs[0] + inputs[-1]])  # fmt: skip
        covector = rng.standard_normal((points + 4, 2))
    found = extremal_sums(inputs, covector, (0.0, 1.0))
    tried = rng.standard_normal((4000, 3))
    tried[:1000] = np.cross(inputs[rng.integers(len(inputs), size=1000)], tried[:1000])
    sizes = np.linalg.norm(tried, axis=1, keepdims=True)
    directions = (tried / np.where(sizes > 0.0, sizes, 1.0))[sizes[:, 0] > 0.0]
    sums = sums_over_sphere(inputs, covector, (0.0, 1.0), directions)
    assert (sums <= found.max(axis=0) + 1e-12).all() and (sums >= found.min(axis=0) - 1e-12).all()
    assert largest_norm(sums) <= largest_norm(found) + 1e-12


def test_data_of_a_plane_give_the_extremes_of_its_circle(rng):
    flat, covector = rng.standard_normal((7, 2)), rng.standard_normal((7, 1))
    turned = flat @ np.linalg.qr(rng.standard_normal((3, 3)))[0][:2]
    plane, sphere = (extremal_sums(x, covector, (0.0, 1.0)) for x in (flat, turned))
    # At a height above the plane g is smaller by a factor, 0 at the poles.
    assert plane.min() < 0.0 <= plane.max()
    assert sphere.max() == pytest.approx(plane.max(), rel=1e-12)
    assert sphere.min() == pytest.approx(plane.min(), rel=1e-12)
    assert extremal_sums(np.zeros((2, 3)), np.ones((2, 1)), (0.0, 1.0)).tolist() == [[0.0]]
