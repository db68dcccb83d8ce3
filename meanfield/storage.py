"""Stores: where the frames of a run go, and the HDF5 file as one.

The file has its final size before the first step. From then on raw bytes are
overwritten in place, so that a process which is killed at any instant leaves a file
that opens, with every committed frame.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import numpy as np

from meanfield.checksums import SUMS, array_sum, number_sums
from meanfield.direct_file import DirectFile, hdf5_in, put_in_place, uninterrupted
from meanfield.errors import FileError
from meanfield.layout import (
    Checksums,
    Header,
    checksum,
    lay_out,
    read_state,
    seal,
    set_status,
    set_text,
)
from meanfield.provenance import append_session
from meanfield.typing import Array

__all__ = ["HDF5Store", "Header", "Store", "write_failure"]

# Seconds between two calls that push the bytes from the system's cache to the disk.
_SYNC_INTERVAL = 1.0


class Store(Protocol):
    """Where frames go."""

    def create(self, header: Header) -> None:
        """Prepare for the frames of a run; before its first step."""
        ...

    def write_frame(
        self, index: int, time: float, values: Mapping[str, Array], scalars: Mapping[str, float]
    ) -> None:
        """Commit one frame, given as `Support.values`, at the time it was made."""
        ...

    def write_state(self, index: int, arrays: Mapping[str, Any]) -> None:
        """Keep the solver's state after frame `index`, for resuming."""
        ...

    def finish(self, status: str, reason: str = "") -> None:
        """Record how the run ended."""
        ...

    def close(self) -> None:
        """Release the store; calling it twice is harmless."""
        ...

    def trajectory(self) -> Any:
        """Return the trajectory of the frames that were committed."""
        ...


class HDF5Store:
    """Frames in one HDF5 file that xarray opens with named coordinates.

    Every frame is flushed to the operating system before its time is written, which
    is what makes it count; about once a second the disk is asked to sync as well.

    Parameters
    ----------
    path : path
        File to make; it appears, complete in size and with a state to start from, when
        the run starts.
    force : bool
        Replace an existing file.

    Raises
    ------
    FileError
        If the file exists, the folder does not, or space or permission is lacking; later,
        if the file gives out, is removed or replaced, or another process writes to it.
    """

    def __init__(self, path: str | Path, force: bool = False) -> None:
        self.path = Path(path)
        if self.path.exists() and not force:
            raise FileError(_exists(self.path))
        if not self.path.absolute().parent.is_dir():
            raise FileError(f"there is no folder {self.path.absolute().parent} to write to")
        if self.path.is_dir():
            raise FileError(f"{self.path} is a folder, not a file")
        self.file: Any = None
        self._bytes: Any = None
        self._force = force
        self._synced = monotonic()
        self._sequence = 0
        self._kept = 0

    @property
    def part(self) -> Path:
        """Where the file is while it is laid out."""
        return self.path.with_name(self.path.name + ".part")

    def create(self, header: Header) -> None:
        """Lay out the file at its final size, reserve its space, and put it in its place."""
        self.prepare(header)
        self.write_state(-1, header.state)
        self.publish()

    def prepare(self, header: Header) -> None:
        """Lay out the file, and reserve its space, beside its place."""
        import h5py

        self.header = header
        needed, free = header.size, shutil.disk_usage(self.path.absolute().parent).free
        if needed > free:
            raise FileError(
                f"cannot write {self.path}: it needs {needed / 1e9:.3g} GB and {free / 1e9:.3g} GB "
                "are free; save fewer frames"
            )
        try:
            self._bytes = DirectFile(self.part, make=True)
            with hdf5_in(self._bytes) as file:
                lay_out(file, header)
            self._bytes.reserve()
            self._bytes.sync()
        except FileError:
            raise  # the part is another's
        except OSError as error:
            self._give_up()
            raise FileError(f"cannot write {self.path}: {_reason(error)}") from None
        self.file = h5py.File(self._bytes, "r+")

    def publish(self) -> None:
        """Put the file that is laid out in its place, unless another one is there now."""
        try:
            put_in_place(self.part, self.path, self._force)
        except FileExistsError:
            self._give_up()
            raise FileError(_exists(self.path)) from None
        except OSError as error:
            self._give_up()
            raise FileError(f"cannot write {self.path}: {_reason(error)}") from None

    @classmethod
    def reopen(
        cls,
        path: str | Path,
        share: slice = slice(None),
        join: Callable[[Checksums], Checksums] = lambda sums: sums,
    ) -> tuple[HDF5Store, Header, int, int, dict[str, Any]]:
        """Open the file of an unfinished run to continue it.

        Parameters
        ----------
        path : path
        share, join
            As in `meanfield.layout.read_state`.

        Returns
        -------
        store, header, committed, index, arrays
            The store; what the run is; how many frames are committed; the frame after
            which the stored solver state belongs, -1 for that of the start; that state.

        Raises
        ------
        FileError
            If another process writes to the file, or it holds no sound state.
        """
        import h5py

        from meanfield.frames import FileSource

        store = cls(path, force=True)
        FileSource(Path(path))  # refuses what is not to be touched
        try:
            store._bytes = DirectFile(Path(path))
            # Another process may have gone on with the run until it was locked.
            source = FileSource(Path(path))
            store.header, committed = source.header(), source.committed
            store._kept = committed
            store.file = h5py.File(store._bytes, "r+")
            state = read_state(store.file, committed, share, join)
        except OSError as error:
            store.close()
            raise FileError(f"cannot continue {path}: {_reason(error)}") from None
        if state is None:
            store.close()
            raise FileError(f"{path} holds no solver state to continue from; start it anew")
        store._sequence, index, arrays = state
        store.finish("running")
        store.record_session(append_session(source.sessions, index + 1))
        return store, store.header, committed, index, arrays

    def write_frame(
        self, index: int, time: float, values: Mapping[str, Array], scalars: Mapping[str, float]
    ) -> None:
        """Write one frame, flush, and commit it by writing its time."""
        self.renew(index)

        def write() -> None:
            for name, array in values.items():
                self.file[name][index] = array

        self._guarded(write)
        self.commit(index, time, scalars, sum(map(array_sum, values.values())))

    def renew(self, index: int) -> None:
        """Withdraw the checksum of a frame that was committed before, and is made again."""
        if index < self._kept and SUMS in self.file:

            def write() -> None:
                self.file[SUMS]["measure"][index] = 0
                self._flush()

            self._guarded(write)

    def commit(self, index: int, time: float, scalars: Mapping[str, float], summed: int) -> None:
        """Write the numbers of a frame whose values are there; its time, last, commits it.

        Parameters
        ----------
        index : int
        time : float
        scalars : mapping of str to float
        summed : int
            Sum of the words of its values, of any size.
        """
        numbers = {name: scalars.get(name, np.nan) for name in self.header.scalars}

        def write() -> None:
            for name, value in numbers.items():
                self.file[name][index] = value
            if SUMS in self.file:
                self.file[SUMS]["measure"][index] = np.uint64(summed % 2**64)
                self.file[SUMS]["numbers"][index] = number_sums(
                    [[time], *([n] for n in numbers.values())]
                )[0]
            self._flush()
            self.file["time"][index] = time
            self._flush()
            if monotonic() - self._synced > _SYNC_INTERVAL:
                self._sync()

        self._guarded(write)

    def write_state(self, index: int, arrays: Mapping[str, Any]) -> None:
        """Write the solver's state into the older of two slots."""
        self.open_slot()
        self.seal_slot(index, arrays, checksum(arrays))

    def open_slot(self) -> str:
        """Name of the older slot, which holds no sound state from now on."""
        self._sequence += 1
        name = f"state/{self._sequence % 2}"

        def write() -> None:
            seal(self.file[name], sequence=0)
            self._flush()

        self._guarded(write)
        return name

    def seal_slot(self, index: int, arrays: Mapping[str, Any], sealed: int) -> None:
        """Write arrays and numbers into the open slot and mark its state as sound."""

        def write() -> None:
            slot = self.file[f"state/{self._sequence % 2}"]
            for name, value in arrays.items():
                slot[name][...] = value
            seal(slot, frame=index, checksum=sealed)
            self._flush()
            self._sync()  # the state and the frames before it, before the state counts
            seal(slot, sequence=self._sequence)
            self._flush()
            self._sync()

        self._guarded(write)

    def finish(self, status: str, reason: str = "") -> None:
        """Record status and reason; nothing is written to a file that was lost."""
        if self.file is None:
            return

        def write() -> None:
            set_status(self.file, status, reason)
            self._flush()
            self._sync()

        self._guarded(write)

    def record_session(self, sessions: str) -> None:
        """Record in which sessions the run was made."""
        if "sessions" in self.file.attrs:
            self._guarded(lambda: set_text(self.file, "sessions", sessions))

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            with uninterrupted():
                self.file.close()
            self.file = None
        if self._bytes is not None:
            self._bytes.close()

    def trajectory(self) -> Any:
        """Return the trajectory of the committed frames, read from the file."""
        from meanfield.frames import FileSource
        from meanfield.trajectory import Trajectory

        return Trajectory(FileSource(self.path))

    def _flush(self) -> None:
        """Hand all that was written to the operating system."""
        self.file.flush()
        self._bytes.check()

    def _sync(self) -> None:
        """Push the file to the disk, and see that it still is where it is looked for."""
        self._bytes.sync()
        self._synced = monotonic()
        if self._bytes.is_removed:
            raise FileError(
                f"{self.path} was removed or replaced while the run was writing to it: its "
                "frames are lost; start it anew"
            )
        if not any(self._bytes.is_at(place) for place in (self.path, self.part)):
            raise FileError(
                f"{self.path} was moved or replaced while the run was writing to it; the frames "
                "committed so far are where it was moved to, and the run can be resumed there"
            )

    def _guarded(self, write: Callable[[], None]) -> None:
        """Write, or record that the run has failed and let go of the file."""
        try:
            with uninterrupted():
                write()
                self._bytes.check()
        except OSError as error:
            failure = error if isinstance(error, FileError) else write_failure(self.path, error)
            self._bytes.failure = None  # the texts have their place, even on a full disk
            with uninterrupted():
                set_status(self.file, "failed", str(failure))
            self.close()
            raise failure from None

    def _give_up(self) -> None:
        """Leave nothing of a file that could not be made."""
        self.close()
        self.part.unlink(missing_ok=True)


def write_failure(path: Path, error: OSError) -> FileError:
    """What to say of a file that gave out in the middle of a run."""
    return FileError(
        f"cannot write to {path}: {_reason(error)}; the frames committed so far "
        "are kept, and the run can be resumed"
    )


def _exists(path: Path) -> str:
    return f"{path} exists already; use --force (force=True) to overwrite it"


def _reason(error: OSError) -> str:
    if isinstance(error, FileError):
        return str(error)
    text = os.strerror(error.errno) if error.errno else str(error)
    return text[:1].lower() + text[1:]
