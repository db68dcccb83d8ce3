"""Distance of particles that started together."""

from __future__ import annotations

import numpy as np

from meanfield.distances.atoms import atoms_of, check_pair
from meanfield.errors import InvalidInputError
from meanfield.measures import Measure, ParticleMeasure
from meanfield.sums import weighted_sum

__all__ = ["coupling"]


def coupling(mu: Measure, nu: Measure) -> float:
    """Synchronous coupling distance (Σ_i m_i |x_i − y_i|²)^(1/2), particle by particle.

    An upper bound of W_2, and the one without sampling error: use it for particles
    that started at the same positions (Sznitman 1991).

    Parameters
    ----------
    mu, nu : Measure
        With the same number, masses and dimension of particles.

    Raises
    ------
    InvalidInputError
        If numbers, masses or dimensions differ, or a measure is a grid.

    Examples
    --------
    >>> coupling(ParticleMeasure([[0.0], [0.0]]), ParticleMeasure([[1.0], [1.0]]))
    1.0
    """
    check_pair(mu, nu)
    if not (isinstance(mu, ParticleMeasure) and isinstance(nu, ParticleMeasure)):
        raise InvalidInputError(
            "coupling compares particle by particle, which grids have not; use wasserstein"
        )
    if len(mu) != len(nu) or not np.allclose(mu.weights, nu.weights, rtol=1e-12, atol=0.0):
        raise InvalidInputError(
            f"coupling takes the same number and masses of particles, got {len(mu)} and {len(nu)}; "
            "use wasserstein"
        )
    (x, masses), (y, _) = atoms_of(mu), atoms_of(nu)
    return float(np.sqrt(weighted_sum(masses, ((x - y) ** 2).sum(axis=1))))
