"""An experiment: everything that a run needs, ready to start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.laws import InitialLaw
from meanfield.measures import Measure
from meanfield.observers import Accuracy, Observer, TestRisk
from meanfield.problem import Problem
from meanfield.recording import Recording
from meanfield.reductions import Reduction
from meanfield.registry import EntryPointRegistry
from meanfield.simulate import simulate
from meanfield.solver import Solver, default_solver, solvers
from meanfield.streams import Sampling
from meanfield.trajectory import Trajectory
from meanfield.typing import Float64Array

__all__ = ["ALIASES", "Experiment", "scenarios"]

#: Vocabulary of scenarios by name, filled by the entry points ``meanfield.scenarios``.
scenarios = EntryPointRegistry("meanfield.scenarios", "scenario")

#: Solvers that a name stands for: the first which an experiment has, else the first.
ALIASES = {"particles": ("particle-flow",), "sgd": ("sgd", "online-sgd")}


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
    reduction : Reduction, optional
        By symmetry, on the law of the data itself: its flow is the limit of networks of
        infinite width that learn from fresh draws.
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
    reduction: Reduction | None = field(default=None, repr=False)

    def solver(self, name: str | None = None) -> Solver[Any]:
        """Solver of that name, or the default one.

        Parameters
        ----------
        name : str, optional
            One of the experiment's solvers, or any other that works with its defaults, such
            as ``"grid"``, ``"quadrature"`` or ``"langevin"``. ``"particles"`` is short for
            ``"particle-flow"``; ``"sgd"`` stands for online SGD where that is what the
            experiment has.

        Raises
        ------
        InvalidInputError
            If there is no such solver, or it needs settings of its own.
        """
        chosen = next(iter(self.solvers)) if name is None else name
        names = ALIASES.get(chosen, (chosen,))
        for candidate in (chosen, *names):
            if candidate in self.solvers:
                return self.solvers[candidate]
        if names[0] not in solvers:
            raise unknown_name("solver", chosen, {*self.solvers, *solvers})
        found: Solver[Any] = default_solver(names[0], self.t_end)
        return found

    @property
    def t_end(self) -> float:
        """Time of the last frame."""
        return float(self.save_at[-1])

    def start(
        self,
        particles: int | None = None,
        seed: int = 0,
        sampling: Sampling | None = None,
        solver: str | None = None,
    ) -> Measure:
        """The initial measure: neurons drawn from the law, or what a solver needs.

        Parameters
        ----------
        particles : int, optional
            Number of neurons; of cells or nodes in total for a solver that places them.
        seed : int
        sampling : {"iid", "sobol"}, optional
            How neurons are drawn.
        solver : str, optional
            Name of the solver that is to evolve the measure.

        Raises
        ------
        InvalidInputError
            If the solver is unknown or cannot serve here.
        """
        place = getattr(self.solver(solver), "place", None) if solver is not None else None
        if place is not None:
            placed: Measure = place(self.problem, self.initial, particles, self.t_end, seed)
            return placed
        count = self.particles if particles is None else particles
        return self.initial.sample(count, seed, sampling or self.sampling)

    @property
    def reduced(self) -> Experiment:
        """The experiment with reduced neurons, and as many equidistant frames between its own.

        Raises
        ------
        InvalidInputError
            If there is no reduction.
        """
        if self.reduction is None:
            raise InvalidInputError(f"{self.name} has no reduction by symmetry")
        return replace(
            self,
            problem=self.reduction.problem,
            initial=self.reduction.law(self.initial),  # type: ignore[arg-type]
            save_at=np.union1d(self.save_at, np.linspace(0.0, self.t_end, len(self.save_at))),
            solvers={},
            test=None,
            reduction=None,
        )

    def observers(self) -> tuple[Observer, ...]:
        """Observers of the held-out data, if there are any."""
        if self.test is None:
            return ()
        if self.problem.loss.classifies:
            return (TestRisk(self.test), Accuracy(self.test))
        return (TestRisk(self.test),)

    def estimates(self, solver: str, measure: Measure, seed: int) -> tuple[Observer, ...]:
        """Observers by which a solver watches the error of a run from a measure."""
        offered = getattr(self.solver(solver), "observers", None)
        if offered is None:
            return ()
        found: tuple[Observer, ...] = offered(self.problem, self.initial, measure, seed)
        return found

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
        recording: Recording | None = None,
    ) -> Trajectory:
        """Simulate; arguments as in `start` and `meanfield.simulate.simulate`."""
        name = next(iter(self.solvers)) if solver is None else solver
        start = self.start(particles, seed, solver=name)
        return simulate(
            self.problem,
            start,
            self.solver(name),
            t_end=self.t_end,
            save_at=self.save_at,
            store=store,
            seed=seed,
            observers=(*self.observers(), *self.estimates(name, start, seed), *observers),
            progress=progress,
            force=force,
            recording=recording,
        )
