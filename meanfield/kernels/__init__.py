"""Compiled kernels: pure functions on arrays; they import only NumPy and numba."""
