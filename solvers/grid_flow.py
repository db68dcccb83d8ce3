"""The flow of a density on a grid, ∂_t μ = ∇·(μ ∇Ψ(·; μ)) + τ Δμ, or with birth and death."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from meanfield.cells import require_cells
from meanfield.checks import as_number
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.grids import GridMeasure
from meanfield.laws import InitialLaw
from meanfield.measures import Measure
from meanfield.observers import Observer, OptimalityGap
from meanfield.problem import Problem
from meanfield.problems import AnyProblem
from meanfield.solver import settings_to_dict
from meanfield.solvers.grid_field import GridField, GridScheme
from meanfield.solvers.grid_placement import place_grid
from meanfield.solvers.grid_steps import GridState, GridSteps
from meanfield.solvers.implicit_flow import Implicit
from meanfield.solvers.muscl import Muscl
from meanfield.solvers.reacting import Reacting
from meanfield.solvers.scharfetter_gummel import JumpHeat, ScharfetterGummel
from meanfield.solvers.strang import CosineHeat, Strang
from meanfield.typing import Float64Array

__all__ = ["GridFlow"]

_SCHEMES: dict[str, Callable[[GridField], GridScheme]] = {
    "muscl": Muscl,
    "scharfetter-gummel": ScharfetterGummel,
    "strang": lambda field: Strang(field, CosineHeat),
    "implicit": Implicit,
}
# Birth and death brings up what is rounding in far tails.
_REACTING: dict[str, Callable[[GridField], GridScheme]] = {
    **_SCHEMES,
    "strang": lambda field: Strang(field, JumpHeat),
}
_AUTO = "auto"

# Largest change of Ψ/τ over a cell up to which Scharfetter and Gummel are of second order,
# and the share of the mass that may lie where it is larger.
_PECLET, _ASIDE = 2.0, 1e-2
# Jumps between cells per unit of time from which on implicit steps are the faster ones,
# by a factor of about 10 at 10⁵.
_STIFF = 5e4
# Rounding of the energy of a density, which no step raises.
_ROUNDING = 1e-9
# Mass in the outer layers of cells from which on the wall disturbs the flow.
_WALL = 1e-6


@dataclass(frozen=True)
class GridFlow:
    """Wasserstein gradient flow of the free energy by finite volumes on a uniform grid.

    The limit of infinitely many neurons itself, for neurons of 1 to 3 parameters. Every
    scheme keeps the mass and positive densities, and its free energy never rises: a step
    that would raise it is made shorter.

    =======================  ==============================================================
    scheme                   for
    =======================  ==============================================================
    ``muscl``                temperature 0; a Dirac becomes about 0.4 cells wide
    ``scharfetter-gummel``   noise, where Ψ/τ changes by at most 2 over a cell; its
                             stationary measure is exact on the grid
    ``strang``               weaker noise
    ``implicit``             long times, and noise that crosses cells within 10⁻⁵ of a unit of
                             time; of first order in time
    ``auto``                 one of these, chosen for the initial measure
    =======================  ==============================================================

    Parameters
    ----------
    scheme : {"auto", "muscl", "scharfetter-gummel", "strang", "implicit"}
    tolerance : float
        Error of the outputs at the data in one step, relative to the output scale plus
        their size; that of the method of lower order which comes for free.
    step : float, optional
        Step to be made in place of those that follow from the tolerance; it is cut where
        the scheme would not be stable or the energy would rise.
    reaction : float
        Rate β ≥ 0 of birth and death: with β > 0 it is the Wasserstein–Fisher–Rao flow
        ∂_t μ = ∇·(μ ∇Ψ) + τ Δμ − β μ (Ψ + τ log μ − ∫ (Ψ + τ log μ) dμ), of the same energy.
        It may bring up mass beyond the box of `place`, which is that of the flow without.

    Raises
    ------
    InvalidInputError
        For an unknown scheme, a tolerance or step that is not positive, or a negative rate.

    Notes
    -----
    Measures between two steps are reached by a shorter step from the last, which is then
    forgotten: how often one asks never changes the sequence of steps. Where such a step
    would come to a lower energy than the whole one, the end of the whole one is shown, so
    that energies of what is shown never rise either.

    Examples
    --------
    >>> GridFlow("strang", tolerance=1e-3)
    GridFlow(scheme='strang', tolerance=0.001, step=None, reaction=0.0)
    """

    scheme: str = _AUTO
    tolerance: float = 1e-4
    step: float | None = None
    reaction: float = 0.0
    name: ClassVar[str] = "grid"
    state_type: ClassVar[type[GridState]] = GridState

    def __post_init__(self) -> None:
        if self.scheme not in (_AUTO, *_SCHEMES):
            raise unknown_name("scheme", self.scheme, (_AUTO, *_SCHEMES))
        as_number("tolerance", self.tolerance, "positive")
        if self.step is not None:
            as_number("step", self.step, "positive")
        as_number("reaction", self.reaction, "nonnegative")

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: copies and pickles carry no buffers."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def place(
        self, problem: AnyProblem, law: InitialLaw, particles: int | None, t_end: float, seed: int
    ) -> GridMeasure:
        """The law on a grid whose box holds the flow up to `t_end`.

        Parameters
        ----------
        problem : Problem
        law : InitialLaw
            A law with a density.
        particles : int, optional
            Number of cells in total, about; by default 400, 160² or 64³.
        t_end : float
        seed : int
            Seed of the pilot run of particles that finds the box.

        Raises
        ------
        InvalidInputError
            If a grid cannot serve, the law has no density, or the cells do not resolve it.
        """
        return place_grid(problem, law, particles, t_end, seed)

    def energy_rise(self, problem: AnyProblem) -> float:
        """Relative rise of the energy between frames: rounding."""
        return _ROUNDING

    def observers(
        self, problem: AnyProblem, law: InitialLaw, measure: Measure, seed: int
    ) -> tuple[Observer, ...]:
        """The certificate of a noisy run: how far its energy is from the least at most."""
        return (OptimalityGap(),) if problem.temperature > 0.0 else ()

    def resolved(self, problem: AnyProblem, measure: Measure) -> GridFlow:
        """The same with the scheme that ``auto`` stands for on this problem and measure."""
        if self.scheme != _AUTO:
            return self
        sound, grid = _checked(problem, measure)
        if problem.temperature == 0.0:
            return replace(self, scheme="muscl")
        field = GridField(sound, grid)
        density = np.array(grid.density)
        noisy = "implicit" if _jumps(field, density) > _STIFF else "scharfetter-gummel"
        chosen = replace(self, scheme="strang" if _peclet(field, density) > _PECLET else noisy)
        chosen._keep(problem, grid, field)
        return chosen

    def could_be(self, other: Any) -> bool:
        """Whether `other` is this solver, or what ``auto`` has become."""
        unresolved = self.scheme == _AUTO and isinstance(other, GridFlow)
        return bool(replace(self, scheme=other.scheme) == other if unresolved else self == other)

    def start(self, problem: AnyProblem, measure: Any, seed: int) -> GridState:
        """State at time 0; the seed is not used, as nothing is random.

        Raises
        ------
        InvalidInputError
            If the measure is not on a grid, or the scheme does not apply.

        Warns
        -----
        UserWarning
            If the scheme scharfetter-gummel needs very many steps.
        """
        _, grid = _checked(problem, measure)
        if self.scheme == _AUTO:
            raise InvalidInputError("choose a scheme first: GridFlow().resolved(problem, measure)")
        if self.scheme == "muscl" and problem.temperature > 0.0:
            raise InvalidInputError(
                f"the scheme muscl has no noise, but the temperature is {problem.temperature:g}; "
                "use scharfetter-gummel, strang, implicit or auto"
            )
        steps = self._steps(problem, grid)
        state = steps.start(grid)
        if self.scheme == "scharfetter-gummel":
            _warn_of_jumps(_jumps(steps.field, state.density))
        return state

    def advance(
        self, problem: AnyProblem, state: GridState, t: float
    ) -> tuple[GridState, GridMeasure]:
        """State after the last step that ends at or before `t`, and the measure at `t`.

        Raises
        ------
        DivergenceError
            If no step is short enough.

        Warns
        -----
        UserWarning
            Once, if mass has come to a wall.
        """
        grid = GridMeasure.trusted(state.density, state.lower, state.upper)
        state, shown = self._steps(problem, grid).reach(state, t)
        measure = GridMeasure.trusted(shown.density.copy(), state.lower, state.upper)
        if not state.warned and _warn_of_walls(problem, measure, t):
            state = replace(state, warned=1)
        return state, measure

    def _steps(self, problem: AnyProblem, grid: GridMeasure) -> GridSteps:
        """Steps on the box and cells of a grid; those of the last run are kept."""
        if self._kept.get("key") != _key(grid) or self._kept["problem"] is not problem:
            self._keep(problem, grid, GridField(*_checked(problem, grid)))
        kept: GridSteps = self._kept["steps"]
        return kept

    def _keep(self, problem: AnyProblem, grid: GridMeasure, field: GridField) -> None:
        if self.reaction > 0.0:
            scheme: GridScheme = Reacting(field, _REACTING[self.scheme](field), self.reaction)
        else:
            scheme = _SCHEMES[self.scheme](field)
        steps = GridSteps(field, scheme, self.tolerance, self.step)
        self._kept.update(key=_key(grid), problem=problem, steps=steps)

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


def _key(grid: GridMeasure) -> tuple[object, ...]:
    return (grid.shape, grid.lower.tobytes(), grid.upper.tobytes())


def _checked(problem: AnyProblem, measure: Measure) -> tuple[Problem, GridMeasure]:
    """The two, if a flow on a grid can start from them.

    Raises
    ------
    InvalidInputError
        If a grid cannot serve the problem, or the measure is not on one.
    """
    require_cells(problem)
    if not isinstance(measure, GridMeasure):
        raise InvalidInputError(
            "the solver grid evolves a GridMeasure; make one by GridMeasure.from_density, "
            "GridMeasure.from_particles or GridFlow().place"
        )
    assert isinstance(problem, Problem)
    return problem, measure


def _peclet(field: GridField, density: Float64Array) -> float:
    """Largest change of Ψ/τ over the faces between cells that hold most of the mass."""
    potential = field.potential(field.outputs(density))
    values = np.sort(density, axis=None)
    least = values[np.searchsorted(np.cumsum(values), _ASIDE * values.sum())]
    result = 0.0
    for axis in range(density.ndim):
        steps, mass = field.along(potential, axis), field.along(density, axis)
        inside = np.minimum(mass[:, 1:], mass[:, :-1]) >= least
        result = max(result, float(np.abs(np.diff(steps, axis=1))[inside].max(initial=0.0)))
    return result / field.temperature


def _jumps(field: GridField, density: Float64Array) -> float:
    """Jumps per unit of time from the fastest cell, products with a matrix in a unit."""
    return 1.0 / ScharfetterGummel(field).first_step(field.outputs(density))


def _warn_of_jumps(rate: float) -> None:
    if rate > _STIFF:
        warnings.warn(
            f"the scheme scharfetter-gummel makes {rate:.1e} jumps between cells, {rate / 1e3:.0e} "
            "steps, per unit of time here; use implicit or auto, or wider cells",
            UserWarning,
            stacklevel=4,
        )


def _warn_of_walls(problem: AnyProblem, measure: GridMeasure, t: float) -> bool:
    """Warn if mass has come to a wall, and say whether it has."""
    shares = measure.wall_mass()
    volume = problem.volume if isinstance(problem, Problem) else None
    if volume is not None and measure.lower[volume.parameter] == 0.0:
        shares[volume.parameter, 0] = 0.0  # lengths end there
    axis, side = np.unravel_index(int(np.argmax(shares)), shares.shape)
    share = float(shares[axis, side])
    if share <= _WALL:
        return False
    wall = (measure.lower, measure.upper)[side][axis]
    warnings.warn(
        f"{share:.1e} of the mass is next to the {('lower', 'upper')[side]} wall "
        f"{problem.neuron.parameter_names[axis]} = {wall:.4g} at t = {t:.4g}, which disturbs "
        "the flow; use a wider box (GridMeasure.padded), or narrower cells where they are too wide "
        "for the density",
        UserWarning,
        stacklevel=5,
    )
    return True
