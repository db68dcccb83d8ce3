"""Write the trajectory files of this folder: `python tests/files/make.py FOLDER`.

The files that are committed were written on 2026-11-27, texts-1.h5 when status and reason had
come to have a place of fixed length, sums-1.h5 when there were checksums. They stay as they are
and must open for ever; what is added to the format goes into files of other names.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from meanfield.datasets import Dataset
from meanfield.grids import GridMeasure
from meanfield.layout import Header
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.recording import Recording
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.storage import HDF5Store
from meanfield.supports import support_of

PROBLEM = Problem(
    Neuron(1, activation="relu", outer="fixed", bias=True),
    Dataset([[-1.0], [0.5]], [0.25, 1.0]),
    ridge=0.125,
)
POSITIONS = np.array([[0.5, -1.0], [1.5, 2.0], [-0.25, 3.0]])
MASSES = np.array([0.5, 0.25, 0.25])
DENSITY = np.array([[0.125, 0.25], [0.375, 0.0], [0.125, 0.125]])


def write(path, measure, *, frames=3, status="complete", masses_change=False, recording=None):
    """Write a file of frames θ_i(t) = θ_i + t of particles, or of one density."""
    support = support_of(measure, changes_masses=masses_change)
    support = (recording or Recording()).of(support, measure.weights, seed=3)
    state = {"positions": measure.positions, "steps": 0}
    solver = ParticleFlow(method="euler", step=0.5)
    store = HDF5Store(path)
    store.create(
        Header(PROBLEM, solver, 3, np.array([0.0, 0.5, 2.0]), support, ("test_risk",), state)
    )
    for index, time in enumerate([0.0, 0.5, 2.0][:frames]):
        moved = measure
        if isinstance(measure, ParticleMeasure):
            masses = MASSES[[0, 2, 1]] if masses_change and index else measure.weights
            moved = ParticleMeasure(measure.positions + np.float32(time), masses)
        scalars = {"risk": 1.0 / (1 + index), "energy": 1.5 / (1 + index), "test_risk": time / 4}
        store.write_frame(index, time, support.values(moved), scalars)
        store.write_state(index, {"positions": moved.positions, "steps": index + 1})
    if status != "running":
        store.finish(status, "" if status == "complete" else "the risk is inf at t = 2")
    store.close()


def main(folder):
    """Write all files."""
    plain, weighted = ParticleMeasure(POSITIONS), ParticleMeasure(POSITIONS, MASSES)
    write(folder / "particles-1.h5", plain)
    write(folder / "single-1.h5", ParticleMeasure(POSITIONS.astype(np.float32)))
    write(folder / "weighted-1.h5", weighted)
    write(folder / "masses-1.h5", weighted, masses_change=True)
    write(folder / "texts-1.h5", plain)
    write(folder / "grid-1.h5", GridMeasure(DENSITY / DENSITY.sum(), (-3.0, -1.0), (0.0, 1.0)))
    write(folder / "failed-1.h5", plain, frames=2, status="failed")
    write(folder / "running-1.h5", plain, frames=1, status="running")
    write(folder / "sums-1.h5", weighted)
    write(folder / "partial-2.h5", plain, recording=Recording(particles=2, dtype="float32"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
