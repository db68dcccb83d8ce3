"""What a comparison of widths found: numbers, rates, constants, files, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.calibration import Excess, null_excess
from meanfield.central_limit import CentralLimit, central_limit
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.expansions import Expansion, fit_width_and_step, fit_widths
from meanfield.quantities import Quantity, quantities, statistics
from meanfield.rates import Rate, fit_rate, power_mean, standard_error
from meanfield.typing import Float64Array, IntArray

__all__ = ["Quantity", "Study", "quantities"]


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Networks of several widths, several seeds each, against the infinite-width limit.

    Made by `meanfield.compare.compare`, which says what each quantity means. Of a study
    with several steps of SGD, tables, rates and `values` are those of the shortest.

    Attributes
    ----------
    experiment : str
        Name of the experiment.
    particles : (W,) array
        Widths N, increasing.
    times : (T,) array
    samples : mapping of str to (W, S, T) array
        One number per width, seed and time: ``coupling_distance``, ``function_distance``,
        ``risk_gap``, distances of the parameters and the same of their nulls (``…_null``);
        what is measured at the last time only is NaN before. ``deviation`` has further
        axes for points and outputs, ``marginal_wasserstein`` one for parameters. With
        several steps, the axis of steps comes after that of times.
    reference : mapping of str to (T,) array
        ``risk`` (and ``test_accuracy``) of the reference.
    settings : mapping
        Problem, solver, reference, projections, seed, versions and notes, as plain values.
    steps : (E,) array or None
        Steps of SGD, increasing, where there are several.
    predictions : mapping of str to array
        Constants of the linearised flow, each (T,), and ``covariance`` of √N (f_N − f) at
        the last time, as in `meanfield.fluctuations`.
    """

    experiment: str
    particles: IntArray
    times: Float64Array
    samples: Mapping[str, Float64Array]
    reference: Mapping[str, Float64Array]
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: Float64Array | None = None
    predictions: Mapping[str, Float64Array] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """Number S of seeds of each width."""
        return int(self.samples["function_distance"].shape[1])

    @property
    def quantities(self) -> dict[str, Quantity]:
        """Quantities that were measured at all times, by name."""
        return {
            name: quantity
            for name, quantity in quantities.items()
            if name in self.samples or (name == "risk_fluctuation" and self.seeds > 2)
        }

    @property
    def statistics(self) -> list[str]:
        """Names of the distances of the parameters that were measured with a null."""
        return [name for name in statistics if f"{name}_null" in self.samples]

    @property
    def step(self) -> float | None:
        """Step of SGD: the shortest, where there are several; None for other solvers."""
        if self.steps is not None:
            return float(self.steps[0])
        solver = self.settings.get("solver", {})
        return float(solver["step"]) if "sgd" in solver.get("name", "") else None

    @property
    def notes(self) -> list[str]:
        """What was left out of the study, and why."""
        return list(self.settings.get("notes", []))

    def at_step(self, index: int) -> Study:
        """The study of one of several steps.

        Raises
        ------
        InvalidInputError
            If there is but one step.
        """
        if self.steps is None:
            raise InvalidInputError("the study has one step only")
        samples = {name: np.take(part, index, axis=3) for name, part in self.samples.items()}
        solver = {**self.settings.get("solver", {}), "step": float(self.steps[index])}
        return replace(
            self, samples=samples, settings={**self.settings, "solver": solver}, steps=None
        )

    def sample(self, name: str) -> Float64Array:
        """Samples of a quantity, (W, S, T, …), of the shortest step.

        ``risk_fluctuation`` is the risk gap less its mean over seeds, scaled so that its
        root mean square over seeds is the standard deviation.

        Raises
        ------
        InvalidInputError
            If it was not measured.
        """
        if name == "risk_fluctuation":
            gaps = self.sample("risk_gap")
            scale = np.sqrt(self.seeds / (self.seeds - 1))
            return np.asarray((gaps - gaps.mean(axis=1, keepdims=True)) * scale)
        if name not in self.samples:
            raise unknown_name("quantity", name, (*self.samples, "risk_fluctuation"))
        found = self.samples[name]
        return found if self.steps is None else found[:, :, :, 0]

    # -- rates and constants ---------------------------------------------------------------

    @property
    def rates(self) -> dict[str, Rate]:
        """Fitted rate of each quantity at the last time."""
        return self.rates_at(-1)

    @cached_property
    def _rates(self) -> dict[int, dict[str, Rate]]:
        return {}

    @cached_property
    def _expansions(self) -> dict[tuple[str, int], Expansion]:
        return {}

    def rates_at(self, index: int) -> dict[str, Rate]:
        """Fitted rate of each quantity at time number `index`."""
        frame = range(len(self.times))[index]
        if frame not in self._rates:
            self._rates[frame] = {
                name: fit_rate(
                    self.particles,
                    self.sample(name)[:, :, frame],
                    power=quantity.power,
                    expected=quantity.expected,
                )
                for name, quantity in self.quantities.items()
            }
        return self._rates[frame]

    def expansion(self, name: str, index: int = -1) -> Expansion:
        """Mean square of a quantity as constants: C/N + D s with several steps, else C/N + C₂/N².

        Parameters
        ----------
        name : str
            For example ``"function_distance"``.
        index : int
            Number of the time.
        """
        key = name, range(len(self.times))[index]
        if key not in self._expansions:
            squares = self.samples[name][:, :, index] ** 2
            self._expansions[key] = (
                fit_widths(self.particles, squares)
                if self.steps is None
                else fit_width_and_step(self.particles, self.steps, squares)
            )
        return self._expansions[key]

    def step_rate(self, name: str, index: int = -1) -> Rate:
        """Rate in the step of SGD at the largest width, without the share of the width.

        The fitted C/N is subtracted from the squares; theory predicts the slope 1/2.

        Raises
        ------
        InvalidInputError
            If there is but one step.
        """
        if self.steps is None:
            raise InvalidInputError("a rate in the step needs several steps")
        width = float(self.expansion(name, index)(self.particles[-1]))
        squares = self.samples[name][-1, :, index].T ** 2
        rate = fit_rate(self.steps, squares - width, expected=1.0)
        return Rate(
            0.5 * rate.slope,
            0.5 * rate.lower,
            0.5 * rate.upper,
            float(np.sqrt(np.maximum(rate.constant, 0.0))),
            0.5,
            rate.resolved,
            0.5 * rate.error,
        )

    def predicted(self, name: str, particles: Any = None) -> Float64Array | None:
        """Predicted root mean square of a quantity; None where there is no prediction.

        Parameters
        ----------
        name : str
        particles : (M,) array, optional
            Widths; those of the study by default.

        Returns
        -------
        (M, T) array or None
        """
        names = quantities[name].predictions if name in quantities else None
        if names is None or names[0] not in self.predictions:
            return None
        width, step = (self.predictions.get(part, np.zeros_like(self.times)) for part in names)
        length = 0.0 if self.step is None else self.step
        widths = np.asarray(self.particles if particles is None else particles, dtype=np.float64)
        return np.asarray(np.sqrt(width / widths[:, None] + step * length))

    @cached_property
    def fluctuation(self) -> CentralLimit | None:
        """Test of √N (f_N − f) at the largest width and last time; None without a prediction."""
        if "covariance" not in self.predictions or "deviation" not in self.samples:
            return None
        rows = self.sample("deviation")[-1, :, -1]
        outputs, count = rows.shape[-1], int(self.particles[-1])
        covariance = self.predictions["covariance"]
        if self.step is not None and "step_covariance" in self.predictions:
            covariance = covariance + count * self.step * self.predictions["step_covariance"]
        weights = np.asarray(self.settings.get("weights") or np.ones(rows.shape[1]))
        return central_limit(
            rows.reshape(len(rows), -1), covariance, count, weights=np.repeat(weights, outputs)
        )

    # -- means over seeds ------------------------------------------------------------------

    def values(self, name: str) -> tuple[Float64Array, Float64Array]:
        """Mean or root mean square over seeds, and its standard error, both (W, T).

        Of the null of a random reference over the draws that there are.
        """
        if name.endswith("_null"):
            return _mean_of_known(np.moveaxis(self.sample(name), 1, -1))
        samples = np.moveaxis(self.sample(name), 1, -1)
        power = quantities[name].power if name in quantities else 1
        return power_mean(samples, power), standard_error(samples, power)

    def excess(self, name: str = "sliced_wasserstein") -> tuple[Float64Array, Float64Array]:
        """A statistic beyond sampling, and its standard error, both (W, T).

        Mean over seeds of SW₂²(network, limit) − SW₂²(iid sample of the limit, limit):
        what the dynamics add to the scatter that any N independent neurons have.
        """
        power = statistics[name].power
        network, null = (
            np.moveaxis(self.sample(part), 1, -1) ** power for part in (name, f"{name}_null")
        )
        value, error = _mean_of_known(null)
        error = np.hypot(standard_error(network), error)
        return network.mean(axis=-1) - value, error

    def excesses(self, name: str = "sliced_wasserstein", index: int = -1) -> list[Excess | None]:
        """Excess of a statistic over its null for each width, with error and p-value.

        Parameters
        ----------
        name : str
            One of `statistics`; W₂, sliced W₂ and the energy distance enter squared.
        index : int
            Number of the time.

        Returns
        -------
        list of Excess or None
            None where the statistic was left out.
        """
        power = statistics[name].power
        network, null = (self.sample(part)[:, :, index] ** power for part in (name, f"{name}_null"))
        known = [other[np.isfinite(other)] for other in null]
        return [
            null_excess(row, other) if np.isfinite(row).all() and len(other) > 1 else None
            for row, other in zip(network, known, strict=True)
        ]

    def rows(self, index: int | None = None) -> list[dict[str, float]]:
        """Table of all widths, at all times or at time number `index`, one row each.

        Columns: ``particles``, ``time``; mean (or root mean square) over seeds of each
        quantity and its standard error (``…_error``); ``risk_fluctuation``, the standard
        deviation of the risk gap over seeds; ``excess``, see `excess`; and
        ``test_accuracy`` for labelled held-out data.
        """
        from meanfield.study_table import rows

        return rows(self, index)

    # -- for people ------------------------------------------------------------------------

    def table(self, index: int = -1) -> str:
        """Plain-text tables of the widths, rates and constants at time number `index`."""
        from meanfield.study_table import table

        return table(self, index)

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
        from meanfield.study_table import heading

        return f"{heading(self)}\n\n{self.table()}"

    def __repr__(self) -> str:
        widths = ", ".join(str(count) for count in self.particles)
        steps = "" if self.steps is None else f"{len(self.steps)} steps, "
        return (
            f"Study({self.experiment!r}, particles=({widths}), {steps}{self.seeds} seeds, "
            f"{len(self.times)} times)"
        )

    def _repr_html_(self) -> str:
        from meanfield.notebook import preformatted

        return preformatted(str(self))

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

    def report(self, path: str | Path, *, force: bool = False) -> Path:
        """Write a page about the study that any browser shows, in one file (.html).

        Raises
        ------
        InvalidInputError
            If the kind of file is another.
        FileError
            If the file exists and `force` is false, or cannot be written.
        """
        from meanfield.study_page import write_page

        return write_page(self, path, force)

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write an HDF5 file that `Study.open` and xarray (engine h5netcdf) open.

        Its variables have the named axes particles, seed and time, and step, point, output
        and parameter where they apply.

        Raises
        ------
        FileError
            If the file exists and `force` is false, or cannot be written.
        """
        from meanfield.study_file import write_study

        parts = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        rates = {f"rate_of_{name}": str(rate) for name, rate in self.rates.items()}
        return write_study(Path(path), parts, rates, force)

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """Read the file that `save` wrote.

        Raises
        ------
        FileError
            If the file is missing, damaged, or of another kind.
        """
        from meanfield.study_file import read_study

        return cls(**read_study(Path(path)))


def _mean_of_known(samples: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Mean over the last axis of what is known, and its standard error; NaN where nothing is."""
    known = np.isfinite(samples)
    count = known.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, samples, 0.0).sum(axis=-1) / count
        squares = np.where(known, samples - mean[..., None], 0.0) ** 2
        return mean, np.sqrt(squares.sum(axis=-1) / (count - 1) / count)
