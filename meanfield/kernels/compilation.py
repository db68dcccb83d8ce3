"""How kernels are compiled: the decorators, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numba
from numba.core import types
from numba.extending import intrinsic, overload

from meanfield.kernels.directory import kernel_directory

try:
    from meanfield.kernels import cache as disk
except ImportError:  # numba lacks what ours is built on: its own cache serves
    disk = None  # type: ignore[assignment]

__all__ = [
    "OPTIONS",
    "REORDERING_OPTIONS",
    "inline",
    "inlined",
    "kernel",
    "part",
    "read_only",
    "reordering_kernel",
    "reordering_part",
    "tally",
    "uncached",
    "widest_vectors",
]

#: ``contract`` allows fused multiply-add, ``nsz`` ignores the sign of zero. Nothing may
#: be reordered, and NaN and infinity keep their meaning. No C code calls a kernel.
OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,
    "fastmath": {"contract", "nsz"},
}
# A quarter of the time of compiling went into entries from Python that nobody used.
_WITHIN: dict[str, Any] = {"no_cpython_wrapper": True}

_kernels: list[Any] = []


def _kept(options: dict[str, Any]) -> Callable[[Any], Any]:
    """Decorator of functions whose compiled forms are kept on disk."""

    def decorate(function: Any) -> Any:
        compiled = numba.njit(**options)(function)
        if compiled is not function:  # numba can be switched off
            _keep(compiled)
            _kernels.append(compiled)
        return compiled

    return decorate


def _keep(compiled: Any) -> None:
    if kernel_directory() is None:
        return
    try:
        if not isinstance(compiled._cache, disk.NullCache):
            raise TypeError(f"numba {numba.__version__} keeps kernels in another way")
        compiled._cache = disk.KernelCache(compiled.py_func)
    except (AttributeError, TypeError):
        with suppress(RuntimeError):  # numba finds no place for files
            compiled.enable_caching()


def tally() -> tuple[int, int]:
    """How many kernels this process has compiled, and how many loaded from disk."""
    found = [compiled.stats for compiled in _kernels]
    return (
        sum(sum(stats.cache_misses.values()) for stats in found),
        sum(sum(stats.cache_hits.values()) for stats in found),
    )


#: A kernel that Python calls: compiled once for each type of its arguments, kept on disk.
kernel = _kept(OPTIONS)

#: A function that kernels call, and Python cannot; it becomes a part of theirs.
part = numba.njit(**OPTIONS, **_WITHIN)

#: The same for long sums in a fixed but unspecified order, which fill SIMD registers.
REORDERING_OPTIONS: dict[str, Any] = {**OPTIONS, "fastmath": {"contract", "nsz", "reassoc"}}
reordering_kernel = _kept(REORDERING_OPTIONS)
reordering_part = numba.njit(**REORDERING_OPTIONS, **_WITHIN)

#: A scalar function that vanishes into the loop around it.
inline = numba.njit(forceinline=True, **OPTIONS, **_WITHIN)


def inlined(stub: Callable[..., Any], options: dict[str, Any] = OPTIONS) -> Any:
    """Decorator of a function that, given types, returns the scalar code for a stub."""
    choices: Any = {**options, **_WITHIN, "forceinline": True}
    return overload(stub, jit_options=choices)


def _allow_widest_vectors(typing: Any) -> Any:
    """Let the calling function use registers of 512 bits, which LLVM avoids by default."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        attributes = builder.function.attributes
        if isinstance(attributes, set):
            # The method of the class knows attributes without a value only.
            set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


widest_vectors: Any = intrinsic(_allow_widest_vectors)


@cache
def uncached(function: Any) -> Any:
    """Twin of a kernel that is not kept on disk: for types of this process only."""
    return numba.njit(**{**OPTIONS, "fastmath": function.targetoptions["fastmath"]})(
        function.py_func
    )


def read_only(array: Any) -> Any:
    """View of an array that cannot be written to.

    Kernels are compiled apart for arrays that can and cannot be written to; measures
    have the one kind and solvers the other, so inputs of kernels are always of one.
    """
    view = array.view()
    view.flags.writeable = False
    return view
