"""Names of the array types that signatures use."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "BoolArray", "Float64Array", "FloatArray", "IntArray"]

#: Array of float64.
Float64Array: TypeAlias = NDArray[np.float64]
#: Array of float32 or float64.
FloatArray: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
#: Array of integers.
IntArray: TypeAlias = NDArray[np.int64]
#: Array of truth values.
BoolArray: TypeAlias = NDArray[np.bool_]
#: Any array.
Array: TypeAlias = NDArray[Any]
