import pickle
import re

import numpy as np
import pytest

from meanfield.datasets import Dataset
from meanfield.errors import FileError, InvalidInputError

CSV = "x1,x2,y\n0.5,1,2\n-1.5,0,3\n"


@pytest.fixture
def write(tmp_path):
    """Write a text file and return its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_vectors_are_points_on_the_line_with_one_target():
    data = Dataset([0.0, 1.0, 2.0], [1, 2, 3])
    assert data.inputs.shape == data.targets.shape == (3, 1)
    assert data.inputs.dtype == data.targets.dtype == np.float64
    assert len(data) == 3


def test_weights_are_uniform_unless_given():
    assert Dataset([[0.0], [1.0]], [0, 1]).is_uniform
    weighted = Dataset([[0.0], [1.0]], [0, 1], [0.25, 0.75])
    assert not weighted.is_uniform
    np.testing.assert_array_equal(weighted.weights, [0.25, 0.75])


def test_a_data_set_does_not_change_with_the_arrays_it_came_from():
    inputs = np.zeros((2, 1))
    data = Dataset(inputs, [0.0, 1.0])
    inputs[0] = 9.0
    assert data.inputs[0, 0] == 0.0
    for array in (data.inputs, data.targets, data.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_equal_data_are_equal_and_hash_alike():
    first, second = Dataset([[0.0], [1.0]], [0, 1]), Dataset([[-0.0], [1.0]], [-0.0, 1])
    assert first == second
    assert hash(first) == hash(second)
    assert first != Dataset([[0.0], [1.0]], [0, 1], [0.25, 0.75])
    assert first != Dataset([[0.0], [1.0]], [0, 2])
    assert first != "data"


def test_data_survive_their_dictionary_and_pickling():
    data = Dataset([[0.0, 1.0], [1.0, 2.0]], [[0.0], [1.0]], [0.25, 0.75])
    assert Dataset.from_dict(data.to_dict()) == data
    assert pickle.loads(pickle.dumps(data)) == data


def test_a_data_set_says_its_size_in_words():
    assert repr(Dataset(np.ones((4, 2)), np.ones((4, 3)))) == (
        "Dataset(4 points, 2 inputs, 3 targets)"
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([[0.0], [1.0]], [0.0]), "inputs and targets must have the same length, got 2 and 1"),
        (([[0.0], [np.nan]], [0, 1]), "inputs must be finite, but row 1 holds"),
        (([[0.0], [1.0]], [np.inf, 1]), "targets must be finite, but row 0 holds"),
        (([[0.0], [1.0, 2.0]], [0, 1]), "inputs must be an array, got rows of unequal length"),
        (([["a"]], [0]), "inputs must be an array of real numbers"),
        ((np.zeros((2, 2, 2)), [0, 1]), "inputs must have 2 axes"),
        (([], []), "inputs must not be empty"),
        ((np.zeros((2, 0)), [0, 1]), "inputs must not be empty"),
        (([[0.0], [1.0]], [0, 1], [0.5, 0.6]), "data weights must sum to 1, got 1.1"),
        (([[0.0], [1.0]], [0, 1], [1.0]), "data weights must have length 2, got 1"),
    ],
)
def test_arrays_that_are_no_data_are_refused(arrays, message):
    with pytest.raises(InvalidInputError, match=message):
        Dataset(*arrays)


def test_arrays_are_read_from_npz_files(tmp_path):
    inputs, targets = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    np.savez(tmp_path / "data.npz", inputs=inputs, labels=targets)
    expected = Dataset(inputs, targets)
    assert Dataset.load(tmp_path / "data.npz", targets="labels") == expected
    assert Dataset.load(str(tmp_path / "data.npz"), targets="labels") == expected


def test_a_wrong_array_name_is_answered_with_the_nearest(tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.ones(2), target=np.ones(2))
    with pytest.raises(InvalidInputError, match=r"array in data.npz 'targets'; .* 'target'\?"):
        Dataset.load(tmp_path / "data.npz")


def test_an_npz_file_has_one_array_for_all_inputs(tmp_path):
    np.savez(tmp_path / "data.npz", a=np.ones(2), b=np.ones(2))
    with pytest.raises(InvalidInputError, match="are one array name each"):
        Dataset.load(tmp_path / "data.npz", inputs=["a", "b"])


class Bomb:
    """An object whose unpickling would be noticed."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.array([Bomb()], dtype=object), targets=np.ones(1))
    with pytest.raises(FileError, match=r"not a readable .npz file of plain numbers"):
        Dataset.load(tmp_path / "data.npz")


@pytest.mark.parametrize("kept", [0, 3, 100, 400])
def test_a_truncated_npz_file_is_refused(tmp_path, kept):
    path = tmp_path / "data.npz"
    np.savez(path, inputs=np.ones((50, 2)), targets=np.ones(50))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileError, match=r"data.npz is not a readable .npz file"):
        Dataset.load(path)


@pytest.mark.parametrize("place", [60, 600, 2000])
def test_a_damaged_npz_file_is_refused(tmp_path, place):
    path = tmp_path / "data.npz"
    np.savez_compressed(
        path, inputs=np.random.default_rng(0).random((400, 2)), targets=np.ones(400)
    )
    damaged = bytearray(path.read_bytes())
    damaged[place : place + 8] = b"\xff" * 8
    path.write_bytes(damaged)
    with pytest.raises(FileError, match=r"data.npz is not a readable .npz file"):
        Dataset.load(path)


def test_a_single_array_under_the_name_of_an_npz_file_is_refused(tmp_path):
    np.save(tmp_path / "data.npy", np.ones(3))
    (tmp_path / "data.npy").rename(tmp_path / "data.npz")
    with pytest.raises(FileError, match=r"data.npz is not a readable .npz file"):
        Dataset.load(tmp_path / "data.npz")


def test_the_last_column_of_a_csv_file_is_the_target(write):
    data = Dataset.load(write("data.csv", CSV))
    assert data == Dataset([[0.5, 1.0], [-1.5, 0.0]], [2.0, 3.0])


def test_columns_of_a_csv_file_are_chosen_by_name(write):
    path = write("data.csv", CSV)
    assert Dataset.load(path, inputs="y", targets=["x2", "x1"]) == Dataset(
        [[2.0], [3.0]], [[1.0, 0.5], [0.0, -1.5]]
    )
    assert Dataset.load(path, targets="x1") == Dataset([[1.0, 2.0], [0.0, 3.0]], [0.5, -1.5])


def test_columns_that_are_called_inputs_and_targets_are_taken(write):
    path = write("data.csv", "targets,other,inputs\n1,2,3\n")
    assert Dataset.load(path) == Dataset([3.0], [1.0])


def test_spaces_blank_lines_and_a_byte_order_mark_are_harmless(tmp_path):
    (tmp_path / "data.csv").write_text("\ufeffx, y\n1, 2\n\n3, 4\n\n", encoding="utf-8")
    assert Dataset.load(tmp_path / "data.csv") == Dataset([1.0, 3.0], [2.0, 4.0])


def test_a_wrong_column_name_is_answered_with_the_nearest(write):
    with pytest.raises(InvalidInputError, match=r"column in data.csv 'X1'; did you mean 'x1'\?"):
        Dataset.load(write("data.csv", CSV), inputs="X1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3,\n", "data.csv, line 3, column 'y': '' is not a finite number"),
        ("x,y\n1,2\n\n,4\n", "data.csv, line 4, column 'x': '' is not a finite number"),
        ("x,y\n1,NaN\n", "data.csv, line 2, column 'y': 'NaN' is not a finite number"),
        ("x,y\n1,inf\n", "data.csv, line 2, column 'y': 'inf' is not a finite number"),
        ("x,y\n1,two\n", "data.csv, line 2, column 'y': 'two' is not a finite number"),
        ("x,y\n1,2\n3,4,5\n", "data.csv, line 3: 3 entries for 2 columns"),
        ("x,y\n1\n", "data.csv, line 2: 1 entries for 2 columns"),
        ("x,y\n", "data.csv needs a header line and at least one row of numbers"),
        ("", "data.csv needs a header line and at least one row of numbers"),
        ("x;y\n1;2\n", "data.csv needs at least two columns, got ['x;y']"),
        ("1,2\n3,4\n", "data.csv needs a header line, but begins with numbers"),
        ("x,x,y\n1,2,3\n", "data.csv names a column twice: ['x', 'x', 'y']"),
    ],
)
def test_a_hole_in_a_csv_file_is_reported_where_it_is(write, text, message):
    with pytest.raises(InvalidInputError, match="^" + re.escape(message)):
        Dataset.load(write("data.csv", text))


def test_a_csv_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "data.csv").write_bytes(b"x,y\n\xff\xfe,2\n")
    with pytest.raises(FileError, match=r"data.csv is not a readable .csv file"):
        Dataset.load(tmp_path / "data.csv")


@pytest.mark.parametrize("name", ["missing.npz", "missing.csv", "."])
def test_a_missing_file_is_said_to_be_missing(tmp_path, name):
    with pytest.raises(FileError, match="no data file at"):
        Dataset.load(tmp_path / name)


def test_other_kinds_of_files_are_refused(write):
    with pytest.raises(FileError, match=r"data.txt: data files end in .npz or .csv"):
        Dataset.load(write("data.txt", CSV))
