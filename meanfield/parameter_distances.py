"""Distances of the parameters of many networks to one limit, at a bounded cost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from meanfield import distances
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import MeanfieldError
from meanfield.grids import GridMeasure
from meanfield.measures import Measure, ParticleMeasure
from meanfield.slices import SlicedTarget
from meanfield.typing import Float64Array

__all__ = ["STATISTICS", "ParameterTarget", "omissions"]

#: Statistics of the parameters, by the name of the samples.
STATISTICS = ("wasserstein_1", "wasserstein_2", "sinkhorn", "energy")

# Atoms of the limit in exact transport and energy distance, and in Sinkhorn divergences.
_ATOMS, _FEW_ATOMS = 1024, 256
# Pairs up to which each statistic is computed: each takes about a second there.
_MOST_PAIRS = {"wasserstein": 1024 * 1024, "sinkhorn": 2048 * 256, "energy": 16384 * 1024}
# Regularisation of Sinkhorn divergences in mean squared distances of two limit atoms.
_REGULARIZATION = 0.25
# Parameters up to which every marginal is measured.
_MOST_MARGINALS = 100


@dataclass(frozen=True, eq=False)
class ParameterTarget:
    """The limit at one time, thinned to what exact transport can bear.

    Exact W₁, W₂ and the energy distance take 1024 atoms of the limit, the Sinkhorn
    divergence 256: of a Sobol run the first ones, which are a Sobol sample themselves; of
    a grid a Sobol sample. Thinning biases a statistic, but equally that of an iid sample of
    the limit, against which it is read. On the line, W_p is exact against all atoms, and no
    Sinkhorn divergence is needed.
    What would need too many pairs is NaN.

    Attributes
    ----------
    measure : Measure
        The limit itself.
    atoms : ParticleMeasure
        The thinned one, of equal masses.
    regularization : float
        ε of the Sinkhorn divergence: a quarter of the mean squared distance of two atoms.
    marginals : mapping of int to tuple of SlicedTarget
        One for each parameter, for networks of each width.

    Examples
    --------
    >>> limit = ParticleMeasure.gaussian(4096, 2, seed=0, sampling="sobol")
    >>> target = ParameterTarget.of(limit, (64,))
    >>> found = target.distances(ParticleMeasure.gaussian(64, 2, seed=1))
    >>> sorted(found)
    ['energy', 'sinkhorn', 'wasserstein_1', 'wasserstein_2']
    """

    measure: Measure
    atoms: ParticleMeasure
    regularization: float
    marginals: dict[int, tuple[SlicedTarget, ...]]

    @classmethod
    def of(cls, measure: Measure, widths: Sequence[int], seed: int = 0) -> ParameterTarget:
        """Thin a limit, and cut its marginals for networks of the given widths."""
        atoms = _thinned(measure, seed)
        with single_threaded_blas():
            variance = float(np.trace(np.atleast_2d(atoms.covariance())))
        particles = measure.to_particles()
        axes: Any = np.eye(measure.dim)[:, None] if measure.dim <= _MOST_MARGINALS else []
        cuts = [SlicedTarget.of(particles, widths, axis) for axis in axes]
        marginals = {width: tuple(cut[width] for cut in cuts) for width in widths}
        return cls(measure, atoms, 2.0 * _REGULARIZATION * variance or 1.0, marginals)

    def distances(self, measure: ParticleMeasure) -> dict[str, float]:
        """Each of `STATISTICS` for a network: distances, and the Sinkhorn divergence.

        The divergence has the unit of a squared distance.
        """
        found = dict.fromkeys(STATISTICS, np.nan)
        pairs = len(measure) * len(self.atoms)
        on_line = measure.dim == 1
        if on_line or pairs <= _MOST_PAIRS["wasserstein"]:
            target = self.measure if on_line else self.atoms
            found["wasserstein_1"] = distances.wasserstein(measure, target, p=1)
            found["wasserstein_2"] = distances.wasserstein(measure, target, p=2)
        few = ParticleMeasure(self.atoms.positions[:_FEW_ATOMS])
        if not on_line and len(measure) * len(few) <= _MOST_PAIRS["sinkhorn"]:
            with suppress(MeanfieldError):  # of a network that is about to diverge
                found["sinkhorn"] = distances.sinkhorn(measure, few, self.regularization)
        if pairs <= _MOST_PAIRS["energy"]:
            found["energy"] = distances.energy(measure, self.atoms)
        return found

    def marginal_distances(self, measure: ParticleMeasure) -> Float64Array:
        """Exact W₂ of each marginal to that of the limit, (p,); empty beyond 100 parameters."""
        targets = self.marginals[len(measure)]
        return np.array([target.distance(measure) for target in targets])


def omissions(widths: Sequence[int], dim: int) -> list[str]:
    """Which statistics are not computed for which widths, in words."""
    notes = []
    limits = {
        "exact W₁ and W₂": _MOST_PAIRS["wasserstein"] // _ATOMS if dim > 1 else None,
        "the Sinkhorn divergence": _MOST_PAIRS["sinkhorn"] // _FEW_ATOMS if dim > 1 else None,
        "the energy distance": _MOST_PAIRS["energy"] // _ATOMS,
    }
    for name, most in limits.items():
        beyond = [str(width) for width in widths if most is not None and width > most]
        if beyond:
            notes.append(
                f"{name} is left out for N = {', '.join(beyond)}: it is computed up to N = {most}"
            )
    if dim == 1:
        notes.append("the Sinkhorn divergence is left out on the line, where W₁ and W₂ are exact")
    if dim > _MOST_MARGINALS:
        notes.append(f"marginals are left out: there are {dim} > {_MOST_MARGINALS} parameters")
    return notes


def _thinned(measure: Measure, seed: int) -> ParticleMeasure:
    if isinstance(measure, GridMeasure):
        return measure.sample(_ATOMS, seed, "sobol")
    particles = measure.to_particles()
    if particles.is_uniform:
        return ParticleMeasure(particles.positions[:_ATOMS])
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(particles), size=_ATOMS, p=particles.weights)
    return ParticleMeasure(particles.positions[chosen])
