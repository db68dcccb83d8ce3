"""Small pictures for notebooks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from meanfield.thumbnails import coordinates, curve, density_picture, scatter, window_of

NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"


def dots(svg):
    """Places of dots, with their colours and sizes."""
    return [
        (tuple(map(float, place)), colour, float(size))
        for path, colour, size in re.findall(
            r'<path d="([^"]*)" stroke="(#\w+)" stroke-width="([\d.]+)"', svg
        )
        for place in re.findall(rf"M({NUMBER}) ({NUMBER})h0", path)
    ]


def test_dots_lie_within_the_frame_and_up_is_up():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    (low, _, _), (right, _, _), (high, _, _) = dots(scatter(points, ("x", "y")))
    assert low[0] == high[0] < right[0] <= 220
    assert low[1] == right[1] > high[1] >= 0


def test_signs_are_colours_and_masses_sizes():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    found = dots(scatter(points, ("x", "y"), np.array([1.0, -1.0, 1.0])))
    assert len({colour for _, colour, _ in found}) == 2
    found = dots(scatter(points, ("x", "y"), weights=np.array([0.01, 0.2, 0.79])))
    assert [size for _, _, size in sorted(found)] == sorted(size for _, _, size in found)


def test_at_most_eight_hundred_dots_are_drawn():
    points = np.random.default_rng(0).normal(size=(100_000, 2))
    assert 700 < len(dots(scatter(points, ("x", "y")))) <= 800


def test_windows_only_grow():
    points = np.random.default_rng(0).normal(size=(100, 2))
    wide = window_of(10.0 * points)
    assert window_of(points, wide) == wide


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((1, 2)),
        np.full((4, 2), 1e300),
        np.full((4, 1), -1e-300),
        np.array([[1e308, -1e308], [-1e308, 1e308]]),
        np.array([[1.0, 1.0], [1.0 + 1e-15, 1.0]]),
        np.zeros((3, 1)),
    ],
)
def test_degenerate_clouds_are_pictures_without_odd_numbers(points):
    with np.errstate(all="raise", under="ignore"):
        svg = scatter(points, ("x", "y"))
    assert svg.startswith("<svg") and svg.endswith("</svg>")
    assert not re.search(r'="[^"]*(nan|inf)', svg)


def test_many_parameters_are_shown_where_they_vary_most():
    rng = np.random.default_rng(0)
    thetas = rng.normal(size=(500, 6)) * [0.1, 0.1, 5.0, 0.1, 2.0, 0.1]
    points, _ = coordinates(thetas)
    assert abs(np.corrcoef(points[:, 0], thetas[:, 2])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], thetas[:, 4])[0, 1]) > 0.99
    assert coordinates(np.full((3, 5), 7.0))[0].shape == (3, 2)


def vertices(svg):
    places = re.search(r'points="([^"]*)"', svg)[1].split()
    return np.array([place.split(",") for place in places], dtype=float)


def test_an_exponential_is_a_straight_falling_line():
    times = np.linspace(0.0, 10.0, 50)
    svg = curve(times, np.exp(-times), "risk")
    line = vertices(svg)
    slope, start = np.polyfit(*line.T, 1)
    assert slope > 0.3  # downwards: rows of pixels are counted from the top
    assert np.abs(line[:, 1] - start - slope * line[:, 0]).max() < 0.15  # places have 4 digits
    assert "logarithmic" in svg


@pytest.mark.parametrize(
    ("times", "values"),
    [([], []), ([0.0], [1.0]), ([0.0, 1.0], [np.nan, np.inf]), ([0.0, 1.0], [2.0, 2.0 + 1e-15])],
)
def test_odd_curves_are_pictures(times, values):
    svg = curve(times, values, "risk <b>")
    assert "nan" not in svg and "<b>" not in svg
    if len(times) == 2 and np.isfinite(values).all():
        assert np.ptp(vertices(svg)[:, 1]) == 0.0


def test_an_image_has_its_mass_where_the_density_has():
    density = np.zeros((88, 88))
    density[:44, 44:] = 1.0  # small first parameter, large second one: to the left, above
    svg = density_picture(density, (0.0, 0.0), (1.0, 2.0), ("w", "b"))
    (path,) = re.findall(r'<path d="([^"]*)" fill=', svg)
    corners = np.array(re.findall(rf"M({NUMBER}) ({NUMBER})h", path), dtype=float)
    assert corners[:, 0].max() < 110
    assert corners[:, 1].max() < 75
    assert "w, 0 to 1" in svg and "b, 0 to 2" in svg
