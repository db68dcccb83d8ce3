import numpy as np
import pytest

from meanfield.activations import activations, custom, radial_average
from meanfield.bounds import bounds_of

BOUNDED = [name for name in activations if name != "square"]


@pytest.mark.parametrize("name", BOUNDED)
def test_bounds_hold_and_are_attained(name):
    sigma, bounds = activations[name], bounds_of(activations[name])
    z = np.linspace(-12.0, 12.0, 48_001)
    values, slopes = sigma(z), sigma.derivative(z)
    assert np.abs(slopes).max() == pytest.approx(bounds.slope, rel=1e-5)
    assert np.abs(slopes).max() <= bounds.slope * (1.0 + 1e-12)
    if np.isfinite(bounds.size):
        assert np.abs(values).max() <= bounds.size
        assert np.abs(values).max() == pytest.approx(bounds.size, rel=1e-4)
    else:
        assert np.abs(values).max() > 10.0
    if not bounds.kinks:
        bends = np.diff(slopes) / np.diff(z)
        # Differences over 5e-4 miss the supremum by at most that times the third derivative.
        assert np.abs(bends).max() == pytest.approx(bounds.curvature, abs=1e-3)


@pytest.mark.parametrize("name", BOUNDED)
def test_remainders_of_tangents(name, rng):
    sigma, bounds = activations[name], bounds_of(activations[name])
    z, radius = 2.0 * rng.standard_normal(2000), rng.random(2000)
    other = z + radius * rng.uniform(-1.0, 1.0, 2000)
    missed = np.abs(sigma(other) - sigma(z) - sigma.derivative(z) * (other - z))
    assert (missed <= bounds.remainder(z, radius) + 1e-14).all()
    pulls = rng.standard_normal(2000)
    below = pulls * (sigma(z) + sigma.derivative(z) * (other - z) - sigma(other))
    assert (below <= bounds.deficit(z, radius, pulls) + 1e-14).all()


def test_unbounded_slopes_and_own_functions_have_no_bounds():
    assert bounds_of(activations["square"]) is None
    assert bounds_of(custom("cube", lambda z: z**3, lambda z: 3.0 * z**2)) is None


def test_averages_over_directions_have_the_bounds_of_what_is_averaged(rng):
    sigma, inner = radial_average("tanh", dim=3), bounds_of(activations["tanh"])
    assert bounds_of(sigma) == inner
    z = np.linspace(-9.0, 9.0, 2001)
    assert np.abs(sigma(z)).max() <= inner.size and np.abs(sigma.derivative(z)).max() <= inner.slope
    assert bounds_of(radial_average("clipped_linear", dim=3)) is None
