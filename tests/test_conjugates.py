import numpy as np
import pytest
from scipy.optimize import minimize

from meanfield.conjugates import conjugates, curvature_roots, held
from meanfield.losses import huber, losses

LOSSES = {
    "squared": (losses["squared"], 2),
    "logistic": (losses["logistic"], 1),
    "cross_entropy": (losses["cross_entropy"], 3),
    "huber": (huber(0.7), 2),
}


def case(name, rng, points=12):
    """Loss, outputs and targets that suit it."""
    loss, count = LOSSES[name]
    outputs = 2.0 * rng.standard_normal((points, count))
    if name == "logistic":
        return loss, outputs, np.where(np.arange(points) % 3, 1.0, -1.0)[:, None]
    if name == "cross_entropy":
        return loss, outputs, (np.arange(points) % count).astype(float)[:, None]
    return loss, outputs, rng.standard_normal((points, count))


def test_every_loss_has_a_conjugate():
    assert set(LOSSES) == set(losses)


@pytest.mark.parametrize("name", LOSSES)
def test_conjugates_are_the_numerical_supremum(name, rng):
    loss, outputs, targets = case(name, rng)
    v = loss.derivatives(outputs, targets) * 0.9  # inside the domain: it is convex, with 0
    exact = conjugates(loss, v, targets)
    for j in range(len(v)):
        y = targets[j : j + 1]

        def negative(f, v=v[j], y=y):
            value, slope = loss.values(f[None], y)[0], loss.derivatives(f[None], y)[0]
            return value - v @ f, slope - v

        found = minimize(negative, np.zeros(v.shape[1]), jac=True, method="BFGS", tol=1e-9)
        # The error of the supremum is quadratic in that of its gradient.
        np.testing.assert_allclose(-found.fun, exact[j], atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_equality_of_fenchel_and_young_at_derivatives(name, rng):
    loss, outputs, targets = case(name, rng)
    v = loss.derivatives(outputs, targets)
    sums = loss.values(outputs, targets) + conjugates(loss, v, targets)
    np.testing.assert_allclose(sums, np.sum(v * outputs, axis=1), atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_curvature_roots_are_roots_of_differences_of_derivatives(name, rng):
    loss, outputs, targets = case(name, rng)
    roots = curvature_roots(loss, outputs, targets)
    h = 1e-6
    for c in range(outputs.shape[1]):
        shift = h * np.eye(outputs.shape[1])[c]
        slopes = loss.derivatives(outputs + shift, targets)
        slopes -= loss.derivatives(outputs - shift, targets)
        matrices = roots @ roots.transpose(0, 2, 1)
        # Central differences: h² third derivatives, and rounding 1e-16 / h.
        np.testing.assert_allclose(slopes / (2.0 * h), matrices[:, :, c], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "target", "outside"),
    [
        ("logistic", [[1.0]], [[0.1]]),
        ("logistic", [[1.0]], [[-1.1]]),
        ("cross_entropy", [[0.0]], [[0.1, -0.1, 0.1]]),
        ("cross_entropy", [[0.0]], [[0.1, -0.1, 0.0]]),
        ("huber", [[0.0, 0.0]], [[0.8, 0.0]]),
    ],
)
def test_outside_its_domain_a_conjugate_is_infinite(name, target, outside):
    loss, _ = LOSSES[name]
    assert conjugates(loss, np.array(outside), np.array(target)) == [np.inf]


def test_huber_holds_what_moves_away_beyond_the_threshold():
    loss, targets = huber(1.0), np.zeros((4, 1))
    outputs = np.array([[2.0], [2.0], [0.5], [-1.0]])
    moves = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert held(loss, outputs, targets, moves).ravel().tolist() == [True, False, False, True]
    assert not held(losses["squared"], outputs, targets, moves).any()
