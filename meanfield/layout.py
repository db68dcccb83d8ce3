"""Layout of a trajectory file: names, dimensions, attributes, reserved space."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np

from meanfield.checksums import make_sums
from meanfield.engines.ensemble import BLOCK
from meanfield.frame_arrays import Axis
from meanfield.problems import AnyProblem
from meanfield.provenance import append_session, versions
from meanfield.scales import attach_scales, make_dimension, write_arrays
from meanfield.stored_observers import write_observers
from meanfield.supports import Support
from meanfield.typing import Array, Float64Array

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "PROBLEM_ARRAYS",
    "Checksums",
    "Header",
    "checksum",
    "lay_out",
    "particle_axis",
    "read_state",
    "seal",
    "set_status",
    "set_text",
]

FORMAT = "meanfield-trajectory"
FORMAT_VERSION = 2
# Version that brought an attribute; without it, a file has the first.
_SINCE = {"run_particles": 2, "run_dtype": 2}
#: Arrays that a problem is made of, by the part it belongs to, with their dimensions.
PROBLEM_ARRAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "data": {"inputs": ("point", "input"), "targets": ("point", "target"), "weights": ("point",)},
    "teacher": {"positions": ("neuron", "parameter"), "weights": ("neuron",)},
}
#: Of every array of a state, the checksums of its blocks of particles.
Checksums: TypeAlias = Mapping[str, Sequence[int]]
# Bytes that the texts have which change while a run goes on.
_ROOM = {"status": 16, "reason": 1024, "sessions": 4096}


@dataclass(frozen=True, eq=False)
class Header:
    """What is known of a run before its first step.

    Attributes
    ----------
    problem, solver, seed
        As given to `meanfield.simulate.simulate`.
    times : (F,) array
        Times of the frames.
    support : Support
        What the measures live on, particles or a grid.
    observables : tuple of str
        Names that are recorded beside risk and energy.
    state : mapping of str to array or number
        Solver's state at time 0: what room the states for resuming need.
    recorded : mapping of str to mapping
        Descriptions of the observers behind observables, by which they can be rebuilt.
    """

    problem: AnyProblem
    solver: Any
    seed: int
    times: Float64Array
    support: Support
    observables: tuple[str, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    recorded: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all frames and of two states."""
        frame = sum(variable.size for variable in self.support.variables.values())
        state = sum(np.asarray(value).nbytes for value in self.state.values())
        return len(self.times) * frame + 2 * state

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the variables with one number a frame."""
        return ("risk", "energy", *self.observables)


def lay_out(file: Any, header: Header) -> None:
    """Create every dataset at its final size, with a scale on every dimension."""
    described = header.problem.to_dict()
    arrays = {part: described.pop(part) for part in PROBLEM_ARRAYS if part in described}
    _write_attributes(file, header, described)
    _lay_out_frames(file, header)
    _lay_out_slots(file, header.state)
    for part, given in arrays.items():
        write_arrays(file.create_group(part), PROBLEM_ARRAYS[part], given)
    write_observers(file, header.recorded)
    make_sums(file, header.scalars)


def _write_attributes(file: Any, header: Header, problem: dict[str, Any]) -> None:
    support = header.support
    file.attrs.update(
        format=FORMAT,
        format_version=max(_SINCE.get(name, 1) for name in ("", *support.attributes)),
        problem=json.dumps(problem),
        solver=json.dumps(header.solver.to_dict()),
        seed=header.seed,
        engine=header.problem.engine_name(support.dtype),
        versions=json.dumps(versions()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **support.attributes,
    )
    for name, room in _ROOM.items():
        file.attrs.create(name, np.bytes_(b""), dtype=_text(room))
    set_status(file, "running")
    set_text(file, "sessions", append_session([], 0))


def _lay_out_frames(file: Any, header: Header) -> None:
    frames, support = len(header.times), header.support
    time = file.create_dataset("time", data=np.full(frames, np.nan))
    time.make_scale("time")
    time.attrs["long_name"] = "mean-field time"
    file.create_dataset("save_time", data=header.times)
    scales = tuple(
        _coordinate(file, axis) for axis in support.axes(header.problem.neuron.parameter_names)
    )
    for name, variable in support.variables.items():
        values = _early(file, name, (frames, *variable.shape), variable.dtype)
        attach_scales(values, (time, *scales[: len(variable.shape)]))
    attach_scales(file["save_time"], (time,))
    for name, constant in support.constants.items():
        attach_scales(file.create_dataset(name, data=constant), scales[:1])
    for name in header.scalars:
        attach_scales(file.create_dataset(name, data=np.full(frames, np.nan)), (time,))


def _lay_out_slots(file: Any, state: Mapping[str, Any]) -> None:
    """Make the two places which a solver's state is written to in turn."""
    for slot in ("0", "1"):
        group = file.create_group(f"state/{slot}")
        group.attrs.update({name: np.int64(0) for name in ("sequence", "frame", "checksum")})
        for name, value in state.items():
            if np.ndim(value):
                _early(group, name, value.shape, value.dtype)
            else:
                group.create_dataset(name, data=value)


def set_status(file: Any, status: str, reason: str = "") -> None:
    """Record how a run goes or ended, in the place that is kept for it.

    Only bytes of these texts change in the file: nothing that it takes to read the rest.
    """
    set_text(file, "status", status)
    set_text(file, "reason", reason)


def set_text(file: Any, name: str, text: str) -> None:
    """Overwrite a text of a run, in the place that is kept for it."""
    import h5py

    room = h5py.check_string_dtype(file.attrs.get_id(name).dtype).length
    value = text if room is None else np.bytes_(_cut(text, room))
    file.attrs.modify(name, np.array(value, dtype=_text(room)))


def _cut(text: str, room: int) -> bytes:
    """The text in at most so many bytes, by whole letters."""
    return text.encode()[:room].decode(errors="ignore").encode()


def seal(slot: Any, **numbers: int) -> None:
    """Overwrite attributes of the slot of a state, in place."""
    for name, number in numbers.items():
        slot.attrs.modify(name, np.int64(number))


def _text(room: int | None = None) -> Any:
    """Kind of a text: of any length, or of a place of so many bytes."""
    import h5py

    return h5py.string_dtype("utf-8", room)


def _early(file: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """Contiguous dataset that has its place in the file at once and is not filled."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(np.dtype(dtype))
    h5py.h5d.create(file.id, name.encode(), kind, space, dcpl=properties)
    return file[name]


def _coordinate(file: Any, axis: Axis) -> Any:
    """Scale of one axis of a frame."""
    if axis.values is None:
        make_dimension(file, axis.name, axis.size)
        return file[axis.name]
    texts = isinstance(axis.values[0], str)
    data = list(axis.values) if texts else axis.values
    dataset = file.create_dataset(axis.name, data=data, dtype=_text() if texts else None)
    dataset.make_scale(axis.name)
    return dataset


def particle_axis(dimensions: int) -> int:
    """Axis of the particles in an array of a state: (…, N, p) or (N,)."""
    return max(0, dimensions - 2)


def checksum(
    arrays: Mapping[str, Any], join: Callable[[Checksums], Checksums] = lambda sums: sums
) -> int:
    """Checksum of a state: of its numbers, and of its arrays block by block of particles.

    Parameters
    ----------
    arrays : mapping of str to array or number
        Arrays are (…, N, p) or (N,).
    join : callable
        From the checksums of the blocks at hand to those of all.
    """
    numbers = {
        name: [zlib.crc32(np.asarray(v).data)] for name, v in arrays.items() if not np.ndim(v)
    }
    blocks = {name: _of_blocks(value) for name, value in arrays.items() if np.ndim(value)}
    sums = {**numbers, **join(blocks)}
    parts = [part for name in sorted(sums) for part in sums[name]]
    return zlib.crc32(np.array(parts, np.uint32).data)


def _of_blocks(array: Array) -> list[int]:
    axis = particle_axis(array.ndim)
    blocks = np.split(array, range(BLOCK, array.shape[axis], BLOCK), axis)
    return [zlib.crc32(np.ascontiguousarray(block).data) for block in blocks]


def read_state(
    file: Any,
    committed: int,
    share: slice = slice(None),
    join: Callable[[Checksums], Checksums] = lambda sums: sums,
) -> tuple[int, int, dict[str, Any]] | None:
    """Sequence number, frame and arrays of the newest sound state, or None without one.

    Parameters
    ----------
    file : h5py.File
    committed : int
        Number of committed frames: a state belongs to one of them.
    share : slice
        Particles to read.
    join : callable
        As in `checksum`.
    """
    slots = [_read_slot(file, name, share, join) for name in ("0", "1")]
    sound = [slot for slot in slots if slot is not None and slot[1] < committed]
    return max(sound, key=lambda slot: slot[0], default=None)


def _read_slot(
    file: Any, name: str, share: slice, join: Callable[[Checksums], Checksums]
) -> tuple[int, int, dict[str, Any]] | None:
    slot = file.get(f"state/{name}")
    if slot is None or not slot.attrs.get("sequence", 0):
        return None
    arrays = {}
    for entry, dataset in slot.items():
        before = (slice(None),) * particle_axis(dataset.ndim)
        arrays[entry] = dataset[(*before, share) if dataset.ndim else ()]
    if checksum(arrays, join) != slot.attrs["checksum"]:
        return None
    return int(slot.attrs["sequence"]), int(slot.attrs["frame"]), arrays
