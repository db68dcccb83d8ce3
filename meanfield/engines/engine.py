"""What an engine is: sums over one neuron's particles and one set of data points."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, TypeAlias

from meanfield.typing import Array, Float64Array, FloatArray

__all__ = ["Covector", "Engine"]

#: The covector u (n, k) that outputs (n, k) imply.
Covector: TypeAlias = Callable[[Float64Array], Float64Array]


class Engine(Protocol):
    """Exact sums Σ_i m_i Φ(x_j; θ_i) and Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ with its gradient.

    Engines differ in speed only: every one that applies gives the same numbers up to
    rounding, in the precision of the particles (sums over particles are float64 in any
    case), and the same bits on any number of threads. Buffers belong to the engine, so
    callers in several threads take turns.

    Attributes
    ----------
    name : str
        The method, for reports.
    """

    name: ClassVar[str]

    def load(self, inputs: Array) -> None:
        """Take data (n, d) in the place of those at hand, for example a mini-batch."""
        ...

    def outputs(self, positions: FloatArray, masses: Float64Array) -> Float64Array:
        """Σ_i m_i Φ(x_j; θ_i) at every data point, shape (n, k)."""
        ...

    def potentials(self, positions: FloatArray, covector: Float64Array) -> Float64Array:
        """Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ for every particle, shape (N,); u is `covector`, (n, k)."""
        ...

    def gradients(
        self, positions: FloatArray, covector: Float64Array, gradients: FloatArray
    ) -> None:
        """Write ∇_θ Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ into `gradients` (N, p); u is `covector`, (n, k).

        Where the method allows, the gradient of a particle has the same bits whichever
        others are at hand: splines of several knots may be summed another way in their
        company.
        """
        ...

    def velocity_pass(
        self,
        positions: FloatArray,
        masses: Float64Array,
        covector: Covector,
        gradients: FloatArray,
    ) -> Float64Array:
        """Outputs (n, k); the gradients ∇_θ Σ_j ⟨u_j, Φ(x_j; θ_i)⟩ go to `gradients` (N, p).

        What the first pass computes is kept for the second where memory allows.
        """
        ...
