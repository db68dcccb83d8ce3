"""An experiment: everything that a run needs, ready to start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meanfield.datasets import Dataset
from meanfield.errors import unknown_name
from meanfield.measures import InitialLaw, ParticleMeasure, Sampling
from meanfield.observers import Accuracy, Observer, TestRisk
from meanfield.problem import Problem
from meanfield.registry import EntryPointRegistry
from meanfield.simulate import simulate
from meanfield.solver import Solver
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["Experiment", "scenarios"]

#: Vocabulary of scenarios by name, filled by the entry points ``meanfield.scenarios``.
scenarios = EntryPointRegistry("meanfield.scenarios", "scenario")


@dataclass(frozen=True, eq=False)
class Experiment:
    """A problem with an initial law, solvers and times: what a scenario builds.

    Parameters
    ----------
    name : str
        Name of the scenario or configuration file.
    problem : Problem
    initial : InitialLaw
        Law μ_0 of the neurons.
    particles : int
        Default number of neurons.
    save_at : (F,) array
        Times of the frames, increasing, from 0 to the end.
    solvers : mapping of str to Solver
        Methods that make sense here, by name; the first is the default.
    test : Dataset, optional
        Held-out data: their risk (and accuracy, for labels) is recorded in each frame.
    sampling : {"iid", "sobol"}
        How a single run draws its neurons.
    """

    name: str
    problem: Problem
    initial: InitialLaw
    particles: int
    save_at: Float64Array
    solvers: Mapping[str, Solver[Any]]
    test: Dataset | None = None
    sampling: Sampling = "iid"
    summary: str = field(default="", repr=False)

    def solver(self, name: str | None = None) -> Solver[Any]:
        """Solver of that name, or the default one.

        Raises
        ------
        InvalidInputError
            If the experiment has no such solver.
        """
        chosen = next(iter(self.solvers)) if name is None else name
        if chosen not in self.solvers:
            raise unknown_name(f"solver of {self.name}", chosen, self.solvers)
        return self.solvers[chosen]

    def start(
        self, particles: int | None = None, seed: int = 0, sampling: Sampling | None = None
    ) -> ParticleMeasure:
        """Draw the initial measure."""
        count = self.particles if particles is None else particles
        return self.initial.sample(count, seed, sampling or self.sampling)

    def observers(self) -> tuple[Observer, ...]:
        """Observers of the held-out data, if there are any."""
        if self.test is None:
            return ()
        if self.problem.loss.classifies:
            return (TestRisk(self.test), Accuracy(self.test))
        return (TestRisk(self.test),)

    def shared(self) -> AbstractContextManager[None]:
        """Inside, a run shares its particles between all ranks of a launch by ``mpiexec``.

        With one process nothing changes.
        """
        from meanfield.ranks import shared_particles

        points = max(len(data) for data in (self.problem.data, self.test) if data is not None)
        return shared_particles(self.particles, points)

    def run(
        self,
        store: str | Path | None = None,
        *,
        seed: int = 0,
        solver: str | None = None,
        particles: int | None = None,
        observers: Sequence[Observer] = (),
        progress: bool = False,
        force: bool = False,
    ) -> Trajectory:
        """Simulate; arguments as in `meanfield.simulate.simulate`."""
        return simulate(
            self.problem,
            self.start(particles, seed),
            self.solver(solver),
            t_end=float(self.save_at[-1]),
            save_at=self.save_at,
            store=store,
            seed=seed,
            observers=(*self.observers(), *observers),
            progress=progress,
            force=force,
        )
