"""POT, imported where it is used."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

__all__ = ["transport_library"]


@cache
def transport_library() -> Any:
    """POT, told not to import the array libraries that it could also work with."""
    for backend in ("PYTORCH", "JAX", "TENSORFLOW", "CUPY"):
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
    import ot

    return ot
