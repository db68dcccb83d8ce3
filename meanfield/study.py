"""What a comparison of widths found: numbers, rates, a table, a file, a figure."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from meanfield.errors import FileError
from meanfield.inspection import inspected, integer, parsed, text, whole
from meanfield.rates import Rate, fit_rate, power_mean, standard_error
from meanfield.study_checks import check_study
from meanfield.typing import Float64Array, IntArray

__all__ = ["Quantity", "Study", "quantities"]

_FORMAT = "meanfield-study"
_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Quantity:
    """What is fitted against the width.

    Attributes
    ----------
    title : str
        For tables and figures.
    power : int
        1: the mean over seeds is fitted; 2: the root mean square.
    expected : float or None
        Slope that theory predicts for smooth problems at a fixed time.
    """

    title: str
    power: int
    expected: float | None = None


#: What is fitted, by the name of the samples.
quantities: Mapping[str, Quantity] = MappingProxyType(
    {
        "function_distance": Quantity("function distance", 2, -0.5),
        "risk_gap": Quantity("risk gap", 1, -1.0),
        "sliced_wasserstein": Quantity("sliced W₂", 2),
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Networks of several widths, several seeds each, against the infinite-width limit.

    Made by `meanfield.compare.compare`, which says what each quantity means.

    Attributes
    ----------
    experiment : str
        Name of the experiment.
    particles : (W,) array
        Widths N, increasing.
    times : (T,) array
    samples : mapping of str to (W, S, T) array
        One number per width, seed and time: ``function_distance``, ``risk_gap``,
        ``sliced_wasserstein``, ``sliced_wasserstein_null``; for labelled held-out data
        also ``test_accuracy``.
    reference : mapping of str to (T,) array
        ``risk`` (and ``test_accuracy``) of the reference.
    settings : mapping
        Problem, solver, reference, projections, seed and versions, as plain values.
    """

    experiment: str
    particles: IntArray
    times: Float64Array
    samples: Mapping[str, Float64Array]
    reference: Mapping[str, Float64Array]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """Number S of seeds of each width."""
        return int(self.samples["function_distance"].shape[1])

    @cached_property
    def rates(self) -> dict[str, Rate]:
        """Fitted rate of each quantity at the last time."""
        return self.rates_at(-1)

    def rates_at(self, index: int) -> dict[str, Rate]:
        """Fitted rate of each quantity at time number `index`."""
        return {
            name: fit_rate(
                self.particles,
                self.samples[name][:, :, index],
                power=quantity.power,
                expected=quantity.expected,
            )
            for name, quantity in quantities.items()
        }

    def values(self, name: str) -> tuple[Float64Array, Float64Array]:
        """Mean or root mean square over seeds, and its standard error, both (W, T)."""
        samples = np.moveaxis(self.samples[name], 1, -1)
        power = quantities[name].power if name in quantities else 1
        return power_mean(samples, power), standard_error(samples, power)

    def excess(self) -> tuple[Float64Array, Float64Array]:
        """Squared sliced W₂ beyond sampling, and its standard error, both (W, T).

        Mean over seeds of SW₂²(network, limit) − SW₂²(iid sample of the limit, limit):
        what the dynamics add to the scatter that any N independent neurons have.
        """
        parts = ("sliced_wasserstein", "sliced_wasserstein_null")
        network, null = (np.moveaxis(self.samples[part], 1, -1) ** 2 for part in parts)
        error = np.hypot(standard_error(network), standard_error(null))
        return network.mean(axis=-1) - null.mean(axis=-1), error

    def rows(self, index: int | None = None) -> list[dict[str, float]]:
        """Table of all widths, at all times or at time number `index`, one row each.

        Columns: ``particles``, ``time``; mean (or root mean square) over seeds of each
        quantity and its standard error (``…_error``); ``risk_fluctuation``, the standard
        deviation of the risk gap over seeds; ``excess``, see `excess`; and
        ``test_accuracy`` for labelled held-out data.
        """
        columns: dict[str, Float64Array] = {}
        for name in self.samples:
            columns[name], columns[f"{name}_error"] = self.values(name)
        columns["risk_fluctuation"] = self.samples["risk_gap"].std(axis=1, ddof=1)
        columns["excess"], columns["excess_error"] = self.excess()
        frames = range(len(self.times)) if index is None else [range(len(self.times))[index]]
        return [
            {
                "particles": int(count),
                "time": float(self.times[frame]),
                **{name: float(values[width, frame]) for name, values in columns.items()},
            }
            for frame in frames
            for width, count in enumerate(self.particles)
        ]

    def table(self, index: int = -1) -> str:
        """Plain-text table of the widths and rates at time number `index`."""
        names = [*quantities, "sliced_wasserstein_null"]
        titles = ["N", *(quantity.title for quantity in quantities.values()), "same, iid limit"]
        lines = [titles]
        for row in self.rows(index):
            cells = [_with_error(row[name], row[f"{name}_error"]) for name in names]
            lines.append([str(row["particles"]), *cells])
        sizes = [max(len(line[column]) for line in lines) for column in range(len(titles))]
        text = [
            "  ".join(cell.rjust(size) for cell, size in zip(line, sizes, strict=True))
            for line in lines
        ]
        text.insert(1, "─" * len(text[0]))
        rates = self.rates if index == -1 else self.rates_at(index)
        width = max(len(quantity.title) for quantity in quantities.values())
        text += [""] + [
            f"slope of {quantities[name].title.ljust(width)}  {rate}"
            for name, rate in rates.items()
        ]
        return "\n".join(text)

    def summary(self) -> str:
        """What was found, in one sentence."""
        found = [
            f"{quantities[name].title} closes with slope {self.rates[name].interval}"
            for name in ("function_distance", "risk_gap")
        ]
        return (
            f"{self.experiment}, {self.seeds} seeds, N = {self.particles[0]} to "
            f"{self.particles[-1]}, t = {self.times[-1]:g}: {' and '.join(found)}."
        )

    def __str__(self) -> str:
        reference = self.settings.get("reference", {})
        head = (
            f"{self.experiment}: {self.seeds} seeds of {self.settings['solver']['name']} against "
            f"{reference['solver']['name']} with {reference['particles']} particles, "
            f"t = {self.times[-1]:g}"
        )
        return f"{head}\n\n{self.table()}"

    def __repr__(self) -> str:
        widths = ", ".join(str(count) for count in self.particles)
        return (
            f"Study({self.experiment!r}, particles=({widths}), {self.seeds} seeds, "
            f"{len(self.times)} times)"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def figure(self, path: str | Path | None = None, *, force: bool = False) -> Any:
        """Draw the study; with `path` (.png, .pdf or .svg) also write it.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidInputError
            If the kind of file is unknown.
        FileError
            If the file exists and `force` is false, or cannot be written.
        """
        from meanfield.plotting.study import draw
        from meanfield.plotting.style import check_target, save_figure

        if path is not None:
            check_target(path, (".png", ".pdf", ".svg"), force)
        figure = draw(self)
        if path is not None:
            save_figure(figure, path, force)
        return figure

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write an HDF5 file that `Study.open` and xarray (engine h5netcdf) open.

        Raises
        ------
        FileError
            If the file exists and `force` is false, or cannot be written.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise FileError(f"no folder {target.parent} to write {target.name} to")
        if target.exists() and not force:
            raise FileError(f"{target} exists already; use force=True (--force) to overwrite it")
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            _write(self, partial)
            os.replace(partial, target)
        except OSError as error:
            raise FileError(f"cannot write {target}: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
        return target

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """Read the file that `save` wrote.

        Raises
        ------
        FileError
            If the file is missing, damaged, or of another kind.
        """
        source = Path(path)
        if not os.path.isfile(source):
            raise FileError(f"no study at {source}")
        return _read(source)


def _with_error(value: float, error: float) -> str:
    """``0.0123 ± 0.0004``, to the digits that the error leaves."""
    if not np.isfinite(error) or error <= 0.0:
        return f"{value:.3g}".replace("-", "−")
    decimals = 1 - int(np.floor(np.log10(error)))
    if 0 <= decimals <= 5:
        return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")
    exponent = int(np.floor(np.log10(max(abs(value), error))))
    scale = 10.0**exponent
    decimals = max(0, decimals + exponent)
    digits = f"{value / scale:.{decimals}f} ± {error / scale:.{decimals}f}"
    return f"({digits})e{exponent}".replace("-", "−")


def _write(study: Study, path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "format": _FORMAT,
                "format_version": _FORMAT_VERSION,
                "experiment": study.experiment,
                **{f"setting_{key}": json.dumps(part) for key, part in study.settings.items()},
                **{f"rate_of_{name}": str(rate) for name, rate in study.rates.items()},
            }
        )
        scales = {
            "particles": study.particles,
            "seed": np.arange(study.seeds),
            "time": study.times,
        }
        for name, values in scales.items():
            file.create_dataset(name, data=values).make_scale(name)
        for name, values in study.samples.items():
            dataset = file.create_dataset(name, data=values)
            for axis, scale in enumerate(scales):
                dataset.dims[axis].attach_scale(file[scale])
        for name, values in study.reference.items():
            dataset = file.create_dataset(f"reference_{name}", data=values)
            dataset.dims[0].attach_scale(file["time"])


def _read(path: Path) -> Study:
    with inspected(path, "study file") as file:
        if "format" not in file.attrs or text(file, "format") != _FORMAT:
            raise FileError(
                f"{path} is not a study; studies are written by compare, and runs are opened "
                "with meanfield.open"
            )
        if integer(file, "format_version") > _FORMAT_VERSION:
            raise FileError(f"{path} was written by a newer version; update meanfield-flow")
        arrays = {name: whole(file, name) for name in file if name not in ("seed",)}
        settings = {
            key.removeprefix("setting_"): parsed(file, key, kinds=(object,))
            for key in file.attrs
            if key.startswith("setting_")
        }
        study = Study(
            experiment=text(file, "experiment"),
            particles=arrays.pop("particles"),
            times=arrays.pop("time"),
            samples={name: values for name, values in arrays.items() if values.ndim == 3},
            reference={
                name.removeprefix("reference_"): values
                for name, values in arrays.items()
                if values.ndim == 1
            },
            settings=settings,
        )
        needed = (*quantities, "sliced_wasserstein_null")
        parts = (study.particles, study.times, study.samples, study.reference, settings)
        check_study(*parts, needed=needed)
        return study
