"""Data: points with targets, from arrays or from files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checks import as_columns, probability_weights
from meanfield.errors import FileError, InvalidInputError, unknown_name
from meanfield.inspection import memory_size
from meanfield.typing import Array, Float64Array

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs x_j with targets y_j and weights p_j, j = 1 … n.

    Parameters
    ----------
    inputs : (n, d) array
        Finite numbers. A vector of length n is taken as n points on the line.
    targets : (n,) or (n, k) array
        Numbers, or labels for a classification loss (−1/+1, or 0 … k − 1).
    weights : (n,) array, optional
        Non-negative, with sum 1; uniform by default.

    Raises
    ------
    InvalidInputError
        If an array is empty, not finite, or lengths differ.

    Examples
    --------
    >>> Dataset([[0.0], [1.0]], [1.0, 2.0])
    Dataset(2 points, 1 input, 1 target)
    """

    inputs: Float64Array
    targets: Float64Array
    weights: Float64Array = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        inputs = as_columns("inputs", self.inputs)
        targets = as_columns("targets", self.targets)
        if len(inputs) != len(targets):
            raise InvalidInputError(
                f"inputs and targets must have the same length, got {len(inputs)} "
                f"and {len(targets)}"
            )
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)
        weights = probability_weights("data weights", self.weights, len(inputs))
        object.__setattr__(self, "weights", weights)

    def __len__(self) -> int:
        return len(self.inputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dataset) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("inputs", "targets", "weights")
        )

    def __hash__(self) -> int:
        # Adding 0 gives -0.0 and 0.0, which are equal, the same bytes.
        arrays = (self.inputs + 0, self.targets + 0, self.weights)
        return hash(tuple(array.tobytes() for array in arrays))

    def __repr__(self) -> str:
        d, t = self.inputs.shape[1], self.targets.shape[1]
        return f"Dataset({len(self)} points, {d} input{'s' * (d > 1)}, {t} target{'s' * (t > 1)})"

    def _repr_html_(self) -> str:
        from meanfield.notebook import card
        from meanfield.thumbnails import data_picture

        rows = [
            ("points", f"{len(self)}, {'of equal weight' if self.is_uniform else 'weighted'}"),
            ("inputs", f"{self.inputs.shape[1]}, from {_ends(self.inputs)}"),
            ("targets", f"{self.targets.shape[1]}, from {_ends(self.targets)}"),
        ]
        return card("Dataset", rows, data_picture(self.inputs, self.targets))

    @property
    def is_uniform(self) -> bool:
        """Whether all points have the same weight."""
        return bool(np.ptp(self.weights) <= 1e-12 * self.weights[0])

    def to_dict(self) -> dict[str, Array]:
        """Arrays by name, from which `from_dict` rebuilds the data."""
        return {"inputs": self.inputs, "targets": self.targets, "weights": self.weights}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Dataset:
        """Dataset from the dictionary that `to_dict` makes."""
        return cls(described["inputs"], described["targets"], described.get("weights"))  # type: ignore[arg-type]

    @classmethod
    def load(
        cls,
        path: str | Path,
        inputs: str | list[str] = "inputs",
        targets: str | list[str] = "targets",
    ) -> Dataset:
        """Read a data set from a ``.npz`` or ``.csv`` file.

        Parameters
        ----------
        path : path
            ``.npz`` with one array for inputs and one for targets, or ``.csv`` with a
            header line and one point a row.
        inputs, targets : str or list of str
            Names of arrays (``.npz``) or of columns (``.csv``). For a ``.csv``, the
            default targets are the last column and the default inputs all others.

        Raises
        ------
        FileError
            If the file is missing, unreadable, or of another kind.
        InvalidInputError
            If a name is not in the file, or the numbers are not a valid data set; a
            hole in a ``.csv`` is reported with its line.
        """
        source = Path(path)
        if not os.path.isfile(source):
            raise FileError(f"no data file at {source}")
        if source.suffix == ".npz":
            arrays = _read_npz(source, inputs, targets)
        elif source.suffix == ".csv":
            arrays = _read_csv(source, inputs, targets)
        else:
            raise FileError(f"{source.name}: data files end in .npz or .csv")
        return cls(*arrays)


def _ends(values: Float64Array) -> str:
    return f"{values.min():.4g} to {values.max():.4g}"


def _read_npz(path: Path, inputs: str | list[str], targets: str | list[str]) -> tuple[Array, Array]:
    names = [inputs, targets]
    if not all(isinstance(name, str) for name in names):
        raise InvalidInputError("inputs and targets of a .npz file are one array name each")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for name in names:
                if name not in arrays:
                    raise unknown_name(f"array in {path.name}", name, arrays.files)
            claimed = sum(entry.file_size for entry in arrays.zip.infolist())
            if claimed > memory_size():
                raise ValueError(f"its arrays need {claimed:.3g} bytes, more than the memory has")
            return arrays[str(inputs)], arrays[str(targets)]
    except InvalidInputError:
        raise
    except Exception as error:  # of a damaged archive anything can come
        raise FileError(f"{path} is not a readable .npz file of plain numbers: {error}") from None


def _read_csv(path: Path, inputs: str | list[str], targets: str | list[str]) -> tuple[Array, Array]:
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [(number, row) for number, row in enumerate(csv.reader(stream), 1) if row]
    except (OSError, UnicodeDecodeError, csv.Error, MemoryError) as error:
        raise FileError(f"{path} is not a readable .csv file: {error}") from None
    if len(rows) < 2:
        raise InvalidInputError(f"{path.name} needs a header line and at least one row of numbers")
    header = [name.strip() for name in rows[0][1]]
    if len(header) < 2:
        raise InvalidInputError(f"{path.name} needs at least two columns, got {header}")
    if all(_is_number(name) for name in header):
        raise InvalidInputError(f"{path.name} needs a header line, but begins with numbers")
    if len(set(header)) < len(header):
        raise InvalidInputError(f"{path.name} names a column twice: {header}")
    target_names = [header[-1]] if targets == "targets" and "targets" not in header else targets
    target_names = [target_names] if isinstance(target_names, str) else target_names
    if inputs == "inputs" and "inputs" not in header:
        input_names: list[str] = [name for name in header if name not in target_names]
    else:
        input_names = [inputs] if isinstance(inputs, str) else inputs
    for name in (*input_names, *target_names):
        if name not in header:
            raise unknown_name(f"column in {path.name}", name, header)
    values = np.array([_numbers(path, number, row, header) for number, row in rows[1:]])
    return (
        values[:, [header.index(name) for name in input_names]],
        values[:, [header.index(name) for name in target_names]],
    )


def _numbers(path: Path, line: int, row: list[str], header: list[str]) -> list[float]:
    if len(row) != len(header):
        raise InvalidInputError(
            f"{path.name}, line {line}: {len(row)} entries for {len(header)} columns"
        )
    for name, entry in zip(header, row, strict=True):
        if not _is_number(entry):
            raise InvalidInputError(
                f"{path.name}, line {line}, column {name!r}: {entry!r} is not a finite number"
            )
    return [float(entry) for entry in row]


def _is_number(entry: str) -> bool:
    try:
        return "_" not in entry and math.isfinite(float(entry))
    except ValueError:
        return False
