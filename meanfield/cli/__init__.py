"""The command line.

Everything heavy is imported inside the verbs: help must appear at once.
"""

from meanfield.cli.application import app, main, run

__all__ = ["app", "main", "run"]
