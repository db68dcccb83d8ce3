"""One simulation on several processes, which MPI calls ranks: ``mpiexec -n R meanfield …``.

Every rank holds whole blocks of particles (see `meanfield.engines.ensemble`); sums over
particles are all that ranks exchange.
"""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import numpy as np

from meanfield.engines.ensemble import Ensemble, add_up, block_size, spread
from meanfield.errors import FileError, InvalidInputError
from meanfield.frames import FileSource
from meanfield.launcher import launched_rank, rank_count
from meanfield.typing import Array, Float64Array

__all__ = ["Ranks", "check_command", "run_on_ranks", "shared_particles", "shared_run"]

# Seconds within which all ranks meet the same error, if it is one that all meet.
_PATIENCE = 5.0

Result = TypeVar("Result")


@cache
def _world() -> Any:
    """Communicator of all ranks, apart from that of other libraries."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise InvalidInputError(
            f"{rank_count()} ranks need mpi4py and an MPI library: "
            f'pip install "meanfield-flow[mpi]" ({error})'
        ) from None
    return MPI.COMM_WORLD.Dup()


class Ranks(Ensemble):
    """Particles that are shared between all ranks, in blocks.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
    particles : int
        Number of all particles.
    points : int
        Largest number of data points of any sum over them.

    Raises
    ------
    InvalidInputError
        If there are fewer blocks than ranks.
    """

    def __init__(self, world: Any, particles: int, points: int) -> None:
        self._world, self.particles = world, particles
        self.rank, self.size = world.Get_rank(), world.Get_size()
        block = block_size(points)
        blocks = -(-particles // block)
        if blocks < self.size:
            raise InvalidInputError(
                f"ranks share whole blocks of {block} particles: {particles} particles are enough "
                f"for {blocks}, not for {self.size}"
            )
        edges = [
            min(particles, blocks * rank // self.size * block) for rank in range(self.size + 1)
        ]
        self._share = slice(edges[self.rank], edges[self.rank + 1])

    def share(self, particles: int) -> slice:
        """Which of all particles this rank holds."""
        if particles != self.particles:
            raise InvalidInputError(
                f"ranks share {self.particles} particles, but {particles} are asked for"
            )
        return self._share

    def count(self, held: int) -> int:
        """Number of all particles."""
        if held != self._share.stop - self._share.start:
            raise InvalidInputError(
                f"rank {self.rank} holds {self._share.stop - self._share.start} particles, but "
                f"{held} are given: on several ranks only the simulated measure can be used"
            )
        return self.particles

    def sum(self, parts: Array) -> Float64Array:
        """Sum over the first axis of the parts of all ranks, from first to last.

        Every rank adds up the parts of all in its own range of columns; then the
        ranges are put together.
        """
        from mpi4py import MPI

        counts = np.empty(self.size, np.int64)
        self._world.Allgather(np.array([len(parts)]), counts)
        columns = parts.reshape(len(parts), -1)
        edges = columns.shape[1] * np.arange(self.size + 1) // self.size
        widths = np.diff(edges)
        send = np.concatenate([c.ravel() for c in np.split(columns, edges[1:-1], axis=1)])
        receive = np.empty((counts.sum(), widths[self.rank]))
        self._world.Alltoallv(
            [send, len(parts) * widths, len(parts) * edges[:-1], MPI.DOUBLE],
            [receive, counts * widths[self.rank], _starts(counts) * widths[self.rank], MPI.DOUBLE],
        )
        total = np.empty(columns.shape[1])
        mine = add_up(receive) if receive.size else np.empty(0)
        self._world.Allgatherv(mine, [total, widths, edges[:-1], MPI.DOUBLE])
        return total.reshape(parts.shape[1:])

    def largest(self, value: float) -> float:
        """Largest of the values of all ranks; NaN if one is."""
        return float(np.max(self._world.allgather(value)))

    def decide(self, choice: bool) -> bool:
        """The choice of rank 0."""
        return bool(self._world.bcast(choice))

    def gather(self, value: Result) -> list[Result]:
        """The values of all ranks, in order, on all of them."""
        return list(self._world.allgather(value))

    def together(self, work: Callable[[], Result]) -> Result:
        """Do work on every rank; a file that fails one fails all."""
        result, failure = None, None
        try:
            result = work()
        except FileError as error:
            failure = str(error)
        for failed in self.gather(failure):
            if failed is not None:
                raise FileError(failed)
        return result  # type: ignore[return-value]

    def first(self, work: Callable[[], Result]) -> Result:
        """Do work on rank 0 and give its result to all."""
        result = self.together(lambda: work() if self.rank == 0 else None)
        return self._world.bcast(result)  # type: ignore[no-any-return]


def _starts(counts: Array) -> Array:
    return np.concatenate([[0], np.cumsum(counts)[:-1]])


def shared_particles(particles: int, points: int) -> AbstractContextManager[None]:
    """Inside, the particles are shared between all ranks; with one rank nothing changes.

    Parameters
    ----------
    particles : int
        Number of all particles.
    points : int
        Number of data points, held-out ones included: the largest set of them.

    Raises
    ------
    InvalidInputError
        If mpi4py is missing, or there are too few particles.

    Examples
    --------
    >>> with shared_particles(100, points=10):
    ...     pass  # experiment.run("run.h5")
    """
    if rank_count() == 1:
        return spread(Ensemble())
    return spread(Ranks(_world(), particles, points))


def shared_run(path: str | Path) -> AbstractContextManager[None]:
    """Inside, the run of a file that is to be resumed is shared, as by `shared_particles`.

    Parameters
    ----------
    path : path
    """
    source = FileSource(Path(path))
    header = source.header()
    watched = [getattr(observer, "data", ()) for observer in source.observers().values()]
    points = max(map(len, [getattr(header.problem, "data", ()), *watched]))
    return shared_particles(len(header.support), points)


def check_command(arguments: list[str]) -> None:
    """Raise unless all ranks are to simulate the same.

    Raises
    ------
    InvalidInputError
        For another verb, or arguments that differ.
    """
    if any(other != arguments for other in _world().allgather(arguments)):
        raise InvalidInputError("ranks of one launch must be given the same command")
    if arguments[:1] != ["simulate"]:
        raise InvalidInputError(
            "several ranks share one simulation: only meanfield simulate runs on them"
        )


def run_on_ranks(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run a command line on every rank; rank 0 speaks, and a failure of one ends all.

    Parameters
    ----------
    command : callable
        From arguments to an exit status; it says on standard error what went wrong.
    arguments : list of str

    Returns
    -------
    int
        The exit status.
    """
    try:
        _world()
    except InvalidInputError as error:
        if launched_rank() == 0:
            print(f"meanfield: {error}", file=sys.stderr)
        return 2
    farewell = _world().Dup()
    if _world().Get_rank() > 0:
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        status = command(arguments)
    except BaseException:
        traceback.print_exc()
        status = 1
    if status and not _all_arrive(farewell):
        if isinstance(sys.stderr, io.StringIO):
            print(sys.stderr.getvalue(), end="", file=sys.__stderr__, flush=True)
        _world().Abort(1)
    return status


def _all_arrive(world: Any) -> bool:
    """Whether all ranks come here soon: then all met the same error, and rank 0 has said it."""
    request, start = world.Ibarrier(), monotonic()
    while not request.Test():
        if monotonic() - start > _PATIENCE:
            return False
        sleep(0.01)
    return True
