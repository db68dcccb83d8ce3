"""Runs of measures on a grid: what their files and trajectories hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import xarray

from meanfield.datasets import Dataset
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.report import run_summary
from meanfield.simulate import resume, simulate
from meanfield.solver import settings_to_dict, solvers
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.trajectory import Trajectory

DATA = Dataset([[-1.0], [0.5], [1.0]], [0.5, -0.2, 0.9])
PROBLEM = Problem(Neuron(1, outer="fixed"), DATA, ridge=0.1, temperature=0.25)
START = GridMeasure.from_density(Gaussian(2, std=0.5).density, (-3.0, -4.0), (3.0, 4.0), (12, 10))


@dataclass(frozen=True, eq=False)
class BlurState:
    """A density after a number of steps."""

    density: Any
    lower: Any
    upper: Any
    steps: int


@dataclass(frozen=True)
class Blur:
    """Each step of length 1/8 mixes a density with the uniform one: a grid method to test with."""

    strength: float = 0.1
    fails_at: float = field(default=np.inf, compare=False)
    name: ClassVar[str] = "blur"
    state_type: ClassVar[type] = BlurState

    def start(self, problem, measure, seed):
        return BlurState(measure.density.copy(), measure.lower, measure.upper, 0)

    def advance(self, problem, state, t):
        if t > self.fails_at:
            raise DivergenceError("the density left the finite numbers", t)
        steps = int(8 * t)
        density = state.density
        for _ in range(state.steps, steps):
            density = (1 - self.strength) * density + self.strength * density.mean()
        state = replace(state, density=density, steps=max(steps, state.steps))
        return state, GridMeasure.trusted(density.copy(), state.lower, state.upper)

    def to_dict(self):
        return settings_to_dict(replace(self, fails_at=1e300))


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The vocabulary of solvers with this one."""
    found = type(solvers).__getitem__
    monkeypatch.setattr(
        type(solvers),
        "__getitem__",
        lambda self, name: Blur if name == "blur" else found(self, name),
    )


def run_to(store, solver=Blur(), t_end=1.0):
    return simulate(PROBLEM, START, solver, t_end=t_end, save_at=[0.0, 0.25, 0.5, 1.0], store=store)


@pytest.mark.parametrize("in_file", [False, True])
def test_frames_of_a_grid_keep_every_bit(tmp_path, in_file):
    run = run_to(tmp_path / "run.h5" if in_file else None)
    assert run.status == "complete" and len(run.measures) == 4
    assert run.measures[0] == START
    expected = START.density
    for _ in range(8):
        expected = 0.9 * expected + 0.1 * expected.mean()
    assert np.array_equal(run.measures[-1].density, expected)
    assert isinstance(run.measures[-1], GridMeasure)
    assert run.particles == 120
    # The energy has its entropy, at a positive temperature too.
    energies = [PROBLEM.energy(measure) for measure in run.measures]
    np.testing.assert_allclose(run.energy, energies, rtol=1e-14)
    assert dict(run_summary(run, Path("run.h5"), 1.0))["free energy"].startswith(
        f"{run.energy[0]:.4g} → "
    )
    assert dict(run.describe())["grid"].startswith(
        "12 x 10 cells, w_0 from -3 to 3, b from -4 to 4"
    )


def test_xarray_sees_the_axes_of_a_grid(tmp_path):
    run = run_to(tmp_path / "run.h5")
    built, third = run.to_xarray(), run.measures[2]
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf") as frames:
        for found in (frames, built):
            assert found.density.dims == ("time", "w_0", "b")
            for name, axis in zip(("w_0", "b"), START.axes, strict=True):
                assert np.array_equal(found[name].values, axis)
            assert np.array_equal(found.density.values[2], third.density)
            assert found.attrs["lower"].tolist() == [-3.0, -4.0]
        # Labels are coordinates: the mass in a half-plane is a selection and a sum.
        half = float(frames.density.sel(w_0=slice(0.0, None)).isel(time=0).sum())
        assert half * START.volume == pytest.approx(0.5, abs=1e-12)


def test_an_interrupted_run_on_a_grid_ends_with_the_same_bits(tmp_path):
    whole = run_to(tmp_path / "whole.h5")
    with pytest.raises(DivergenceError, match="left the finite numbers"):
        run_to(tmp_path / "run.h5", Blur(fails_at=0.6))
    broken = Trajectory.open(tmp_path / "run.h5")
    assert broken.status == "failed" and len(broken) == 3
    mended = resume(tmp_path / "run.h5")
    assert mended.status == "complete"
    assert list(mended.measures) == list(whole.measures)
    assert mended.risk.tolist() == whole.risk.tolist()


def test_observables_of_a_grid_run_are_not_taken_for_axes(tmp_path):
    def spread(frame):
        return float(frame.measure.covariance()[0, 0])

    spread.name = "spread"
    run = simulate(
        PROBLEM, START, Blur(), t_end=0.5, save_at=[0.0, 0.5], store=tmp_path / "run.h5",
        observers=[spread],
    )  # fmt: skip
    assert list(run.observables) == ["spread"]
    again = Trajectory.open(tmp_path / "run.h5")
    assert again.observables["spread"].tolist() == run.observables["spread"].tolist()
    assert again.solver == run.solver and again.problem == PROBLEM


def test_a_grid_starts_methods_of_particles_as_gauss_points():
    quiet = replace(PROBLEM, temperature=0.0)
    run = simulate(quiet, START, ParticleFlow(), t_end=0.1, save_at=[0.0, 0.1])
    assert run.measures[0] == START.to_particles()
    assert isinstance(run.measures[-1], ParticleMeasure)
    assert run.measures[-1].weights is not None and run.particles == len(START.to_particles())


def test_what_is_no_measure_of_these_neurons_is_refused():
    with pytest.raises(InvalidInputError, match="the measure has 1 parameters, but the neuron has"):
        simulate(PROBLEM, START.marginal(0), Blur(), t_end=1.0)
    with pytest.raises(InvalidInputError, match="must be a ParticleMeasure or a GridMeasure"):
        simulate(PROBLEM, [[0.0]], Blur(), t_end=1.0)


def old_file(path, run, masses):
    """The file of a run of particles of constant masses, written by h5py alone."""
    positions = np.stack([measure.positions for measure in run.measures])
    with h5py.File(run.path, "r", locking=False) as made, h5py.File(path, "w") as file:
        file.attrs.update(made.attrs)
        made.copy("data", file)
        file["time"] = file["save_time"] = run.times
        file["position"] = positions
        file["risk"], file["energy"] = run.risk, run.energy
        file["time"].make_scale("time")
        for name in ("position", "risk", "energy", "save_time"):
            file[name].dims[0].attach_scale(file["time"])
        if masses is not None:
            file["weight"], file["particle"] = masses, np.zeros(3)
            file["particle"].make_scale("particle")
            file["weight"].dims[0].attach_scale(file["particle"])


@pytest.mark.parametrize("masses", [None, np.array([0.2, 0.5, 0.3])])
def test_files_of_constant_masses_open_as_ever(tmp_path, masses):
    quiet, start = replace(PROBLEM, temperature=0.0), Gaussian(2).sample(3, seed=0)
    start = ParticleMeasure(start.positions, masses)
    run = simulate(
        quiet, start, ParticleFlow(), t_end=0.5, save_at=[0.0, 0.5], store=tmp_path / "run.h5"
    )
    old_file(tmp_path / "old.h5", run, masses)
    old = Trajectory.open(tmp_path / "old.h5")
    assert list(old.measures) == list(run.measures)
    assert (old.problem, old.solver, old.particles) == (run.problem, run.solver, run.particles)
    assert old.risk.tolist() == run.risk.tolist()
    # What is written now has the same variables in the same places.
    with h5py.File(run.path, "r", locking=False) as file:
        assert ("weight" in file) == (masses is not None)
        assert file["position"].shape == (2, 3, 2)
        if masses is not None:
            assert file["weight"].shape == (3,)
            assert file["weight"].dims[0][0].name == "/particle"
