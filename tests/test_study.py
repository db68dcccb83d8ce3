"""What a comparison found: tables, files, sentences."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray

from meanfield.errors import FileError, InvalidInputError
from meanfield.study import Study
from meanfield.study_table import constants, with_error
from studies import made_up, made_up_steps


@pytest.fixture
def study():
    """Three widths, twenty seeds, two times, with the slopes of theory."""
    rng = np.random.default_rng(0)
    widths = np.array([16, 64, 256])
    scale = widths[:, None, None] ** -0.5 * np.array([2.0, 1.0])
    normals = rng.standard_normal((3, 20, 2))
    return Study(
        experiment="toy",
        particles=widths,
        times=np.array([0.0, 1.0]),
        samples={
            "function_distance": np.abs(normals) * scale,
            "risk_gap": normals**2 * scale**2,
            "sliced_wasserstein": (1.0 + 0.1 * normals) * scale,
            "sliced_wasserstein_null": (1.0 - 0.1 * normals) * scale,
        },
        reference={"risk": np.array([1.0, 0.5])},
        settings={
            "solver": {"name": "sgd", "step": 0.1},
            "reference": {"solver": {"name": "particle-flow"}, "particles": 4096},
            "seed": 0,
        },
    )


def test_rows_hold_means_errors_and_fluctuations(study):
    rows = study.rows()
    assert len(rows) == 6
    assert [row["particles"] for row in study.rows(-1)] == [16, 64, 256]
    gaps = study.samples["risk_gap"][1, :, 1]
    row = study.rows(1)[1]
    assert row["time"] == 1.0
    assert row["risk_gap"] == pytest.approx(gaps.mean(), rel=1e-14)
    assert row["risk_gap_error"] == pytest.approx(gaps.std(ddof=1) / np.sqrt(20))
    assert row["risk_fluctuation"] == pytest.approx(gaps.std(ddof=1), rel=1e-13)
    distances = study.samples["function_distance"][1, :, 1]
    assert row["function_distance"] == pytest.approx(np.sqrt((distances**2).mean()), rel=1e-14)


def test_excess_is_the_difference_of_mean_squares(study):
    excess, error = study.excess()
    network, null = (
        study.samples[name] ** 2 for name in ("sliced_wasserstein", "sliced_wasserstein_null")
    )
    np.testing.assert_allclose(excess, network.mean(axis=1) - null.mean(axis=1))
    assert np.all(error > 0.0)


def test_table_and_summary_say_what_was_found(study):
    table = study.table()
    assert "slope of function distance" in table
    assert str(study.rates["risk_gap"]) in table
    assert [line.split()[0] for line in table.splitlines()[2:5]] == ["16", "64", "256"]
    assert study.table(0) != table
    assert study.summary().startswith("toy, 20 seeds, N = 16 to 256, t = 1: function distance")
    assert "20 seeds of sgd against particle-flow with 4096 particles" in str(study)
    assert repr(study) == "Study('toy', particles=(16, 64, 256), 20 seeds, 2 times)"
    assert study._repr_html_().startswith("<pre>toy: 20 seeds")


def test_rates_are_at_the_last_time_and_at_any_other(study):
    assert study.rates == study.rates_at(1)
    assert set(study.rates) == {
        "function_distance", "risk_gap", "risk_fluctuation", "sliced_wasserstein",
    }  # fmt: skip
    assert study.rates["function_distance"] != study.rates_at(0)["function_distance"]
    assert study.rates["sliced_wasserstein"].expected is None


def test_file_gives_back_every_bit(study, tmp_path):
    path = study.save(tmp_path / "study.h5")
    opened = Study.open(path)
    assert opened.experiment == "toy"
    assert opened.settings == study.settings
    assert opened.seeds == 20
    np.testing.assert_array_equal(opened.particles, study.particles)
    np.testing.assert_array_equal(opened.times, study.times)
    assert opened.samples.keys() == study.samples.keys()
    for name, values in study.samples.items():
        np.testing.assert_array_equal(opened.samples[name], values)
    np.testing.assert_array_equal(opened.reference["risk"], study.reference["risk"])
    assert str(opened) == str(study)


def test_file_opens_in_xarray_with_named_axes(study, tmp_path):
    with xarray.open_dataset(study.save(tmp_path / "study.h5"), engine="h5netcdf") as dataset:
        assert dataset["risk_gap"].dims == ("particles", "seed", "time")
        assert dataset["reference_risk"].dims == ("time",)
        assert dataset["particles"].values.tolist() == [16, 64, 256]
        assert dataset.attrs["experiment"] == "toy"
        assert "consistent with −1/2" in dataset.attrs["rate_of_function_distance"]


def test_files_are_never_overwritten_silently(study, tmp_path):
    path = study.save(tmp_path / "study.h5")
    with pytest.raises(FileError, match=r"exists already; use force=True \(--force\)"):
        study.save(path)
    assert study.save(path, force=True) == path
    assert [entry.name for entry in tmp_path.iterdir()] == ["study.h5"]


def test_missing_files_and_folders_are_named(study, tmp_path):
    with pytest.raises(FileError, match=r"no study at .*missing.h5"):
        Study.open(tmp_path / "missing.h5")
    with pytest.raises(FileError, match=r"no folder .*nowhere to write study.h5 to"):
        study.save(tmp_path / "nowhere" / "study.h5")


def test_foreign_damaged_and_newer_files_are_refused_in_words(study, tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    with pytest.raises(FileError, match=r"text.h5 is not a readable study file"):
        Study.open(text)
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file.attrs["format"] = "other"
    with pytest.raises(FileError, match=r"foreign.h5 is not a study; studies are written by"):
        Study.open(foreign)
    newer = study.save(tmp_path / "newer.h5")
    with h5py.File(newer, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(FileError, match="written by a newer version"):
        Study.open(newer)
    damaged = study.save(tmp_path / "damaged.h5")
    with h5py.File(damaged, "r+") as file:
        del file["time"]
    with pytest.raises(FileError, match=r"damaged.h5 is not a readable study file"):
        Study.open(damaged)


def test_studies_of_the_first_format_still_open(study, tmp_path):
    """Files of version 1 have three axes, no predictions, and no coupling."""
    path = study.save(tmp_path / "old.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 1
    opened = Study.open(path)
    assert opened.steps is None
    assert opened.predictions == {}
    assert opened.fluctuation is None
    assert opened.table() == study.table()


def test_every_axis_has_a_name(tmp_path):
    full, steps = made_up(), made_up_steps()
    with xarray.open_dataset(full.save(tmp_path / "full.h5"), engine="h5netcdf") as dataset:
        assert dataset["deviation"].dims == ("particles", "seed", "time", "point", "output")
        assert dataset["marginal_wasserstein"].dims == ("particles", "seed", "time", "parameter")
        names = full.settings["parameters"]
        assert dataset["parameter"].values.tolist() == names
        np.testing.assert_array_equal(
            dataset["marginal_wasserstein"].sel(parameter=names[-1]),
            full.samples["marginal_wasserstein"][..., -1],
        )
        assert dataset["predicted_covariance"].dims == ("component", "other_component")
        assert dataset["predicted_function_constant"].dims == ("time",)
    with xarray.open_dataset(steps.save(tmp_path / "steps.h5"), engine="h5netcdf") as dataset:
        assert dataset["risk_gap"].dims == ("particles", "seed", "time", "step")
        assert dataset["step"].values.tolist() == [0.01, 0.04, 0.16]
    for study, name in ((full, "full.h5"), (steps, "steps.h5")):
        opened = Study.open(tmp_path / name)
        assert str(opened) == str(study)
        assert opened.samples.keys() == study.samples.keys()
        for key, values in study.predictions.items():
            np.testing.assert_array_equal(opened.predictions[key], values)


def test_several_steps_are_read_at_the_shortest():
    study = made_up_steps()
    assert repr(study) == "Study('toy', particles=(16, 64, 256), 3 steps, 8 seeds, 1 times)"
    assert study.step == 0.01
    for number, step in enumerate(study.steps):
        single = study.at_step(number)
        assert single.steps is None
        assert single.step == step
        np.testing.assert_array_equal(
            single.sample("risk_gap"), study.samples["risk_gap"][:, :, :, number]
        )
    np.testing.assert_array_equal(study.sample("risk_gap"), study.at_step(0).sample("risk_gap"))
    assert study.rates == study.at_step(0).rates
    assert set(study.expansion("function_distance").coefficients) == {"C", "D"}
    rate = study.step_rate("function_distance")
    assert rate.consistent
    assert abs(rate.slope - 0.5) < 4 * rate.error
    # √(C/N + D s) with C = 1, D = 0.5.
    np.testing.assert_allclose(
        study.predicted("function_distance")[:, 0], np.sqrt(1.0 / study.particles + 0.005)
    )


def test_one_step_has_no_rate_in_the_step(study):
    with pytest.raises(InvalidInputError, match="a rate in the step needs several steps"):
        study.step_rate("function_distance")
    with pytest.raises(InvalidInputError, match="the study has one step only"):
        study.at_step(0)


def test_tables_hold_constants_nulls_and_notes():
    study = made_up()
    table = study.table()
    assert "C of the squared function distance" in table
    assert "predicted 1.5" in table
    assert "central limit at N = 256: variance" in table
    assert "note: exact W₁ and W₂ is left out for N = 256" in table
    assert [line.split()[-3:] for line in table.splitlines() if line.startswith("256")][1] == [
        "—", "—", "—",
    ]  # fmt: skip
    excesses = study.excesses("wasserstein_2")
    assert excesses[2] is None
    assert f"{excesses[0].p_value:.2g}" in table
    assert study.excesses("energy", index=0) == [None] * 3


def test_fluctuation_of_the_risk_is_its_standard_deviation(study):
    value, _ = study.values("risk_fluctuation")
    np.testing.assert_allclose(value, study.samples["risk_gap"].std(axis=1, ddof=1))


def test_unknown_quantities_are_named(study):
    with pytest.raises(InvalidInputError, match=r"unknown quantity 'risk_gab'; did you mean"):
        study.sample("risk_gab")
    assert study.predicted("sliced_wasserstein") is None


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.01234, 0.00056, "0.01234 ± 0.00056"),
        (1.234, 0.1, "1.23 ± 0.10"),
        (-3.55e-5, 8.2e-6, "(−3.55 ± 0.82)e−5"),
        (123.4, 25.0, "123 ± 25"),
        (5.0, 0.0, "5"),
    ],
)
def test_numbers_are_given_to_the_digits_of_their_error(value, error, text):
    assert with_error(value, error) == text


def test_two_seeds_tell_nothing_of_a_fluctuation():
    assert "risk_fluctuation" in made_up(seeds=3).quantities
    assert "risk_fluctuation" not in made_up(seeds=2).quantities
    assert "risk fluctuation" not in made_up(seeds=2).table()


def test_a_negative_mean_square_is_told():
    study = made_up()
    ordinary = dict(constants(study))["C of the squared function distance"]
    assert "not resolved" not in ordinary
    steep = study.samples["function_distance"] / study.particles[:, None, None]
    odd = replace(study, samples={**study.samples, "function_distance": steep})
    named = dict(constants(odd))
    assert named["C of the squared function distance"].startswith("−")
    assert (
        "not resolved: a mean square is not negative" in named["C of the squared function distance"]
    )
