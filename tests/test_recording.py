"""Frames that hold a part of the particles or fewer digits: the run behind them is the same."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray

from meanfield.cli import run as command
from meanfield.compression import compress
from meanfield.engines.ensemble import Ensemble, spread
from meanfield.errors import DivergenceError, FileError, InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from meanfield.measures import ParticleMeasure
from meanfield.recording import PartialSupport, Recording, read_recorded_support
from meanfield.simulate import resume, simulate
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.supports import ParticleSupport, ReweightedSupport, support_of
from meanfield.trajectory import Trajectory
from oracles import LinearNeuron, line_data

PROBLEM = LinearNeuron(line_data()).problem
START = ParticleMeasure.gaussian(40, 1, seed=0)
TIMES = [0.0, 0.25, 0.5, 1.0]
FLOW = ParticleFlow()
FEW = Recording(particles=7, dtype="float32")


def run_to(store, recording=None, start=START, observers=(), solver=FLOW):
    return simulate(
        PROBLEM, start, solver, t_end=1.0, save_at=TIMES, store=store, observers=observers,
        recording=recording, seed=5,
    )  # fmt: skip


class StopAt:
    """Interrupts the run when it sees a frame."""

    def __init__(self, index):
        self.index = index

    def __call__(self, frame):
        if frame.index == self.index:
            raise KeyboardInterrupt


@pytest.mark.parametrize("in_file", [False, True])
def test_frames_are_those_of_the_whole_run_at_the_recorded_particles(tmp_path, in_file):
    whole = run_to(None)
    part = run_to(tmp_path / "run.h5" if in_file else None, FEW)
    (particle, _) = part._header.support.axes(["w_0"])
    numbers = np.asarray(particle.values)
    assert len(set(numbers)) == 7 and (np.diff(numbers) > 0).all()
    for all_of, some in zip(whole.measures, part.measures, strict=True):
        expected = all_of.positions[numbers].astype(np.float32)
        assert some.positions.dtype == np.float32
        assert np.array_equal(some.positions, expected)
        assert np.allclose(some.weights, 1 / 7, rtol=1e-15, atol=0)
    assert part.risk.tolist() == whole.risk.tolist()
    assert part.energy.tolist() == whole.energy.tolist()
    assert part.particles == 40 and part.engine == whole.engine
    label, text = next(row for row in part.describe() if row[0] == "particles")
    assert text.startswith("40 (float64), of which frames hold 7 (float32)")


def test_observers_see_every_particle():
    seen = []
    run_to(None, FEW, observers=[lambda frame: seen.append(len(frame.measure))])
    assert seen == [40] * 4


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    noisy = Langevin(step=1 / 16)
    whole = run_to(tmp_path / "whole.h5", FEW, solver=noisy)
    with pytest.raises(KeyboardInterrupt):
        run_to(tmp_path / "run.h5", FEW, observers=[StopAt(2)], solver=noisy)
    again = resume(tmp_path / "run.h5")
    assert list(again.measures) == list(whole.measures)
    assert again.risk.tolist() == whole.risk.tolist()


def test_a_compressed_part_can_be_made_longer(tmp_path):
    rigid = ParticleFlow(method="rk4", step=1 / 8)
    whole = simulate(
        PROBLEM, START, rigid, t_end=2.0, save_at=[*TIMES, 2.0], store=tmp_path / "whole.h5",
        recording=FEW, seed=5,
    )  # fmt: skip
    run_to(tmp_path / "run.h5", FEW, solver=rigid)
    compress(tmp_path / "run.h5")
    longer = resume(tmp_path / "run.h5", t_end=2.0, save_at=[2.0])
    assert list(longer.measures) == list(whole.measures)
    assert longer.risk.tolist() == whole.risk.tolist() and longer.particles == 40


def test_the_choice_of_particles_is_uniform_and_belongs_to_the_seed():
    support = support_of(ParticleMeasure.gaussian(10, 1, seed=0))
    some = Recording(particles=3)
    counts = np.zeros(10)
    for seed in range(2000):
        counts[some.of(support, START.weights[:10], seed).numbers] += 1
    # Each is binomial with mean 600 and standard deviation 20.5: five of them.
    assert np.abs(counts - 600).max() < 103
    first, again = (some.of(support, START.weights[:10], 3).numbers for _ in range(2))
    assert np.array_equal(first, again)


def test_masses_of_recorded_particles_sum_to_one():
    masses = np.arange(1.0, 11.0) / 55
    weighted = ParticleMeasure(np.arange(10.0)[:, None], masses)
    kept = Recording(particles=4).of(support_of(weighted), masses, seed=0)
    frame = kept.measure(kept.values(weighted))
    np.testing.assert_allclose(frame.weights, masses[kept.numbers] / masses[kept.numbers].sum())
    changing = support_of(weighted, changes_masses=True)
    kept = Recording(particles=4).of(changing, masses, seed=0)
    assert isinstance(kept.kept, ReweightedSupport)
    values = kept.values(weighted)
    assert values["weight"].sum() == pytest.approx(1.0, abs=1e-15)
    assert kept.measure(values).positions[:, 0].tolist() == kept.numbers.tolist()


def test_all_at_the_precision_of_the_run_is_a_plain_recording(tmp_path):
    for recording in (None, Recording(), Recording(particles=40), Recording(dtype="float64")):
        run = run_to(None, recording)
        assert isinstance(run._header.support, ParticleSupport)
    run_to(tmp_path / "run.h5", Recording(particles=50))
    with h5py.File(tmp_path / "run.h5", "r", locking=False) as file:
        assert file.attrs["format_version"] == 1


def test_a_file_tells_which_particles_it_holds(tmp_path):
    run = run_to(tmp_path / "run.h5", FEW)
    with h5py.File(tmp_path / "run.h5", "r", locking=False) as file:
        assert file.attrs["format_version"] == 2  # readers of 1 would take it for the whole run
        support = read_recorded_support(file)
        assert isinstance(support, PartialSupport)
        assert (support.particles, support.dtype) == (40, "float64")
        assert np.array_equal(support.numbers, file["particle"][()])
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf") as frames:
        for found in (frames, run.to_xarray()):
            assert found.position.dtype == np.float32
            assert found.particle.values.tolist() == support.numbers.tolist()
            assert found.attrs["run_particles"] == 40


def test_fewer_digits_of_all_particles(tmp_path):
    run = run_to(tmp_path / "run.h5", Recording(dtype="float32"))
    assert run.measures[0].positions.tolist() == START.positions.astype(np.float32).tolist()
    with h5py.File(tmp_path / "run.h5", "r", locking=False) as file:
        assert file.attrs["run_dtype"] == "float64" and file["state/0/positions"].dtype == "f8"
    assert Trajectory.open(tmp_path / "run.h5")._header.support.numbers is None


def test_a_grid_in_fewer_digits_goes_on_to_the_same_bits(tmp_path):
    grid = GridMeasure.from_density(Gaussian(1).density, -6.0, 6.0, 60)
    single = Recording(dtype="float32")

    def run_grid(store, recording=single, observers=()):
        return simulate(
            PROBLEM, grid, GridFlow(), t_end=0.2, save_at=[0.0, 0.1, 0.2], store=store,
            recording=recording, observers=observers,
        )  # fmt: skip

    whole = run_grid(tmp_path / "whole.h5")
    with pytest.raises(KeyboardInterrupt):
        run_grid(tmp_path / "run.h5", observers=[StopAt(1)])
    again = resume(tmp_path / "run.h5")
    assert again.risk.tolist() == whole.risk.tolist() == run_grid(None, None).risk.tolist()
    for found, same, exact in zip(
        again.measures, whole.measures, run_grid(None, None).measures, strict=True
    ):
        assert np.array_equal(found.density, same.density)
        assert np.array_equal(found.density, exact.density.astype(np.float32))
    with h5py.File(tmp_path / "run.h5", "r", locking=False) as file:
        assert (file["density"].dtype, file.attrs["format_version"]) == (np.float32, 2)
        assert file.attrs["run_dtype"] == "float64"
    assert dict(again.describe())["grid"].count("in frames of float32") == 1
    far = GridMeasure.trusted(np.full(60, 1e39), grid.lower, grid.upper)
    with pytest.raises(OverflowError, match="a density leaves the range of float32"):
        again._header.support.values(far)


def test_what_cannot_be_recorded_is_said():
    with pytest.raises(InvalidInputError, match="particles must be"):
        Recording(particles=0)
    with pytest.raises(InvalidInputError, match="unknown dtype 'float16'"):
        Recording(dtype="float16")
    grid = GridMeasure.from_density(Gaussian(1).density, -3.0, 3.0, 12)
    with pytest.raises(InvalidInputError, match="part of the cells of a grid is no measure"):
        FEW.of(support_of(grid), grid.weights, 0)
    lonely = ParticleMeasure([[0.0], [1.0], [2.0]], [1.0, 0.0, 0.0])
    support = support_of(lonely, changes_masses=True)
    of_no_mass = [Recording(particles=2).of(support, lonely.weights, seed) for seed in range(20)]
    lost = next(kept for kept in of_no_mass if 0 not in kept.numbers)
    with pytest.raises(ZeroDivisionError, match="the 2 particles to record have no mass"):
        lost.values(lonely)


def test_a_position_beyond_float32_stops_the_run(tmp_path):
    far = ParticleMeasure([[1e39], [-1e39]])
    with pytest.raises(DivergenceError, match="at t = 0, a particle leaves the range of float32"):
        run_to(tmp_path / "run.h5", Recording(dtype="float32"), start=far)
    broken = Trajectory.open(tmp_path / "run.h5")
    assert broken.status == "failed" and len(broken) == 0


class OneOfTwo(Ensemble):
    """A process whose neighbour has found a number."""

    def largest(self, value):
        return 1.0


def test_a_position_beyond_float32_on_another_rank_stops_this_one_too():
    single = Recording(dtype="float32").of(support_of(START), START.weights, 0)
    assert single.values(START)["position"].dtype == np.float32
    with spread(OneOfTwo()), pytest.raises(OverflowError, match="leaves the range of float32"):
        single.values(START)


def test_the_command_line_records_a_part(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["simulate", "relu-1d", "--particles", "20", "--t-end", "1", "--set", "frames=3"]
    part = ["--frame-particles", "5", "--frame-dtype", "float32"]
    assert command([*small, *part, "--out", "run.h5", "--quiet"]) == 0
    assert command(["info", "run.h5"]) == 0
    assert "20 (float64), of which frames hold 5 (float32)" in capsys.readouterr().out
    assert command([*small, *part, "--out", "run.h5", "--resume", "--quiet"]) == 0
    for option, text in (("--frame-particles", "0"), ("--frame-dtype", "float16")):
        assert command([*small, option, text, "--out", "other.h5"]) == 2
    assert "must be >= 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [("run_particles", "many"), ("run_dtype", "float16"), ("particle", [0, 1, 2, 3, 5, 5, 6]),
     ("particle", [0, 1, 2, 3, 4, 5, 40]), ("particle", [-1, 1, 2, 3, 4, 5, 6])],
)  # fmt: skip
def test_a_file_that_does_not_say_which_particles_it_holds_is_refused(tmp_path, name, value):
    run_to(tmp_path / "run.h5", FEW)
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        if name == "particle":
            file[name][:] = value
        else:
            file.attrs[name] = value
    with pytest.raises(FileError, match=r"it is of a run of|do not increase|of the wrong kind"):
        _ = Trajectory.open(tmp_path / "run.h5").measures
