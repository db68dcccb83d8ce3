import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from meanfield.data import CHECKSUMS, load_digits, read_verified
from meanfield.datasets import Dataset
from meanfield.errors import FileError

FOLDER = files("meanfield.data")


def test_digits_are_the_images_of_the_source():
    inputs, labels = load_digits()
    assert inputs.shape == (1797, 64) and inputs.min() == 0 and inputs.max() == 16
    # Examples of each class as counted by the source for its test set.
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_a_damaged_file_is_refused(tmp_path):
    damaged = bytearray((FOLDER / "digits.npz").read_bytes())
    damaged[1000] ^= 1
    (tmp_path / "digits.npz").write_bytes(damaged)
    with pytest.raises(FileError, match=r"digits\.npz is damaged: its SHA-256 is"):
        read_verified(tmp_path / "digits.npz", CHECKSUMS["digits.npz"])


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(FileError, match=r"absent\.npz cannot be read"):
        read_verified(tmp_path / "absent.npz", "")


def test_the_readme_lists_the_checksums():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for checksum in CHECKSUMS.values():
        assert checksum in readme
    assert hashlib.sha256((FOLDER / "moons.csv").read_bytes()).hexdigest() in readme


def test_the_recipe_of_the_readme_makes_the_moons(tmp_path):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    recipe = re.search(r"```python moons\n(.*?)```", readme, re.DOTALL)
    made: dict[str, str] = {}
    exec(recipe.group(1), made)
    (tmp_path / "moons.csv").write_text(made["content"])
    shipped, again = Dataset.load(FOLDER / "moons.csv"), Dataset.load(tmp_path / "moons.csv")
    # Four digits are printed; sin and cos of another C library may round the last one.
    np.testing.assert_allclose(shipped.inputs, again.inputs, rtol=0, atol=1.01e-4)
    assert set(shipped.targets.ravel()) == {-1.0, 1.0}
