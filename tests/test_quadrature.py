"""Quadrature rules: exactness, orders, masses, and what they refuse."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meanfield.errors import InvalidInputError
from meanfield.laws import Box, Gaussian, Sphere
from meanfield.measures import ParticleMeasure
from meanfield.panels import Panels
from meanfield.quadrature import coarser, quadrature, rules_for
from meanfield.rules import rules
from meanfield.standard_laws import StandardForm

LAWS = [
    Gaussian(1, mean=0.3, std=0.7),
    Gaussian(3, mean=(1.0, 2.0, 3.0), std=(0.5, 0.0, 2.0)),
    Box(2, lower=(-1.0, 0.5), upper=(2.0, 1.0)),
    Box(3, lower=(0.0, 1.0, 0.0), upper=(0.0, 2.0, 0.0)),
    Sphere(2, radius=1.5),
    Sphere(4),
]
SPECTRAL = [
    (Gaussian(1), "gauss-hermite"),
    (Gaussian(1), "trapezoid"),
    (Gaussian(1), "panels"),
    (Box(1), "gauss-legendre"),
    (Box(1), "panels"),
    (Sphere(2), "circle"),
]


@given(law=st.sampled_from(LAWS), nodes=st.integers(64, 500), seed=st.integers(0, 99))
def test_every_rule_gives_masses_that_sum_to_one_on_the_support(law, nodes, seed):
    form = StandardForm.of(law)
    for rule in rules_for(law):
        measure = quadrature(law, rule, nodes, seed)
        assert 1 <= len(measure) <= nodes
        # Rounding of a sum of at most 500 positive numbers.
        assert abs(measure.weights.sum() - 1.0) < 1e-14 * 500 and (measure.weights >= 0.0).all()
        fixed = np.setdiff1d(np.arange(law.dim), form.columns)
        assert (measure.positions[:, fixed] == form.centre[fixed]).all()
        if law.name == "box":
            assert (measure.positions >= np.array(law.lower) - 1e-15).all()
            assert (measure.positions <= np.array(law.upper) + 1e-15).all()
        if law.name == "sphere":
            np.testing.assert_allclose(np.linalg.norm(measure.positions, axis=1), law.radius)


@pytest.mark.parametrize(("law", "rule"), SPECTRAL)
def test_smooth_functions_are_integrated_to_rounding(law, rule):
    # E cos(2z): e^−2 for a normal number, sin(2)/2 on [−1, 1], J_0(2) on the circle.
    exact = {"gaussian": np.exp(-2.0), "box": np.sin(2.0) / 2.0, "sphere": 0.22389077914123567}
    measure = quadrature(law, rule, 160)
    got = measure.weights @ np.cos(2.0 * measure.positions[:, 0])
    # Rounding of the nodes of Gauss's rules, which are eigenvalues; the trapezoid rule leaves
    # out 1e-16 at its ends.
    assert abs(got - exact[law.name]) < 1e-13


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_ball_of_trapezoid_nodes_is_as_good_as_the_cube(dimensions):
    law = Gaussian(dimensions)
    measure = quadrature(law, "trapezoid", 20_000)
    got = measure.weights @ np.cos(measure.positions.sum(axis=1))
    # E cos(z_1 + … + z_q) = e^{−q/2}. With m nodes on a line (160 and 33) the ball ends at
    # L = 8.5 and 6.8 standard deviations: what is left out is about L e^{−L²/2}.
    ends = 8.5 if dimensions == 2 else 6.8
    assert abs(got - np.exp(-dimensions / 2.0)) < 10.0 * ends * np.exp(-(ends**2) / 2.0) + 1e-14
    volume = {2: np.pi / 4.0, 3: np.pi / 6.0}[dimensions]
    on_a_line = len(np.unique(measure.positions[:, 0]))
    assert abs(len(measure) / on_a_line**dimensions - volume) < 0.02


def test_gauss_rules_are_exact_for_polynomials():
    measure = quadrature(Gaussian(2, std=(1.0, 2.0)), "gauss-hermite", 25)
    a, b = measure.positions.T
    # Five nodes a line are exact up to degree 9: E z^8 = 105, E z^4 = 3.
    assert measure.weights @ (a**8 * b**4) == pytest.approx(105 * 3 * 2.0**4, rel=1e-12)


@pytest.mark.parametrize("law", [Gaussian(1), Box(1)])
def test_quantiles_have_equal_masses_and_converge(law):
    def error(nodes):
        measure = quadrature(law, "quantile", nodes)
        assert measure.is_uniform
        return abs(measure.weights @ measure.positions[:, 0] ** 2 - exact)

    exact = 1.0 if law.name == "gaussian" else 1.0 / 3.0
    # Midpoints: order 2 on a box; for a normal law the two outermost parts, of mass 1/m
    # each, cost 1/m up to logarithms.
    order = np.log(error(100) / error(1600)) / np.log(16.0)
    assert order == pytest.approx(2.0 if law.name == "box" else 1.0, abs=0.02)


def test_sobol_takes_no_dimension_for_what_is_fixed():
    wide = quadrature(Gaussian(3, std=(1.0, 0.0, 1.0)), "sobol", 64, seed=3)
    plain = quadrature(Gaussian(2), "sobol", 64, seed=3)
    np.testing.assert_array_equal(wide.positions[:, [0, 2]], plain.positions)
    assert plain == Gaussian(2).sample(64, 3, "sobol")
    assert plain != quadrature(Gaussian(2), "sobol", 64, seed=4)


def test_a_law_without_freedom_is_one_node():
    for rule in ("trapezoid", "sobol"):
        assert quadrature(Gaussian(2, mean=1.0, std=0.0), rule, 100) == ParticleMeasure(
            [[1.0, 1.0]]
        )


@pytest.mark.parametrize("law", LAWS)
def test_every_measure_of_a_rule_has_a_coarser_one(law):
    form = StandardForm.of(law)
    for rule in rules_for(law):
        fine = quadrature(law, rule, 400, seed=5)
        coarse = coarser(law, fine, seed=5)
        assert len(coarse) < len(fine)
        if rule not in ("panels", "sobol"):
            assert coarse == quadrature(law, rule, len(coarse))
            expected = 2 ** (1 if rule == "circle" else form.dimensions)
            assert 0.6 * expected < len(fine) / len(coarse) < 1.5 * expected
        assert abs(coarse.weights.sum() - 1.0) < 1e-13


def test_the_node_of_a_law_without_freedom_is_its_own_coarser_one():
    law = Gaussian(2, mean=1.0, std=0.0)
    node = quadrature(law, "sobol", 100)
    assert coarser(law, node) == node


def test_a_single_node_has_no_lower_resolution():
    node = quadrature(Gaussian(3), "sobol", 1)
    with pytest.raises(InvalidInputError, match="a single node has no lower resolution.*use more"):
        coarser(Gaussian(3), node)


def test_a_measure_of_no_rule_has_no_coarser_one():
    measure = Gaussian(1).sample(100, seed=0)
    with pytest.raises(InvalidInputError, match="is not what a quadrature rule gives"):
        coarser(Gaussian(1), measure)


@pytest.mark.parametrize(
    ("law", "rule", "nodes", "message"),
    [
        (Gaussian(1), "simpson", 10, "unknown quadrature rule 'simpson'"),
        (Sphere(3), "gauss-hermite", 10, "does not serve the law sphere .* use sobol"),
        (Box(1), "trapezoid", 10, "use gauss-legendre or panels or quantile or sobol"),
        (Gaussian(2), "panels", 100, "with 2 free parameters; use gauss-hermite or"),
        (Gaussian(5), "trapezoid", 100, "use gauss-hermite or quantile or sobol"),
        (Gaussian(8), "gauss-hermite", 100, "at least 256 nodes .* got 100; use more, or sobol"),
        (Gaussian(1), "panels", 9, "at least 10 nodes"),
        (Gaussian(1), "sobol", 0, "nodes must be an integer >= 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_an_alternative(law, rule, nodes, message):
    with pytest.raises(InvalidInputError, match=message):
        quadrature(law, rule, nodes)


# -- panels --------------------------------------------------------------------------------


def layer(positions, width):
    return erf_of((positions[:, :1] - 0.123) / width)


erf_of = np.vectorize(erf)


@pytest.mark.parametrize("law", [Gaussian(1), Box(1)])
@pytest.mark.parametrize("width", [0.1, 1e-5])
def test_cut_panels_integrate_thin_layers(law, width):
    panels = Panels.equal(StandardForm.of(law), 16)
    for _ in range(40):
        defects, profiles = panels.defects(layer(panels.measure().positions, width))
        if defects.max() <= 1e-12:
            break
        panels = panels.cut(defects > 1e-12, profiles)
    assert defects.max() <= 1e-12
    assert len(panels) < 120
    fine = panels.measure(40)
    exact = fine.weights @ layer(fine.positions, width)[:, 0]
    got = panels.measure().weights @ layer(panels.measure().positions, width)[:, 0]
    # Each of at most 120 panels is below 1e-12, and Gauss's rule far below its last terms.
    assert abs(got - exact) < 1e-13
    if law.name == "gaussian":
        mean = erf(-0.123 / np.sqrt(width**2 + 2.0))  # E erf((z − c)/s) in closed form
        assert abs(got - mean) < 1e-13


def test_a_smooth_panel_is_cut_in_the_middle_and_a_jump_at_its_gap():
    panels = Panels(StandardForm.of(Box(1)), np.array([-1.0, 0.0, 1.0]))
    labels = panels.measure().positions
    values = np.where(labels < 0.0, np.exp(8.0 * labels), labels > 0.7)
    defects, profiles = panels.defects(values)
    cut = panels.cut(np.array([True, True]), profiles)
    assert -0.5 in cut.edges
    gap = cut.edges[(cut.edges > 0.0) & (cut.edges < 1.0)]
    assert len(gap) == 2 and gap[0] < 0.7 < gap[1]
    assert (defects > 0.0).all()


def test_panels_are_found_again_in_their_measure():
    form = StandardForm.of(Gaussian(2, mean=3.0, std=(0.0, 2.0)))
    panels = Panels(form, np.array([-8.5, -1.0, 0.25, 0.5, 8.5]))
    found = Panels.through(form, panels.measure())
    np.testing.assert_allclose(found.edges, panels.edges, atol=1e-13)
    assert len(coarser(Gaussian(2, mean=3.0, std=(0.0, 2.0)), panels.measure())) == 20


def test_panels_need_one_free_parameter():
    with pytest.raises(InvalidInputError, match="panels need one free parameter"):
        Panels.equal(StandardForm.of(Gaussian(2)), 4)


def test_laws_of_other_kinds_are_refused():
    class Odd:
        name, dim = "odd", 1

    with pytest.raises(InvalidInputError, match="serve the laws gaussian, box and sphere"):
        quadrature(Odd(), "sobol", 4)


def test_the_vocabulary_is_complete():
    assert set(rules) == {
        "circle", "gauss-hermite", "gauss-legendre", "panels", "quantile", "sobol", "trapezoid",
    }  # fmt: skip
