"""The stationary measure of noisy training, μ = e^{−Ψ(·; μ)/τ}/Z, and how good it is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from meanfield.cells import Cells
from meanfield.checks import as_count, as_number
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian, InitialLaw
from meanfield.measures import Measure, ParticleMeasure
from meanfield.newton import DualPoint, Support, ascend, dual_point
from meanfield.problem import Problem
from meanfield.radial_laws import RadialGaussian
from meanfield.typing import Float64Array
from meanfield.volumes import mirrored_density

__all__ = ["Gibbs", "gibbs"]

_MOST_STEPS = 200
# A share of the Gibbs measure at the walls above which the box cuts it off.
_CUT_OFF = 1e-6
# Effective nodes below which averages over nodes mean little.
_FEWEST_NODES = 30.0


@dataclass(frozen=True, eq=False)
class Gibbs:
    """The minimiser μ* of the energy at a positive temperature.

    Attributes
    ----------
    measure : GridMeasure or ParticleMeasure
        μ*, on the grid or the nodes.
    energy : float
        F(μ*), the entropy included.
    gap : float
        Certificate: F(μ*) − min F is at most this, over all measures on the same cells or
        nodes.
    residual : float
        Root mean square over the data of ℓ'(f(μ*)) − ℓ'(f), f the outputs that gave μ*.
    iterations : int
        Newton steps.
    covector : (n, k) array
        u, so that μ* ∝ exp(−(Σ_j ⟨u_j, Φ(x_j; ·)⟩ + V)/τ).
    effective_nodes : float
        1/Σ m² of the masses: how many nodes, or cells, of equal mass would be as good. Few of
        them mean inaccurate integrals.
    """

    measure: Measure
    energy: float
    gap: float
    residual: float
    iterations: int
    covector: Float64Array = field(repr=False)
    effective_nodes: float = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"Gibbs(energy={self.energy:.10g}, gap={self.gap:.1e}, "
            f"residual={self.residual:.1e}, iterations={self.iterations}, {self.measure})"
        )

    def _repr_html_(self) -> str:
        from meanfield.notebook import card, html_of

        rows = [
            ("measure", repr(self.measure)),
            ("energy", f"{self.energy:.10g}"),
            ("gap to the minimum", f"at most {self.gap:.1e}"),
            ("residual", f"{self.residual:.1e}"),
            ("Newton steps", f"{self.iterations}"),
            ("effective nodes", f"{self.effective_nodes:.4g}"),
        ]
        return card("Gibbs", rows, html_of(self.measure))


@single_threaded_blas()
def gibbs(
    problem: Problem,
    support: GridMeasure | InitialLaw | None = None,
    *,
    nodes: int = 2**14,
    seed: int = 0,
    tolerance: float = 1e-12,
) -> Gibbs:
    """Stationary measure of the noisy flow: the minimiser of F(μ) = R + ∫V dμ + τ ∫ log μ dμ.

    It is found by damped Newton steps on the concave dual, in as many unknowns as the data
    have outputs and for any convex loss, at temperatures where fixed-point iterations fail.

    Parameters
    ----------
    problem : Problem
        With a temperature τ > 0.
    support : GridMeasure or InitialLaw, optional
        A grid: μ* has a density on its cells, and the given density is the first guess. A
        law: integrals are averages over nodes drawn from it with weights 1/density, for any
        number of parameters; where one is a length, the absolute value counts. By default
        the law e^{−V/τ}, normal but for a length, which needs a ridge on all parameters.
    nodes : int
        Number of nodes drawn from a law, by a scrambled Sobol sequence.
    seed : int
        Seed of that sequence; another one shows the error of the quadrature.
    tolerance : float
        Residual, in units of 1 + the size of the outputs, at which to stop.

    Returns
    -------
    Gibbs
        On a grid with a GridMeasure, otherwise with a weighted ParticleMeasure whose
        energy has the entropy relative to the Lebesgue measure, by the same nodes.

    Raises
    ------
    InvalidInputError
        At temperature 0, for a grid or law that does not fit the neuron, or a law that
        has no density.

    Warns
    -----
    UserWarning
        If the residual stays above the tolerance, walls of the box cut μ* off, or few of
        the nodes carry most of the mass.

    Notes
    -----
    All statements are about the discrete problem: on a grid over cell masses, with
    midpoint sums, inside the box. Its error in the cell size is that of the midpoint rule.

    References
    ----------
    Nitanda, Wu, Suzuki (2022), Convex analysis of the mean field Langevin dynamics, for
    the dual and its gap.

    Examples
    --------
    >>> from meanfield.datasets import Dataset
    >>> from meanfield.neurons import Neuron
    >>> neuron = Neuron(1, outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[1.0]], [1.0]), ridge=0.1, temperature=0.1)
    >>> line = GridMeasure.from_density(Gaussian(1).density, -9.0, 11.0, 400)
    >>> found = gibbs(problem, line)
    >>> round(found.energy, 8), found.gap < 1e-15
    (0.02858594, True)
    """
    _require_noise(problem)
    as_number("tolerance", tolerance, "positive")
    cells, log_volumes, first = _support(problem, support, nodes, seed)
    point = dual_point(problem, cells, log_volumes, first)
    point, steps = _climb(problem, cells, log_volumes, point, tolerance)
    masses, potential = point.law.masses, cells.potential(point.covector)
    # The mean of log(m/c) under m, from m = c exp(−Ψ/τ)/Z.
    entropy = -float(masses @ potential) / problem.temperature - point.law.log_partition
    energy = problem.risk_of_outputs(point.reached) + float(masses @ cells.confinement)
    found = Gibbs(
        _measure(support, cells, masses),
        energy + problem.temperature * entropy,
        point.gap,
        point.residual,
        steps,
        point.covector,
        float(1.0 / np.square(masses).sum()),
    )
    _warn(problem, found, tolerance * _unit(point))
    return found


class _Nodes:
    """Nodes drawn from a law, at which neurons are evaluated anew each time."""

    def __init__(self, problem: Problem, positions: Float64Array) -> None:
        self._problem, self.positions = problem, positions
        self.confinement = problem.confinement(positions)

    def outputs(self, masses: Float64Array) -> Float64Array:
        return self._problem.outputs_at(self.positions, masses)

    def potential(self, covector: Float64Array) -> Float64Array:
        return self._problem.potential_at(self.positions, covector)


def _climb(
    problem: Problem,
    support: Support,
    log_volumes: Float64Array | float,
    point: DualPoint,
    tolerance: float,
) -> tuple[DualPoint, int]:
    """Newton steps until the residual is small, or rounding ends its decrease."""
    for step in range(_MOST_STEPS):
        if point.residual <= tolerance * _unit(point):
            return point, step
        further = ascend(problem, support, log_volumes, point)
        stuck = further is None or (point.gap <= 1e-13 and further.residual >= point.residual)
        if further is None or stuck:
            return point, step
        point = further
    return point, _MOST_STEPS


def _unit(point: DualPoint) -> float:
    return 1.0 + float(np.sqrt(np.mean(np.square(point.reached))))


def _support(
    problem: Problem, support: GridMeasure | InitialLaw | None, nodes: int, seed: int
) -> tuple[Support, Float64Array | float, Float64Array]:
    """Nodes, logarithms of their volumes, and outputs to start from."""
    if isinstance(support, GridMeasure):
        cells = Cells(problem, support)
        return cells, float(np.log(support.volume)), cells.outputs(support.weights)
    law = _ridge_law(problem) if support is None else support
    if not hasattr(law, "density"):
        raise InvalidInputError(
            f"support must be a GridMeasure or a law such as Gaussian, got {type(law).__name__}"
        )
    as_count("nodes", nodes)
    drawn = law.sample(nodes, seed, "sobol")
    problem.check_measure(drawn)
    positions = drawn.positions.astype(np.float64)
    if problem.volume is not None:
        column = problem.volume.parameter
        positions[:, column] = np.abs(positions[:, column])
    placed = _Nodes(problem, positions)
    density = mirrored_density(law.density, problem.volume)
    log_volumes = -np.log(density(positions)) - np.log(nodes)
    return placed, log_volumes, placed.outputs(drawn.weights)


def _ridge_law(problem: Problem) -> InitialLaw:
    """The law e^{−V/τ}/Z: normal, but for a length, which is that of a normal vector."""
    strengths = problem.ridge.coefficients(problem.neuron)
    if strengths.min() <= 0.0:
        raise InvalidInputError(
            "without a ridge on every parameter there is no law to draw nodes from, and the "
            "Gibbs measure may not exist; give a grid or a law as support, or set ridge > 0"
        )
    spread = np.sqrt(problem.temperature / strengths)
    dim, widths, volume = problem.neuron.dim, tuple(spread.tolist()), problem.volume
    if volume is None:
        return Gaussian(dim, std=widths)
    return RadialGaussian(dim, volume.parameter, round(volume.power) + 1, std=widths)


def _measure(
    support: GridMeasure | InitialLaw | None, nodes: Support, masses: Float64Array
) -> Measure:
    if isinstance(support, GridMeasure):
        density = (masses / support.volume).reshape(support.shape)
        return GridMeasure.trusted(density, support.lower, support.upper)
    assert isinstance(nodes, _Nodes)
    return ParticleMeasure(nodes.positions, masses)


def _require_noise(problem: Problem) -> None:
    if not isinstance(problem, Problem):
        raise InvalidInputError(
            f"gibbs needs a Problem on data, got {type(problem).__name__}; draw a data set from it"
        )
    if problem.temperature == 0.0:
        raise InvalidInputError(
            "at temperature 0 there is no Gibbs measure: minimisers have no density and need "
            "not be unique; set temperature > 0, or let the solver particle-flow converge and "
            "ask problem.optimality_gap how far it is from the minimum"
        )


def _warn(problem: Problem, found: Gibbs, allowed: float) -> None:
    if found.residual > allowed:
        warnings.warn(
            f"the residual of the Gibbs measure stays at {found.residual:.1e}, above "
            f"{allowed:.1e}; the energy is within {found.gap:.1e} of its minimum",
            stacklevel=3,
        )
    if not isinstance(found.measure, GridMeasure) and found.effective_nodes < _FEWEST_NODES:
        warnings.warn(
            f"the Gibbs measure rests on {found.effective_nodes:.1f} effective nodes of "
            f"{len(found.measure)}, too few for its integrals; use more nodes, or a law with "
            "more of its mass where the measure has it",
            stacklevel=3,
        )
    if isinstance(found.measure, GridMeasure):
        walls = found.measure.wall_mass()
        volume = problem.volume
        if volume is not None and found.measure.lower[volume.parameter] == 0.0:
            walls[volume.parameter, 0] = 0.0  # lengths end at 0
        share = float(walls.max())
        if share > _CUT_OFF:
            warnings.warn(
                f"the box cuts the Gibbs measure off: {share:.1e} of it is in the two layers at "
                "a wall; choose a larger box",
                stacklevel=3,
            )
