"""Distances between measures, and between the networks that they are.

Each name says which estimator it is: exact transport, on the line, along one parameter,
sliced, entropic, by kernels. Between finite samples, transport distances in more than one
dimension measure mostly the sampling: compare them with the same distance between
independent samples (`meanfield.calibration`).

=====================  ==============================  ==================================
distance               most particles a side           returns
=====================  ==============================  ==================================
wasserstein            5000; any number on the line    W_p, exact
wasserstein_1d         any, by sorting                 W_p on the line, exact
marginal_wasserstein   any, by sorting                 W_p of one parameter, exact
sliced_wasserstein     any, by sorting                 mean over random lines, a root
energy                 about 1e5 (seconds)             metric, a root
sliced_energy          any, by sorting                 `energy`, over random lines
mmd                    about 1e5 (seconds)             metric, a root
unbiased_energy        about 1e5 (seconds)             U-statistic of the square
unbiased_mmd           about 1e5 (seconds)             U-statistic of the square
sinkhorn               20 000                          divergence, a cost
coupling               any                             particle by particle, a root
function               any                             of outputs, a root
=====================  ==============================  ==================================

A grid enters with two Gauss points along each axis of a cell (`GridMeasure.to_particles`),
whose W₂ distance to its density is 0.15 cells along each axis; on the line transport takes
the density itself. Results have the same bits for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable

from meanfield.distances.discrepancy import mmd, unbiased_mmd
from meanfield.distances.energies import energy, sliced_energy, unbiased_energy
from meanfield.distances.entropic import sinkhorn
from meanfield.distances.line import marginal_wasserstein, wasserstein_1d
from meanfield.distances.outputs import function
from meanfield.distances.sliced import sliced_wasserstein
from meanfield.distances.synchronous import coupling
from meanfield.distances.transport import wasserstein
from meanfield.registry import Registry

__all__ = [
    "coupling",
    "distances",
    "energy",
    "function",
    "marginal_wasserstein",
    "mmd",
    "sinkhorn",
    "sliced_energy",
    "sliced_wasserstein",
    "unbiased_energy",
    "unbiased_mmd",
    "wasserstein",
    "wasserstein_1d",
]

#: Distances between measures by name.
distances: Registry[Callable[..., float]] = Registry("distance")
for _distance in (
    wasserstein,
    sliced_wasserstein,
    energy,
    sliced_energy,
    mmd,
    sinkhorn,
    coupling,
):
    distances.register(_distance.__name__, _distance)
