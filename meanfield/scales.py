"""Dimension scales: names and coordinates of the axes of arrays in HDF5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meanfield.typing import Array

__all__ = ["attach_scales", "make_dimension", "write_arrays"]

# A dimension without coordinate values carries this name, by netCDF's convention.
_BARE_DIMENSION = "This is a netCDF dimension but not a netCDF variable. %10d"


def make_dimension(group: Any, name: str, size: int) -> None:
    """Make a dimension that has a size and no coordinate values."""
    dataset = group.create_dataset(name, shape=(size,), dtype=">f4")
    dataset.make_scale(_BARE_DIMENSION % size)


def attach_scales(dataset: Any, scales: tuple[Any, ...]) -> None:
    """Give the axes of an array their scales, in order."""
    for axis, scale in enumerate(scales):
        dataset.dims[axis].attach_scale(scale)


def write_arrays(
    group: Any, axes: Mapping[str, tuple[str, ...]], values: Mapping[str, Array]
) -> None:
    """Write arrays into a new group, with a scale on every dimension.

    Parameters
    ----------
    group : h5py.Group
    axes : mapping of str to tuple of str
        Names of the arrays, and of the dimensions of each.
    values : mapping of str to array
    """
    for name, dimensions in axes.items():
        for dimension, size in zip(dimensions, values[name].shape, strict=True):
            if dimension not in group:
                make_dimension(group, dimension, size)
    for name, dimensions in axes.items():
        dataset = group.create_dataset(name, data=values[name])
        attach_scales(dataset, tuple(group[dimension] for dimension in dimensions))
