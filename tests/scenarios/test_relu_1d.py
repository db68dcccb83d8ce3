import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.scenarios.relu_1d import Relu1D, functions


@pytest.mark.parametrize("name", list(functions))
def test_functions_are_bounded_and_not_constant(name):
    values = functions[name](np.linspace(-1.0, 1.0, 201))
    assert values.shape == (201,) and np.abs(values).max() <= 1.0 and np.ptp(values) >= 0.9


def test_noise_has_its_size_and_seed():
    exact, noisy, again, other = (
        Relu1D(points=2000, noise=noise, data_seed=seed).build().problem.data.targets
        for noise, seed in ((0.0, 0), (0.5, 0), (0.5, 0), (0.5, 1))
    )
    # 2000 numbers: relative standard error of the deviation 1.6 %.
    assert abs((noisy - exact).std() / 0.5 - 1.0) < 0.07
    assert np.array_equal(noisy, again) and not np.array_equal(noisy, other)


def share_of_bending_near(measure, place, width):
    """Part of Σ |a||w| of the kinks inside [-1, 1] that is close to a place."""
    a, w, b = measure.positions.T
    kinks, bending = -b / w, np.abs(a * w) * (np.abs(b) <= np.abs(w))
    return bending @ (np.abs(kinks - place) <= width) / bending.sum()


def test_kinks_travel_to_the_corner():
    run = Relu1D(function="hat", particles=256, t_end=50.0, frames=2).build().run()
    # At first kinks are spread over [-1, 1]; the tip of the hat, at 0, attracts them.
    assert share_of_bending_near(run.measures[0], 0.0, 0.2) < 0.35
    assert share_of_bending_near(run.measures[-1], 0.0, 0.2) > 0.9


def test_sgd_with_small_steps_follows_the_flow():
    experiment = Relu1D(function="hat", particles=64, t_end=10.0, frames=3).build()
    flow, sgd = (experiment.run(solver=name) for name in ("particle-flow", "sgd"))
    # Noise of SGD: relative size sqrt(step / batch) = 0.045 per unit of time.
    np.testing.assert_allclose(sgd.risk, flow.risk, rtol=0.1)


def test_an_unknown_function_gets_a_suggestion():
    with pytest.raises(InvalidInputError, match="unknown function 'sin'; did you mean 'sine'"):
        Relu1D(function="sin")
