"""Files of studies: HDF5 with named axes, which xarray opens too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from meanfield.direct_file import DirectFile, hdf5_in
from meanfield.errors import FileError
from meanfield.inspection import inspected, integer, parsed, text, whole
from meanfield.study_checks import check_study
from meanfield.typing import Array

__all__ = ["read_study", "write_study"]

_FORMAT = "meanfield-study"
# 1: samples (particles, seed, time) only; 2: also steps, further axes, and predictions.
_FORMAT_VERSION = 2
# Axes of samples and predictions after those that all have.
_FURTHER = {
    "deviation": ("point", "output"),
    "marginal_wasserstein": ("parameter",),
    "marginal_wasserstein_null": ("parameter",),
    "covariance": ("component", "other_component"),
    "step_covariance": ("component", "other_component"),
}


def write_study(
    path: Path, parts: dict[str, Any], attributes: dict[str, str], force: bool = False
) -> Path:
    """Write the fields of a study: the whole file, or none.

    Parameters
    ----------
    path : Path
    parts : dict
        Fields of `meanfield.study.Study` by name.
    attributes : dict of str to str
        Further words for whoever opens the file elsewhere.
    force : bool
        Replace an existing file.

    Returns
    -------
    Path

    Raises
    ------
    FileError
        If the file exists and `force` is false, or cannot be written.
    """
    if not path.parent.is_dir():
        raise FileError(f"no folder {path.parent} to write {path.name} to")
    if path.exists() and not force:
        raise FileError(f"{path} exists already; use force=True (--force) to overwrite it")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _write(partial, parts, attributes)
        os.replace(partial, path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _write(path: Path, parts: dict[str, Any], attributes: dict[str, str]) -> None:
    settings = {f"setting_{key}": json.dumps(part) for key, part in parts["settings"].items()}
    with DirectFile(path, make=True) as written, hdf5_in(written) as file:
        file.attrs.update(
            {
                "format": _FORMAT,
                "format_version": _FORMAT_VERSION,
                "experiment": parts["experiment"],
                **settings,
                **attributes,
            }
        )
        _scale(file, "particles", parts["particles"])
        _scale(file, "seed", np.arange(next(iter(parts["samples"].values())).shape[1]))
        _scale(file, "time", parts["times"])
        _name_parameters(file, parts)
        axes: tuple[str, ...] = ("particles", "seed", "time")
        if parts["steps"] is not None:
            _scale(file, "step", parts["steps"])
            axes = (*axes, "step")
        for name, values in parts["samples"].items():
            _variable(file, name, values, axes + _FURTHER.get(name, ()))
        for name, values in parts["reference"].items():
            _variable(file, f"reference_{name}", values, ("time",))
        for name, values in parts["predictions"].items():
            _variable(file, f"predicted_{name}", values, _FURTHER.get(name, ("time",)))


def read_study(path: Path) -> dict[str, Any]:
    """Fields of a study by name, from the file that `write_study` wrote.

    Raises
    ------
    FileError
        If the file is missing, damaged, of another kind or a newer format.
    """
    if not os.path.isfile(path):
        raise FileError(f"no study at {path}")
    with inspected(path, "study file") as file:
        if "format" not in file.attrs or text(file, "format") != _FORMAT:
            raise FileError(
                f"{path} is not a study; studies are written by compare, and runs are opened "
                "with meanfield.open"
            )
        if integer(file, "format_version") > _FORMAT_VERSION:
            raise FileError(f"{path} was written by a newer version; update meanfield-flow")
        axes = {"seed", "point", "output", "parameter", "component", "other_component"}
        arrays = {name: whole(file, name) for name in file if name not in axes}
        settings = {
            key.removeprefix("setting_"): parsed(file, key, kinds=(object,))
            for key in file.attrs
            if key.startswith("setting_")
        }
        parts = {
            "experiment": text(file, "experiment"),
            "particles": arrays.pop("particles"),
            "times": arrays.pop("time"),
            "steps": arrays.pop("step", None),
            "reference": _taken(arrays, "reference_"),
            "predictions": _taken(arrays, "predicted_"),
            "samples": arrays,
            "settings": settings,
        }
        check_study(parts)
        return parts


def _taken(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    """The arrays whose names begin with a prefix, without it, and removed from the rest."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def _scale(file: h5py.File, name: str, values: Array) -> None:
    file.create_dataset(name, data=values).make_scale(name)


def _name_parameters(file: h5py.File, parts: dict[str, Any]) -> None:
    """Let the axis of parameters hold their names, so that one can be chosen by it."""
    names = parts["settings"].get("parameters", [])
    marginals = parts["samples"].get("marginal_wasserstein")
    if marginals is not None and 0 < len(names) == marginals.shape[-1]:
        _scale(file, "parameter", np.array(names, dtype=h5py.string_dtype()))


def _variable(file: h5py.File, name: str, values: Array, axes: tuple[str, ...]) -> None:
    dataset = file.create_dataset(name, data=values)
    for number, axis in enumerate(axes):
        if axis not in file:
            _scale(file, axis, np.arange(values.shape[number]))
        dataset.dims[number].attach_scale(file[axis])
