"""Whether a launcher of MPI started this process, by its environment alone.

That is so if PMI_SIZE (MPICH, Intel MPI, Slurm with PMI-2) or OMPI_COMM_WORLD_SIZE (Open
MPI) is above 1, or if PMIX_RANK is set in a Slurm step of several tasks. Plain ``srun``
and ``sbatch`` without an MPI plugin start independent processes, and so they stay.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["launched_rank", "rank_count"]


def rank_count(environment: Mapping[str, str] = os.environ) -> int:
    """Number of processes, which MPI calls ranks, of one launch; 1 without a launcher.

    Examples
    --------
    >>> rank_count({"PMI_SIZE": "4"}), rank_count({"SLURM_NTASKS": "4"})
    (4, 1)
    """
    names = ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"]
    if "PMIX_RANK" in environment:
        names.append("SLURM_STEP_NUM_TASKS")
    return max((int(environment[name]) for name in names if name in environment), default=1)


def launched_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Number of this process in its launch; 0 without a launcher.

    Examples
    --------
    >>> launched_rank({"PMI_SIZE": "4", "PMI_RANK": "3"})
    3
    """
    names = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
    return next((int(environment[name]) for name in names if name in environment), 0)
