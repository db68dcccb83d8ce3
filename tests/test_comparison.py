"""One run beside another: exact distances, honest p-values, clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

import meanfield as mf
from meanfield.solvers import ParticleFlow

LINEAR = mf.Problem(
    mf.Neuron(1, activation="linear", outer="fixed", bias=False), mf.Dataset([[1.0]], [1.0])
)


def run_of(positions, save_at=None, t_end=2.0):
    """The flow of w on the line, whose mean is 1 + (m − 1) exp(−t), all neurons shifting alike."""
    flow = ParticleFlow(rtol=1e-10, atol=1e-12)
    return mf.simulate(LINEAR, mf.ParticleMeasure(positions), flow, t_end=t_end, save_at=save_at)


def recorded(measures):
    """A run whose frames, at times 0, 1, 2, …, are the given measures."""
    frames = iter(measures)
    recorder = mf.Recorder(lambda: next(frames), LINEAR, np.arange(float(len(measures))))
    for time in range(len(measures)):
        recorder(time)
    return recorder.finish()


def test_neurons_that_shift_alike_have_known_distances():
    found = mf.compare_trajectories(run_of([[0.5]], [0.0, 0.5, 2.0]), run_of([[-1.0], [1.0]]))
    fall = np.exp(-found.times)
    assert found.times.tolist() == [0.0, 0.5, 2.0] and found.uncoupled == ""
    # Errors of the flow at these tolerances, and of cubics between 101 frames: below 1e-8.
    assert np.allclose(found.function_distance, 0.5 * fall, rtol=0.0, atol=1e-8)
    assert np.allclose(found.risk, 0.125 * fall**2, rtol=0.0, atol=1e-8)
    assert np.allclose(found.risk_gap, (0.125 - 0.5) * fall**2, rtol=0.0, atol=1e-8)
    assert np.allclose(found.coupling, 0.5 * (1.0 - fall), rtol=0.0, atol=1e-8)
    # W₂² of one atom from two at distance ±1 of their mean: 1 + (difference of the means)².
    assert np.allclose(found.sliced_wasserstein, np.sqrt(1.0 + (0.5 * fall) ** 2), atol=1e-8)


def test_points_of_comparison_can_be_chosen():
    runs = run_of([[0.5]]), run_of([[0.0]])
    found = mf.compare_trajectories(*runs, inputs=[[3.0]], times=0.0)
    assert found.function_distance[0] == pytest.approx(1.5, abs=1e-12)
    assert len(mf.compare_trajectories(*runs).times) == 11


def test_p_values_are_uniform_for_draws_from_the_reference_and_small_for_others(rng):
    cloud = mf.ParticleMeasure(rng.standard_normal((500, 1)))
    draws = [rng.choice(cloud.positions, 20) for _ in range(100)]
    static = recorded([cloud] * 100)
    settings = {"times": np.arange(100.0), "projections": 1, "null_draws": 39}
    null = mf.compare_trajectories(
        recorded([mf.ParticleMeasure(w) for w in draws]), static, **settings
    )
    # 100 independent p-values on a lattice of 40 points.
    assert kstest(null.p_values - rng.uniform(0.0, 0.025, 100), "uniform").pvalue > 1e-3
    shifted = mf.compare_trajectories(
        recorded([mf.ParticleMeasure(w + 1.0) for w in draws]), static, **settings
    )
    # A shift by 4.5 standard errors of the mean.
    assert (shifted.p_values <= 0.05).mean() > 0.95


def test_grids_are_compared_without_a_null():
    grid = mf.GridMeasure.from_density(lambda w: np.exp(-(w[:, 0] ** 2)), [-3.0], [3.0], [60])
    found = mf.compare_trajectories(recorded([grid] * 3), recorded([grid] * 3))
    assert np.isnan(found.p_values).all() and not found.function_distance.any()
    # A grid stands beside itself, cell by cell.
    assert found.sliced_wasserstein.max() < 1e-7
    other = mf.compare_trajectories(run_of([[0.0]], [0.0, 1.0]), recorded([grid] * 2))
    assert np.isfinite(other.p_values).all()
    assert other.uncoupled.startswith("a mean field needs at least 3 frames")


def test_tables_have_a_line_a_time_and_say_why_there_is_no_coupling():
    late = run_of([[0.5]], [1.0, 2.0])
    found = mf.compare_trajectories(late, run_of([[0.0]]))
    assert str(found).splitlines()[0] == (
        "particle-flow with 1 particles against particle-flow with 1 particles"
    )
    assert found.table().split()[:3] == ["t", "function", "distance"]
    assert len(found.table().splitlines()) == 4
    assert str(found).endswith("no coupling: the first frame of the run is at t = 1, not 0")
    assert "&lt;" not in found._repr_html_() and found._repr_html_().startswith("<pre>")
    assert repr(found).startswith("<TrajectoryComparison: 2 times, t = 1 to 2")
    other = mf.Problem(LINEAR.neuron, LINEAR.data, ridge=0.1)
    ridged = mf.simulate(other, mf.ParticleMeasure([[0.0]]), ParticleFlow(), t_end=2.0)
    unlike = mf.compare_trajectories(late, ridged)
    assert unlike.uncoupled == "the runs have different problems" and unlike.coupling is None


def test_mistakes_are_answered_by_a_sentence():
    run = run_of([[0.5]], [0.0, 1.0])
    with pytest.raises(mf.InvalidInputError, match="no frames at the same time; save both"):
        mf.compare_trajectories(run_of([[0.5]], [0.3]), run)
    with pytest.raises(mf.InvalidInputError, match=r"no common frame at t = 0\.4; save both"):
        mf.compare_trajectories(run, run, times=[0.0, 0.4])
    with pytest.raises(mf.InvalidInputError, match="times must increase"):
        mf.compare_trajectories(run, run, times=[1.0, 0.0])
    unlike = mf.Problem(mf.Neuron(1, outer="fixed"), LINEAR.data)
    other = mf.simulate(unlike, mf.ParticleMeasure([[0.0, 0.0]]), ParticleFlow(), t_end=1.0)
    with pytest.raises(mf.InvalidInputError, match="must have the same neuron"):
        mf.compare_trajectories(run, other)
    with pytest.raises(mf.InvalidInputError, match="must be the law of the neurons"):
        mf.compare_with_limit(run, run)
    with pytest.raises(mf.InvalidInputError, match="no frame after time 0"):
        mf.compare_with_limit(run_of([[0.5]], [0.0]), mf.Gaussian(1))
