"""Experiments from TOML files."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.configuration import ExperimentFile, example
from meanfield.errors import FileError, InvalidInputError
from meanfield.laws import Box, Sphere
from meanfield.losses import huber
from meanfield.radial_laws import RadialGaussian
from meanfield.solvers import SGD, OnlineSGD, ParticleFlow

LEAST = '[data]\nfile = "points.csv"\n[time]\nt_end = 2.0\n'
ROWS = "x,y,label\n" + "".join(f"{i},{i * i},{(-1) ** i}\n" for i in range(10))


@pytest.fixture
def folder(tmp_path):
    """A folder with a table of ten points."""
    (tmp_path / "points.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path


def build(folder, text=LEAST, **assignments):
    """Experiment of a file in the folder; in keys, __ stands for a dot."""
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    keys = {key.replace("__", "."): value for key, value in assignments.items()}
    return ExperimentFile.read(folder / "mine.toml", keys).build()


def test_data_and_an_end_are_enough(folder):
    experiment = build(folder)
    assert experiment.name == "mine"
    assert experiment.problem.data.inputs.tolist()[2] == [2.0, 4.0]
    assert experiment.problem.data.targets[:2, 0].tolist() == [1.0, -1.0]
    assert (experiment.problem.loss.name, experiment.problem.neuron.dim) == ("squared", 4)
    assert experiment.solvers == {"particle-flow": ParticleFlow()}
    assert np.array_equal(experiment.save_at, np.linspace(0.0, 2.0, 101))
    assert experiment.test is None


def test_paths_are_relative_to_the_file_not_to_the_working_folder(folder, monkeypatch):
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert len(build(folder).problem.data) == 10


def test_absolute_paths_and_arrays_of_npz_files_are_read(folder, tmp_path):
    np.savez(tmp_path / "images.npz", pixels=np.ones((4, 3)), digits=[0, 1, 2, 1])
    experiment = build(
        folder,
        data__file=str(tmp_path / "images.npz"),
        data__inputs="pixels",
        data__targets="digits",
        problem__loss="cross_entropy",
    )
    assert (experiment.problem.neuron.inputs, experiment.problem.neuron.outputs) == (3, 3)


def test_columns_are_chosen_by_name(folder):
    experiment = build(folder, data__inputs="x", data__targets='["y", "label"]')
    assert (experiment.problem.neuron.inputs, experiment.problem.neuron.outputs) == (1, 2)


def test_held_out_points_and_training_points_are_a_partition(folder):
    experiment = build(folder, data__test_fraction="0.3", data__split_seed="5")
    assert experiment.test is not None
    train, test = experiment.problem.data.inputs[:, 0], experiment.test.inputs[:, 0]
    assert len(test) == 3
    assert sorted([*train, *test]) == list(range(10))
    again = build(folder, data__test_fraction="0.3", data__split_seed="6")
    assert again.test is not None
    assert test.tolist() != again.test.inputs[:, 0].tolist()


def test_a_file_of_held_out_points_is_read(folder):
    (folder / "later.csv").write_text("x,y,label\n1,2,3\n", encoding="utf-8")
    experiment = build(folder, data__test_file="later.csv")
    assert experiment.test is not None
    assert experiment.test.targets.tolist() == [[3.0]]


def test_every_section_reaches_the_experiment(folder):
    text = """
        name = "all"
        summary = "everything"
        [data]
        file = "points.csv"
        [neuron]
        activation = { name = "leaky_relu", parameters = { slope = 0.2 } }
        bias = false
        [problem]
        loss = { name = "huber", threshold = 0.5 }
        ridge = { outer = 0.1, inner = 0.2 }
        scale = 2.0
        [initial]
        law = "box"
        lower = { a = -3, w = -1.0 }
        upper = [3.0, 1.0, 2.0]
        particles = 7
        sampling = "sobol"
        [solvers.sgd]
        step = 0.1
        replacement = false
        [solvers.particle-flow]
        method = "rk4"
        step = 0.5
        [time]
        save_at = [0, 0.5, 3]
    """
    experiment = build(folder, text)
    problem = experiment.problem
    assert (experiment.name, experiment.summary) == ("all", "everything")
    assert problem.neuron.activation.parameters == {"slope": 0.2}
    assert problem.loss == huber(0.5)
    assert (problem.ridge.outer, problem.ridge.inner, problem.scale) == (0.1, 0.2, 2.0)
    assert experiment.initial == Box(3, (-3.0, -1.0, -1.0), (3.0, 1.0, 2.0))
    assert (experiment.particles, experiment.sampling) == (7, "sobol")
    assert list(experiment.solvers.items()) == [
        ("sgd", SGD(0.1, replacement=False)),
        ("particle-flow", ParticleFlow("rk4", step=0.5)),
    ]
    assert experiment.save_at.tolist() == [0.0, 0.5, 3.0]


def test_assignments_replace_values_of_the_file(folder):
    experiment = build(folder, initial__law="sphere", initial__radius="2", time__frames="3")
    assert experiment.initial == Sphere(4, 2.0)
    lengths = {"initial__law": "radial-gaussian", "initial__column": "1", "initial__freedom": "9"}
    assert build(folder, **lengths).initial == RadialGaussian(4, 1, 9)
    assert experiment.save_at.tolist() == [0.0, 1.0, 2.0]


def test_online_gradient_descent_takes_a_distribution(folder):
    text = LEAST + (
        "[solvers.online-sgd]\nstep = 0.1\n"
        'distribution = { name = "isotropic-gaussians", dim = 2, delta = 0.5 }\n'
    )
    solver = build(folder, text).solver()
    assert isinstance(solver, OnlineSGD)
    assert solver.distribution.inputs == 2


def test_the_example_learns_its_test_points(tmp_path):
    (tmp_path / "copy.toml").write_text(example(), encoding="utf-8")
    assignments = {"initial.particles": "100", "time.frames": "3", "time.t_end": "50"}
    experiment = ExperimentFile.read(tmp_path / "copy.toml", assignments).build()
    accuracy = experiment.run(solver="sgd").observables["test_accuracy"]
    # The best straight line in the sense of least squares gets 0.85; so does the network by t = 50.
    assert accuracy[-1] >= 0.85 > accuracy[0]


BAD_FILES = [
    ({"neuron__activaton": "relu"}, "unknown key 'neuron.activaton'; did you mean 'neuron.act"),
    ({"temperature": "0"}, r"unknown key 'temperature'; did you mean 'problem.temperature'\?"),
    ({"activaton": "relu"}, r"unknown key 'activaton'; did you mean 'neuron.activation'\?"),
    ({"time__law": "box"}, r"unknown key 'time.law'; did you mean 'initial.law'\?"),
    ({"nueron__bias": "true"}, "unknown key 'nueron'; did you mean 'neuron'"),
    ({"neuron__activation": "rleu"}, "neuron: unknown activation 'rleu'; did you mean 'relu'"),
    ({"neuron__activation": "3"}, "neuron: "),
    ({"neuron__bias": "maybe"}, "neuron.bias must be true or false, got 'maybe'"),
    ({"neuron__outer": "both"}, "neuron.outer must be 'trained' or 'fixed', got 'both'"),
    ({"neuron__outputs": "0"}, "neuron.outputs must be >= 1, got 0"),
    ({"neuron": "3"}, "neuron must be a table, got 3"),
    ({"problem__loss": "squard"}, "problem.loss: unknown loss 'squard'"),
    ({"problem__loss": "cross_entropy"}, "cross_entropy takes integer labels"),
    ({"problem__ridge": "-1"}, "problem.ridge: ridge must be a nonnegative finite number"),
    ({"problem__ridge": "much"}, "problem.ridge: ridge must be a nonnegative finite number"),
    ({"problem__temperature": "-1"}, "problem.temperature must be >= 0"),
    ({"problem__scale": "inf"}, "problem.scale must be a finite number, got inf"),
    ({"initial__law": "gausian"}, "initial.law: unknown initial law 'gausian'"),
    ({"initial__law": "radial-gaussian"}, "initial: the law radial-gaussian needs .* column"),
    ({"initial__stdd": "1"}, "unknown key 'initial.stdd'; did you mean 'initial.std'"),
    ({"initial__std": "[1, 2]"}, "initial: std must be one number or 4 numbers"),
    ({"initial__std": "{ a = 1, w = 1 }"}, "initial.std: a value for the parameters b is missing"),
    ({"initial__std": "{ c = 1 }"}, "initial.std: unknown kind of parameter 'c'"),
    ({"initial__particles": "2.5"}, "initial.particles must be an integer, got 2.5"),
    ({"solvers__sgd__batch_size": "3"}, "solvers.sgd: the solver sgd needs the setting step"),
    ({"solvers__sgd__stp": "3", "solvers__sgd__step": "1"}, "solvers.sgd: unknown setting"),
    ({"solvers__sdg__step": "3"}, "solvers.sdg: unknown solver 'sdg'; did you mean 'sgd'"),
    ({"solvers__sgd__step": "-1"}, "solvers.sgd: step must be a positive finite number, got -1"),
    ({"solvers__sgd": "3"}, "solvers.sgd must be a table, got 3"),
    ({"data__file": "point.csv"}, "data: no data file at .*point.csv"),
    ({"data__file": "meanfield:moon.csv"}, "did you mean 'moons.csv'"),
    ({"data__inputs": "z"}, "data: unknown column in points.csv 'z'"),
    ({"data__inputs": "[1]"}, "data.inputs.0 must be a text, got 1"),
    ({"data__test_fraction": "1.0"}, "data.test_fraction must be < 1, got 1.0"),
    ({"data__test_fraction": "0.99"}, "leaves none of 10 points"),
    ({"data__test_fraction": "0.1", "data__test_file": "points.csv"}, "not both"),
    ({"data__file__name": "x"}, "cannot set data.file.name: file is a value, not a table"),
    ({"time__t_end": "-1"}, "time.t_end must be > 0, got -1"),
    ({"time__t_end": "late"}, "time.t_end must be a number, got 'late'"),
    ({"time__frames": "1"}, "time.frames must be >= 2, got 1"),
    ({"time__save_at": "[0, 1]"}, "leave out t_end"),
    ({"name": "a/b"}, "name must consist of letters"),
]


@pytest.mark.parametrize(("assignments", "sentence"), BAD_FILES, ids=[str(b) for b, _ in BAD_FILES])
def test_a_mistake_is_named_with_file_and_key(assignments, sentence, folder):
    with pytest.raises((InvalidInputError, FileError), match=sentence) as caught:
        build(folder, **assignments)
    assert str(caught.value).startswith(f"{folder / 'mine.toml'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[data]\nfile = 'points.csv'\n", r"the table \[time\] with t_end or save_at is missing"),
        ("[time]\nt_end = 1\n", r"the table \[data\] with a file is missing"),
        ("[data]\n[time]\nt_end = 1\n", "data.file is missing"),
        ("[data]\nfile = 'points.csv'\n[time]\n", "time: t_end or save_at is missing"),
        ("[data]\nfile = 'points.csv'\n[time]\nsave_at = [1, 0]\n", "save_at must increase"),
        ("[data]\nfile = 'points.csv'\n[time]\nsave_at = [0]\n", "at least one time after 0"),
    ],
)
def test_what_is_missing_or_out_of_order_is_named(text, sentence, folder):
    with pytest.raises(InvalidInputError, match=sentence):
        build(folder, text)


def test_broken_toml_is_reported_with_its_line(folder):
    with pytest.raises(FileError, match=r"mine.toml is not valid TOML: .*line 2"):
        build(folder, "[data]\nfile = \n")


def test_files_that_cannot_be_read_are_named(folder):
    with pytest.raises(FileError, match="there is no file .*none.toml"):
        ExperimentFile.read(folder / "none.toml")
    with pytest.raises(FileError, match="cannot read .*: Is a directory"):
        ExperimentFile.read(folder)
    (folder / "latin.toml").write_bytes(b'name = "\xe9"\n')
    with pytest.raises(FileError, match=r"latin.toml is not valid TOML"):
        ExperimentFile.read(folder / "latin.toml")
