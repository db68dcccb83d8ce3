import numpy as np
import pytest

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


def test_kinked_neurons_of_three_inner_weights_are_refused(rng):
    with pytest.raises(InvalidInputError, match="1 or 2 inner parameters, got 3"):
        extremal_sums(rng.standard_normal((4, 3)), np.ones((4, 1)), (0.0, 1.0))
