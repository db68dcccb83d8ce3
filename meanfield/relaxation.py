"""How fast the noisy flow forgets: the rate of its linearisation at the Gibbs measure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, eye_array
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from meanfield.cells import Cells
from meanfield.conjugates import curvature_roots
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import InvalidInputError
from meanfield.gibbs import Gibbs
from meanfield.grids import GridMeasure
from meanfield.problem import Problem
from meanfield.typing import Float64Array

__all__ = ["DecayRate", "decay_rate"]

# Cells up to which the sparse factors fit, by the number of axes.
_MOST_CELLS = {1: 2**20, 2: 2**18, 3: 2**15}
# Directions of the outputs that are less than this part of the temperature do not count.
_NEGLIGIBLE = 1e-10
# Largest change of Ψ/τ between neighbours that is told apart; beyond, rates are 0 and linear.
_STEEPEST = 1000.0


@dataclass(frozen=True, eq=False)
class DecayRate:
    """Rates at which measures near the Gibbs measure μ* approach it.

    Attributes
    ----------
    rate : float
        λ: at late times μ_t − μ* falls like e^{−λt} and F − F* like e^{−2λt}.
    lower_bound : float
        The same with Ψ frozen at μ*, the spectral gap of e^{−Ψ/τ}. The interaction of the
        neurons through a convex risk only adds to it.
    mode : array of p axes
        Density, with integral of its size 1, of the perturbation that decays slowest.
    """

    rate: float
    lower_bound: float
    mode: Float64Array = field(repr=False)


@single_threaded_blas()
def decay_rate(problem: Problem, stationary: Gibbs) -> DecayRate:
    """Late-time rate of the noisy flow: the smallest eigenvalue above 0 of its linearisation.

    With masses M = diag(m) of μ*, S the stiffness of the Scharfetter–Gummel flux at μ* and
    K = Φ p ℓ'' Φᵀ the second variation of the risk, perturbations follow
    ∂_t δ = −S (τ M⁻¹ + K) δ. With the rate λ, densities and outputs approach those of μ* like
    e^{−λt}, and the free energy its minimum like e^{−2λt}, as it is quadratic there.

    Parameters
    ----------
    problem : Problem
    stationary : Gibbs
        Of this problem, on a grid: what `meanfield.gibbs` returns.

    Returns
    -------
    DecayRate
        λ as ``rate``; a line through log(F(μ_t) − F*) has the slope −2λ.

    Raises
    ------
    InvalidInputError
        If the Gibbs measure is one of nodes, or the grid has too many cells for sparse
        factors.

    Notes
    -----
    Eigenvalues converge with the square of the cell size: a coarse grid is often enough.

    References
    ----------
    Scharfetter, Gummel (1969) for the flux; Chizat (2022), Mean-field Langevin dynamics:
    exponential convergence and annealing, for bounds of the rate by that of frozen Ψ.

    Examples
    --------
    >>> from meanfield.datasets import Dataset
    >>> from meanfield.gibbs import gibbs
    >>> from meanfield.laws import Gaussian
    >>> from meanfield.neurons import Neuron
    >>> neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[1.0]], [1.0]), ridge=0.5, temperature=0.1)
    >>> line = GridMeasure.from_density(Gaussian(1).density, -3.0, 4.0, 400)
    >>> found = decay_rate(problem, gibbs(problem, line))
    >>> round(found.rate, 2), round(found.lower_bound, 2)  # variances at 2 λ, means at x² + λ
    (1.0, 0.5)
    """
    grid = _checked(stationary)
    cells = Cells(problem, grid)
    potential = cells.potential(stationary.covector)
    stiffness = _stiffness(potential.reshape(grid.shape) / problem.temperature, grid.spacing)
    coupling = _coupling(problem, cells, grid.weights)
    shift = problem.temperature * float(np.sum((grid.upper - grid.lower) ** -2.0))
    factors = splu(
        csc_array(stiffness + shift / problem.temperature * eye_array(len(grid))),
        permc_spec="MMD_AT_PLUS_A",  # the matrix is symmetric, and diagonally dominant
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    frozen = _Pencil(stiffness, factors, problem.temperature, coupling[:, :0], shift)
    full = _Pencil(stiffness, factors, problem.temperature, coupling, shift)
    rate, vector = full.smallest(grid.weights)
    mode = np.sqrt(grid.weights) * full.divide(vector)
    mode = mode / (np.abs(mode).sum() * grid.volume)
    return DecayRate(rate, frozen.smallest(grid.weights)[0], mode.reshape(grid.shape))


class _Pencil:
    """T x = λ N⁻¹ x with T = M^{−½} S M^{−½} and N = τ + Y Yᵀ, near λ = −shift.

    Parameters
    ----------
    stiffness : (M, M) sparse array
        T.
    sparse : object
        Factors of T + shift/τ.
    temperature : float
        τ.
    coupling : (M, r) array
        Y with orthogonal columns.
    shift : float
    """

    def __init__(
        self,
        stiffness: Any,
        sparse: Any,
        temperature: float,
        coupling: Float64Array,
        shift: float,
    ) -> None:
        self._stiffness, self._shift = stiffness, shift
        self._temperature, self._coupling = temperature, coupling
        # N⁻¹ = τ⁻¹ − Y D Yᵀ
        squares = np.square(coupling).sum(axis=0)
        self._reduction = 1.0 / (temperature * (temperature + squares))
        self._sparse = sparse
        self._solved = np.zeros_like(coupling)
        for column in range(coupling.shape[1]):
            self._solved[:, column] = self._sparse.solve(np.ascontiguousarray(coupling[:, column]))
        inner = np.diag(1.0 / (shift * self._reduction)) - coupling.T @ self._solved
        self._inner = np.linalg.inv(inner)

    def divide(self, vector: Float64Array) -> Float64Array:
        """N⁻¹ times a vector."""
        projected = self._reduction * (self._coupling.T @ vector)
        return np.asarray(vector / self._temperature - self._coupling @ projected)

    def _solve(self, vector: Float64Array) -> Float64Array:
        """(T + shift N⁻¹)⁻¹ times a vector, by the formula of Woodbury."""
        solved = self._sparse.solve(vector)
        return np.asarray(solved + self._solved @ (self._inner @ (self._coupling.T @ solved)))

    def smallest(self, masses: Float64Array) -> tuple[float, Float64Array]:
        """Smallest eigenvalue above that of the stationary measure, 0, and its vector."""
        shape = self._stiffness.shape
        values, vectors = eigsh(
            self._stiffness,
            k=2,
            M=LinearOperator(shape, matvec=self.divide, dtype=np.float64),
            sigma=-self._shift,
            OPinv=LinearOperator(shape, matvec=self._solve, dtype=np.float64),
            v0=np.sqrt(masses) + 1.0 / len(masses),
            ncv=min(40, len(masses)),
        )
        second = int(np.argmax(values))
        return float(values[second]), np.asarray(vectors[:, second])


def _stiffness(scaled: Float64Array, spacing: Float64Array) -> Any:
    """T = M^{−½} S M^{−½} from Ψ/τ on the grid; it needs differences only, so no underflow."""
    index = np.arange(scaled.size).reshape(scaled.shape)
    diagonal, rows, columns, entries = np.zeros(scaled.size), [], [], []
    for axis, width in enumerate(spacing):
        steps = np.clip(np.diff(scaled, axis=axis), -_STEEPEST, _STEEPEST).ravel()
        low = np.delete(index, -1, axis=axis).ravel()
        high = np.delete(index, 0, axis=axis).ravel()
        diagonal += np.bincount(low, _bernoulli(steps) / width**2, scaled.size)
        diagonal += np.bincount(high, _bernoulli(-steps) / width**2, scaled.size)
        # √(B(z) B(−z)) = (z/2) / sinh(z/2)
        symmetric = -np.sqrt(_bernoulli(steps) * _bernoulli(-steps)) / width**2
        rows += [low, high]
        columns += [high, low]
        entries += [symmetric, symmetric]
    every = index.ravel()
    places = np.concatenate([every, *rows]), np.concatenate([every, *columns])
    triples = np.concatenate([diagonal, *entries]), places
    return csc_array(coo_array(triples, shape=(scaled.size,) * 2))


def _bernoulli(steps: Float64Array) -> Float64Array:
    """B(z) = z / (e^z − 1)."""
    small = np.abs(steps) < 1e-5
    safe = np.where(small, 1.0, np.minimum(steps, 700.0))
    return np.asarray(np.where(small, 1.0 - 0.5 * steps, safe / np.expm1(safe)))


def _coupling(problem: Problem, cells: Cells, masses: Float64Array) -> Float64Array:
    """Y (M, r) with M^{½} K M^{½} = Y Yᵀ, and orthogonal columns."""
    outputs = cells.outputs(masses)
    roots = curvature_roots(problem.loss, outputs, problem.data.targets)
    roots = roots * np.sqrt(problem.data.weights)[:, None, None]
    points, count = outputs.shape
    result = np.empty((len(masses), points * count))
    for column, (j, c) in enumerate(np.ndindex(points, count)):
        covector = np.zeros((points, count))
        covector[j] = roots[j, :, c]
        features = cells.potential(covector) - cells.confinement
        result[:, column] = np.sqrt(masses) * (features - masses @ features)
    squares, directions = np.linalg.eigh(result.T @ result)
    counted = squares > _NEGLIGIBLE * (problem.temperature + squares[-1])
    return np.asarray(result @ directions[:, counted])


def _checked(stationary: Gibbs) -> GridMeasure:
    if not isinstance(stationary, Gibbs):
        raise InvalidInputError(
            f"stationary must be what gibbs returns, got {type(stationary).__name__}"
        )
    grid = stationary.measure
    if not isinstance(grid, GridMeasure):
        raise InvalidInputError(
            "the decay rate needs a Gibbs measure on a grid; give gibbs a GridMeasure as support"
        )
    if len(grid) > _MOST_CELLS[grid.dim]:
        raise InvalidInputError(
            f"the decay rate takes at most {_MOST_CELLS[grid.dim]} cells in {grid.dim} dimensions, "
            f"got {len(grid)}; a coarser grid is enough, as its error is that of the cell size "
            "squared"
        )
    return grid
