"""Files from anywhere: each is read, or refused by one sentence, and nothing else happens."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_files import HONEST, outcomes, write_sound
from meanfield.configuration import ExperimentFile
from meanfield.datasets import Dataset
from meanfield.errors import FileError, InvalidInputError
from meanfield.inspection import memory_size
from meanfield.solver import solvers
from meanfield.storage import HDF5Store
from meanfield.study import Study
from meanfield.trajectory import Trajectory

SECRET = b"secret of the neighbour"


def read_all(path):
    run = Trajectory.open(path)
    run.describe()
    return [(measure.positions, measure.weights) for measure in run.measures]


@contextmanager
def refusals_named(path, *kinds):
    """Let errors of these kinds pass, if they name the file."""
    refusal = str(path)
    try:
        yield
    except kinds as error:
        refusal = str(error)
    assert str(path) in refusal


@cache
def sound(kind):
    """Bytes of a sound file without checksums: who means harm leaves them out."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_sound(Path(folder) / "sound.h5", kind)
        with h5py.File(path, "r+") as file:
            file.pop("checksums", None)
        return path.read_bytes()


@pytest.fixture
def crafted(tmp_path):
    """A function that changes a sound file and returns its path."""

    def craft(change, kind="particles"):
        path = tmp_path / f"{kind}.h5"
        path.write_bytes(sound(kind))
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return craft


def replaced(name, **options):
    """Replace a dataset by another, made by `create_dataset`."""

    def change(file):
        del file[name]
        file.create_dataset(name, **options)

    return change


def linked(name, link):
    """Replace a dataset by a link."""

    def change(file):
        if name in file:
            del file[name]
        file[name] = link

    return change


def described(name, value):
    """Replace an attribute."""

    def change(file):
        file.attrs[name] = value

    return change


def elsewhere(name, shape, folder=""):
    """Replace a dataset by one whose bytes are in another file."""
    secret = os.path.join(folder, "secret.bin")
    return replaced(name, shape=shape, dtype="f8", external=[(secret, 0, h5py.h5f.UNLIMITED)])


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4, 3, 2), maxshape=(None, 3, 2), dtype="f8")
    layout[:] = h5py.VirtualSource("secret.h5", "position", shape=(4, 3, 2), maxshape=(None, 3, 2))
    del file["position"]
    file.create_virtual_dataset("position", layout)


def nested(file):
    group = file
    for _ in range(12):
        group = group.create_group("in")


def cycle(file):
    file.create_group("a")["back"] = file["/"]


def own_type(file):
    file["kind"] = np.dtype("f8")


def pickled(file):
    del file["weight"]
    content = np.frombuffer(b"cos\nsystem\n(S'true'\ntR.....", np.dtype("V9"))
    file.create_dataset("weight", data=content.astype(h5py.opaque_dtype(np.dtype("V9"))))


def pointing(file):
    del file["position"]
    pointers = np.full((4, 3, 2), file["time"].ref, dtype=object)
    file.create_dataset("position", data=pointers, dtype=h5py.ref_dtype)


def problem_of(**parts):
    def change(file):
        whole = json.loads(file.attrs["problem"])
        for way, value in parts.items():
            *steps, last = way.split("__")
            table = whole
            for step in steps:
                table = table[step]
            table[last] = value
        file.attrs["problem"] = json.dumps(whole)

    return change


HUGE = {"shape": (4, 10**14, 2), "dtype": "f8"}
CHANGES = [
    (linked("position", h5py.ExternalLink("other.h5", "/position")), "is a link to elsewhere"),
    (linked("state/0", h5py.ExternalLink("/etc/passwd", "/")), "state/0 is a link to elsewhere"),
    (linked("position", h5py.SoftLink("/nowhere")), "is a link to elsewhere"),
    (linked("loop", h5py.SoftLink("/loop")), "is a link to elsewhere"),
    (elsewhere("position", (4, 3, 2)), "the data of position are in other files"),
    (virtual, "the data of position are in other files"),
    (nested, "groups within groups without end"),
    (cycle, "groups within groups without end"),
    (own_type, "neither a group nor a dataset"),
    (pickled, "weight must hold real numbers"),
    (pointing, "position must hold real numbers"),
    (replaced("position", chunks=(1, 1000, 2), fillvalue=1.0, **HUGE), "claims 6.4e.15 bytes, of"),
    (replaced("time", shape=(10**15,), dtype="f8"), "time claims 8e.15 bytes, of which"),
    (replaced("position", data=np.zeros((4, 3, 2), "i1")), "positions are numbers of the kind"),
    (replaced("position", data=np.zeros((4, 6))), "measures have 6 parameters of 2"),
    (replaced("position", data=np.zeros((4, 2))), "position has the wrong shape"),
    (replaced("position", data=np.zeros((3, 3, 2))), "position has 3 frames of 4"),
    (replaced("position", data=np.zeros((4, 3, 5))), "measures have 5 parameters of 2"),
    (replaced("position", data=np.zeros((4, 9, 2))), "9 particles have 3 masses"),
    (replaced("position", data=np.zeros((4, 3, 2)), chunks=(1, 3, 2), compression="lzf"),
     "a filter that HDF5 does not bring along"),
    (replaced("position", data=np.full((4, 3, 2), np.nan)), "frame 0 of .* must be finite"),
    (replaced("weight", data=np.zeros(3)), "frame 0 of .* must sum to 1"),
    (replaced("save_time", data=[0.0, 2.0, 1.0, 3.0]), "times do not increase"),
    (replaced("save_time", data=[0.0, np.nan, 1.0, 3.0]), "times do not increase"),
    (replaced("data/inputs", data=np.zeros((0, 1))), "data/inputs has the wrong shape"),
    (lambda file: file.pop("save_time"), "the variable save_time is missing"),
    (lambda file: file.pop("position"), "it holds no measures"),
    (lambda file: file.pop("risk"), "the variable risk is missing"),
    (lambda file: file.attrs.pop("seed"), "the attribute seed is missing"),
    (described("seed", "3"), "the attribute seed is of the wrong kind"),
    (described("format_version", 99), "has format version 99, and this package reads up to"),
    (described("format_version", -1), "there is no format version -1"),
    (described("format_version", "x"), "the attribute format_version is of the wrong kind"),
    (described("format", [1, 2]), "the attribute format is of the wrong kind"),
    (described("problem", "{"), "the attribute problem is not JSON"),
    (described("problem", "[" * 100_000), "the attribute problem is nested too deeply"),
    (described("problem", "[]"), "the attribute problem holds another kind of value"),
    (described("problem", 3.0), "the attribute problem is of the wrong kind"),
    (described("solver", '{"name": "no-such"}'), "unknown solver 'no-such'"),
    (described("solver", '{"name": "sgd", "step": NaN}'), "step must be a positive finite"),
    (described("solver", '{"name": "os.system"}'), "unknown solver 'os.system'"),
    (problem_of(neuron__activation="eval"), "unknown activation 'eval'"),
    (problem_of(neuron__activation={"name": []}), "unknown activation"),
    (problem_of(neuron__inputs=10**40), "but the neuron has"),
    (problem_of(temperature="1"), "temperature must be a nonnegative finite number"),
    (problem_of(noise=1), "it is damaged .*noise"),
    (lambda file: file.attrs.pop("problem"), "the attribute problem is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_a_crafted_run_is_refused_by_one_sentence(crafted, change, sentence):
    path = crafted(change)
    with pytest.raises(FileError, match=sentence) as refusal:
        read_all(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.attrs.pop("lower"), "the attribute lower is missing"),
        (described("upper", [np.nan, 1.0]), "upper must hold finite numbers"),
        (described("upper", [-1.0, 1.0]), "its box has no inside"),
        (described("lower", [0.0, 0.0, 0.0]), "lower is of the wrong kind"),
        (replaced("density", data=np.full((4, 2, 2), np.inf)), "density must be finite"),
        (replaced("density", data=np.ones(4)), "measures have 0 parameters of 2"),
    ],
)
def test_a_crafted_grid_is_refused_by_one_sentence(crafted, change, sentence):
    with pytest.raises(FileError, match=sentence):
        read_all(crafted(change, "grid"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (linked("risk_gap", h5py.ExternalLink("x.h5", "/")), "is a link to elsewhere"),
        (elsewhere("risk_gap", (3, 3, 2)), "the data of risk_gap are in other files"),
        (replaced("risk_gap", shape=(3, 10**14, 2), dtype="f8", chunks=True), "claims 4.8e.15"),
        (replaced("risk_gap", data=np.zeros((3, 3, 9))), "risk_gap does not fit the widths"),
        (replaced("particles", data=[3.0, 2.0, 1.0]), "widths are no increasing integers"),
        (replaced("time", data=[0.0, np.nan]), "times do not increase"),
        (lambda file: file.pop("risk_gap"), "it holds no risk_gap"),
        (lambda file: file.pop("time"), "it lacks 'time'"),
        (described("setting_solver", "{}"), "which solvers were compared"),
        (described("setting_solver", "{"), "setting_solver is not JSON"),
        (described("setting_reference", '{"solver": {"name": "grid"}}'), "how many particles"),
        (described("setting_notes", "[1]"), "its notes are no texts"),
        (described("experiment", 5), "the attribute experiment is of the wrong kind"),
        (described("format_version", 99), "written by a newer version"),
    ],
)
def test_a_crafted_study_is_refused_by_one_sentence(crafted, change, sentence):
    path = crafted(change, "study")
    with pytest.raises(FileError, match=sentence):
        Study.open(path)


def test_a_run_is_never_continued_into_another_file(crafted, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(SECRET)
    path = crafted(elsewhere("risk", (4,), tmp_path))
    with pytest.raises(FileError, match="the data of risk are in other files"):
        HDF5Store.reopen(path)
    assert secret.read_bytes() == SECRET


def test_what_a_terminal_takes_for_a_command_is_not_passed_on(crafted):
    change = described("reason", "\x1b[2Jstopped\x07")
    assert Trajectory.open(crafted(change)).reason == "�[2Jstopped�"
    versions = json.dumps({"numpy": "\x1b]0;title\x07"})
    assert Trajectory.open(crafted(described("versions", versions)))._source.versions == {
        "numpy": "�]0;title�"
    }


def test_a_file_is_inspected_again_once_it_was_written_to(crafted):
    path = crafted(lambda file: None)
    run = Trajectory.open(path)
    assert len(run.measures) == 4
    with h5py.File(path, "r+") as file:
        linked("position", h5py.ExternalLink("other.h5", "/position"))(file)
    with pytest.raises(FileError, match="is a link to elsewhere"):
        run.measures[0]


def test_damaged_bytes_never_crash_hang_nor_pass_for_sound(tmp_path):
    found = outcomes(tmp_path, range(8))
    assert set(found) <= HONEST, found
    assert found["refused"] > 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["tanh", "squared", 10**40, -1, "population", "reduced"]),
    lambda parts: st.lists(parts, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "parameters", "step", "kind"]), parts, max_size=3),
    max_leaves=4,
)  # fmt: skip


def ways(value, way=()):
    """Ways to every part of nested dictionaries."""
    found = [(*way, "new")] if isinstance(value, dict) else []
    for key, part in value.items() if isinstance(value, dict) else ():
        found += [(*way, key), *ways(part, (*way, key))]
    return found


@given(data=st.data())
def test_odd_descriptions_are_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        path.write_bytes(sound("particles"))
        with h5py.File(path, "r+") as file:
            name = data.draw(st.sampled_from(["problem", "solver", "versions"]))
            whole = json.loads(file.attrs[name])
            *steps, last = data.draw(st.sampled_from(ways(whole)))
            table = whole
            for step in steps:
                table = table[step]
            table[last] = data.draw(JSON)
            file.attrs[name] = json.dumps(whole)
        with refusals_named(path, FileError):
            read_all(path)


KEYS = [
    "name", "data", "data.file", "data.inputs", "data.targets", "data.test_fraction",
    "data.test_file", "data.split_seed", "neuron", "neuron.activation", "neuron.activation.name",
    "neuron.outer", "neuron.bias", "neuron.outputs", "problem.loss", "problem.loss.name",
    "problem.ridge", "problem.ridge.outer", "problem.temperature", "problem.scale", "initial.law",
    "initial.particles", "initial.std", "initial.std.a", "initial.mean", "initial.dim",
    "initial.name", "initial.sampling", "time", "time.t_end", "time.frames", "time.save_at",
    "solvers", "new.key", *(f"solvers.{name}" for name in solvers),
    "solvers.sgd.step", "solvers.sgd.batch_size", "solvers.sgd.name", "solvers.langevin.step",
    "solvers.langevin.schedule", "solvers.particle-flow.rtol", "solvers.grid.scheme",
    "solvers.online-sgd.distribution", "solvers.birth-death.step",
]  # fmt: skip
VALUES = [
    "0", "-1", "1", "2", "1e-3", "1e400", "nan", "inf", "true", "x", "''", "[]", "{}", "[[]]",
    "[nan]", "[1, 'a']", "{name='x'}", "{name=[]}", "{name=1}", "{step=nan}", "{step=0.1}",
    "1979-05-27", "9" * 40, "9" * 5000, "[" * 5000, "../../etc/passwd", "/dev/zero", "~nobody-/x",
    "meanfield:../x", "\\u0000", "\x1b[31m", "relu", "leaky_relu", "{name='leaky_relu', slope=1}",
    "{name='leaky_relu', parameters={slope='x'}}", "{name='leaky_relu', parameters=3}",
    "{name='linear_spline'}", "{name='radial_average', parameters={activation='relu', dim=0}}",
    "cross_entropy", "logistic", "{name='huber', threshold=-1}", "[0.5, 0.1]", "['x', 'x']",
]  # fmt: skip


@given(assignments=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3))
def test_odd_settings_of_a_toml_file_are_taken_or_refused(assignments):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_text('[data]\nfile = "mine.csv"\n[time]\nt_end = 1.0\n')
        (Path(folder) / "mine.csv").write_text("x,y\n0,1\n1,2\n2,0\n")
        with refusals_named(path, InvalidInputError, FileError):
            ExperimentFile.read(path, assignments).build()


@given(content=st.binary(max_size=60) | st.text('[]{}="\n.a1,#', max_size=60).map(str.encode))
def test_any_bytes_as_toml_csv_and_npz_are_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        for name, read in (
            ("a.toml", ExperimentFile.read),
            ("a.csv", Dataset.load),
            ("a.npz", Dataset.load),
        ):
            path = Path(folder) / name
            path.write_bytes(content)
            with pytest.raises((InvalidInputError, FileError), match=r"a\.(toml|csv|npz)"):
                read(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a." * 5000 + "a = 1", "line 1 has a key of more than 100 parts"),
        ("x = {" + "a." * 5000 + "a = 1}", "line 1 has a key of more than 100 parts"),
        ("#" * 10_000_001, "is larger than any description, 10 MB"),
    ],
)
def test_toml_without_end_is_refused_at_once(tmp_path, text, sentence):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=sentence):
        ExperimentFile.read(path)


def test_what_is_no_regular_file_is_never_opened(tmp_path):
    for suffix, read in (
        (".h5", Trajectory.open),
        (".h5", Study.open),
        (".toml", ExperimentFile.read),
        (".csv", Dataset.load),
        (".npz", Dataset.load),
    ):
        paths = [tmp_path / f"{kind}{suffix}" for kind in ("pipe", "zero", "loop", "x" * 300)]
        for path in paths[:3]:
            path.unlink(missing_ok=True)
        os.mkfifo(paths[0])
        paths[1].symlink_to("/dev/zero")
        paths[2].symlink_to(paths[2])
        for path in (*paths, tmp_path / f"nul\0{suffix}"):
            with pytest.raises(FileError, match=r"there is no file|no study at|no data file at"):
                read(path)


def test_an_archive_larger_than_the_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, inputs=np.zeros(10_000), targets=np.zeros(10_000))
    monkeypatch.setattr("meanfield.datasets.memory_size", lambda: 100_000)
    with pytest.raises(FileError, match=r"its arrays need 1.6e\+05 bytes, more than the memory"):
        Dataset.load(path)
    assert memory_size() > 10**6
