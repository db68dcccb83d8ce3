"""One HDF5 file that several ranks write: each its own particles, rank 0 all else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.checksums import array_sum
from meanfield.engines.ensemble import current
from meanfield.errors import FileError, InvalidInputError
from meanfield.frames import FileSource
from meanfield.layout import Checksums, Header, checksum, particle_axis, read_state
from meanfield.ranks import Ranks
from meanfield.storage import HDF5Store, write_failure
from meanfield.supports import ParticleSupport, Support
from meanfield.trajectory import Trajectory
from meanfield.typing import Array

__all__ = ["SharedStore", "shared_support"]


class SharedStore:
    """The file of an `HDF5Store`, with the same contents, from arrays that ranks share.

    Particles are written past the HDF5 library, at their places in the file, which has
    its final size. They are on the disk, from every rank, before their frame counts.

    Parameters
    ----------
    path : path
    force : bool
        Replace an existing file.

    Raises
    ------
    FileError
        As for `HDF5Store`, on all ranks.
    """

    def __init__(self, path: str | Path, force: bool = False) -> None:
        ranks = current()
        assert isinstance(ranks, Ranks)
        self.path, self._ranks = Path(path), ranks
        self._store: Any = ranks.together(
            lambda: HDF5Store(path, force) if ranks.rank == 0 else None
        )
        self._descriptor = -1
        self._places: dict[str, int] = {}

    def create(self, header: Header) -> None:
        """Lay out the file for the particles of all ranks."""
        whole = replace(
            header, state={name: self._stand_in(value) for name, value in header.state.items()}
        )
        self._ranks.first(lambda: self._store.prepare(whole))
        self._open(self.path.with_name(f"{self.path.name}.part"))
        self.write_state(-1, header.state)
        self._ranks.first(lambda: self._store.publish())

    @classmethod
    def reopen(cls, path: str | Path) -> tuple[SharedStore, Header, int, int, dict[str, Any]]:
        """Open the file of an unfinished run, of any number of ranks, to continue it.

        Returns
        -------
        store, header, committed, index, arrays
            As from `HDF5Store.reopen`; the arrays are those of this rank's particles.

        Raises
        ------
        FileError
            As for `HDF5Store.reopen`.
        """
        import h5py

        shared = cls(path, force=True)
        ranks = shared._ranks
        particles = ranks.share(ranks.particles)
        if ranks.rank == 0:
            shared._store, *found = HDF5Store.reopen(path, particles, shared._join)
        else:
            source = FileSource(Path(path))
            with h5py.File(path, "r", locking=False) as file:
                state = read_state(file, source.committed, particles, shared._join)
            if state is None:
                raise FileError(f"{path} holds no solver state to continue from; start it anew")
            found = [source.header(), source.committed, *state[1:]]
        shared._open(shared.path)
        return (shared, *found)  # type: ignore[return-value]

    def write_frame(
        self, index: int, time: float, values: Mapping[str, Array], scalars: Mapping[str, float]
    ) -> None:
        """Write one frame; rank 0 commits it once all particles are there."""
        positions = np.ascontiguousarray(values["position"])
        sizes, rank = self._ranks.gather(positions.nbytes), self._ranks.rank
        before = sum(sizes[:rank])
        place = self._places["position"] + index * sum(sizes) + before
        self._ranks.first(lambda: self._store.renew(index))
        self._ranks.together(lambda: self._write([(place, positions)]))
        sums = self._ranks.gather(array_sum(positions, before))
        self._ranks.first(lambda: self._store.commit(index, time, scalars, sum(sums)))

    def write_state(self, index: int, arrays: Mapping[str, Any]) -> None:
        """Write the solver's state into the older of two slots."""
        sealed = checksum(arrays, self._join)
        slot = self._ranks.first(lambda: self._store.open_slot())
        numbers = {name: value for name, value in arrays.items() if not np.ndim(value)}
        rows = [
            row
            for name, value in arrays.items()
            if np.ndim(value)
            for row in self._rows(self._places[f"{slot}/{name}"], value)
        ]
        self._ranks.together(lambda: self._write(rows))
        self._ranks.first(lambda: self._store.seal_slot(index, numbers, sealed))

    def finish(self, status: str, reason: str = "") -> None:
        """Record status and reason."""
        if self._ranks.rank == 0:
            self._store.finish(status, reason)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._ranks.rank == 0:
            self._store.close()

    def trajectory(self) -> Trajectory:
        """Return the trajectory of the committed frames, once rank 0 has closed the file."""
        return self._ranks.first(lambda: None) or Trajectory(FileSource(self.path))

    def _open(self, path: Path) -> None:
        """Learn from rank 0 where arrays lie in the file."""
        self._places = self._ranks.first(lambda: _places(self._store.file))
        self._descriptor = self._ranks.together(lambda: _descriptor(path))

    def _stand_in(self, value: Any) -> Any:
        """An array of the size for all particles, without memory."""
        if not np.ndim(value):
            return value
        shape = list(value.shape)
        shape[particle_axis(value.ndim)] = self._ranks.particles
        return np.broadcast_to(value.dtype.type(0), shape)

    def _join(self, sums: Checksums) -> Checksums:
        """Checksums of the blocks of all ranks from those of each."""
        everyone = self._ranks.gather(sums)
        return {name: [part for sums in everyone for part in sums[name]] for name in sums}

    def _rows(self, place: int, array: Array) -> Iterator[tuple[int, Array]]:
        """Rows of this rank of an array (…, N, p) or (N,), each with its place in the file."""
        particles = self._ranks.particles
        axis = particle_axis(array.ndim)
        rows = array.reshape(-1, *array.shape[axis:])
        width, first = rows[0, :1].nbytes, self._ranks.share(particles).start
        for number, part in enumerate(rows):
            yield place + (number * particles + first) * width, part

    def _write(self, parts: Iterable[tuple[int, Array]]) -> None:
        """Write arrays at their places, and see that they are on the disk."""
        try:
            for place, array in parts:
                _write_at(self._descriptor, np.ascontiguousarray(array), place)
            os.fsync(self._descriptor)
        except OSError as error:
            raise write_failure(self.path, error) from None


def shared_support(support: Support) -> Support:
    """What the measures of all ranks live on, from that of the measures of this one.

    Raises
    ------
    InvalidInputError
        If ranks cannot share it.
    """
    ranks = current()
    if not isinstance(ranks, Ranks):
        return support
    if not isinstance(support, ParticleSupport):
        raise InvalidInputError(
            "ranks share particles of constant masses, and no grid; start it without mpiexec"
        )
    return replace(support, weights=np.broadcast_to(support.weights[0], ranks.particles))


def _places(file: Any) -> dict[str, int]:
    """Byte at which every array of particles begins, by name."""
    names = [
        "position",
        *(f"state/{slot}/{n}" for slot in "01" for n in file[f"state/{slot}"]),
    ]
    return {name: int(file[name].id.get_offset()) for name in names if file[name].ndim}


def _descriptor(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY)
    except OSError as error:
        raise FileError(
            f"{os.uname().nodename} cannot write to {path.absolute()}, which rank 0 has made "
            f"({error.strerror}); it must lie in a folder that all ranks share"
        ) from None


def _write_at(descriptor: int, array: Array, place: int) -> None:
    """Write all bytes of an array; the system may take them in several pieces."""
    left = array.reshape(-1).view(np.uint8).data
    while left:
        written = os.pwrite(descriptor, left, place)
        left, place = left[written:], place + written
