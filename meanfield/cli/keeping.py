"""The verbs that look after files and kernels."""

from __future__ import annotations

from meanfield.cli.options import Quiet, RunFile, Sources
from meanfield.safeguards import is_study, running

__all__ = ["compress", "warmup"]


def compress(path: RunFile, quiet: Quiet = False) -> None:
    """Compress the file of a complete run, without loss.

    It is replaced by a smaller one with the same contents, which everything that
    reads HDF5 opens as before. Positions recorded in float32 take half the space
    from the start: see --frame-dtype of meanfield simulate.

    For example:
    $ meanfield compress run.h5
    """
    is_study(path)
    from meanfield.compression import compress as shrink

    with running(None):
        ratio = shrink(path)
    if not quiet:
        from meanfield import report

        size = f"{path.stat().st_size / 1e6:.4g} MB, {ratio:.2f} times smaller"
        report.rows(report.output(), [("written to", f"{path} ({size})")])


def warmup(sources: Sources = None, quiet: Quiet = False) -> None:
    """Compile ahead, so that no later run has to wait for it.

    Kernels are kept in the user's cache, or in the folder NUMBA_CACHE_DIR.

    For example:
    $ meanfield warmup
    $ meanfield warmup digits moons.toml
    """
    from meanfield.engines.threads import thread_count
    from meanfield.warmup import warm_up

    with running(None):
        warmth = warm_up(sources or (), thread_count(), progress=not quiet)
    if not quiet:
        from meanfield import report

        report.rows(report.output(), report.warmup_summary(warmth))
