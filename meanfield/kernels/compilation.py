"""How kernels are compiled: the decorators, once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from numba.core import types
from numba.extending import intrinsic, overload

__all__ = [
    "OPTIONS",
    "REORDERING_OPTIONS",
    "inline",
    "inlined",
    "kernel",
    "part",
    "reordering_kernel",
    "reordering_part",
    "uncached",
    "widest_vectors",
]

#: ``contract`` allows fused multiply-add, ``nsz`` ignores the sign of zero. Nothing may
#: be reordered, and NaN and infinity keep their meaning.
OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "fastmath": {"contract", "nsz"},
}

#: A kernel that Python calls: compiled once for each type of its arguments, kept on disk.
kernel = numba.njit(cache=True, **OPTIONS)

#: A function that kernels call; it becomes a part of theirs.
part = numba.njit(**OPTIONS)

#: The same for long sums in a fixed but unspecified order, which fill SIMD registers.
REORDERING_OPTIONS: dict[str, Any] = {**OPTIONS, "fastmath": {"contract", "nsz", "reassoc"}}
reordering_kernel = numba.njit(cache=True, **REORDERING_OPTIONS)
reordering_part = numba.njit(**REORDERING_OPTIONS)

#: A scalar function that vanishes into the loop around it.
inline = numba.njit(forceinline=True, **OPTIONS)


def inlined(stub: Callable[..., Any], options: dict[str, Any] = OPTIONS) -> Any:
    """Decorator of a function that, given types, returns the scalar code for a stub."""
    choices: Any = {**options, "forceinline": True}
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
