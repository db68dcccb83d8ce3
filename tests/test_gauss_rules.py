import numpy as np
import pytest
from scipy.special import roots_gegenbauer, roots_genlaguerre, roots_hermitenorm

from meanfield.gauss_rules import gamma_rule, normal_rule, sphere_rule


@pytest.mark.parametrize("dim", [3, 4, 7, 40])
def test_the_rule_of_the_sphere_is_that_of_gegenbauer(dim):
    nodes, weights = roots_gegenbauer(12, 0.5 * dim - 1.0)
    found = sphere_rule(dim, 12)
    np.testing.assert_allclose(found[0], nodes, atol=1e-14)
    np.testing.assert_allclose(found[1], weights / weights.sum(), atol=1e-14)


def test_the_rule_of_the_circle_is_that_of_chebyshev():
    nodes, weights = sphere_rule(2, 9)
    np.testing.assert_allclose(nodes, -np.cos(np.pi * (np.arange(9) + 0.5) / 9), atol=1e-15)
    np.testing.assert_allclose(weights, 1 / 9, rtol=1e-13)


def test_in_one_dimension_there_are_two_directions():
    nodes, weights = sphere_rule(1, 40)
    assert nodes.tolist() == [-1.0, 1.0] and weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("shape", [0.5, 1.0, 20.0])
def test_the_rule_of_gamma_is_that_of_laguerre(shape):
    nodes, weights = roots_genlaguerre(10, shape - 1.0)
    found = gamma_rule(shape, 10)
    np.testing.assert_allclose(found[0], nodes, rtol=1e-12)
    np.testing.assert_allclose(found[1], weights / weights.sum(), atol=1e-13)


def test_the_rule_of_gamma_serves_thousands_of_dimensions():
    nodes, weights = gamma_rule(1500.0, 16)
    assert weights @ nodes == pytest.approx(1500.0, rel=1e-12)
    assert weights @ nodes**2 == pytest.approx(1500.0 * 1501.0, rel=1e-12)


def test_the_rule_of_the_normal_law_is_that_of_hermite():
    nodes, weights = roots_hermitenorm(11)
    found = normal_rule(11)
    np.testing.assert_allclose(found[0], nodes, atol=1e-13)
    np.testing.assert_allclose(found[1], weights / weights.sum(), atol=1e-14)


@pytest.mark.parametrize(
    "rule", [lambda n: sphere_rule(5, n), normal_rule, lambda n: gamma_rule(2, n)]
)
def test_a_single_node_is_the_mean(rule):
    nodes, weights = rule(1)
    assert weights.tolist() == [1.0]
    assert nodes[0] == pytest.approx({0.0: 0.0}.get(nodes[0], 2.0))
